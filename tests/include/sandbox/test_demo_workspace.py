"""The demo workspace is as large as it says, and its three sources refer to each other."""

from __future__ import annotations

import re
from collections import Counter

from include.sandbox import Workspace
from tests.include.sandbox.demo_rows import (
    DEMO,
    GAUGE,
    HEADWATER,
    ORGANIZATION,
    all_rows,
    gauge,
    linear,
    login,
    notion,
    rows,
    strings,
)


def test_every_file_has_its_number_of_rows() -> None:
    counts = {
        str(path.relative_to(DEMO).with_suffix("")): len(
            rows(str(path.relative_to(DEMO).with_suffix("")))
        )
        for path in DEMO.rglob("*.jsonl")
    }
    assert counts == {
        f"{ORGANIZATION}/members": 5,
        f"{ORGANIZATION}/team_members": 6,
        f"{ORGANIZATION}/teams": 2,
        f"{GAUGE}/closing_issues": 10,
        f"{GAUGE}/collaborators": 5,
        f"{GAUGE}/commits": 40,
        f"{GAUGE}/deployment_statuses": 7,
        f"{GAUGE}/deployments": 3,
        f"{GAUGE}/discussion_comments": 9,
        f"{GAUGE}/discussions": 4,
        f"{GAUGE}/issue_comments": 76,
        f"{GAUGE}/issue_events": 136,
        f"{GAUGE}/issues": 40,
        f"{GAUGE}/labels": 12,
        f"{GAUGE}/milestones": 3,
        f"{GAUGE}/pull_request_commits": 27,
        f"{GAUGE}/pull_request_files": 23,
        f"{GAUGE}/pull_requests": 16,
        f"{GAUGE}/releases": 4,
        f"{GAUGE}/review_comments": 30,
        f"{GAUGE}/review_threads": 16,
        f"{GAUGE}/reviews": 34,
        f"{GAUGE}/workflow_jobs": 14,
        f"{GAUGE}/workflow_runs": 8,
        f"{HEADWATER}/commits": 0,
        f"{HEADWATER}/issue_comments": 0,
        f"{HEADWATER}/issue_events": 0,
        f"{HEADWATER}/issues": 3,
        f"{HEADWATER}/labels": 4,
        f"{HEADWATER}/milestones": 0,
        f"{HEADWATER}/pull_requests": 0,
        f"{HEADWATER}/review_comments": 0,
        f"{HEADWATER}/reviews": 0,
        "linear/attachments": 10,
        "linear/comments": 40,
        "linear/customer_needs": 4,
        "linear/customers": 2,
        "linear/cycles": 4,
        "linear/documents": 4,
        "linear/initiative_to_projects": 4,
        "linear/initiative_updates": 2,
        "linear/initiatives": 2,
        "linear/issue_history": 56,
        "linear/issue_relations": 4,
        "linear/issues": 30,
        "linear/labels": 11,
        "linear/project_milestones": 5,
        "linear/project_statuses": 6,
        "linear/project_updates": 6,
        "linear/projects": 4,
        "linear/team_memberships": 8,
        "linear/teams": 2,
        "linear/users": 7,
        "linear/workflow_states": 13,
        "notion/blocks": 428,
        "notion/comments": 16,
        "notion/data_sources": 3,
        "notion/databases": 2,
        "notion/pages": 60,
        "notion/users": 7,
    }


def test_the_workspace_stays_small() -> None:
    assert sum(path.stat().st_size for path in DEMO.rglob("*") if path.is_file()) < 2_500_000


def test_the_sandbox_loads_all_of_it() -> None:
    workspace = Workspace.demo()
    assert [
        {key: source[key] for key in ("name", "type", "owner")} for source in workspace.sources()
    ] == [
        {"name": "github", "type": "github", "owner": "tidewater-labs"},
        {"name": "linear", "type": "linear", "owner": "tidewater"},
        {"name": "notion", "type": "notion", "owner": "Tidewater Labs"},
    ]
    assert len(workspace.github("tidewater-labs/gauge").issues) == 40
    assert len(workspace.organizations["tidewater-labs"].teams) == 2
    assert workspace.github("tidewater-labs/headwater").git is not None


