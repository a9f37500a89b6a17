"""Recorded API traffic as a workspace.

    github/<owner>__<repo>/<kind>.jsonl    {"request_url", "payload", "input"?} a line
    linear/<workspace>/issues.jsonl        an export of issues
    notion/<workspace>/<kind>.jsonl        objects of one response each

What was recorded is served as it was: GitHub's payloads byte for byte. What a recording lacks and
the API cannot be without (the repository's own object, Linear's team and states) is made up from
it, with ids that are the same at every reading. What belongs to another repository is left out.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any
from uuid import NAMESPACE_URL, uuid5

import msgspec

from include.sandbox.collection import Json, read_lines
from include.sandbox.github_objects import to_full_repository

GITHUB_FILES = {
    "issues": "issues",
    "pull_requests": "pulls",
    "issue_comments": "issue_comments",
    "review_comments": "review_comments",
    "issue_events": "issue_events",
    "commits": "pull_commits",
    "milestones": "milestones",
    "workflow_runs": "workflow_runs",
    "workflow_jobs": "workflow_jobs",
}
STATE_TYPES = {
    "Triage": "triage",
    "Backlog": "backlog",
    "Todo": "unstarted",
    "In Progress": "started",
    "In Review": "started",
    "Done": "completed",
    "Canceled": "canceled",
    "Duplicate": "canceled",
}
NOTION_KINDS = ("users", "data_sources", "databases", "pages", "blocks", "comments")


class Recording(msgspec.Struct):
    """One line of a GitHub recording."""

    payload: msgspec.Raw
    input: dict[str, Any] = {}


RECORDING = msgspec.json.Decoder(Recording)


def is_recorded(path: Path) -> bool:
    """Whether a folder holds recordings rather than a workspace."""
    patterns = ("github/*__*/*.jsonl", "linear/*/issues.jsonl", "notion/*/pages.jsonl")
    return any(next(path.glob(pattern), None) is not None for pattern in patterns)


def to_workspace(path: Path) -> dict[str, Any]:
    """All recordings of a folder, in the form that `Workspace.from_data` takes."""
    data: dict[str, Any] = {"name": path.resolve().name, "github": {}}
    for folder in sorted((path / "github").glob("*__*")):
        name = folder.name.replace("__", "/", 1)
        data["github"][name] = to_github(name, folder)
    for folder in sorted((path / "linear").glob("*/")):
        data["linear"] = to_linear(folder.name, decode(read_lines(folder / "issues.jsonl")))
    for folder in sorted((path / "notion").glob("*/")):
        rows = {kind: decode(read_lines(folder / f"{kind}.jsonl")) for kind in NOTION_KINDS}
        data["name"] = folder.name
        data["notion"] = {kind: [without_request_id(row) for row in rows[kind]] for kind in rows}
    return data


def decode(lines: Iterable[bytes]) -> list[Json]:
    """Lines as objects."""
    return [msgspec.json.decode(line) for line in lines]


def to_github(name: str, folder: Path) -> dict[str, Any]:
    """One repository from its recordings."""
    rows: dict[str, Any] = {
        kind: [bytes(recording.payload) for recording in recordings(folder, file)]
        for kind, file in GITHUB_FILES.items()
    }
    rows["reviews"] = [to_review(name, recording) for recording in recordings(folder, "reviews")]
    rows["pull_request_commits"] = [
        to_pull_request_commit(recording) for recording in recordings(folder, "pull_commits")
    ]
    rows["workflow_runs"] += runs_of(rows["workflow_runs"], rows["workflow_jobs"])
    rows["milestones"] = [raw for raw in rows["milestones"] if is_of(name, raw)]
    rows["labels"] = labels_of(decode([*rows["issues"], *rows["pull_requests"]]), name)
    rows["repository"] = to_full_repository(
        recorded_repository(name, decode(rows["pull_requests"]))
    )
    return rows


def recordings(folder: Path, file: str) -> list[Recording]:
    """The lines of one file."""
    return [RECORDING.decode(line) for line in read_lines(folder / f"{file}.jsonl")]


def to_review(name: str, recording: Recording) -> bytes:
    """A review, which says what pull request it belongs to even if its payload does not."""
    review = msgspec.json.decode(recording.payload)
    if review.get("pull_request_url"):
        return bytes(recording.payload)
    number = recording.input["Number"]
    url = f"https://api.github.com/repos/{name}/pulls/{number}"
    return msgspec.json.encode(review | {"pull_request_url": url})


def to_pull_request_commit(recording: Recording) -> Json:
    """A commit of a pull request, as a row of its own."""
    commit = msgspec.json.decode(recording.payload)
    number = recording.input["Number"]
    return {
        "id": f"{number}:{commit['sha']}",
        "number": number,
        "oid": commit["sha"],
        "committedDate": commit["commit"]["committer"]["date"],
        "messageHeadline": commit["commit"]["message"].split("\n", 1)[0],
    }


def runs_of(runs: Iterable[bytes], jobs: Iterable[bytes]) -> list[Json]:
    """The runs that recorded jobs belong to and that were not recorded themselves."""
    found = [msgspec.json.decode(run) for run in runs]
    known = {run["id"] for run in found}
    made: dict[int, Json] = {}
    for job in (msgspec.json.decode(job) for job in jobs):
        number = job["run_id"]
        if number in known or not found:
            continue
        made[number] = {
            **found[0],
            "id": number,
            "node_id": f"WFR_{number}",
            "url": job["run_url"],
            "jobs_url": f"{job['run_url']}/jobs",
            "check_suite_id": number,
            "check_suite_node_id": f"CS_{number}",
            "run_number": number,
            "head_sha": job["head_sha"],
            "created_at": job["started_at"],
            "updated_at": job["completed_at"] or job["started_at"],
            "run_started_at": job["started_at"],
        }
    return list(made.values())


def is_of(name: str, raw: bytes) -> bool:
    """Whether an object's URL says that it belongs to a repository."""
    url = str(msgspec.json.decode(raw)["url"])
    return url.startswith(f"https://api.github.com/repos/{name}/")


