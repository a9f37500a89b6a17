"""The command line: the same steps as the DAGs, without Airflow.

Every command exits 0 on success, 1 when something could not be done (one clear line each), 2 on a
wrong option. Commands that read print JSON with `--json`.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from rich.markup import escape

from dlt_pipelines.exceptions import HeadwaterError
from dlt_pipelines.ledger import Mode
from include import report, steps, upkeep
from include.console import Json, clear_errors, err, out, print_error
from include.settings import ROOT, Settings
from include.sources_file import ConfigError

app = typer.Typer(
    help="A team's GitHub, Linear and Notion in one DuckDB file.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.add_typer(upkeep.app)

Names = Annotated[list[str] | None, typer.Argument(help="Names from sources.yml; default: all.")]
Moment = Annotated[datetime | None, typer.Option(help="ISO date or time, UTC.")]


_SYNCED: Final = (
    ("source", "connection_id"),
    ("container", "container"),
    ("read", "items_processed"),
    ("new", "rows_added"),
    ("requests", "requests_made"),
)


@app.command()
def demo(
    workspace: Annotated[
        Path | None,
        typer.Option(exists=True, file_okay=False, help="A workspace folder; default: shipped."),
    ] = None,
) -> None:
    """Run everything against a local sandbox: no account, no network."""
    from include import demo as demonstration

    started = time.monotonic()
    with clear_errors(), err.status("starting the sandbox and Airflow") as status:

        def progress(dag: str, task: str) -> None:
            status.update(f"{dag}: {task}")
            err.print(f"[dim]{time.monotonic() - started:5.1f} s[/dim]  {dag}: {task}")

        settings = demonstration.run(workspace, progress)
        summary = report.read(settings)
    report.show(out, summary)
    out.print(f"\nDone in {time.monotonic() - started:.0f} s.")


@app.command()
def sync(
    names: Names = None,
    container: Annotated[list[str] | None, typer.Option(help="Only these containers.")] = None,
    resource: Annotated[list[str] | None, typer.Option(help="Only these resources.")] = None,
    start: Moment = None,
    end: Moment = None,
    full: Annotated[bool, typer.Option(help="Read everything; cursors stay.")] = False,
    reconcile: Annotated[bool, typer.Option(help="Look for what has been deleted.")] = False,
    confirm_deletions: Annotated[
        bool, typer.Option(help="Accept that very much is missing at the source.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Read what changed and load it into the warehouse."""
    if full and (start or end):
        raise typer.BadParameter("--full reads everything: leave --start and --end out")
    if reconcile and (full or start or end):
        raise typer.BadParameter("--reconcile compares everything: leave --full and windows out")
    mode: Mode = "full" if full else "window" if start or end else "incremental"
    mode = "reconcile" if reconcile else mode
    results: list[dict[str, Any]] = []
    failures: list[HeadwaterError] = []
    with clear_errors():
        settings = Settings()
        chosen = names or [source.name for source in settings.sources if source.sync_enabled]
        for name in chosen:
            settings.source(name)
        if container and len(chosen) > 1:
            raise ConfigError(
                "headwater.sync",
                "--container without one source",
                "the source it belongs to",
                "name it: headwater sync NAME --container …",
            )
        for name in chosen:
            try:
                ended, failed = steps.sync(
                    settings,
                    name,
                    containers=container or (),
                    mode=mode,
                    start=_utc(start),
                    end=_utc(end),
                    resources=resource or (),
                    confirm_deletions=confirm_deletions,
                    say=lambda line: err.print(line, style="dim", markup=False),
                )
            except HeadwaterError as error:
                failed, ended = [error], []
            results += ended
            failures += failed
    if as_json:
        out.print_json(json.dumps(results))
    elif results:
        out.print(report.table("", [{new: r.get(old) for new, old in _SYNCED} for r in results]))
    if unreadable := sum(result.get("items_failed", 0) for result in results):
        err.print(
            f"{unreadable} records could not be read: see `headwater errors list`", style="red"
        )
    for failure in failures:
        print_error(failure)
    if failures:
        raise typer.Exit(1)


@app.command()
def transform(
    full_refresh: Annotated[bool, typer.Option(help="Rebuild every model.")] = False,
) -> None:
    """Build documents, interactions and sync history from raw events."""
    with clear_errors():
        steps.transform(Settings(), full_refresh=full_refresh, say=_print_line)


@app.command()
def publish(
    store: Annotated[
        str | None, typer.Option(help="Only this store, in a file of its own.")
    ] = None,
    public: Annotated[
        bool, typer.Option("--public", help="Leave out all that is private or deleted.")
    ] = False,
) -> None:
    """Put a fresh copy of the marts where analysts open it."""
    with clear_errors():
        out.print(steps.publish(Settings(), store, is_public=public), soft_wrap=True)


@app.command()
def docs() -> None:
    """Write the dbt docs as one self-contained page."""
    with clear_errors():
        out.print(steps.docs(Settings()))


