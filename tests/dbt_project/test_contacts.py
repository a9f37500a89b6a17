"""Accounts and addresses become people: by evidence, never by name, and by override last."""

from __future__ import annotations

import shutil
from collections import defaultdict
from pathlib import Path
from typing import Any

import duckdb
import pytest

from tests.dbt_project.conftest import Dbt, Row, read, read_all, read_rows, run_dbt
from tests.dbt_project.contact_people import (
    ADAS,
    ADDRESS,
    CYS,
    GAUGES,
    REPOSITORY,
    SAMS,
    account,
    at,
    fill,
    issue,
    notion_user,
)
from tests.raw_warehouse import Event, RawWarehouse


@pytest.fixture(scope="module")
def built(dbt_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The warehouse of `fill`, built once; tests read it, or work on a copy."""
    path = dbt_folder / "warehouse.duckdb"
    path.unlink(missing_ok=True)
    fill(RawWarehouse(path))
    run_dbt(dbt_folder, path, "build", "--exclude-resource-type", "unit_test")
    return path.rename(tmp_path_factory.mktemp("contacts") / path.name)


@pytest.fixture
def people(built: Path, warehouse: Path) -> Path:
    """A copy of `built`, to be changed."""
    return Path(shutil.copy(built, warehouse))


def groups(warehouse: Path) -> set[frozenset[str]]:
    """The identities of every contact that has more than one."""
    found = defaultdict(set)
    for contact_id, identity_id in read(
        warehouse, "select contact_id, identity_id from core.contact_identities"
    ):
        found[contact_id].add(identity_id)
    return {frozenset(identities) for identities in found.values() if len(identities) > 1}


def override(warehouse: Path, dbt: Dbt, *rows: tuple[str, str, str, str | None]) -> str:
    """Let the seed hold these rows, and build what depends on it; returns dbt's output."""
    with duckdb.connect(str(warehouse)) as connection:
        connection.execute("delete from seeds.contact_overrides")
        for row in rows:
            connection.execute("insert into seeds.contact_overrides values (?, ?, ?, ?)", row)
    return dbt(
        "build",
        "--select",
        "contact_overrides+",
        "--exclude-resource-type",
        "seed",
        "--exclude-resource-type",
        "unit_test",
    )


def evidence(warehouse: Path, *identity_ids: str) -> list[Row]:
    """Why these identities are where they are."""
    listed = ", ".join(f"'{identity_id}'" for identity_id in identity_ids)
    return read(
        warehouse,
        "select identity_id, rule, evidence from core.contact_identities"
        f" where identity_id in ({listed}) order by 1",
    )


def test_handles_of_one_person_are_one_contact_and_say_by_which_rule(built: Path) -> None:
    columns = "identity_id, handle, display_name, email, bot_rule, rule, evidence, is_active"

    def identity(identity_id: str, rule: str, evidence: str | None, **fields: Any) -> Any:
        row = dict.fromkeys(columns.split(", "))
        return row | {"identity_id": identity_id, "rule": rule, "evidence": evidence, **fields}

    def address(email: str, rule: str, evidence: str, name: str) -> Any:
        return identity(f"email:{email}", rule, evidence, email=email, display_name=name)

    old, new = "ada@users.noreply.github.com", "7+ada@users.noreply.github.com"
    assert read_rows(
        built,
        f"select {columns} from core.contact_identities where contact_id ="
        " (select contact_id from core.contact_identities where identity_id = 'github:U_ada')"
        " order by identity_id",
    ) == [
        address(new, "github_noreply", new, "Ada L."),
        address(ADDRESS, "linked_account", f"{REPOSITORY}@c1", "Ada"),
        address(old, "github_noreply", old, "Ada L."),
        identity("github:U_ada", "own", None, handle="ada", display_name="Ada", email=ADDRESS),
        identity(
            "linear:l_ada",
            "verified_email",
            ADDRESS,
            handle="l_ada",
            display_name="Ada Lovelace",
            email=ADDRESS,
            is_active=True,
        ),
        identity(
            "notion:n_ada",
            "verified_email",
            ADDRESS,
            display_name="A. Lovelace",
            email=ADDRESS,
            is_active=True,
        ),
    ]


def test_a_contact_sums_up_its_identities(built: Path) -> None:
    contacts = read_rows(
        built,
        "select contacts.* from core.contacts inner join core.contact_identities"
        " using (contact_id) where identity_id in ('github:U_ada', 'notion:n_gone')"
        " order by identity_count desc",
    )
    seen = read(
        built,
        "select min(contact_id), min(first_seen_at), max(last_seen_at)"
        " from core.contact_identities where display_name like 'A%' or identity_id like '%n_gone'"
        " group by starts_with(display_name, 'A') order by count(*) desc",
    )
    assert contacts == [
        {
            "contact_id": contact_id,
            "display_name": name,
            "primary_email": email,
            "source_types": sources,
            "identity_count": count,
            "is_bot": False,
            "first_seen_at": first,
            "last_seen_at": last,
        }
        for (contact_id, first, last), name, email, sources, count in zip(
            seen,
            ("Ada Lovelace", "notion:n_gone"),
            (ADDRESS, None),
            (["github", "linear", "notion"], ["notion"]),
            (6, 1),
            strict=True,
        )
    ]


def test_neither_names_nor_unverified_nor_shared_addresses_join_anybody(built: Path) -> None:
    assert groups(built) == {ADAS, SAMS, GAUGES, CYS}


def test_whom_others_only_name_is_somebody_too(built: Path) -> None:
    """An assignee, a reviewer who was asked, a guest; but no team, and nobody whom no API names."""
    columns = "identity_id, handle, display_name, bot_rule, rule, evidence, is_active"
    named = ("U_cy", "U_dee", "l_cy", "l_eli", "l_gone", "x_eve", "bot:github", "n_guest", "tide")
    assert read(
        built,
        f"select {columns} from core.contact_identities"
        f" where substr(identity_id, instr(identity_id, ':') + 1) in {named} order by 1",
    ) == [
        ("github:U_cy", "cy", None, None, "own", None, None),
        ("github:U_dee", "dee", None, None, "own", None, None),
        ("linear:bot:github", None, "GitHub", "linear_app", "own", None, None),
        ("linear:l_cy", "l_cy", "Cyrus", None, "linear_github_account", "31", True),
        ("linear:l_eli", "l_eli", "Eli", None, "own", None, True),
        ("linear:l_gone", None, None, None, "own", None, None),
        ("linear:x_eve", None, "Eve", None, "own", None, None),
        ("notion:n_guest", None, None, None, "own", None, None),
    ]


def test_bots_are_recognised_by_rule(built: Path) -> None:
    assert read(
        built,
        "select identity_id, bot_rule from core.contact_identities where is_bot order by 1",
    ) == [
        ("email:9+gauge[bot]@users.noreply.github.com", "bot_suffix"),
        ("email:noreply@github.com", "role_address"),
        ("github:U_dredger", "account_type"),
        ("github:U_gauge[bot]", "bot_suffix"),
        ("github:U_web-flow", "role_address"),
        ("linear:bot:github", "linear_app"),
        ("linear:l_app", "linear_app"),
        ("notion:n_bot", "notion_bot"),
    ]


def test_what_was_done_is_the_contacts_whatever_account_did_it(built: Path) -> None:
    assert read(
        built,
        "select interaction_id, interactions.is_bot from core.contact_timeline"
        " inner join core.interactions using (interaction_id)"
        " inner join core.contact_identities as identities"
        " on contact_timeline.contact_id = identities.contact_id"
        " where identity_id in ('github:U_ada', 'github:U_gauge[bot]') order by 1",
    ) == [
        (f"github:committed:{REPOSITORY}@c1", False),
        (f"github:committed:{REPOSITORY}@c2", False),
        (f"github:committed:{REPOSITORY}@c3", False),
        (f"github:committed:{REPOSITORY}@c7", True),
        ("github:opened:I_1", False),
        ("github:opened:I_3", True),
        ("notion:created:page:p1", False),
    ]


def test_what_proves_a_link_is_its_newest_commit_however_late_an_older_one_was_read(
    people: Path, dbt: Dbt
) -> None:
    proof = [("email:sam@home.example", "linked_account", f"{REPOSITORY}@c5")]
    assert evidence(people, "email:sam@home.example") == proof
    with duckdb.connect(str(people)) as connection:
        connection.execute(
            "insert into raw_github.commits select * replace ('late' as event_id,"
            " 'c0' as external_id, replace(payload, '\"c5\"', '\"c0\"') as payload,"
            " observed_at + interval 1 day as observed_at, 'late' as _dlt_load_id)"
            " from raw_github.commits where external_id = 'c5'"
        )
        connection.execute(
            "insert into raw_github._dlt_loads select 'late', 'raw_github', 0, now()"
        )
    dbt("build", "--exclude-resource-type", "unit_test")
    assert read(people, "select count(*) from core.documents where source_id like '%@c0'") == [(1,)]
    assert evidence(people, "email:sam@home.example") == proof


def test_nobodys_deeds_are_on_no_timeline(built: Path) -> None:
    """Whether an API tells of a deleted account by null or by naming the account `ghost`."""
    assert read(
        built,
        "select interaction_id, actor_identity_id, contact_id from core.interactions"
        " anti join core.contact_timeline using (interaction_id) order by 1",
    ) == [
        ("github:issue_event:E_1", None, None),
        ("github:opened:I_5", None, None),
        ("github:opened:I_8", None, None),
    ]
    assert read(
        built,
        "select handle, identity_id, author_identity_id from core.contact_identities"
        " full join core.documents on identity_id = author_identity_id"
        " where handle in ('ghost', 'gus') or source_id like '%#8' order by 1",
    ) == [("gus", "github:MDQ6VXNlcjEwMTM3", "github:MDQ6VXNlcjEwMTM3"), (None, None, None)]


def test_a_chain_of_merges_is_one_contact_and_goes_as_it_came(people: Path, dbt: Dbt) -> None:
    before = read_all(people)
    override(
        people,
        dbt,
        ("merge", "github:SAM", "linear:l_sam", "asked him"),
        ("merge", "linear:l_sam", "notion:n_gone", None),
        ("merge", "notion:n_gone", "github:sam", None),
    )
    assert groups(people) == {ADAS, SAMS | {"linear:l_sam", "notion:n_gone"}, GAUGES, CYS}
    assert evidence(people, "linear:l_sam", "notion:n_gone", "email:sam@home.example") == [
        ("email:sam@home.example", "linked_account", f"{REPOSITORY}@c5"),
        ("linear:l_sam", "seed", "asked him"),
        ("notion:n_gone", "seed", "contact_overrides"),
    ]
    override(people, dbt)
    assert read_all(people) == before


def test_a_split_takes_one_link_away_and_goes_as_it_came(people: Path, dbt: Dbt) -> None:
    before = read_all(people)
    shared = ("split", "notion:n_ada", "linear:l_ada", "two people share it")
    override(people, dbt, shared, ("split", "linear:l_cy", "github:cy", "his sister's account"))
    assert groups(people) == {ADAS - {"notion:n_ada"}, SAMS, GAUGES}
    override(people, dbt, ("split", "github:ada", f"email:{ADDRESS}", None))
    claimed = {f"email:{ADDRESS}", "linear:l_ada", "notion:n_ada"}
    assert groups(people) == {ADAS - claimed, frozenset(claimed), SAMS, GAUGES, CYS}
    # Whom an address that GitHub linked joins with the account, leaves as the first of the two.
    override(people, dbt, ("split", "linear:l_ada", "github:ada", None))
    assert groups(people) == {ADAS - {"linear:l_ada"}, SAMS, GAUGES, CYS}
    override(people, dbt, ("split", "github:ada", "linear:l_ada", None))
    assert groups(people) == {ADAS - claimed, frozenset(claimed), SAMS, GAUGES, CYS}
    override(people, dbt)
    assert read_all(people) == before


def test_a_merge_wins_over_the_rule_that_keeps_people_and_bots_apart(
    people: Path, dbt: Dbt
) -> None:
    override(people, dbt, ("merge", "email:bo@tidewater.example", "github:gauge[bot]", "his"))
    assert groups(people) == {ADAS, SAMS, GAUGES | {"email:bo@tidewater.example"}, CYS}
    assert read(
        people,
        "select distinct contacts.is_bot, interactions.is_bot from core.contacts"
        " inner join core.interactions using (contact_id) where interaction_id like '%c7'",
    ) == [(False, False)]


def test_overrides_that_do_nothing_are_told(people: Path, dbt: Dbt) -> None:
    said = override(
        people,
        dbt,
        ("merge", "github:ada", "github:nobody", None),
        # Both belong to her account, which is between them.
        ("split", "email:ada@users.noreply.github.com", "notion:n_ada", None),
    )
    assert "Warning in test assert_every_contact_override_works" in said
    assert read(people, "select count(*) from core.contacts") == [(25,)]


def test_later_loads_join_and_part_as_a_full_refresh_does(warehouse: Path, dbt: Dbt) -> None:
    raw = RawWarehouse(warehouse)
    fill(raw)
    dbt("seed")
    dbt("run")
    # Now the numbers are known: the seventh account was called ada before Sam was.
    members = [
        Event(
            f"T:U_{login}",
            {"member": {"id": f"U_{login}", "databaseId": number, "login": login, "name": name}},
            at(3),
            container="tidewater-labs",
        )
        for login, number, name in (("ada", 8, "Ada King"), ("sam", 7, None))
    ]
    raw.listing("raw_github", "team_members", "tidewater-labs", members)
    raw.listing(
        "raw_notion",
        "users",
        "Tidewater Labs",
        [notion_user("n_ada", "Bo", "bo@tidewater.example")],
    )
    raw.load("raw_github", {"issues": [issue(1, account("countess") | {"node_id": "U_ada"}, 4)]})
    dbt("run")
    incremental = read_all(warehouse)
    dbt("run", "--full-refresh")

    assert read_all(warehouse) == incremental
    seventh = "email:7+ada@users.noreply.github.com"
    assert groups(warehouse) == {
        ADAS - {seventh, "notion:n_ada"},
        SAMS | {seventh},
        GAUGES,
        CYS,
        frozenset({"linear:l_bo", "notion:n_ada"}),
    }
    assert read(
        warehouse,
        "select identity_id, handle, display_name, is_active from core.contact_identities"
        " where identity_id in ('github:U_ada', 'notion:n_ada', 'notion:n_bot') order by 1",
    ) == [
        ("github:U_ada", "countess", "Ada King", None),
        ("notion:n_ada", None, "Bo", True),
        ("notion:n_bot", None, "Importer", False),
    ]