def labels_of(rows: Iterable[Json], name: str) -> list[Json]:
    """The repository's labels that issues and pull requests carry, each once."""
    own = f"https://api.github.com/repos/{name}/"
    found = {label["id"]: label for row in rows for label in row["labels"]}
    return [label for label in found.values() if label["url"].startswith(own)]


def recorded_repository(name: str, pulls: Iterable[Json]) -> Json:
    """The repository as the newest pull request has it, or its name alone."""
    newest = sorted(pulls, key=lambda pull: str(pull["updated_at"]), reverse=True)
    bases = (pull["base"]["repo"] for pull in newest)
    return next((repo for repo in bases if repo and repo["full_name"] == name), {"full_name": name})


def to_linear(workspace: str, issues: list[Json]) -> dict[str, Any]:
    """A Linear workspace around exported issues, which name what they refer to without ids."""
    made_at = min((issue["createdAt"] for issue in issues), default="2020-01-01T00:00:00.000Z")
    times = {"createdAt": made_at, "updatedAt": made_at, "archivedAt": None}
    keys = sorted({team_key(issue) for issue in issues})
    teams = {key: {"id": stable_id("team", key), "key": key, "name": key} for key in keys}
    states = sorted({(team_key(issue), issue["state"]["name"]) for issue in issues})
    labels = sorted({label["name"] for issue in issues for label in issue["labels"]["nodes"]})
    return {
        "organization": {
            "id": stable_id("organization", workspace),
            "name": workspace,
            "urlKey": workspace,
            **times,
        },
        "teams": [
            team | {"description": None, "private": False} | times for team in teams.values()
        ],
        "workflow_states": [
            {
                "id": stable_id("state", key, name),
                "name": name,
                "type": STATE_TYPES.get(name, "unstarted"),
                "color": "#95a2b3",
                "position": place,
                "description": None,
                "team": {"id": teams[key]["id"], "key": key},
                **times,
            }
            for place, (key, name) in enumerate(states)
        ],
        "labels": [
            {
                "id": stable_id("label", name),
                "name": name,
                "color": "#95a2b3",
                "description": None,
                "isGroup": False,
                "parent": None,
                "team": None,
                **times,
            }
            for name in labels
        ],
        "issues": [to_linear_issue(workspace, issue) for issue in issues],
    }


def to_linear_issue(workspace: str, issue: Json) -> Json:
    """An exported issue with ids and with the fields that no issue is without."""
    key, number = issue["identifier"].split("-")
    state = issue["state"]["name"]
    labels = [label["name"] for label in issue["labels"]["nodes"]]
    return issue | {
        "number": int(number),
        "url": f"https://linear.app/{workspace}/issue/{issue['identifier']}/{slug(issue['title'])}",
        "branchName": f"{issue['identifier'].lower()}-{slug(issue['title'])}",
        "team": {"id": stable_id("team", key), "key": key},
        "state": {
            "id": stable_id("state", key, state),
            "name": state,
            "type": STATE_TYPES.get(state, "unstarted"),
        },
        "labels": {"nodes": [{"id": stable_id("label", name), "name": name} for name in labels]},
    }


def team_key(issue: Mapping[str, Any]) -> str:
    """The team's key, which an issue's identifier begins with."""
    return str(issue["identifier"]).split("-")[0]


def without_request_id(row: Json) -> Json:
    """An object without the id of the response that it was recorded from."""
    return {name: value for name, value in row.items() if name != "request_id"}


def slug(title: str) -> str:
    """A title as Linear writes it in URLs."""
    return re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")[:60]


def stable_id(*names: str) -> str:
    """A UUID that depends on nothing but names."""
    return str(uuid5(NAMESPACE_URL, "/".join(("headwater.sandbox", *names))))
