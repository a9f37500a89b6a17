"""How Airflow's own database is opened where it is SQLite, which is what `headwater up` has.

Python begins a transaction before the first statement that writes, but not before a savepoint: that
reads first, and where anybody else has written meanwhile it cannot write any more ("database is
locked"). A backfill is created so: half of the time it failed beside a scheduler at work, which
had seen runs that then vanished, and stopped. So a savepoint begins a transaction that may write,
and whoever has to wait for one waits long enough.
"""

from __future__ import annotations

import sqlite3
from typing import Any, Final, Self


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
