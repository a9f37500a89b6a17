"""Published files: a part holds nothing of another store or private; no reader ever fails."""

from __future__ import annotations

import json
import shutil
import stat
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import duckdb
import pytest
from typer.testing import CliRunner

from dlt_pipelines.exceptions import PermanentError
from include import cli, excerpt, warehouse
from include.settings import Settings
from include.sources_file import ConfigError
from tests.dbt_project import small_world
from tests.dbt_project.conftest import read, run_dbt
from tests.dbt_project.github_payloads import (
    ADA,
    ADA_ACTOR,
    ATTIC,
    COMMIT_PAYLOAD,
    GAUGE,
    RELEASE,
    REVIEW,
    REVIEW_COMMENT,
    at,
    text,
)
from tests.dbt_project.test_build import page
from tests.raw_warehouse import Event, RawWarehouse

GAUGE_ISSUE = f"github:issue:I_{GAUGE}_1"
ATTIC_ISSUE = f"github:issue:I_{ATTIC}_2"
MIRROR_ISSUE = f"github:issue:I_{GAUGE}_5"
SITE = "client-co/site"
CY = {"node_id": "U_cy", "login": "cy", "type": "User", "id": 77}
DI = {"node_id": "U_di", "login": "di", "type": "User", "id": 78}
OTHER_STORES = """\
  - name: client
    type: github
    owner: client-co
    secret: CLIENT_TOKEN
    stores: [client]
    repositories: [{name: client-co/site}]
  - name: board
    type: notion
    owner: Tidewater
    secret: BOARD_TOKEN
    stores: [board]
  - name: handbook
    type: notion
    owner: Tidewater
    secret: HANDBOOK_TOKEN
    stores: [client]
"""
READERS, PUBLISHES = 8, 20
# Opens the file anew again and again until it is told to end; says how often it did.
READ_ON = """
import duckdb, os, pathlib, sys
os.nice(19)  # Or eight busy readers leave the publisher no processor.
path, stop, counts, rounds = sys.argv[1], pathlib.Path(sys.argv[2]), set(), 0
while not stop.exists() or not rounds:
    with duckdb.connect(path, read_only=True) as db:
        db.execute("set enable_progress_bar = false")  # It goes to stdout after two seconds.
        counts.add(db.execute(
            "select count(*), max(length(body)) from core.documents").fetchone())
        counts.add(db.execute(
            "select count(*), max(length(body)) from core.documents").fetchone())
    rounds += 1
print(rounds, len(counts))
"""


