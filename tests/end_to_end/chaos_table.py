"""The table of the fault matrix: a row per scenario, totals per family."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

COLUMNS = (
    *("scenario", "source", "what was done", "syncs", "requests", "seconds"),
    *("end", "marts", "history"),
)
_TOLD = {True: "equal", False: "DIFFERENT"}
_TRUE = {True: "true", False: "FALSE"}


def to_markdown(rows: Mapping[str, Mapping[str, Any]]) -> str:
    """Rows by their seed, each as its test recorded it, with `outcome` as pytest calls it."""
    lines = [
        "# Fault matrix",
        "",
        "Written by `make chaos`. The name of a scenario is its seed: `pytest -k github-017`.",
        "Every scenario ends with a transform and a publish. Every published mart is compared with",
        "the undisturbed run's, and `ops.sync_history` with what was seen of each sync.",
        "",
        _line(COLUMNS),
        _line(["---"] * len(COLUMNS)),
    ]
    for seed, row in sorted(rows.items()):
        lines.append(
            _line(
                (
                    seed,
                    row.get("source", ""),
                    row.get("did", ""),
                    row.get("syncs", ""),
                    row.get("requests", ""),
                    row.get("seconds", ""),
                    row["outcome"],
                    _TOLD.get(row.get("marts"), "not compared"),
                    _TRUE.get(row.get("history"), "not compared"),
                )
            )
        )
    families: dict[str, list[Mapping[str, Any]]] = {}
    for seed, row in sorted(rows.items()):
        families.setdefault(seed.rpartition("-")[0], []).append(row)
    lines += ["", _line(_TOTALS), _line(["---"] * len(_TOTALS))]
    lines += [_line((name, *_sums(found))) for name, found in families.items()]
    return "\n".join([*lines, _line(("all", *_sums([*rows.values()]))), ""])


_TOTALS = (
    *("family", "scenarios", "passed", "failed", "skipped"),
    *("marts equal", "history true", "syncs"),
)


def _sums(rows: list[Mapping[str, Any]]) -> list[int]:
    ends = [row["outcome"] for row in rows]
    return [
        len(rows),
        *(ends.count(end) for end in ("passed", "failed", "skipped")),
        *(sum(bool(row.get(name)) for row in rows) for name in ("marts", "history")),
        sum(row.get("syncs", 0) for row in rows),
    ]


def _line(cells: Any) -> str:
    return (
        "| " + " | ".join(str(cell).replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"
    )
