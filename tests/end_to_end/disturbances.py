"""What befalls a scenario, by family; all that is drawn is drawn from the scenario's own seed."""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from dlt_pipelines import lanes
from include.sandbox import Workspace
from include.sandbox.faults import Fault
from tests.end_to_end.providers import PROVIDERS
from tests.end_to_end.trial import Calm, Stage, Trial, beginning, marts
from tests.installation import QUICK, Installation
from tests.processes import Command, killed_at
from tests.workspaces import REPO, whole

NAMES = tuple(PROVIDERS)
Chosen = random.Random
# Told of a scenario while it goes on: the trial that it is about, once there is one.
Begin = Callable[[Trial], Trial]


def scheduled(name: str) -> Callable[[Stage, int, Chosen, Begin], None]:
    """Up to six faults of a provider's, one after the other."""

    def family(stage: Stage, number: int, chosen: Chosen, begin: Begin) -> None:
        with beginning(stage, name, chosen) as opened:
            trial = begin(opened)
            for fault in PROVIDERS[name].schedule(number, chosen):
                _add(trial, fault)
            trial.sync_until_good()
            trial.must_be_undisturbed()

    return family


def timeouts(stage: Stage, number: int, chosen: Chosen, begin: Begin) -> None:
    """Answers that come after nobody waits for them any more."""
    name = NAMES[number % len(NAMES)]
    _impatient(stage, name, chosen, begin, lambda: Fault(kind="slow", seconds=2))


def slow_bodies(stage: Stage, number: int, chosen: Chosen, begin: Begin) -> None:
    """Bodies that come in pieces: longer than a timeout in all, or with a gap that is longer."""
    _impatient(
        stage,
        NAMES[number % len(NAMES)],
        chosen,
        begin,
        lambda: Fault(kind="trickle", seconds=chosen.choice((1, 2)), value=chosen.choice((2, 12))),
    )


def _impatient(
    stage: Stage, name: str, chosen: Chosen, begin: Begin, draw: Callable[[], Fault]
) -> None:
    with beginning(stage, name, chosen) as opened:
        trial = begin(opened)
        for _ in range(chosen.randint(1, 3)):
            path = chosen.choice(PROVIDERS[name].paths)
            times, after = chosen.randint(1, 3), chosen.randint(0, 4)
            _add(trial, _like(draw(), path=path, times=times, after=after))
        attempts = chosen.randint(1, 3)
        trial.settings.retry = replace(QUICK, attempts=attempts, timeout=0.5)
        trial.did.append(f"timeout 0.5 s, {attempts} attempts")
        trial.sync()
        trial.settings.retry = QUICK
        trial.sync_until_good()
        trial.must_be_undisturbed()


def wrong_types(stage: Stage, number: int, chosen: Chosen, begin: Begin) -> None:
    """Fields of another type: the marts can be built of them, and the good records mend them."""
    name = NAMES[number % len(NAMES)]
    with beginning(stage, name, chosen) as opened:
        trial = begin(opened)
        for fault in chosen.sample(PROVIDERS[name].fields, 2):
            _add(trial, _like(fault, record=chosen.randint(0, 2)))
        failures = trial.sync()
        calm = stage.calm(name)
        told = trial.installation.column("select resource from raw_headwater.dead_letters")
        fewer = {
            table.split(".")[1]
            for table, rows in trial.installation.raw().items()
            if len(rows) < len(calm.raw[table])
        }
        assert fewer == set() or told or failures, "records were dropped and nobody was told"
        trial.did.append(f"{len(told)} put aside, {len(failures)} failures")
        trial.build()
        trial.sandbox.faults.clear()
        # As the errors say: "fetch it again with a full sync".
        assert trial.sync(mode="full") == []
        assert trial.sync() == []
        raw = trial.installation.raw()
        assert {table: calm.raw[table] - rows for table, rows in raw.items() if "." in table} == {
            table: set() for table in calm.raw
        }
        trial.build()
        trial.must_be_like(calm.marts, without=("ops.raw_event_errors",))


def clock_skew(stage: Stage, number: int, chosen: Chosen, begin: Begin) -> None:
    """The provider's clock is not ours, and something changes right after it was read."""
    name = NAMES[number % len(NAMES)]
    ahead = chosen.choice((1, -1)) * chosen.choice((90, 600, 10_800, 172_800))
    now = datetime.now(UTC) + timedelta(seconds=ahead)
    workspace = whole(name)
    _change(workspace, name, 0, now, "Changed as it was read")
    with beginning(stage, name, chosen, workspace=workspace) as opened:
        trial = begin(opened)
        _add(trial, Fault(kind="clock", seconds=ahead, times=None))
        assert trial.sync() == []
        # Written earlier and seen later, or in the same minute where times are rounded to it.
        late = 0 if name == "notion" else 1
        _change(workspace, name, late, now - timedelta(seconds=5 * late), "Changed after that")
        assert trial.sync() == []
        with TemporaryDirectory() as folder:
            calm = stage.run_calmly(Path(folder), name, workspace)
            trial.build()
            trial.must_be_like(calm.marts)


