"""All of the configured teams and of the workspace is stored, and nothing of another team."""

from __future__ import annotations

from datetime import timedelta
from itertools import chain

import pytest

from dlt_pipelines.linear.source import LINEAR
from include.sandbox import Workspace
from include.sandbox.faults import Fault
from tests.dlt_pipelines.linear import objects as make
from tests.workspaces import (
    START,
    at_ms,
    linear,
    linear_comment,
    linear_issue,
    linear_label,
    uuid,
)

ENG_ONLY = """
sources:
- {name: linear, type: linear, owner: tidewater, secret: LINEAR_API_KEY, teams: [ENG]}
"""
BOTH = ENG_ONLY.replace("[ENG]", "[ENG, OPS]")
EARLY, LATE = 100.0, 500_000.0


def loose_comment(number: int, seconds: float, **parent):
    """A comment on something that is not an issue."""
    return {**linear_comment(number, linear_issue(1), seconds), "issue": None, **parent}


def two_teams(seconds: float = EARLY):
    """Objects of every kind, of the team ENG, of OPS, and of the workspace; their ids by kind."""
    eng, ops = linear_issue(1, seconds), linear_issue(2, seconds, team="OPS")
    ours = make.project_of(1, ["ENG"], seconds)
    theirs = make.project_of(2, ["OPS"], seconds)
    initiative = make.initiative(1, seconds)
    customer = make.customer(1, seconds)
    ops_team = make.team_reference("OPS")
    updates = [make.project_update(n, p, seconds) for n, p in ((1, ours), (2, theirs))]
    news = make.initiative_update(1, initiative, seconds)
    mine, kept, foreign = "ENG", "", "OPS"
    rows = {
        "labels": {
            mine: [linear_label(1, team=make.team_reference("ENG"))],
            kept: [linear_label(2)],
            foreign: [linear_label(3, team=ops_team)],
        },
        "team_memberships": {
            mine: [make.membership(1, "ENG")],
            foreign: [make.membership(1, "OPS")],
        },
        "project_statuses": {kept: [make.project_status(1)]},
        "issues": {mine: [eng], foreign: [ops]},
        "issue_history": {
            mine: [make.history(1, eng, seconds)],
            foreign: [make.history(2, ops, seconds)],
        },
        "issue_relations": {
            mine: [make.relation(1, eng, eng), make.relation(2, ops, eng)],
            foreign: [make.relation(3, ops, ops)],
        },
        "projects": {mine: [ours], foreign: [theirs]},
        "project_milestones": {
            mine: [make.milestone(1, ours, seconds)],
            foreign: [make.milestone(2, theirs, seconds)],
        },
        "project_updates": {mine: [updates[0]], foreign: [updates[1]]},
        "initiatives": {kept: [initiative]},
        "initiative_to_projects": {
            mine: [make.initiative_to_project(initiative, ours)],
            foreign: [make.initiative_to_project(initiative, theirs)],
        },
        "initiative_updates": {kept: [news]},
        "documents": {
            mine: [
                make.document(1, seconds, project=make.reference(ours)),
                make.document(2, seconds, issue=make.reference(eng)),
            ],
            kept: [make.document(4, seconds, initiative=make.reference(initiative))],
            foreign: [
                make.document(5, seconds, project=make.reference(theirs)),
                make.document(6, seconds, issue=make.reference(ops)),
            ],
        },
        "attachments": {
            mine: [make.attachment(1, eng, seconds)],
            foreign: [make.attachment(2, ops, seconds)],
        },
        "customers": {kept: [customer]},
        "customer_needs": {
            mine: [
                make.need(1, customer, seconds, issue=make.reference(eng)),
                make.need(2, customer, seconds, project=make.reference(ours)),
            ],
            kept: [make.need(3, customer, seconds)],
            foreign: [
                make.need(4, customer, seconds, issue=make.reference(ops)),
                make.need(5, customer, seconds, project=make.reference(theirs)),
            ],
        },
        "cycles": {mine: [make.cycle(1, "ENG", seconds)], foreign: [make.cycle(1, "OPS", seconds)]},
        "comments": {
            mine: [
                linear_comment(1, eng, seconds),
                loose_comment(2, seconds, projectUpdate=make.reference(updates[0])),
            ],
            kept: [
                loose_comment(3, seconds, initiativeUpdate=make.reference(news)),
            ],
            foreign: [
                linear_comment(4, ops, seconds),
                loose_comment(5, seconds, projectUpdate=make.reference(updates[1])),
            ],
        },
    }
    served = linear(["ENG", "OPS"], **{kind: [*chain(*r.values())] for kind, r in rows.items()})
    stored = {
        kind: sorted(row["id"] for row in [*found.get(mine, []), *found.get(kept, [])])
        for kind, found in rows.items()
    }
    return served, stored, rows


