"""How Airflow's own database is opened where it is SQLite, which is what `headwater up` has.

Python begins a transaction before the first statement that writes, but not before a savepoint: that
reads first, and where anybody else has written meanwhile it cannot write any more ("database is
locked"). A backfill is created so: half of the time it failed beside a scheduler at work, which
had seen runs that then vanished, and stopped. So a savepoint begins a transaction that may write,
and whoever has to wait for one waits long enough.

In the API server that wait can be for nothing. Airflow logs who asked for a change in the event
loop's own thread; where another change is about to be committed, that loop has to see to it, and
the server stood still until the wait was over. So changes take turns there.
"""

from __future__ import annotations

import asyncio
import sqlite3
from typing import TYPE_CHECKING, Any, Final, Self

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

_READS: Final = frozenset({"GET", "HEAD", "OPTIONS"})


class Cursor(sqlite3.Cursor):
    """Begins a writing transaction before a savepoint outside of any."""

    def execute(self, sql: str, parameters: Any = (), /) -> Self:
        """Execute a statement."""
        if sql.startswith("SAVEPOINT") and not self.connection.in_transaction:
            super().execute("begin immediate")
        return super().execute(sql, parameters)


class Connection(sqlite3.Connection):
    """Makes such cursors."""

    def cursor(self, factory: Any = Cursor) -> Any:
        """Make a cursor."""
        return super().cursor(factory)


CONNECT_ARGS: Final[dict[str, Any]] = {
    "factory": Connection,
    "isolation_level": "IMMEDIATE",
    "timeout": 60,
}


class OneByOne:
    """Middleware of the API server: what may write begins when what came before has ended.

    `apart` is the path of an application that never touches Airflow's database.
    """

    def __init__(self, app: ASGIApp, apart: str) -> None:
        from airflow.configuration import conf

        self._app, self._apart, self._turn = app, f"{apart}/", asyncio.Lock()
        self._is_sqlite = conf.get("database", "sql_alchemy_conn").startswith("sqlite")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on in its turn, once all of it has come: a slow client stops nobody."""
        if not self._is_sqlite or scope["type"] != "http" or self._writes_nothing(scope):
            await self._app(scope, receive, send)
            return
        messages = [await receive()]
        while messages[-1].get("more_body"):
            messages.append(await receive())

        async def again() -> Message:
            return messages.pop(0) if messages else await receive()

        async with self._turn:
            await self._app(scope, again, send)

    def _writes_nothing(self, scope: Scope) -> bool:
        path: str = scope["path"].removeprefix(scope.get("root_path", ""))
        return scope["method"] in _READS or path.startswith(self._apart)
