"""The inbox as a server of its own, for where Airflow's API server is not to be reached."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from threading import Thread
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.routing import Mount

from include import webhooks
from include.inbox import Inbox
from include.settings import Settings
from include.sources_file import ConfigError
from include.spool import Spool

Say = Callable[[str], None]


def serve(settings: Settings, host: str, port: int, say: Say, *, follow: bool) -> None:
    """Serve until interrupted.

    Raises:
        ConfigError: no source has a `webhook_secret`.
    """
    names = [source.name for source in settings.sources if source.webhook_secret]
    if not names:
        raise ConfigError(
            settings.sources_file.name,
            "no source takes webhooks",
            "webhook_secret, the name of a secret",
            "add it to a source",
        )
    if follow:
        Thread(target=webhooks.follow, args=(settings, say), daemon=True).start()
    app = Starlette(routes=[Mount("/webhooks", Inbox(settings).app)])
    logging.getLogger("include").setLevel(logging.INFO)
    config = uvicorn.Config(
        app, host=host, port=port, access_log=False, server_header=False, log_level="info"
    )
    uvicorn.Server(config).run()


def follow_once(settings: Settings, replay: Iterable[str], say: Say) -> list[dict[str, Any]]:
    """Follow what waits, and before that let deliveries wait again.

    Raises:
        ConfigError: a delivery to replay is not known.
    """
    wanted = list(replay)
    if wanted and not Spool(settings.inbox).replay(wanted):
        raise ConfigError(
            "headwater.inbox",
            f"no delivery {', '.join(wanted)} is kept",
            "`failed`, or the id of a delivery",
            "see ops.webhook_deliveries",
        )
    return webhooks.process(settings, say=say)