@pytest.fixture
def eng_beside_ops(sandbox_of, install):
    served, stored, rows = two_teams()
    return install(sandbox_of(served), sources=ENG_ONLY), served, stored, rows


def in_warehouse(installation, kinds) -> dict[str, list[str]]:
    return {
        kind: installation.column(f"select external_id from raw_linear.{kind} order by 1")
        for kind in kinds
    }


def test_every_object_of_the_team_and_the_workspace_is_stored_and_no_other(eng_beside_ops):
    installation, _, stored, _ = eng_beside_ops
    installation.sync("linear")
    assert in_warehouse(installation, stored) == stored
    kept = {"organizations", "teams", "users", "workflow_states"}
    assert {*stored, *kept} == {*LINEAR.resources}
    assert installation.column("select payload ->> 'key' from raw_linear.teams") == ["ENG"]
    assert installation.column("select payload ->> 'urlKey' from raw_linear.organizations") == [
        "tidewater"
    ]


def test_comments_without_an_issue_belong_to_the_workspace(eng_beside_ops):
    installation, *_ = eng_beside_ops
    installation.sync("linear")
    assert installation.query(
        "select container, external_id from raw_linear.comments order by 1, 2"
    ) == sorted(
        [
            ("ENG", uuid("comment 1")),
            ("tidewater", uuid("comment 2")),
            ("tidewater", uuid("comment 3")),
        ]
    )


def test_without_a_change_a_sync_adds_nothing_and_asks_once_for_each_resource(eng_beside_ops):
    installation, *_ = eng_beside_ops
    installation.sync("linear")
    before = installation.raw()
    installation.asked()
    installation.sync("linear")
    assert installation.raw() == before
    resources = [*LINEAR.resources, "comments"]  # Comments are asked for in both containers.
    resources.remove("issue_history")  # Its issues have not changed.
    assert len(installation.asked()) == len(resources)


def test_objects_of_other_teams_are_not_read_again_and_again(eng_beside_ops):
    installation, served, *_ = eng_beside_ops
    ops = linear_issue(2, EARLY, team="OPS")
    served.linear.attachments.upsert(make.attachment(9, ops, LATE))
    installation.sync("linear", containers=["tidewater"], resources=["attachments"])
    installation.asked()
    installation.sync("linear", containers=["tidewater"], resources=["attachments"])
    (again,) = installation.asked()
    assert at_ms(LATE - 60) in again.request_body.decode()


def test_a_team_that_is_configured_later_is_read_from_the_beginning(sandbox_of, install):
    served, _, rows = two_teams()
    eng = linear_issue(1, EARLY)
    served.linear.attachments.upsert(make.attachment(9, eng, LATE))
    installation = install(sandbox_of(served), sources=ENG_ONLY)
    installation.sync("linear")
    installation.settings.sources_file.write_text(BOTH, encoding="utf-8")
    del installation.settings.__dict__["_file"]
    installation.sync("linear")
    everything = {
        kind: sorted(row["id"] for some in found.values() for row in some)
        for kind, found in rows.items()
    }
    everything["attachments"] = sorted([*everything["attachments"], uuid("attachment 9")])
    assert in_warehouse(installation, everything) == everything