@app.command()
def status(as_json: Json = False) -> None:
    """What the published file holds, and how the last sync of every container ended."""
    with clear_errors():
        summary = report.read(Settings())
    if as_json:
        out.print_json(json.dumps(summary, default=str))
    else:
        report.show(out, summary)


@app.command()
def check(as_json: Json = False) -> None:
    """Validate sources.yml and try each credential."""
    with clear_errors():
        results = list(steps.check(Settings()))
    if as_json:
        out.print_json(json.dumps(results))
    for result in () if as_json else results:
        mark = "[green]✓[/green]" if result["is_ok"] else "[red]✗[/red]"
        line = f"{result['connection_id']} {result['container']}: {result['message']}"
        out.print(f"{mark} {escape(line)}", soft_wrap=True)
    if not all(result["is_ok"] for result in results):
        raise typer.Exit(1)


@app.command()
def sandbox(
    workspace: Annotated[Path | None, typer.Option(exists=True, file_okay=False)] = None,
    port: Annotated[int, typer.Option(min=0, max=65535, help="0: any free port.")] = 0,
) -> None:
    """Serve a workspace as GitHub, Linear and Notion on this machine until interrupted."""
    from include.sandbox import Sandbox, Workspace

    server = Sandbox(Workspace.load(workspace) if workspace else Workspace.demo(), port=port)
    with server:
        out.print(f"export HEADWATER_SANDBOX_URL={server.url}")
        with _until_interrupted():
            while True:
                time.sleep(3600)


@app.command()
def inbox(
    port: Annotated[int, typer.Option(min=0, max=65535, help="0: any free port.")] = 8090,
    host: Annotated[str, typer.Option(help="The address to listen on.")] = "127.0.0.1",
    follow: Annotated[
        bool, typer.Option(help="Read what deliveries name, where no Airflow does.")
    ] = False,
    once: Annotated[bool, typer.Option(help="Follow what waits, and end.")] = False,
    replay: Annotated[
        list[str] | None, typer.Option(help="Follow this delivery again, or all that `failed`.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Receive webhooks at /webhooks/<source>, and keep them until they are followed."""
    from include import inbox_server

    with clear_errors():
        settings = Settings()
        if not (once or replay):
            with _until_interrupted():
                inbox_server.serve(settings, host, port, _print_line, follow=follow)
            return
        rows = inbox_server.follow_once(settings, replay or (), _print_line)
    if as_json:
        out.print_json(json.dumps(rows))
    elif rows:
        out.print(report.table("", rows))
    if any(row["error_message"] for row in rows):
        raise typer.Exit(1)


@app.command()
def up(
    port: Annotated[int, typer.Option(min=1, max=65535, help="The UI's port.")] = 8080,
) -> None:
    """Start Airflow with the DAGs, pools and settings in place, until interrupted."""
    from include.airflow_env import environment
    from include.demo import demo_settings
    from include.sandbox import Sandbox, Workspace

    with clear_errors():
        settings = Settings()
        if _has_credential(settings):
            _standalone(environment(settings, port=port))
            return
        err.print("No credential is set: Airflow will sync the local sandbox (see README).")
        with Sandbox(Workspace.demo()) as server:
            local = demo_settings(server.workspace, None, server.url)
            _standalone(environment(local, port=port))


@app.command(
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True},
    add_help_option=False,
)
def airflow(context: typer.Context) -> None:
    """Run a command of Airflow's own on what `up` starts, such as `backfill create`."""
    from include.airflow_env import environment
    from include.demo import demo_settings
    from include.sandbox import Workspace

    with clear_errors():
        settings = Settings()
        if not _has_credential(settings):
            settings = demo_settings(Workspace.demo(), None, "")
        command = [sys.executable, "-m", "airflow", *context.args]
        done = subprocess.run(command, env=environment(settings), cwd=ROOT, check=False)  # noqa: S603
    raise typer.Exit(done.returncode)


def _has_credential(settings: Settings) -> bool:
    return any(os.environ.get(source.secret) for source in settings.sources)


def _standalone(variables: dict[str, str]) -> None:
    command = [sys.executable, "-m", "include.airflow_standalone"]
    # A session of its own: whatever ends us, all of Airflow's processes end with us.
    with subprocess.Popen(  # noqa: S603
        command, env=variables, cwd=ROOT, start_new_session=True
    ) as process:
        try:
            with _until_interrupted():
                process.wait()
        finally:
            process.send_signal(signal.SIGINT)
            with suppress(subprocess.TimeoutExpired):
                process.wait(15)
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
    if process.returncode and process.returncode > 0:
        raise typer.Exit(process.returncode)


def _print_line(line: str) -> None:
    err.print(line, markup=False)


def _utc(moment: datetime | None) -> datetime | None:
    if moment is None:
        return None
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)


@contextmanager
def _until_interrupted() -> Iterator[None]:
    """Run until Ctrl-C or SIGTERM, which both end the block without a traceback."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    except KeyboardInterrupt:
        err.print("stopped")
    finally:
        signal.signal(signal.SIGTERM, before)


if __name__ == "__main__":
    app()
