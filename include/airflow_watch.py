"""Turns arriving webhooks into asset events: the triggerer watches the inbox's folder.

A folder, because it is what survives: whichever server received a delivery, this one or
`headwater inbox`, and whatever was down meanwhile.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from airflow.triggers.base import BaseEventTrigger, TriggerEvent

from include.settings import Settings
from include.spool import Spool, Watch

WATCH_SECONDS = 0.5


class DeliveriesTrigger(BaseEventTrigger):  # type: ignore[misc]
    """Fires when deliveries wait: at once for new ones, every minute for what is left."""

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Where to find this class, and that it takes nothing."""
        return (f"{type(self).__module__}.{type(self).__name__}", {})

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Look twice a second; listing a folder costs less than a query."""
        watch = Watch(Spool(Settings().inbox))
        while True:
            if await asyncio.to_thread(watch.is_due):
                yield TriggerEvent("deliveries wait")
            await asyncio.sleep(WATCH_SECONDS)