def _change(workspace: Workspace, name: str, place: int, at: datetime, text: str) -> None:
    """Another title for one of a provider's objects, written at that time."""
    if name == "github":
        repository = workspace.github(REPO)
        row = _rows(repository.issues)[place]
        row |= {"title": text, "updated_at": at.strftime("%Y-%m-%dT%H:%M:%SZ")}
        repository.issues.upsert(row)
    elif name == "linear":
        row = _rows(workspace.linear.issues)[place]
        moment = at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
        workspace.linear.issues.upsert({**row, "title": text, "updatedAt": moment})
    else:
        row = next(r for r in _rows(workspace.notion.pages) if "title" in r["properties"])
        moment = at.replace(second=0, microsecond=0).isoformat(timespec="milliseconds")
        piece = row["properties"]["title"]["title"][0]
        piece["plain_text"] = piece["text"]["content"] = text
        row["last_edited_time"] = moment.replace("+00:00", "Z")
        workspace.notion.pages.upsert(row)


def _rows(collection: Any) -> list[Any]:
    return [json.loads(json.dumps(row)) for row in collection]


# How far a load has come, by what dlt keeps on disk.
LOADING = {
    "extracted": "normalize/extracted/*",
    "normalized": "load/normalized/*",
    "loading": "load/normalized/*/started_jobs/*",
    "committed": "load/normalized/*/completed_jobs/*",
}


def kill_extract(stage: Stage, number: int, chosen: Chosen, begin: Begin) -> None:
    """`kill -9` when the provider gets its k-th request, up to three times."""
    name = NAMES[number % len(NAMES)]
    with beginning(stage, name, chosen) as opened:
        trial = begin(opened)
        requests = trial.sandbox.requests
        for turn in range(chosen.randint(1, 3)):
            wanted = max(1, round(chosen.uniform(0, 1) * stage.calm(name).requests))
            before = len(requests)
            is_time = lambda: len(requests) >= before + wanted  # noqa: B023, E731
            if not _kill(trial, "sync", is_time, f"request {wanted}"):
                assert turn > 0, "it ended before it could be killed"
                break
        trial.sync_until_good()
        trial.must_be_undisturbed()


