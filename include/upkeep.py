"""Commands that keep an installation healthy: backups, the archive, and records that failed."""

from __future__ import annotations

from typing import Annotated, Any, Final

import msgspec
import typer

from include import archive as archives
from include import backup as backups
from include import errors, report
from include import notify as notices
from include.console import Json, clear_errors, out
from include.settings import Settings

_LISTED: Final = {
    "id": "raw_event_error_id",
    "stage": "stage",
    "source": "connection_id",
    "container": "container",
    "resource": "resource",
    "error": "error_code",
    "attempts": "attempt_count",
    "replays": "replay_count",
    "status": "status",
}

app = typer.Typer()
error_commands = typer.Typer(help="Records that could not be read.", no_args_is_help=True)
app.add_typer(error_commands, name="errors")

Ids = Annotated[list[str], typer.Argument(help="Ids, or how they begin.")]


@app.command()
def backup(as_json: Json = False) -> None:
    """Copy the warehouse, verified, and remove copies that are no longer to be kept."""
    with clear_errors():
        _tell(as_json, [backups.back_up(Settings())])


@app.command()
def restore(
    name: Annotated[str | None, typer.Argument(help="A backup; default: the newest.")] = None,
    list_only: Annotated[bool, typer.Option("--list", help="Only list the backups.")] = False,
    as_json: Json = False,
) -> None:
    """Put a backup in the warehouse's place; what was there is kept aside."""
    with clear_errors():
        settings = Settings()
        if list_only:
            _tell(as_json, backups.listed(settings))
            return
        found, aside = backups.restore(settings, name)
    if as_json:
        told = {"restored": found.name, "replaced": str(aside) if aside else None}
        out.print_json(msgspec.json.encode(told).decode())
        return
    out.print(f"restored {found.name}", soft_wrap=True)
    if aside:
        out.print(f"what it replaced lies in {aside}", soft_wrap=True)
    out.print("run `headwater sync`, `transform` and `publish` to catch up", soft_wrap=True)


@app.command()
def archive(
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only say what would be moved.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Move old rows into Parquet, where models still read them."""
    with clear_errors():
        moved = archives.archive(Settings(), dry_run=dry_run)
    rows = msgspec.to_builtins(moved)
    if as_json:
        out.print_json(msgspec.json.encode(rows).decode())
    elif rows:
        out.print(report.table("would be moved" if dry_run else "moved", rows))
    else:
        out.print("nothing is old enough")


@app.command()
def notify(
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only print what is wrong, said already or not.")
    ] = False,
    test: Annotated[bool, typer.Option("--test", help="Try every channel.")] = False,
) -> None:
    """Say what needs somebody, where `notifications` in sources.yml says; each thing once."""
    with clear_errors():
        settings = Settings()
        if dry_run:
            lines = [f"{notice.title}: {notice.text}" for notice in notices.look(settings)]
        elif test:
            lines = [f"{name}: accepted" for name in notices.send_test(settings)]
        else:
            lines = notices.tell_what_is_wrong(settings)
    for line in lines:
        out.print(line, markup=False, soft_wrap=True)


@error_commands.command("list")
def list_errors(
    everything: Annotated[bool, typer.Option("--all", help="Closed ones too.")] = False,
    as_json: Json = False,
) -> None:
    """What is open, newest first."""
    with clear_errors():
        found = errors.listed(Settings(), everything=everything)
    if as_json:
        out.print_json(msgspec.json.encode(found).decode())
        return
    rows = [{title: error[column] for title, column in _LISTED.items()} for error in found]
    for row in rows:
        if row["stage"] == "extract":  # A hash; its beginning is enough.
            row["id"] = row["id"][:12]
    out.print(report.table("", rows) if rows else "nothing is open")


@error_commands.command("show")
def show_error(
    error_id: Annotated[str, typer.Argument(help="Its id, or how that begins.")],
    as_json: Json = False,
) -> None:
    """One error with all that is known of it, and its record."""
    with clear_errors():
        error = errors.shown(Settings(), error_id)
    if as_json:
        out.print_json(msgspec.json.encode(error).decode())
        return
    for name, value in error.items():
        out.print(f"{name}: {'' if value is None else value}", markup=False, soft_wrap=True)


@error_commands.command("replay")
def replay_errors(
    ids: Annotated[
        list[str] | None, typer.Argument(help="Ids, or how they begin; default: all open ones.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Try again, in the way that the stage needs."""
    with clear_errors():
        _tell_done(as_json, done := errors.replay(Settings(), ids or ()))
        errors.verify(done)


@error_commands.command("dismiss")
def dismiss_errors(
    ids: Ids,
    reason: Annotated[str, typer.Option(help="Why nothing needs to be done.")],
    as_json: Json = False,
) -> None:
    """Close for good."""
    with clear_errors():
        _tell_done(as_json, errors.dismiss(Settings(), ids, reason))


def _tell_done(as_json: bool, done: list[dict[str, Any]]) -> None:
    if as_json:
        out.print_json(msgspec.json.encode(done).decode())
        return
    for row in done:
        line = f"{row['error_id'][:12]}: {row['outcome']}: {row['reason']}"
        out.print(line, markup=False, soft_wrap=True)


def _tell(as_json: bool, found: list[backups.Backup]) -> None:
    if as_json:
        out.print_json(msgspec.json.encode(found).decode())
        return
    rows: list[dict[str, Any]] = [
        {"backup": b.name, "bytes": b.bytes, "sha256": b.sha256[:12], "archived": len(b.archive)}
        for b in found
    ]
    out.print(report.table("", rows) if rows else "there is no backup")
