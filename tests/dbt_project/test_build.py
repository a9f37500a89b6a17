"""The dbt project builds on nothing, and on events that come late, twice, broken or half."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tests.dbt_project.conftest import Dbt, read, read_all
from tests.raw_warehouse import HISTORIES, SNAPSHOTS, Event, RawWarehouse

REPOSITORY = "tidewater-labs/gauge"
ADA = {"node_id": "U_ada", "login": "ada", "type": "User"}
BOT = {"node_id": "B_bot", "login": "gauge[bot]", "type": "Bot"}
API = f"https://api.github.com/repos/{REPOSITORY}"


def at(day: int, hour: int = 0) -> datetime:
    return datetime(2026, 3, day, hour, tzinfo=UTC)


def issue(number: int, title: str, day: int, **fields: Any) -> Event:
    payload = {
        "number": number,
        "title": title,
        "body": None,
        "state": "open",
        "user": ADA,
        "labels": [],
        "assignees": [],
        "created_at": at(1).isoformat(),
        "updated_at": at(day).isoformat(),
        **fields,
    }
    return Event(f"I_{number}", payload, at(day))


def pull_request(number: int, title: str, day: int, **fields: Any) -> Event:
    event = issue(number, title, day, draft=False, head={"ref": "fix", "repo": None}, **fields)
    return Event(f"I_{number}", event.payload, at(day))


def comment(number: int, on: int, author: dict[str, Any] | None, day: int) -> Event:
    payload = {
        "id": number,
        "body": f"comment {number}",
        "issue_url": f"{API}/issues/{on}",
        "user": author,
        "created_at": at(day).isoformat(),
        "updated_at": at(day).isoformat(),
    }
    return Event(f"C_{number}", payload, at(day))


def page(page_id: str, title: str, parent: dict[str, str], day: int, **fields: Any) -> Event:
    payload = {
        "object": "page",
        "id": page_id,
        "properties": {"Name": {"type": "title", "title": [{"plain_text": title}]}},
        "parent": parent,
        "created_by": {"id": "ada"},
        "last_edited_by": {"id": "bo"},
        "created_time": at(1).isoformat(),
        "last_edited_time": at(day).isoformat(),
        **fields,
    }
    return Event(page_id, payload, at(day), container="Tidewater Labs")


def contents(page_id: str, blocks: Any, day: int) -> Event:
    payload = {"object": "page_content", "page_id": page_id, "blocks": blocks}
    return Event(page_id, payload, at(day), container="Tidewater Labs")


def paragraph(block_id: str, text: str) -> dict[str, Any]:
    span = {"type": "text", "text": {"content": text, "link": None}, "plain_text": text}
    return {"id": block_id, "type": "paragraph", "paragraph": {"rich_text": [span]}}


def label(name: str) -> Event:
    return Event(f"L_{name}", {"name": name, "color": "fff"}, at(1))


def test_build_passes_on_empty_raw_tables(warehouse: Path, dbt: Dbt) -> None:
    RawWarehouse(warehouse)
    dbt("build", "--exclude-resource-type", "unit_test")
    assert {name: rows for name, rows in read_all(warehouse).items() if rows} == {}


def test_incremental_builds_equal_a_full_refresh(warehouse: Path, dbt: Dbt) -> None:
    raw = RawWarehouse(warehouse)
    raw.load(
        "raw_github",
        {
            "issues": [
                issue(1, "Gauge reads twice", 4),
                issue(2, "Alarm is silent", 2),
                issue(3, "Fix alarm", 2, pull_request={"url": "…"}, labels=[{"name": "bug"}]),
                Event("I_bare", {}, at(1)),
            ],
            "pull_requests": [pull_request(3, "Fix the alarm", 3, merged_at=None)],
            "issue_comments": [comment(10, 1, ADA, 2), comment(11, 1, None, 2)],
        },
    )
    raw.listing("raw_github", "labels", REPOSITORY, [label("bug"), label("later")])
    raw.load(
        "raw_notion",
        {
            "pages": [
                page("p1", "Runbook", {"type": "workspace"}, 2),
                page("p2", "Alarms", {"type": "block_id", "block_id": "b2"}, 2),
                page("p3", "Broken", {"type": "page_id", "page_id": "p1"}, 2),
                page("p4", "Empty", {"type": "page_id", "page_id": "p1"}, 2),
            ],
            "page_contents": [
                contents("p1", [paragraph("b1", "Start here."), paragraph("b2", "Go on.")], 2),
                contents("p3", "no blocks", 2),
            ],
        },
    )
    dbt("seed")
    dbt("run")

    half = raw.load("raw_github", {"issues": [issue(2, "Alarm is loud", 5)]}, status=None)
    raw.load(
        "raw_github",
        {
            "issues": [
                issue(1, "Gauge reads once", 3),  # late: older than what is there
                issue(2, "Alarm is silent", 2),  # twice
                issue(4, "Sensor is wet", 3),
            ],
            "issue_comments": [
                Event("C_10", {"reason": "not_found"}, at(4), operation="delete"),
                comment(12, 4, BOT, 3),
            ],
            "reviews": [Event("R_1", "{broken", at(3))],
        },
        completed_at=datetime(2026, 4, 1, tzinfo=UTC),
    )
    raw.listing("raw_github", "labels", REPOSITORY, [label("bug")])
    dbt("run")

    assert read(warehouse, "select title from staging.stg_github__issues order by 1") == [
        ("Alarm is silent",),
        ("Fix alarm",),
        ("Gauge reads twice",),
        ("Sensor is wet",),
        (None,),
    ]

    # Ends last, in the very microsecond of the newest load, under an older load id.
    raw.complete("raw_github", half, datetime(2026, 4, 1, tzinfo=UTC))
    raw.load(
        "raw_notion",
        {
            "pages": [page("p2", "Alarms", {"type": "page_id", "page_id": "p1"}, 3)],
            "page_contents": [
                contents("p1", [paragraph("b1", "Begin here.")], 3),
                contents("p4", [], 2),
            ],
        },
    )
    dbt("run")
    incremental = read_all(warehouse)
    dbt("run", "--full-refresh")

    assert read_all(warehouse) == incremental
    assert read(
        warehouse,
        "select document_id, source_id, title, state, author_identity_id, deletion_reason"
        " from core.documents where source_type = 'github' order by 1",
    ) == [
        (f"github:comment:C_{number}", f"{REPOSITORY}#{on}/comments/{number}", None, None, *rest)
        for number, on, *rest in (
            (10, 1, "github:U_ada", "not_found"),
            (11, 1, None, None),
            (12, 4, "github:B_bot", None),
        )
    ] + [
        (f"github:{kind}", f"{REPOSITORY}#{key}", title, state, author, None)
        for kind, key, title, state, author in (
            ("issue:I_1", "1", "Gauge reads twice", "open", "github:U_ada"),
            ("issue:I_2", "2", "Alarm is loud", "open", "github:U_ada"),
            ("issue:I_4", "4", "Sensor is wet", "open", "github:U_ada"),
            ("issue:I_bare", "I_bare", None, None, None),
            ("pull_request:I_3", "3", "Fix the alarm", "open", "github:U_ada"),
        )
    ]
    assert read(
        warehouse,
        "select source_id, trim(body), parent_document_id, root_document_id"
        " from core.documents where source_type = 'notion' order by 1",
    ) == [
        ("Runbook", "Begin here.", None, "notion:page:p1"),
        ("Runbook/Alarms", None, "notion:page:p1", "notion:page:p1"),
        ("Runbook/Broken", None, "notion:page:p1", "notion:page:p1"),
        ("Runbook/Empty", "", "notion:page:p1", "notion:page:p1"),
    ]
    assert read(
        warehouse,
        "select external_id, resource, stage, error_code from ops.raw_event_errors order by 1",
    ) == [
        ("R_1", "reviews", "normalize", "unreadable_payload"),
        ("p3", "page_contents", "normalize", "AttributeError"),
    ]
    assert read(
        warehouse,
        "select label_name, deletion_reason from staging.stg_github__labels order by 1",
    ) == [("bug", None), ("later", "absent_from_listing")]


def test_payloads_that_no_model_can_read_are_told_and_stop_nothing(
    warehouse: Path, dbt: Dbt
) -> None:
    """In every raw table: no JSON, a list, and an object whose every field is of another type.

    Where a model looks further into a record, what it finds there may be of another type as well.
    """
    raw = RawWarehouse(warehouse)
    broken = [Event("cut", '{"id": ', at(1)), Event("list", "[1, 2]", at(1))]
    fields = [
        *("number", "node_id", "title", "id", "body", "user", "labels", "assignees", "state"),
        *("name", "properties", "parent", "blocks", "nodes", "team", "issue", "commit", "files"),
        *("comments", "created_at", "createdAt", "updatedAt", "last_edited_time", "email", "url"),
    ]
    wrong = [{"a": [1]}, ["b"], True]
    odd = {name: wrong[place % 3] for place, name in enumerate(fields)}
    told = []
    for datasets, load in ((HISTORIES, "history"), (SNAPSHOTS, "listing")):
        for dataset, tables in datasets.items():
            for table in tables:
                events = [*broken, Event(f"odd {table}", odd, at(1))]
                if load == "history":
                    raw.load(dataset, {table: events})
                else:
                    raw.listing(dataset, table, REPOSITORY, events)
                told += [
                    (dataset.removeprefix("raw_"), table, event.external_id) for event in broken
                ]
    properties = {
        "Files/old": {"type": "files", "files": "x"},
        "$.Sum": {"type": "rollup", "rollup": {"type": "array", "array": {}}},
        "No ~type": {"type": ""},
        "Dots": {"type": "a..b", "a..b": 1},
        "Owner": {"type": "select", "select": "ada"},
        "Text": "x",
        "Said": {"type": "rich_text", "rich_text": ["x"]},
        "Name": {"type": "title", "title": [{"plain_text": "Wrong"}]},
    }
    wrong_page = page("wrong", "Wrong", {"type": "workspace"}, 1, properties=properties)
    blocks = contents("wrong", [{**paragraph("b-1", "Hello."), "id": 5}], 1)
    raw.load("raw_notion", {"pages": [wrong_page], "page_contents": [blocks]})
    review = {"state": None, "submittedAt": at(1).isoformat()}
    raw.load("raw_github", {"reviews": [Event("stateless", review, at(1))]})
    nameless = Event("nameless", {"name": None, "target": {"oid": "c0"}}, at(1), container="a/b")
    raw.listing("raw_github", "branches", "a/b", [nameless])
    dbt("build", "--exclude-resource-type", "unit_test")

    assert read(
        warehouse,
        "select source_type, resource, external_id from ops.raw_event_errors"
        " where stage = 'normalize' and error_code = 'unreadable_payload' order by all",
    ) == sorted(told)
    assert read(
        warehouse,
        "select resource, external_id, error_code, payload ->> 'number' from ops.raw_event_errors"
        " where error_code not in ('unreadable_payload') order by all",
    ) == [
        ("branches", "nameless", "unreadable_field", None),
        ("issue_events", "odd issue_events", "unreadable_field", '{"a":[1]}'),
        ("page_contents", "odd page_contents", "AttributeError", None),
        ("page_contents", "wrong", "TypeError", None),
        ("pages", "wrong", "AttributeError", None),
        ("pages", "wrong", "unreadable_field", None),
    ]
    message = (
        "notion.pages: wrong has no readable value of Files/old, $.Sum, No ~type, Owner, Text;"
        " expected what the API documents; fetch it again with a full sync"
    )
    assert read(
        warehouse,
        "select error_message from ops.raw_event_errors"
        " where resource = 'pages' and error_code = 'unreadable_field'",
    ) == [(message,)]
    assert read(
        warehouse,
        "select property_name, value_json from staging.stg_notion__page_properties"
        " where external_id = 'wrong' and value_json is not null order by all",
    ) == [("Dots", "1"), ("Name", '"Wrong"'), ("Said", '""')]
    # Of what it says nothing is known, but somebody reviewed.
    assert read(
        warehouse,
        "select interaction_type, occurred_at from core.interactions"
        " where interaction_id = 'github:reviewed:stateless'",
    ) == [("reviewed", at(1))]


def test_a_linear_object_that_two_connections_know_is_one_document(
    warehouse: Path, dbt: Dbt
) -> None:
    """Its project is known to one of them only."""
    issue = {"id": "li-1", "number": 1, "title": "Calibrate", "project": {"id": "lp-1"}}
    events = [
        Event("li-1", issue, at(2), container="ENG"),
        Event("li-1", issue, at(2), container="ENG", connection_id="second"),
    ]
    project = Event("lp-1", {"id": "lp-1", "name": "Gauges"}, at(1), container="tidewater")
    raw = RawWarehouse(warehouse)
    raw.load("raw_linear", {"issues": events, "projects": [project]})
    dbt("seed")
    dbt("run", "--select", "+documents")
    found = read(
        warehouse,
        "select document_id, root_document_id from core.documents order by document_id",
    )
    assert found == [
        ("linear:issue:li-1", "linear:project:lp-1"),
        ("linear:project:lp-1", "linear:project:lp-1"),
    ]


def test_a_notion_page_that_two_connections_know_is_one_document(warehouse: Path, dbt: Dbt) -> None:
    """What holds it is known to both of them, so each way to it exists twice."""
    pages = [
        page("p1", "Runbook", {"type": "workspace"}, 2),
        page("p2", "Alarms", {"type": "page_id", "page_id": "p1"}, 2),
        page("p3", "Sirens", {"type": "page_id", "page_id": "p2"}, 2),
    ]
    again = [replace(event, connection_id="second") for event in pages]
    raw = RawWarehouse(warehouse)
    raw.load("raw_notion", {"pages": [*pages, *again]})
    dbt("seed")
    dbt("run", "--select", "+interactions")
    assert read(
        warehouse,
        "select connection_id, document_id, source_id, root_document_id"
        " from intermediate.int_headwater__document_readings order by all",
    ) == [
        (connection, f"notion:page:{name}", path, "notion:page:p1")
        for connection in ("notion", "second")
        for name, path in (
            ("p1", "Runbook"),
            ("p2", "Runbook/Alarms"),
            ("p3", "Runbook/Alarms/Sirens"),
        )
    ]
    assert read(
        warehouse,
        "select connection_id, document_id from intermediate.int_headwater__interaction_readings"
        " where interaction_type = 'created' order by all",
    ) == [
        (connection, f"notion:page:{name}")
        for connection in ("notion", "second")
        for name in ("p1", "p2", "p3")
    ]


def test_a_number_that_two_items_had_means_the_one_that_has_it_now(
    warehouse: Path, dbt: Dbt
) -> None:
    """A repository was made anew under its name; an issue was turned into a pull request."""
    raw = RawWarehouse(warehouse)
    pull = replace(pull_request(1, "Fix the alarm", 3), external_id="P_1")
    ended = {"state": "closed", "closed_at": at(2).isoformat()}
    old = replace(issue(2, "Gauge reads twice", 2, **ended), external_id="I_old")
    new = replace(issue(2, "Sensor is wet", 5, created_at=at(5).isoformat()), external_id="I_new")
    raw.load(
        "raw_github",
        {
            "issues": [
                issue(1, "Alarm is silent", 2),
                Event("I_1", {"reason": "not_found"}, at(4), operation="delete"),
                old,
                new,
            ],
            "pull_requests": [pull],
            "issue_comments": [comment(10, 1, ADA, 3), comment(20, 2, ADA, 5)],
        },
    )
    dbt("seed")
    dbt("run", "--select", "+interactions", "+documents")
    assert read(
        warehouse,
        "select document_id, root_document_id, deleted_at is not null from core.documents"
        " order by document_id",
    ) == [
        ("github:comment:C_10", "github:pull_request:P_1", False),
        ("github:comment:C_20", "github:issue:I_new", False),
        ("github:issue:I_1", "github:issue:I_1", True),
        ("github:issue:I_new", "github:issue:I_new", False),
        ("github:issue:I_old", "github:issue:I_old", False),
        ("github:pull_request:P_1", "github:pull_request:P_1", False),
    ]
    assert read(
        warehouse,
        "select interaction_id, document_id from core.interactions order by interaction_id",
    ) == [
        ("github:closed:I_old", "github:issue:I_old"),
        ("github:commented:C_10", "github:pull_request:P_1"),
        ("github:commented:C_20", "github:issue:I_new"),
        ("github:opened:I_1", "github:issue:I_1"),
        ("github:opened:I_new", "github:issue:I_new"),
        ("github:opened:I_old", "github:issue:I_old"),
        ("github:opened:P_1", "github:pull_request:P_1"),
    ]


def test_a_key_that_two_linear_teams_had_makes_nothing_twice_and_shows_nothing(
    warehouse: Path, dbt: Dbt
) -> None:
    raw = RawWarehouse(warehouse)
    former = Event("t-1", {"key": "ENG", "visibility": "private"}, at(1))
    teams = [
        Event("t-2", {"key": "ENG", "visibility": "public", "private": False}, at(2)),
        Event("t-3", {"key": "SEC", "visibility": "restricted", "private": False}, at(2)),
    ]
    raw.listing("raw_linear", "teams", "tidewater", [former])
    raw.listing("raw_linear", "teams", "tidewater", teams)
    issues = [
        Event("li-1", {"id": "li-1", "team": {"id": "t-1"}}, at(1), container="ENG"),
        Event("li-2", {"id": "li-2", "team": {"id": "t-2"}}, at(2), container="ENG"),
        Event("li-3", {"id": "li-3", "team": {"id": "t-3"}}, at(2), container="SEC"),
    ]
    comments = [
        Event("lc-2", {"id": "lc-2", "issue": {"id": "li-2"}}, at(2), container="ENG"),
        Event("lc-9", {"id": "lc-9", "issue": {"id": "li-9"}}, at(2), container="ENG"),
    ]
    raw.load("raw_linear", {"issues": issues, "comments": comments})
    dbt("seed")
    dbt("run", "--select", "+int_headwater__document_readings")
    assert read(
        warehouse,
        "select document_id, is_private from intermediate.int_headwater__document_readings"
        " order by document_id",
    ) == [
        ("linear:comment:lc-2", False),
        ("linear:comment:lc-9", True),
        ("linear:issue:li-1", True),
        ("linear:issue:li-2", False),
        ("linear:issue:li-3", True),
    ]


def test_who_works_on_a_linear_object_is_in_its_metadata_hash(warehouse: Path, dbt: Dbt) -> None:
    raw = RawWarehouse(warehouse)
    issue = {"id": "li-1", "assignee": {"id": "ada"}}
    project = {"id": "lp-1", "lead": {"id": "ada"}}

    def hashes() -> dict[str, str]:
        dbt("run", "--select", "+documents")
        return dict(read(warehouse, "select document_id, metadata_hash from core.documents"))

    issues = [Event("li-1", issue, at(1), container="ENG")]
    projects = [Event("lp-1", project, at(1), container="tidewater")]
    raw.load("raw_linear", {"issues": issues, "projects": projects})
    dbt("seed")
    before = hashes()
    issues = [Event("li-1", {**issue, "delegate": {"id": "bo"}}, at(2), container="ENG")]
    members = {"members": {"nodes": [{"id": "ada"}, {"id": "bo"}]}}
    projects = [Event("lp-1", {**project, **members}, at(2), container="tidewater")]
    raw.load("raw_linear", {"issues": issues, "projects": projects})
    after = hashes()
    assert before.keys() == after.keys() == {"linear:issue:li-1", "linear:project:lp-1"}
    assert not [key for key in before if before[key] == after[key]]


def test_a_repository_is_known_by_the_name_in_sources_yml(warehouse: Path, dbt: Dbt) -> None:
    """GitHub has renamed it since, and writes it in another case."""
    raw = RawWarehouse(warehouse)
    payload = {"full_name": "Tidewater-Labs/Gauge-2", "private": False, "default_branch": "main"}
    raw.listing("raw_github", "repositories", REPOSITORY, [Event("R_1", payload, at(1))])
    raw.load("raw_github", {"issues": [issue(1, "Gauge reads twice", 2)]})
    dbt("seed")
    dbt("run", "--select", "+int_headwater__document_readings")
    assert read(
        warehouse, "select is_private from intermediate.int_headwater__document_readings"
    ) == [(False,)]


def test_a_slug_is_no_other_documents_in_any_store(warehouse: Path, dbt: Dbt) -> None:
    """An issue of either Linear workspace and a page of Notion have one key; the oldest has it."""
    first = {"id": "li-1", "identifier": "ENG-12", "createdAt": at(2).isoformat()}
    issues = [
        Event("li-1", first, at(3), container="ENG"),
        Event("li-2", {**first, "id": "li-2"}, at(3), container="ENG", connection_id="second"),
    ]
    raw = RawWarehouse(warehouse)
    raw.load("raw_linear", {"issues": issues})
    raw.load("raw_notion", {"pages": [page("p1", "ENG 12", {"type": "workspace"}, 2)]})
    dbt("seed")
    dbt("run", "--select", "+documents")
    found = read(warehouse, "select document_id, slug from core.documents order by document_id")
    assert found[2] == ("notion:page:p1", "eng-12")
    assert [slug[:-8] for _, slug in found[:2]] == ["eng-12-", "eng-12-"]
    assert len({slug for _, slug in found}) == 3