def kill_load(stage: Stage, number: int, chosen: Chosen, begin: Begin) -> None:
    """`kill -9` at a stage of loading."""
    name = NAMES[number % len(NAMES)]
    moment = [*LOADING][number // len(NAMES) % len(LOADING)]
    with beginning(stage, name, chosen) as opened:
        trial = begin(opened)
        folders = [
            trial.settings.data / "pipelines" / lanes.name_of(name, container.name)
            for container in trial.settings.source(name).containers
        ]
        is_time = lambda: any(any(f.glob(LOADING[moment])) for f in folders)  # noqa: E731
        assert _kill(trial, "sync", is_time, moment), "it ended before it could be killed"
        trial.sync_until_good()
        trial.must_be_undisturbed()


def kill_dbt(stage: Stage, number: int, chosen: Chosen, begin: Begin) -> None:
    """`kill -9` when dbt begins a model: of dbt too, or leaving it behind as an orphan."""
    name = NAMES[number % len(NAMES)]
    model = chosen.choice(
        {
            "github": ("stg_github__issues", "stg_github__commits", "stg_github__reviews"),
            "linear": ("stg_linear__issues", "stg_linear__comments", "stg_linear__projects"),
            "notion": ("stg_notion__pages", "int_notion__rendered_texts", "stg_notion__comments"),
        }[name]
        + ("int_headwater__document_readings", "documents", "interactions", "sync_history")
    )
    with _after_sync(stage, name, chosen, base=stage.calm(name).synced) as opened:
        trial = begin(opened)
        log = trial.settings.data / "dbt" / "logs" / "dbt.log"
        text = f"Began running node model.headwater.{model}"
        is_time = lambda: log.exists() and text in log.read_text(errors="replace")  # noqa: E731
        with_dbt = chosen.choice((True, False))
        what = f"{model}{'' if with_dbt else ', dbt left behind'}"
        assert _kill(trial, "transform", is_time, what, with_children=with_dbt)
        trial.must_be_undisturbed()


def kill_publish(stage: Stage, number: int, chosen: Chosen, begin: Begin) -> None:
    """`kill -9` at any statement or system call of a publish; readers have the old file."""
    name = NAMES[number % len(NAMES)]
    base = stage.calm(name).built
    with _after_sync(stage, name, chosen, base=base) as opened:
        trial = begin(opened)
        is_first = chosen.choice((True, False))
        if is_first:
            trial.settings.published.unlink()
        last = stage.once(("publish", name), lambda folder: _count_calls(folder, base, PUBLISH))
        call = chosen.randint(1, last)
        trial.did.append(f"publish killed at {call} of {last}{', the first' if is_first else ''}")
        _kill_at(call, PUBLISH, trial)
        if trial.settings.published.exists():
            assert marts(trial.settings.published) == stage.calm(name).marts
        else:
            assert is_first
        trial.must_be_undisturbed()


def kill_archive(stage: Stage, number: int, chosen: Chosen, begin: Begin) -> None:
    """`kill -9` at any statement or system call of an archive run."""
    name = NAMES[number % len(NAMES)]
    calm = stage.once(("twice", name), lambda folder: _archivable(stage, folder, name))
    with _after_sync(stage, name, chosen, base=calm.built) as opened:
        trial = begin(opened)
        last = stage.once(
            ("archive", name), lambda folder: _count_calls(folder, calm.built, ARCHIVE)
        )
        call = chosen.randint(last // 4, last)  # Before that, it only looks.
        trial.did.append(f"archive killed at {call} of {last}")
        with_retention(trial.installation)
        _kill_at(call, ARCHIVE, trial)
        if chosen.choice((True, False)):
            again = trial.command("archive", "--json")
            assert (again.wait(), again.errors) == (0, [])
        trial.build()
        trial.must_be_like(calm.marts)


PUBLISH = "include.warehouse:publish"
ARCHIVE = "include.archive:archive"


def with_retention(installation: Installation) -> None:
    """Have all that is older than a day archived, where something newer is known."""
    file = installation.settings.sources_file
    if "retention" not in file.read_text():
        file.write_text(file.read_text() + "retention: {raw_events_days: 1}\n")


def _archivable(stage: Stage, folder: Path, name: str) -> Calm:
    """A run of two syncs between which a good part of the objects changed, with no archive."""
    workspace = whole(name)
    if name == "github":
        rows, title = workspace.github(REPO).issues, "title"
        at, earlier = "updated_at", "2026-01-01T00:00:00Z"
    elif name == "linear":
        rows, title, at = workspace.linear.issues, "title", "updatedAt"
        earlier = "2026-01-01T00:00:00.000Z"
    else:
        rows, title, at = workspace.notion.pages, "icon", "last_edited_time"
        earlier = "2026-01-01T00:00:00.000Z"
    final = _rows(rows)
    for row in final[::2]:
        rows.upsert({**row, title: None if name == "notion" else "Draft", at: earlier})
    with beginning(stage, name, random.Random(), workspace=workspace, folder=folder) as trial:
        assert trial.sync() == []
        for row in final:
            rows.upsert(row)
        assert trial.sync(mode="full") == []
        trial.build()
        found = marts(trial.settings.published)
        return Calm(trial.settings.data, trial.settings.data, {}, found, 0)


def disk_full(stage: Stage, number: int, chosen: Chosen, begin: Begin) -> None:
    """No space left in the middle of a sync, a transform, a publish or an archive run."""
    name = NAMES[number % len(NAMES)]
    command = ("sync", "transform", "publish")[(number + number // len(NAMES)) % 3]
    base = {"transform": stage.calm(name).synced, "publish": stage.calm(name).built}.get(command)
    with small_disk() as disk, _after_sync(stage, name, chosen, base=base, folder=disk) as opened:
        trial = begin(opened)
        trial.may_mend = command == "sync"  # Reading fails for want of room, or loading does.
        room = chosen.randint(0, {"sync": 600, "transform": 3_000, "publish": 600}[command])
        filler = disk / "filler"
        _fill(filler, room * 1024)
        names = [name, "--json"] if command == "sync" else []
        run = trial.command(command, *names)
        status = run.wait()
        filler.unlink()
        trial.did.append(f"{command} with {room} KiB left: exit code {status}")
        last = (run.errors or [""])[-1]
        assert (status, "No space left" in last) == (1, True), run.complained[-3000:]
        trial.did.append(last.split(":")[0])
        trial.note_left_behind()
        trial.sync_until_good() if command == "sync" else None
        trial.must_be_undisturbed()


@contextmanager
def small_disk() -> Iterator[Path]:
    """A file system of its own, in memory."""
    with TemporaryDirectory() as folder:
        mount = ["mount", "-t", "tmpfs", "-o", "size=400m", "tmpfs", folder]
        if os.geteuid() != 0 or subprocess.run(mount, check=False).returncode:
            pytest.skip("no file system can be mounted here (root may): a full disk is not tried")
        try:
            yield Path(folder)
        finally:
            subprocess.run(["umount", "--lazy", folder], check=True)


def _fill(filler: Path, room: int) -> None:
    """Leave so many bytes."""
    with filler.open("wb") as file:
        free = shutil.disk_usage(filler.parent).free
        os.posix_fallocate(file.fileno(), 0, free - room)


def two_writers(stage: Stage, number: int, chosen: Chosen, begin: Begin) -> None:
    """Two processes that write at once, one of them maybe a moment later."""
    name = NAMES[number % len(NAMES)]
    pair = (
        ("sync", "sync"),
        ("sync", "transform"),
        ("sync", "publish"),
        ("transform", "publish"),
        ("sync", "archive"),
    )[(number // len(NAMES) + number) % 5]
    base = None if "sync" in pair else stage.calm(name).synced
    with _after_sync(stage, name, chosen, base=base) as opened:
        trial = begin(opened)
        delay = chosen.choice((0.0, 0.0, 0.5, 2.0))
        trial.did.append(f"{pair[0]}, {delay} s later {pair[1]}")
        commands: list[Command] = []
        for kind in pair:
            time.sleep(delay if commands else 0)
            options = [name, "--json"] if kind == "sync" else []
            commands.append(trial.command(kind, *options))
        for kind, command in zip(pair, commands, strict=True):
            status = command.wait()
            trial.note(command) if kind == "sync" else None
            others = [e for e in command.errors if "another sync of this container" not in e]
            assert others == [], command.complained[-3000:]
            assert status == (1 if command.errors else 0), command.complained[-3000:]
        if "sync" in pair:
            trial.sync_until_good()
        trial.must_be_undisturbed()


FAMILIES: dict[str, Callable[[Stage, int, Chosen, Begin], None]] = {
    **{name: scheduled(name) for name in NAMES},
    "timeouts": timeouts,
    "slow-bodies": slow_bodies,
    "wrong-types": wrong_types,
    "clock-skew": clock_skew,
    "kill-extract": kill_extract,
    "kill-load": kill_load,
    "kill-dbt": kill_dbt,
    "kill-publish": kill_publish,
    "kill-archive": kill_archive,
    "disk-full": disk_full,
    "two-writers": two_writers,
}


@contextmanager
def _after_sync(
    stage: Stage, name: str, chosen: Chosen, *, base: Path | None = None, folder: Path | None = None
) -> Iterator[Trial]:
    """A trial that begins with a copy of the undisturbed run's folder, whose syncs are known."""
    with beginning(stage, name, chosen, base=base, folder=folder) as trial:
        trial.note_left_behind()
        yield trial


def _kill(trial: Trial, what: str, is_time: Callable[[], bool], when: str, **how: bool) -> bool:
    names = [trial.name, "--json"] if what == "sync" else []
    command = trial.command(what, *names)
    if not command.kill_when(is_time, **how):
        trial.note(command)
        return False
    trial.did.append(f"{what} killed at {when}")
    if what == "sync":
        trial.note_left_behind()
    return True


def _kill_at(call: int, function: str, trial: Trial) -> None:
    done = killed_at(call, function, trial.settings.data)
    assert done.returncode == -9, done.stderr


def _count_calls(folder: Path, base: Path, function: str) -> int:
    data = shutil.copytree(base, folder / "data")
    file = data / "sources.yml"
    if function == ARCHIVE:
        file.write_text(file.read_text() + "retention: {raw_events_days: 1}\n")
    done = killed_at(0, function, data)
    assert done.returncode == 0, done.stderr
    shutil.rmtree(data)
    return int(done.stdout)


def _add(trial: Trial, fault: Fault) -> None:
    trial.sandbox.faults.add(fault)
    told = {n: getattr(fault, n) for n in fault.__struct_fields__ if n not in ("kind", "times")}
    usual = Fault(kind=fault.kind)
    drawn = [f"{n} {v}" for n, v in told.items() if v != getattr(usual, n)]
    times = "" if fault.times == 1 else f" x{fault.times or '∞'}"
    trial.did.append(f"{fault.kind}{times} ({', '.join(drawn)})" if drawn else fault.kind + times)


def _like(fault: Fault, **changed: Any) -> Fault:
    values = {name: getattr(fault, name) for name in fault.__struct_fields__}
    return Fault(**{**values, **changed})