@pytest.fixture(scope="module")
def settings(small_warehouse: Path, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """An installation whose warehouse holds the small world, built."""
    data = tmp_path_factory.mktemp("published")
    (data / "sources.yml").write_text(small_world.SOURCES, encoding="utf-8")
    (data / "warehouse.duckdb").write_bytes(small_warehouse.read_bytes())
    return Settings(data, data / "sources.yml")


@pytest.fixture(scope="module")
def shared(dbt_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """The small world, with things unsent or deleted, and with stores that share people and pages.

    The board reads the pages above the handbook; the client, that has a repository of its own, does
    not. Cy was seen last in the one store, Di in the other, under an address of each.
    """
    data = tmp_path_factory.mktemp("shared")
    (data / "sources.yml").write_text(small_world.SOURCES + OTHER_STORES, encoding="utf-8")
    path = dbt_folder / "warehouse.duckdb"
    path.unlink(missing_ok=True)
    raw = RawWarehouse(path)
    small_world.fill(raw)
    _fill_unsent(raw)
    _fill_other_stores(raw)
    run_dbt(dbt_folder, path, "build", "--exclude-resource-type", "test", "unit_test")
    path.rename(data / "warehouse.duckdb")
    return Settings(data, data / "sources.yml")


def _fill_unsent(raw: RawWarehouse) -> None:
    unsent = {"state": "PENDING", "submittedAt": None, "author": ADA_ACTOR, "body": "Unsent."}
    deleted = small_world.comment(13, 1, ADA, 2)
    draft = RELEASE | {"id": 9, "tag_name": "v2", "draft": True, "body": "Unannounced."}
    raw.load(
        "raw_github",
        {
            "reviews": [Event("PRR_9", REVIEW | {"fullDatabaseId": "9"} | unsent, at(3))],
            "review_comments": [
                Event(
                    "PRRC_9",
                    REVIEW_COMMENT | {"id": 9, "pull_request_review_id": 9, "body": "Unsent, too."},
                    at(3),
                )
            ],
            "issue_comments": [
                deleted,
                replace(deleted, operation="delete", occurred_at=at(9), observed_at=at(9)),
            ],
        },
    )
    raw.listing(
        *("raw_github", "releases", GAUGE),
        [Event("RE_1", RELEASE, at(4)), Event("RE_9", draft, at(4))],
    )


def _fill_other_stores(raw: RawWarehouse) -> None:
    issue = small_world.issue
    site = {"container": SITE, "connection_id": "client"}
    raw.load(
        "raw_github",
        {
            "issues": [
                issue(60, "Cy at the gauge", 7, user=CY),
                issue(61, "Di at the gauge", 7, user=DI),
                issue(70, "Cy at the site", 7, user=CY, **site),
                issue(71, "Di at the site", 8, user=DI, **site),
            ],
            "commits": [
                _commit("a", CY, "cy@gauge.example", GAUGE, None, 30),
                _commit("b", DI, "di@attic.example", ATTIC, None, 2),
                _commit("d", DI, "di@site.example", SITE, "client", 30),
            ],
        },
    )
    roof = page("p1", "Layoffs", {"type": "workspace"}, 2)
    below = [
        page("p2", "Handbook", {"type": "page_id", "page_id": "p1"}, 2),
        page("p3", "Holidays", {"type": "page_id", "page_id": "p2"}, 2),
    ]
    namesake = page("p4", "Handbook", {"type": "workspace"}, 2)
    raw.load(
        "raw_notion",
        {
            "pages": [
                replace(event, connection_id=connection, observed_at=at(day))
                for connection, day, events in (
                    ("board", 25, [roof, *below]),
                    ("handbook", 20, [*below, namesake]),
                )
                for event in events
            ]
        },
    )
    raw.ledger(
        "sources",
        [
            small_world.source("client", "github", ["client"]),
            small_world.source("board", "notion", ["board"]),
            small_world.source("handbook", "notion", ["client"]),
        ],
    )


def _commit(
    digit: str, by: dict[str, Any], email: str, container: str, connection: str | None, day: int
) -> Event:
    signed = {"name": f"{by['login']} of {container}", "email": email, "date": text(4)}
    commit = {"message": "Mend", "author": signed, "committer": signed}
    payload = COMMIT_PAYLOAD | {"sha": digit * 40, "author": by, "commit": commit}
    return Event(digit * 40, payload, at(4), "upsert", container, connection, at(day))


def tables(path: Path) -> set[str]:
    names = read(path, "select schema_name || '.' || table_name from duckdb_tables()")
    return {name for (name,) in names}


def texts(path: Path) -> str:
    """Everything that a file says, as one text."""
    return "\n".join(
        str(row) for table in sorted(tables(path)) for row in read(path, f"from {table}")
    )


def column(path: Path, query: str) -> set[Any]:
    return {value for (value,) in read(path, query)}


def test_the_whole_file_has_every_mart_and_cannot_be_written(settings: Settings) -> None:
    path = warehouse.publish(settings)
    marts = read(
        settings.warehouse,
        "select schema_name || '.' || table_name from duckdb_tables()"
        " where schema_name in ('core', 'ops', 'analytics')",
    )
    assert path == settings.published
    assert tables(path) == {name for (name,) in marts} | {
        f"staging.{name}" for name in excerpt.STAGING
    }
    assert stat.S_IMODE(path.stat().st_mode) == 0o444
    rows = "select count(*), count(distinct document_id) from core.documents"
    assert read(path, rows) == read(settings.warehouse, rows)
    described = "select comment from duckdb_columns() where column_name = 'document_id'"
    assert all(comment for (comment,) in read(path, described))


def test_the_exposure_names_all_that_is_published(settings: Settings, dbt_folder: Path) -> None:
    manifest = json.loads((dbt_folder / "target" / "manifest.json").read_text())
    exposure = manifest["exposures"]["exposure.headwater.published_file"]
    named = [manifest["nodes"][node] for node in exposure["depends_on"]["nodes"]]
    assert {f"{node['schema']}.{node['alias']}" for node in named} == tables(
        warehouse.publish(settings)
    )


def test_a_stores_file_has_nothing_of_another_store(settings: Settings) -> None:
    path = warehouse.publish(settings, "archive")
    assert path == settings.published.with_name("archive.duckdb")
    documents = column(path, "select document_id from core.documents")
    assert {GAUGE_ISSUE, MIRROR_ISSUE} == documents
    for table in tables(path):
        columns = column(
            path,
            "select column_name from duckdb_columns()"
            f" where schema_name || '.' || table_name = '{table}'",
        )
        for name in columns:
            if name == "connection_id":
                assert column(path, f"select {name} from {table}") <= {"mirror"}, table
            if name.endswith("document_id"):
                found = column(path, f"select {name} from {table} where {name} is not null")
                assert found <= documents, (table, name)
    for elsewhere in ("linear", "engineering", "planning", ATTIC, "harbour", "unreadable"):
        assert elsewhere not in texts(path), elsewhere
    assert column(path, "select document_id from core.interactions") >= {GAUGE_ISSUE}
    assert read(path, "select store, connection_ids from ops.stores") == [("archive", ["mirror"])]


def test_the_files_of_all_stores_together_have_every_document(settings: Settings) -> None:
    found = set()
    for store in ("archive", "engineering", "planning"):
        path = warehouse.publish(settings, store)
        found |= column(path, "select document_id from core.documents")
    assert found == column(settings.warehouse, "select document_id from core.documents")


def test_a_public_file_has_nothing_private_or_deleted(settings: Settings) -> None:
    path = warehouse.publish(settings, "engineering", is_public=True)
    assert path == settings.published.with_name("engineering.public.duckdb")
    told = column(path, "select document_id from core.documents")
    assert GAUGE_ISSUE in told
    assert told == column(
        settings.warehouse,
        "select document_id from core.documents"
        " where visibility = 'public' and deleted_at is null and connection_id = 'github'",
    )
    text = texts(path)
    for private in (ATTIC_ISSUE, "The key of the harbour.", "Seen by the mirror", "unreadable"):
        assert private not in text, private
    assert not [name for name in tables(path) if name.startswith(("ops.", "staging."))]
    about_people = {"core.contacts", "core.contact_identities", "core.contact_timeline"}
    assert not about_people & tables(path)
    for table in ("core.interactions", "analytics.open_work"):
        assert column(path, f"select contact_id from {table}") == {None}
    interactions = column(path, "select document_id from core.interactions")
    assert interactions
    assert interactions <= told


def test_a_public_file_has_nothing_that_is_not_sent_or_is_deleted(shared: Settings) -> None:
    unsent = "('github:review:PRR_9', 'github:review_comment:PRRC_9', 'github:release:RE_9')"
    assert read(
        shared.warehouse,
        f"select distinct visibility from core.documents where document_id in {unsent}",
    ) == [("private",)]
    public = texts(warehouse.publish(shared, "engineering", is_public=True))
    for hidden in ("Unsent", "Unannounced", "comment 13"):
        assert hidden not in public, hidden
    for told in ("Not yet.", "First.", "comment 12"):
        assert told in public, told
    told = column(shared.warehouse, "select body_raw from core.interactions")
    assert "comment 13" in told
    assert "Unsent, too." not in told


def test_a_public_file_does_not_name_what_an_api_refers_to_and_is_not_public(
    settings: Settings,
) -> None:
    """Pull request 3 closes an issue of the attic; a deployment, and a text, are told as before."""
    closed = "select count(*) from core.document_relationships where relation = 'resolves'"
    named = (
        "select json_exists(source_metadata, '$.closing_issues'), source_metadata ->> '$.number'"
        " from core.documents where document_id = 'github:pull_request:PR_3'"
    )
    store = warehouse.publish(settings, "engineering")
    assert (read(store, closed), read(store, named)) == ([(1,)], [(False, "3")])
    public = warehouse.publish(settings, "engineering", is_public=True)
    assert (read(public, closed), read(public, named)) == ([(0,)], [(False, "3")])
    assert ATTIC not in texts(public)
    relations = "select distinct relation from core.document_relationships"
    assert column(public, f"{relations} where not is_resolved") == {"deployed_by"}


def test_a_stores_file_has_all_who_act_in_it_as_its_own_sources_know_them(
    shared: Settings,
) -> None:
    """Cy and Di are in both files, each with the address that is told there, or with none."""
    people = {
        "client": [
            ("github:U_cy", "cy", None, None),
            ("github:U_di", "di", f"di of {SITE}", "di@site.example"),
        ],
        "engineering": [
            ("github:U_cy", "cy", f"cy of {GAUGE}", "cy@gauge.example"),
            ("github:U_di", "di", f"di of {ATTIC}", "di@attic.example"),
        ],
    }
    for store, told in people.items():
        path = warehouse.publish(shared, store)
        assert told == read(
            path,
            "select identity_id, handle, display_name, email from core.contact_identities"
            " where handle in ('cy', 'di') order by identity_id",
        )
        assert not read(
            path,
            "select contact_id from core.interactions where contact_id is not null"
            " and contact_id not in (select contact_id from core.contacts)"
            " union all select author_identity_id from core.documents where author_identity_id"
            " not in (select identity_id from core.contact_identities)",
        )
        connections = column(path, "select connection_id from ops.store_sources")
        assert column(path, "select connection_id from core.contact_identities") <= connections
        elsewhere = {
            name
            for other, rows in people.items()
            for row in rows
            for name in row[2:]
            if other != store and name
        }
        assert not [name for name in elsewhere if name in texts(path)]


def test_a_stores_file_knows_pages_by_what_its_own_sources_read(shared: Settings) -> None:
    """What lies above the handbook is not named, and a page that has its name keeps its slug."""
    path = warehouse.publish(shared, "client")
    keys = "select {}, source_id, slug, parent_document_id, root_document_id from core.documents"
    named = keys.format("document_id") + " where source_type = 'notion' order by 1"
    p2, p3, p4 = (f"notion:page:p{number}" for number in (2, 3, 4))
    digest = sha256(p2.encode()).hexdigest()[:8]
    assert read(path, named) == [
        (p2, "Handbook", f"handbook-{digest}", None, p2),
        (p3, "Handbook/Holidays", "handbook-holidays", p2, p2),
        (p4, "Handbook", "handbook", None, p4),
    ]
    done = "select source_id from core.interactions where source_type = 'notion'"
    assert column(path, done) == {"Handbook", "Handbook/Holidays"}
    assert "ayoffs" not in texts(path)
    board = warehouse.publish(shared, "board")
    assert {row[1] for row in read(board, named)} == {
        "Layoffs",
        "Layoffs/Handbook",
        "Layoffs/Handbook/Holidays",
    }


def test_references_out_of_a_part_are_cut(settings: Settings, tmp_path: Path) -> None:
    """A parent, a mention or a blocker in another store is not named, those inside stay."""
    own = Settings(tmp_path, settings.sources_file)
    own.warehouse.write_bytes(settings.warehouse.read_bytes())
    graph = [
        {"relation": "mentions", "document_id": ATTIC_ISSUE},
        {"relation": "mentions", "document_id": GAUGE_ISSUE},
        {"relation": "mentions", "document_id": None, "key": "elsewhere#1"},
    ]
    relationships = {"mentions": [], "graph": graph, "temporal": []}
    with duckdb.connect(str(own.warehouse)) as db:
        db.execute(
            "update core.documents set parent_document_id = $away, root_document_id = $away,"
            " relationships = $relationships where document_id = $id",
            {
                "away": ATTIC_ISSUE,
                "relationships": json.dumps(relationships),
                "id": MIRROR_ISSUE,
            },
        )
        db.execute(
            "update core.interactions set field = 'blocked_by', from_value = $away,"
            " to_value = $here where document_id = $id and interaction_type = 'opened'",
            {"away": f"{ATTIC}#2", "here": f"{GAUGE}#1", "id": MIRROR_ISSUE},
        )
    path = warehouse.publish(own, "archive")
    ((parent, root, told),) = read(
        path,
        "select parent_document_id, root_document_id, relationships from core.documents"
        f" where document_id = '{MIRROR_ISSUE}'",
    )
    assert (parent, root) == (None, MIRROR_ISSUE)
    assert read(
        path,
        "select from_value, to_value from core.interactions where interaction_type = 'opened'"
        f" and document_id = '{MIRROR_ISSUE}'",
    ) == [(None, f"{GAUGE}#1")]
    assert json.loads(told) == relationships | {"graph": graph[1:]}


def test_contents_of_files_go_with_the_files(settings: Settings) -> None:
    shas = "select blob_sha from core.content_blobs"
    everything = column(settings.warehouse, shas)
    assert column(warehouse.publish(settings, "archive"), shas) == set()
    engineering = warehouse.publish(settings, "engineering")
    assert column(engineering, shas) == everything
    public = warehouse.publish(settings, is_public=True)
    assert public == settings.published.with_name("headwater.public.duckdb")
    assert read(
        public,
        "select count(*) filter (where reference_count = 0), count(*) from core.content_blobs",
    ) == [(0, len(everything))]
    in_attic = "select count(*) from core.documents where source_id like '%attic%'"
    assert read(engineering, in_attic) != [(0,)]
    assert read(public, in_attic) == [(0,)]


def test_an_unknown_store_is_refused(settings: Settings) -> None:
    with pytest.raises(ConfigError, match="one of archive, engineering, planning"):
        warehouse.publish(settings, "archives")


def test_the_command_publishes_a_part(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEADWATER_DATA", str(settings.data))
    monkeypatch.setenv("HEADWATER_SOURCES", str(settings.sources_file))
    part = CliRunner().invoke(cli.app, ["publish", "--store", "engineering", "--public"])
    target = settings.published.with_name("engineering.public.duckdb")
    assert (part.exit_code, part.stdout.strip()) == (0, str(target))
    assert target.exists()
    wrong = CliRunner().invoke(cli.app, ["publish", "--store", "../warehouse"])
    assert (wrong.exit_code, wrong.stderr.count("\n")) == (1, 1)
    assert "sources.yml.../warehouse: no source belongs to this store" in wrong.stderr


def test_a_part_of_marts_that_were_not_built_is_refused(settings: Settings, tmp_path: Path) -> None:
    with warehouse.writer(Settings(tmp_path, settings.sources_file)):
        pass
    with pytest.raises(PermanentError, match="run `headwater transform` first"):
        warehouse.publish(Settings(tmp_path, settings.sources_file), "archive")
    assert list((tmp_path / "published").iterdir()) == []


@pytest.fixture
def readers(settings: Settings, tmp_path: Path) -> Iterator[list[subprocess.Popen[str]]]:
    """Processes that open the published file over and over until `stop` appears."""
    warehouse.publish(settings)
    command = [sys.executable, "-c", READ_ON, str(settings.published), str(tmp_path / "stop")]
    started = [
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(READERS)
    ]
    yield started
    for process in started:
        process.kill()
        process.communicate()


def test_readers_keep_their_snapshot_while_others_see_the_new_file(
    settings: Settings, tmp_path: Path
) -> None:
    mine = Settings(shutil.copytree(settings.data, tmp_path / "data"), settings.sources_file)
    count = "select count(*) from core.documents where document_type <> 'issue'"
    total = "select count(*) from core.documents"
    others = read(warehouse.publish(mine), count)
    with duckdb.connect(str(mine.published), read_only=True) as reader:
        before = reader.execute(total).fetchall()
        with warehouse.writer(mine) as db:
            db.execute("delete from core.documents where document_type = 'issue'")
        warehouse.publish(mine)
        assert reader.execute(total).fetchall() == before != others
        seen = (
            "import duckdb, sys;"
            "print(duckdb.connect(sys.argv[1], True).execute(sys.argv[2]).fetchall())"
        )
        command = [sys.executable, "-c", seen, str(mine.published), total]
        assert subprocess.check_output(command, text=True).strip() == str(others)


def test_no_reader_fails_while_files_are_published(
    settings: Settings, tmp_path: Path, readers: list[subprocess.Popen[str]]
) -> None:
    with duckdb.connect(str(settings.published), read_only=True) as analyst:
        before = analyst.execute("select count(*) from core.documents").fetchone()
        for _ in range(PUBLISHES):
            warehouse.publish(settings)
        assert analyst.execute("select count(*) from core.documents").fetchone() == before
    (tmp_path / "stop").touch()
    for process in readers:
        said, complaint = process.communicate(timeout=60)
        assert process.returncode == 0, complaint
        rounds, different = map(int, said.split())
        assert rounds > 0
        assert different == 1
