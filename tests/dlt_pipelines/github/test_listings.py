"""Listings without times come in one request, whole, and what is refused is said."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

from include.sandbox import Workspace
from include.sandbox.faults import Fault
from include.sandbox.workspace import DEFAULT_TOKEN, DEMO_PATH
from tests.repositories import GitRepository
from tests.workspaces import REPO, discussion, gauge, github, label, milestone

OWNER = REPO.split("/")[0]
KINDS = ("branches", "tags", "labels", "milestones", "collaborators")
FIELDS = {"type": "FORBIDDEN", "message": "Resource not accessible by integration"}


@pytest.fixture
def installed(sandbox_of, install):
    """An installation beside a workspace."""

    def start(workspace, **options):
        return install(sandbox_of(workspace), **options)

    return start


def repo(installation):
    return installation.sandbox.workspace.github(REPO)


def collaborator(number: int) -> dict[str, object]:
    """Somebody who may push."""
    with (DEMO_PATH / "github" / REPO / "collaborators.jsonl").open() as file:
        row = next(row for line in file if (row := json.loads(line))["role_name"] == "write")
    known = {"login": f"ada-{number}", "id": number, "node_id": f"U_{number}"}
    return {**row, **known, "html_url": f"https://github.com/ada-{number}"}


def asked(installation) -> Counter[str]:
    """Requests since the last call, by GraphQL's operation or REST's path."""
    found = (
        e.operations[0] if e.operations else e.path.removeprefix(f"/repos/{REPO}")
        for e in installation.asked()
    )
    return Counter(found)


def listed(installation, kind: str) -> list[str]:
    """External ids of what is listed now."""
    return installation.column(
        f"select external_id from raw_github.{kind} where _dlt_valid_to is null order by all"
    )


def payloads(installation, kind: str) -> list[dict[str, object]]:
    found = installation.column(
        f"select payload from raw_github.{kind} where _dlt_valid_to is null order by external_id"
    )
    return [json.loads(payload) for payload in found]


def account(installation, resource: str) -> tuple[object, ...]:
    """Completeness and error of the last extraction of a resource."""
    return installation.query(
        "select details ->> 'is_complete', details ->> 'error_code', details ->> 'expected_items'"
        " from raw_headwater.sync_events where event = 'extracted' and resource = $resource"
        " order by occurred_at desc limit 1",
        resource=resource,
    )[0]


def test_all_listings_are_one_request_and_nothing_is_loaded_that_has_not_changed(
    installed, tmp_path: Path
):
    git = GitRepository(tmp_path / "checkout")
    head = git.commit({"a": "1"})
    git.git("tag", "light")
    git.git("tag", "--annotate", "--message", "whole", "heavy")
    installation = installed(
        github(git=str(git.path), labels=[label(1)], collaborators=[collaborator(5)])
    )
    installation.sync(resources=KINDS)
    assert asked(installation) == {"Listings": 1}
    target = {"__typename": "Commit", "oid": head}
    (branch,) = payloads(installation, "branches")
    assert branch == {
        "id": branch["id"],
        "name": "main",
        "target": target,
        "refUpdateRule": None,
        "rules": {"totalCount": 0},
    }
    tags = payloads(installation, "tags")
    annotated = {"__typename": "Tag", "oid": git.sha("refs/tags/heavy"), "target": target}
    assert [(tag["name"], tag["target"]) for tag in tags] == [
        ("heavy", annotated),
        ("light", target),
    ]
    recorded = label(1)
    assert payloads(installation, "labels") == [
        {
            "id": "LA_1",
            "name": "label 1",
            "color": recorded["color"],
            "description": recorded["description"],
            "isDefault": recorded["default"],
            "url": f"{repo(installation).repository['html_url']}/labels/label 1",
        }
    ]
    assert payloads(installation, "collaborators") == [
        {
            "__typename": "User",
            "id": "U_5",
            "databaseId": 5,
            "login": "ada-5",
            "name": None,
            "url": "https://github.com/ada-5",
            "permission": "WRITE",
            "permissionSources": [{"permission": "WRITE", "roleName": "write"}],
        }
    ]
    before = installation.raw()
    (done,) = installation.sync(resources=KINDS)
    assert (done["items_processed"], installation.raw()) == (0, before)
    assert asked(installation) == {"Listings": 1}


@pytest.mark.parametrize(
    ("kind", "count"),
    [
        ("branches", 151),
        ("tags", 201),
        ("labels", 201),
        ("milestones", 121),
        ("collaborators", 201),
    ],
)
def test_a_listing_that_is_longer_than_its_first_page_is_read_on(
    installed, tmp_path: Path, kind: str, count: int
):
    numbers = range(1, count + 1)
    rows: dict[str, object] = {
        "labels": {"labels": [label(n) for n in numbers]},
        "milestones": {"milestones": [milestone(n) for n in numbers]},
        "collaborators": {"collaborators": [collaborator(n) for n in numbers]},
    }.get(kind, {})
    if not rows:
        git = GitRepository(tmp_path / "checkout")
        head, folder = git.commit({"a": "1"}), {"branches": "heads", "tags": "tags"}[kind]
        lines = "".join(f"create refs/{folder}/r{n} {head}\n" for n in numbers)
        git.git("update-ref", "--stdin", stdin=lines.encode())
        rows = {"git": str(git.path)}
    installation = installed(github(**rows))
    installation.sync(resources=[kind])
    total = count + (kind == "branches")
    assert len(listed(installation, kind)) == total
    assert asked(installation) == {"Listings": 1, "ListingPage": 2}
    assert account(installation, kind) == ("true", None, str(total))
    (done,) = installation.sync(resources=[kind])
    assert done["items_processed"] == 0


def test_a_label_that_is_renamed_or_deleted_retires_its_row(installed):
    installation = installed(gauge(labels=[label(1), label(2), label(3)]))
    installation.sync(resources=["labels"])
    repo(installation).labels.upsert(label(1) | {"name": "renamed"})
    repo(installation).labels.delete(2)
    installation.sync(resources=["labels"])
    assert installation.query(
        "select external_id, payload ->> 'name', _dlt_valid_to is null from raw_github.labels"
        " order by external_id, _dlt_valid_from"
    ) == [
        ("LA_1", "label 1", False),
        ("LA_1", "renamed", True),
        ("LA_2", "label 2", False),
        ("LA_3", "label 3", True),
    ]


def test_collaborators_that_the_token_may_not_see_are_left_out_and_that_is_said(installed):
    workspace = gauge(commits=[], collaborators=[collaborator(5)])
    workspace.read_only_tokens = frozenset({DEFAULT_TOKEN})
    installation = installed(workspace)
    installation.sync()
    found = asked(installation)
    assert (found["Listings"], found["/collaborators"], found["/labels"]) == (1, 1, 0)
    assert account(installation, "collaborators")[:2] == ("false", "forbidden")
    assert listed(installation, "labels") == ["LA_9"]
    workspace.read_only_tokens = frozenset()
    installation.sync()
    assert listed(installation, "collaborators") == ["U_5"]


@pytest.mark.parametrize("path", [["repository", "collaborators"], ["repository", "labels"]])
def test_what_graphql_alone_refuses_is_listed_by_rest(installed, path: list[str]):
    kind = path[1]
    installation = installed(gauge(collaborators=[collaborator(5)]))
    installation.sandbox.faults.add(
        Fault(kind="graphql_error", operation="Listings", value={**FIELDS, "path": path}, times=2)
    )
    for _ in range(2):
        installation.sync(resources=KINDS)
        assert asked(installation) == {"Listings": 1, f"/{kind}": 1}
    (row,) = payloads(installation, kind)
    assert row["node_id"] == listed(installation, kind)[0]
    installation.sync(resources=KINDS)  # GraphQL shows it again: the same object in its words.
    (row,) = payloads(installation, kind)
    assert row["id"] == listed(installation, kind)[0]


def test_where_graphql_refuses_the_request_rest_lists_everything(installed):
    installation = installed(gauge(collaborators=[collaborator(5)]))
    value = {"type": "INSUFFICIENT_SCOPES", "message": "The 'login' field requires read:org."}
    installation.sandbox.faults.add(
        Fault(kind="graphql_error", operation="Listings", value=value, times=None)
    )
    installation.sync(resources=KINDS)
    assert asked(installation) == {"Listings": 1, **{f"/{kind}": 1 for kind in KINDS}}
    assert listed(installation, "milestones") == ["MI_10"]


def test_where_all_at_once_is_too_much_each_listing_is_asked_for_alone(installed):
    installation = installed(gauge(discussions=[discussion(1, 10)]))
    installation.sandbox.faults.add(Fault(kind="status", status=502, operation="Listings", times=2))
    resources = [*KINDS, "discussions"]
    installation.sync(resources=resources)
    found = asked(installation)
    assert (found["Listings"], found["Discussions"]) == (2 + len(KINDS), 1)
    before = installation.raw()
    (done,) = installation.sync(resources=resources)
    assert (done["rows_added"], installation.raw()) == (0, before)


def test_discussions_come_along_and_are_read_on_from_where_that_ended(installed):
    topics = [discussion(n, 100 * n) for n in range(1, 42)]
    installation = installed(gauge(discussions=topics))
    installation.sync(resources=["labels", "discussions"])
    found = asked(installation)
    assert (found["Listings"], found["Discussions"]) == (1, 1)
    count = "select count(distinct external_id) from raw_github.discussions"
    assert installation.column(count) == [41]
    for n in range(1, 8):
        repo(installation).discussions.upsert(discussion(n, 10_000 + n))
    installation.sync(resources=["labels", "discussions"])
    found = asked(installation)
    assert (found["Listings"], found["Discussions"]) == (1, 1)
    changed = "select count(*) from raw_github.discussions"
    assert installation.column(changed) == [48]


def test_an_organization_comes_with_its_teams_and_alone_where_only_it_is_wanted(installed):
    owned = github().repositories.values()
    owners = Workspace.load(DEMO_PATH).organizations.values()
    workspace = Workspace("owned", repositories=owned, organizations=owners)
    installation = installed(workspace)
    installation.sync(containers=[OWNER])
    assert asked(installation) == {"Teams": 1}
    (row,) = payloads(installation, "organizations")
    recorded = workspace.organizations[OWNER].organization
    assert (row["id"], row["login"], row["databaseId"], row["websiteUrl"]) == tuple(
        recorded[key] for key in ("node_id", "login", "id", "blog")
    )
    assert len(listed(installation, "teams")) == 2
    before = installation.raw()
    installation.sync(containers=[OWNER])
    assert (asked(installation), installation.raw()) == ({"Teams": 1}, before)
    installation.sync(containers=[OWNER], resources=["organizations"])
    assert asked(installation) == {f"/orgs/{OWNER}": 1}
    (row,) = payloads(installation, "organizations")
    assert row["node_id"] == recorded["node_id"]
    assert listed(installation, "organizations") == [recorded["node_id"]]


def test_submodules_come_along_before_files_are_first_read_and_spare_the_tree(installed, tmp_path):
    git = GitRepository(tmp_path / "checkout")
    modules = '[submodule "probe"]\n\tpath = lib/probe\n\turl = ../probe.git\n'
    git.write({".gitmodules": modules, "a.md": "a"})
    git.git("add", "--all")
    git.git("update-index", "--add", "--cacheinfo", f"160000,{'5' * 40},lib/probe")
    git.commit_index()
    installation = installed(github(git=str(git.path)))
    resources = ["files", "blobs", "labels"]
    installation.sync(resources=resources)
    found = asked(installation)
    assert (found["Listings"], sum("/git/trees/" in path for path in found)) == (1, 0)
    paths = "select payload ->> 'path', payload ->> 'sha' from raw_github.files order by all"
    assert installation.query(paths) == [
        (path, sha) for path, (_, sha) in sorted(git.tree().items())
    ]


def test_an_organization_is_read_by_a_token_that_may_not_read_its_teams(installed):
    owned = github().repositories.values()
    owners = Workspace.load(DEMO_PATH).organizations.values()
    installation = installed(Workspace("owned", repositories=owned, organizations=owners))
    value = {**FIELDS, "path": ["organization", "teams"]}
    installation.sandbox.faults.add(
        Fault(kind="graphql_error", operation="Teams", value=value, times=None)
    )
    (done,) = installation.sync(containers=[OWNER])
    assert done["rows_added"] == 1
    assert len(listed(installation, "organizations")) == 1
    assert account(installation, "teams")[:2] == ("false", "forbidden")
    assert account(installation, "team_members")[:2] == ("false", "forbidden")
