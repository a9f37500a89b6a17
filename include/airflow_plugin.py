"""What Airflow is told of Headwater: an app to mount, who waits for whom, two pages for the menu.

Every process of Airflow loads plugins, each task's too. So nothing heavy is imported, and no
configuration read, before the API server is asked for a page or given a delivery.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, Final

from airflow.plugins_manager import AirflowPlugin

from include.airflow_sqlite import OneByOne

if TYPE_CHECKING:
    from fastapi import FastAPI
    from starlette.types import Receive, Scope, Send

PREFIX: Final = "/headwater"


@cache
def _app() -> FastAPI:
    from include import airflow as wiring
    from include.airflow_pages import build_app

    return build_app(wiring.settings())


async def serve(scope: Scope, receive: Receive, send: Send) -> None:
    """The application, made when it is first called."""
    await _app()(scope, receive, send)


def _view(name: str, page: str, route: str) -> dict[str, Any]:
    return {
        "name": name,
        "href": f"{PREFIX}/{page}",
        "url_route": route,
        "destination": "nav",
    }


class HeadwaterPlugin(AirflowPlugin):  # type: ignore[misc]
    """Found by Airflow in the plugins folder."""

    name = "headwater"
    fastapi_apps: Final = [{"app": serve, "url_prefix": PREFIX, "name": "headwater"}]
    fastapi_root_middlewares: Final = [
        {"middleware": OneByOne, "kwargs": {"apart": PREFIX}, "name": "one by one"}
    ]
    external_views: Final = [
        _view("Sync health", "health", "sync-health"),
        _view("Models", "models", "models"),
    ]