def test_links_between_the_three_lead_somewhere() -> None:
    numbers = {
        row["number"]: "pull" if "pull_request" in row else "issues" for row in gauge("issues")
    }
    commits = {row["sha"] for row in gauge("commits")}
    tickets = {row["url"] for row in linear("issues")}
    pages = {row["id"].replace("-", "") for kind in ("pages", "databases") for row in notion(kind)}
    seen: Counter[tuple[str, str]] = Counter()
    for path, row in all_rows():
        for text in strings(row):
            for kind, key in re.findall(
                r"github\.com/tidewater-labs/gauge/(issues|pull)/(\d+)", text
            ):
                assert numbers[int(key)] == kind, text
                seen[path.parent.name, "github"] += 1
            for key in re.findall(r"github\.com/tidewater-labs/gauge/commit/(\w+)", text):
                assert key in commits, text
            for url in re.findall(r"https://linear\.app/tidewater/issue/[\w-]+/[\w-]+", text):
                assert url in tickets, text
                seen[path.parent.name, "linear"] += 1
            for key in re.findall(r"www\.notion\.so/(?:[\w-]+-)?([0-9a-f]{32})", text):
                assert key in pages, text
                seen[path.parent.name, "notion"] += 1
    across = {
        (origin, target)
        for origin in ("gauge", "linear", "notion")
        for target in ("github", "linear", "notion")
    }
    assert across <= seen.keys()


def test_branches_of_pull_requests_are_those_that_linear_proposes() -> None:
    proposed = {row["branchName"]: row["identifier"] for row in linear("issues")}
    branches = {row["number"]: row["head"]["ref"] for row in gauge("pull_requests")}
    assert {key: proposed[ref] for key, ref in branches.items() if ref in proposed} == {
        3: "ENG-2",
        7: "ENG-4",
        13: "ENG-5",
        16: "ENG-12",
        18: "ENG-10",
        24: "OPS-3",
        27: "ENG-15",
        31: "ENG-9",
        35: "ENG-18",
        42: "ENG-20",
    }


def test_six_people_appear_in_all_three_under_different_handles() -> None:
    handles = {
        "Ines Calder": ("inescalder", "ines", "Ines Calder"),
        "Tomasz Wrona": ("twrona", "tomasz", "Tomek Wrona"),
        "Priya Raghunathan": ("pr-hydro", "priya", "Priya R."),
        "Malik Osei": ("maloseidev", "malik", "Malik Osei"),
        "Hanneke de Vries": ("hanneke-dv", "hanneke", "Hanneke de Vries"),
        "Joaquín Berrocal": ("jberrocal", "joaquin", "Joaquín Berrocal"),
    }
    commenters = {login(row["user"]) for row in gauge("issue_comments")}
    linear_users = {row["name"]: row["displayName"] for row in linear("users") if not row["app"]}
    notion_users = {row["name"]: row["id"] for row in notion("users") if row["type"] == "person"}
    editors = {row["created_by"]["id"] for kind in ("pages", "comments") for row in notion(kind)}
    assert linear_users == {name: handle[1] for name, handle in handles.items()}
    assert set(notion_users) == {handle[2] for handle in handles.values()}
    assert {handle[0] for handle in handles.values()} <= commenters
    assert set(notion_users.values()) <= editors
    bodies = {login(row["user"]) for row in gauge("issues")} | commenters
    assert {"dependabot[bot]", "kestrel-gis", "waterboard-mh", "ghost", None} <= bodies


def test_only_github_itself_has_an_address_outside_of_example() -> None:
    texts = [text for _, row in all_rows() for text in strings(row)]
    hosts = {
        host for text in texts for host in re.findall(r"[\w.+\]-]+@([\w-]+(?:\.[\w-]+)+)", text)
    }
    real = {host for host in hosts if not host.endswith(".example")}
    assert real == {"github.com", "users.noreply.github.com"}
