"""The Sync health page: server-rendered HTML with inline SVG, nothing from anywhere else.

It works without JavaScript. With it, links to runs and logs open in the UI around the page instead
of inside its frame, which a sandboxed frame may not do by itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from html import escape
from typing import Any, Final
from urllib.parse import quote, urlsplit

from include.health import Health

SCRIPT: Final = """
document.addEventListener("click", (event) => {
  const link = event.target.closest("a[href]");
  if (!link || window.parent === window) return;
  event.preventDefault();
  const outside = window.parent.document.createElement("a");
  outside.href = link.href;
  window.parent.document.body.append(outside);
  outside.click();
  outside.remove();
});
"""
_STYLE: Final = """
:root { color-scheme: light dark; }
body { font: 14px/1.45 system-ui, sans-serif; margin: 1.5rem; max-width: 90rem; }
h1 { font-size: 1.4rem; } h2 { font-size: 1.1rem; margin: 2rem 0 .4rem; }
table { border-collapse: collapse; width: 100%; margin: .5rem 0; }
th, td { text-align: left; padding: .3rem .8rem .3rem 0; border-bottom: 1px solid #8884;
  vertical-align: top; }
td.number, th.number { text-align: right; font-variant-numeric: tabular-nums; }
.good { color: #2b8a3e; } .bad { color: #d6336c; font-weight: 600; } .dim { opacity: .65; }
figure { display: inline-block; margin: 0 2rem 0 0; } figcaption { opacity: .65; }
svg rect { fill: #4c8dd6; } svg rect.bad { fill: #d6336c; }
"""
_WIDTH, _HEIGHT = 480, 90
# A container that has missed two of its syncs is late.
_COLUMNS: Final = (
    *("container", "last sync", "last success", "lag", "complete", "failures in a row"),
    *("quota left", "requests", "saved", "error", ""),
)

Row = Mapping[str, Any]


def render(health: Health, next_runs: Mapping[str, datetime | None]) -> str:
    """The whole page."""
    sections = [_source(health, row, next_runs) for row in health.rows.get("sources", ())]
    if not health.is_published:
        sections = ["<p>Nothing has been published yet: it follows the first sync.</p>"]
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Sync health</title>'
        f"<style>{_STYLE}</style></head><body><h1>Sync health</h1>"
        f'<p class="dim">As of {_time(health.observed_at)}, from the published file.</p>'
        f"{''.join(sections)}{_errors(health)}{_deliveries(health)}"
        f"<script>{SCRIPT}</script></body></html>"
    )


def _source(health: Health, source: Row, next_runs: Mapping[str, datetime | None]) -> str:
    name = source["connection_id"]
    containers = [r for r in health.rows["containers"] if r["connection_id"] == name]
    runs = [r for r in health.rows["runs"] if r["connection_id"] == name]
    minutes = source["sync_frequency_minutes"]
    due = next_runs.get(name)
    following = _time(due) if due else "not scheduled"
    rows = [_container(health, row, minutes) for row in containers]
    return (
        f'<section id="{_text(name)}"><h2>{_text(name)}'
        f' <span class="dim">{_text(source["source_type"])}</span></h2>'
        f"<p>Last success {_time(source['last_succeeded_at'])} · next run {following}"
        f" · every {minutes} minutes{'' if source['is_enabled'] else ' (switched off)'}"
        f" · {source['error_count']} records could not be read</p>"
        f"{_table(_COLUMNS, rows)}"
        f"{_plot('rows added', runs, 'rows_added', '')}{_plot('duration', runs, 'seconds', ' s')}"
        "</section>"
    )


def _container(health: Health, row: Row, minutes: int) -> list[str]:
    succeeded_at = row["last_succeeded_at"]
    lag = health.observed_at - succeeded_at if succeeded_at else None
    is_late = health.is_late(succeeded_at, minutes)
    is_good = row["last_status"] == "completed"
    return [
        _text(row["container"]),
        _marked(_text(row["last_status"]), is_good),
        _time(succeeded_at),
        _marked(_duration(lag) if lag else "never", not is_late),
        _marked("yes" if row["is_complete"] else "no", bool(row["is_complete"])),
        _number(row["consecutive_failure_count"]),
        _number(row["quota_left"]),
        _number(row["requests_made"]),
        _number(row["requests_free"]),
        _text(row["error_message"] or ""),
        _links(row),
    ]


def _links(row: Row) -> str:
    """To the run and the log of its reading; a sync from the command line has neither."""
    if not row["dag_id"] or not row["run_id"]:
        return '<span class="dim">command line</span>'
    run = f"/dags/{quote(row['dag_id'], safe='')}/runs/{quote(row['run_id'], safe='')}"
    log = urlsplit(row["log_url"] or run)._replace(scheme="", netloc="").geturl()
    return f'<a href="{_text(run)}">run</a> <a href="{_text(log)}">log</a>'


def _plot(title: str, runs: Sequence[Row], column: str, unit: str) -> str:
    """A bar for each run, oldest first; hovering tells its time and value."""
    if not runs:
        return ""
    values = [float(run[column] or 0) for run in runs]
    most, step = max(*values, 1.0), _WIDTH / max(len(values), 12)
    bars = []
    for place, (run, value) in enumerate(zip(runs, values, strict=True)):
        height = max(1.0, value / most * _HEIGHT)
        kind = ' class="bad"' if run["has_failed"] else ""
        bars.append(
            f'<rect{kind} x="{place * step:.1f}" y="{_HEIGHT - height:.1f}"'
            f' width="{max(1.0, step - 2):.1f}" height="{height:.1f}">'
            f"<title>{run['started_at']:%Y-%m-%d %H:%M}: {value:,.10g}{unit}</title></rect>"
        )
    caption = f"{title}, last {len(runs)} runs, at most {max(values):,.10g}{unit}"
    return (
        f'<figure><svg width="{_WIDTH}" height="{_HEIGHT}" role="img"'
        f' aria-label="{_text(caption)}">{"".join(bars)}</svg>'
        f"<figcaption>{_text(caption)}</figcaption></figure>"
    )


def _errors(health: Health) -> str:
    errors = health.rows.get("errors", [])
    if not errors:
        return ""
    rows = [
        [
            _text(row["connection_id"]),
            _text(f"{row['container']} {row['resource']}"),
            _text(row["stage"]),
            _text(row["error_message"]),
            _number(row["attempt_count"]),
            _time(row["last_failed_at"]),
        ]
        for row in errors
    ]
    columns = ("source", "what", "stage", "error", "attempts", "last failed")
    return f"<h2>Records that could not be read</h2>{_table(columns, rows)}"


def _deliveries(health: Health) -> str:
    counts = ", ".join(f"{count} {state}" for state, count in health.inbox.items())
    rows = [
        [
            _text(row["connection_id"]),
            _marked(_text(row["status"]), row["status"] != "failed"),
            _number(row["deliveries"]),
            _time(row["received_at"]),
        ]
        for row in health.rows.get("deliveries", ())
    ]
    columns = ("source", "ended", "deliveries", "last received")
    table = _table(columns, rows) if rows else ""
    return f"<h2>Webhooks</h2><p>In the inbox: {counts}.</p>{table}"


def _table(columns: Iterable[str], rows: Iterable[Sequence[str]]) -> str:
    head = "".join(f"<th>{_text(column)}</th>" for column in columns)
    body = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in rows)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _marked(html: str, is_good: bool) -> str:
    return f'<span class="{"good" if is_good else "bad"}">{html}</span>'


def _time(moment: datetime | None) -> str:
    if moment is None:
        return "never"
    return f'<time datetime="{moment.isoformat()}">{moment:%Y-%m-%d %H:%M} UTC</time>'


def _duration(lag: timedelta) -> str:
    minutes = max(0, int(lag.total_seconds() // 60))
    days, hours = divmod(minutes // 60, 24)
    return f"{days} d {hours} h" if days else f"{hours} h {minutes % 60} min"


def _number(value: Any) -> str:
    return "" if value is None else f"{int(value):,}"


def _text(value: Any) -> str:
    return escape(str(value))