def test_a_project_of_many_teams_is_kept_for_the_last_of_them(sandbox_of, install):
    served, *_ = two_teams()
    base = next(row for row in served.linear.teams if row["key"] == "OPS")
    others = [{**base, "id": uuid(f"team {n}"), "key": f"T{n}"} for n in range(8)]
    for row in others:
        served.linear.teams.upsert(row)
    nodes = [make.reference(row) for row in others] + [make.team_reference("ENG")]
    wide = {**make.project_of(9, []), "teams": {"nodes": nodes}}
    foreign = {**make.project_of(8, []), "teams": {"nodes": nodes[:-1]}}
    for project in (wide, foreign):
        served.linear.projects.upsert(project)
    for number, project in ((21, wide), (22, foreign)):
        row = make.document(number, EARLY, project=make.reference(project))
        served.linear.documents.upsert(row)
    installation = install(sandbox_of(served), sources=ENG_ONLY)
    installation.sync("linear", containers=["tidewater"], resources=["documents"])
    found = installation.column("select external_id from raw_linear.documents")
    assert uuid("document 21") in found
    assert uuid("document 22") not in found


def test_an_object_whose_team_cannot_be_told_is_a_dead_letter(eng_beside_ops):
    installation, *_ = eng_beside_ops
    fault = Fault(kind="null", operation="attachments", key="issue")
    installation.sandbox.faults.add(fault)
    (done,) = installation.sync("linear", containers=["tidewater"], resources=["attachments"])
    assert done["items_failed"] == 1
    letters = installation.query("select resource, error_message from raw_headwater.dead_letters")
    assert [name for name, _ in letters] == ["attachments"]
    assert "the object has no team" in letters[0][1]


def test_a_window_reads_what_changed_inside_and_leaves_the_cursors(sandbox_of, install):
    served, stored, _ = two_teams(EARLY)
    late, _, _ = two_teams(LATE)
    dated = [
        kind
        for kind, resource in LINEAR.resources.items()
        if "write_disposition" in resource.strategy
        and resource.strategy["write_disposition"]["strategy"] == "insert-only"
    ]
    for kind in [kind for kind in dated if kind != "issue_history"]:
        for number, row in enumerate(late.linear.collection(kind)):
            changed = {**row, "id": uuid(f"late {kind} {number}")}
            if kind == "issues":
                number = 1_000 + row["number"]
                changed["number"] = number
                changed["identifier"] = f"{row['team']['key']}-{number}"
            served.linear.collection(kind).upsert(changed)
    installation = install(sandbox_of(served), sources=ENG_ONLY)
    window = {"start": START, "end": START + timedelta(seconds=LATE)}
    installation.sync("linear", mode="window", **window)
    expected = {kind: stored[kind] for kind in dated}
    assert in_warehouse(installation, dated) == expected
    assert installation.cursors("linear", "tidewater") == {}
    assert installation.cursors("linear", "ENG") == {}
    installation.sync("linear")
    counts = {kind: len(ids) for kind, ids in in_warehouse(installation, dated).items()}
    history = counts.pop("issue_history")
    assert history == len(expected.pop("issue_history"))
    assert counts == {kind: 2 * len(ids) for kind, ids in expected.items()}


def test_every_row_of_the_demo_is_stored_as_it_is(sandbox_of, install):
    served = Workspace.demo()
    installation = install(sandbox_of(served))
    installation.sync("linear")
    kinds = sorted({*LINEAR.resources} - {"organizations"})
    expected = {kind: sorted(row["id"] for row in served.linear.collection(kind)) for kind in kinds}
    assert in_warehouse(installation, kinds) == expected
    assert all(expected.values())


def test_changes_of_the_same_millisecond_are_all_stored(sandbox_of, install):
    first = linear_issue(1, EARLY)
    served = linear(issues=[first])
    installation = install(sandbox_of(served), sources=ENG_ONLY)
    options = {"containers": ["ENG"], "resources": ["issues"]}
    installation.sync("linear", **options)
    served.linear.issues.upsert({**first, "title": "changed at the same moment"})
    served.linear.issues.upsert(linear_issue(2, EARLY))
    installation.sync("linear", **options)
    titles = installation.column(
        "select payload ->> 'title' from raw_linear.issues where external_id = $id",
        id=first["id"],
    )
    assert sorted(titles) == sorted([first["title"], "changed at the same moment"])
    assert installation.column("select count(distinct external_id) from raw_linear.issues") == [2]
