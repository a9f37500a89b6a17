"""The whole path through the real DAGs: a workspace in, the published file out, twice."""

from __future__ import annotations

import subprocess

import pytest

from include import health
from include.health_page import render
from include.sandbox import Workspace
from include.settings import ROOT, Settings
from tests.end_to_end.conftest import Demo
from tests.include.sandbox.contracts import require_corpus


@require_corpus
def test_corpus_is_loaded_whole(corpus: Demo) -> None:
    counts = corpus.warehouse(
        """
        select 'issues', count(*) from raw_github.issues
        union all select 'issues that are pull requests', count(*) from raw_github.issues
            where json_exists(payload, '$.pull_request')
        union all select 'pull_requests', count(*) from raw_github.pull_requests
        union all select 'issue_comments', count(*) from raw_github.issue_comments
        union all select 'review_comments', count(*) from raw_github.review_comments
        union all select 'reviews', count(*) from raw_github.reviews
        union all select 'issue_events', count(*) from raw_github.issue_events
        union all select 'pull_request_details', count(*) from raw_github.pull_request_details
        union all select 'review_threads', count(*) from raw_github.review_threads
        union all select 'milestones', count(*) from raw_github.milestones
        union all select 'workflow_runs', count(*) from raw_github.workflow_runs
        union all select 'workflow_jobs', count(*) from raw_github.workflow_jobs
        union all select 'commits of pull requests',
            sum(json_array_length(payload -> '$.commits')) from raw_github.pull_request_commits
        union all select 'linear issues', count(*) from raw_linear.issues
        union all select 'notion pages', count(*) from raw_notion.pages
        """
    )
    assert dict(counts) == {
        "issues": 41,
        "issues that are pull requests": 15,
        "pull_requests": 49,
        "issue_comments": 94,
        "review_comments": 16,
        "reviews": 30,
        "issue_events": 49,
        "pull_request_details": 49,
        "review_threads": 10,
        "milestones": 1,
        "workflow_runs": 45,  # 35 recorded, and the 10 that recorded jobs belong to.
        "workflow_jobs": 35,
        "commits of pull requests": 90,
        "linear issues": 100,
        "notion pages": 52,
    }


@require_corpus
def test_corpus_becomes_documents_and_none_is_lost(corpus: Demo) -> None:
    counts = corpus.published(
        "select source_type, document_type, count(*) from core.documents group by all order by all"
    )
    assert counts == [
        ("github", "comment", 94),
        ("github", "commit", 90),  # Recorded ones are all on one branch.
        # 26 issues, and 49 pull requests of which 15 were also seen as issues.
        ("github", "issue", 26),
        ("github", "pull_request", 49),
        ("github", "review", 30),
        ("github", "review_comment", 16),
        ("linear", "issue", 100),
        ("notion", "comment", 6),
        ("notion", "data_source", 1),
        ("notion", "page", 52),
    ]
    states = corpus.published(
        "select source_state, count(*) from core.documents where source_type = 'linear'"
        " group by all order by all"
    )
    assert states == [("Backlog", 1), ("Canceled", 8), ("Done", 85), ("Todo", 6)]
    assert corpus.published("select count(*) from ops.raw_event_errors") == [(0,)]
    assert corpus.warehouse("select count(*) from raw_headwater.dead_letters") == [(0,)]


@require_corpus
def test_corpus_rows_with_nulls_are_kept(corpus: Demo) -> None:
    assert corpus.warehouse(
        "select count(*) from staging.stg_github__pull_requests where head_repository is null"
    ) == [(15,)]
    assert corpus.warehouse(
        "select count(*) from raw_github.review_comments where payload ->> '$.position' is null"
    ) == [(9,)]
    bodiless = corpus.warehouse(
        "select count(*) from raw_github.pull_requests where payload ->> '$.body' is null"
    )[0][0]
    documents = corpus.published(
        "select count(*) from core.documents where document_type = 'pull_request' and body is null"
    )[0][0]
    assert documents == bodiless


@require_corpus
def test_corpus_syncs_are_accounted_for(corpus: Demo) -> None:
    syncs = corpus.published(
        "select connection_id, container, resource, status, trigger, dag_id, items_processed,"
        " items_unchanged, expected_items, is_complete from ops.sync_history"
        " where resource in ('issues', 'pull_requests', 'pages') order by all"
    )
    assert syncs == [
        ("github", "panjf2000/ants", "issues", "completed", "manual", "ingest_github",
         41, 0, 41, True),
        ("github", "panjf2000/ants", "pull_requests", "completed", "manual", "ingest_github",
         49, 0, None, True),
        ("linear", "GAR", "issues", "completed", "manual", "ingest_linear", 100, 0, None, True),
        ("notion", "notion-sdk-py", "pages", "completed", "manual", "ingest_notion",
         52, 0, None, True),
    ]  # fmt: skip


@pytest.mark.chaos  # As the second demo below, on recorded data.
@require_corpus
def test_second_sync_of_the_corpus_adds_no_event_and_changes_no_mart(corpus: Demo) -> None:
    events, marts = corpus.raw_events(), corpus.marts()
    corpus.run()
    assert corpus.raw_events() == events
    assert corpus.marts() == marts


def test_demo_prints_what_it_made(shipped: tuple[Demo, str]) -> None:
    demo, printed = shipped
    for source, kind, count in demo.published(
        "select source_type, document_type, count(*) from core.documents group by all"
    ):
        assert any(
            [cell.strip() for cell in line.strip("│").split("│")] == [source, kind, str(count)]
            for line in printed.splitlines()
        ), (source, kind, count)
    assert "Published: " in printed
    assert printed.count("select ") == 2


def test_queries_that_the_demo_prints_run(shipped: tuple[Demo, str]) -> None:
    demo, printed = shipped
    tried = printed.split("Try:")[1].split("Done in")[0]
    queries = [
        "\n".join(line for line in part.splitlines()[1:] if not line.strip().startswith("--"))
        for part in tried.split(";")
        if "select" in part
    ]
    assert len(queries) == 2
    assert [len(demo.published(query)) for query in queries] == [5, 5]


def test_sync_health_is_read_from_what_the_demo_published(shipped: tuple[Demo, str]) -> None:
    demo, _ = shipped
    page = render(health.read(Settings(demo.data, demo.data / "sources.yml")), {})
    containers = demo.published("select container from ops.sync_state")
    assert len(containers) == 7
    assert [name for (name,) in containers if f"<td>{name}</td>" not in page] == []
    assert page.count("/tasks/extract") == 7
    assert page.count("<figure>") == 6  # Rows and duration of three sources.


def test_demo_loads_the_whole_workspace(shipped: tuple[Demo, str]) -> None:
    demo, _ = shipped
    counts = demo.published(
        "select source_type, document_type, count(*) from core.documents"
        " where document_type not in ('commit', 'file') group by all order by all"
    )
    assert counts == [
        ("github", "comment", 85),  # 76 on issues and pull requests, 9 on discussions.
        ("github", "discussion", 4),
        ("github", "issue", 27),
        ("github", "pull_request", 16),
        ("github", "release", 4),
        ("github", "review", 34),
        ("github", "review_comment", 30),
        ("github", "wiki_page", 3),
        ("linear", "comment", 40),
        ("linear", "document", 4),
        ("linear", "initiative", 2),
        ("linear", "initiative_update", 2),
        ("linear", "issue", 30),
        ("linear", "project", 4),
        ("linear", "project_update", 6),
        ("notion", "comment", 16),
        ("notion", "data_source", 3),
        ("notion", "page", 58),
    ]
    commits = demo.published(
        "select count(*) from core.documents where document_type = 'commit'"
        " and source_id like 'tidewater-labs/gauge@%'"
    )
    assert commits == [(40,)]
    assert demo.published("select count(*) from ops.raw_event_errors") == [(0,)]
    assert demo.published("select distinct status from ops.sync_history") == [("completed",)]


# What each raw table is known by, where that is not the row's node id.
KNOWN_BY = {"workflow_runs": "id", "workflow_jobs": "id", "commits": "sha", "discussions": "id"}
KNOWN_BY["discussion_comments"] = "id"
AS_RECORDED = (
    *("issues", "issue_comments", "issue_events", "review_comments", "pull_requests", "reviews"),
    *("labels", "milestones", "releases", "collaborators", "workflow_runs", "workflow_jobs"),
    *("deployments", "deployment_statuses", "discussions", "discussion_comments"),
)


def test_demo_loads_every_row_of_every_resource_of_github(shipped: tuple[Demo, str]) -> None:
    demo, _ = shipped
    workspace = Workspace.demo()
    gauge = workspace.github("tidewater-labs/gauge")

    def loaded(table: str) -> set[str]:
        rows = demo.warehouse(
            f"select external_id from raw_github.{table}"
            " where container in ('tidewater-labs', 'tidewater-labs/gauge')"
            " and external_id <> '*' and operation = 'upsert'"
        )
        return {external_id for (external_id,) in rows}

    for table in AS_RECORDED:
        key = KNOWN_BY.get(table, "node_id")
        assert loaded(table) == {str(row[key]) for row in gauge.collection(table)}, table
    pulls = {row["node_id"] for row in gauge.pull_requests}
    for table in ("pull_request_details", "pull_request_files", "pull_request_commits"):
        assert loaded(table) == pulls, table
    threads = demo.warehouse(
        "select unnest(from_json(payload -> '$.comments.nodes[*].fullDatabaseId', '[\"VARCHAR\"]'))"
        " from raw_github.review_threads"
    )
    assert {int(number) for (number,) in threads} == {row["id"] for row in gauge.review_comments}
    for table, field in (("pull_request_files", "files"), ("pull_request_commits", "commits")):
        ((count,),) = demo.warehouse(
            f"select sum(json_array_length(payload -> '$.{field}')) from raw_github.{table}"
        )
        assert count == len(gauge.collection(table)), table
    git = gauge.git
    assert git is not None
    assert loaded("branches") == {ref.name.removeprefix("refs/heads/") for ref in git.branches()}
    assert loaded("tags") == {ref.name.removeprefix("refs/tags/") for ref in git.tags()}
    tree = git.tree(git.resolve("main", "tree"), recursive=True)
    entries = {entry.path: entry for entry in tree if entry.kind != "tree"}
    assert loaded("files") == {f"main:{path}" for path in entries}
    blobs = demo.warehouse("select external_id from raw_github.blobs")
    contents = {e.sha for e in entries.values() if e.mode in ("100644", "100755")}
    assert contents <= {sha for (sha,) in blobs}
    assert loaded("commits") == loaded("commit_files") != set()
    assert len(loaded("wiki_pages")) == 3
    assert loaded("repositories") == loaded("repository_counts")
    owner = workspace.organizations["tidewater-labs"]
    assert loaded("organizations") == {owner.organization["node_id"]}
    assert loaded("teams") == {team["node_id"] for team in owner.teams}
    assert len(loaded("team_members")) == len(owner.team_members)


def test_demo_loads_every_row_of_every_resource_of_linear_and_notion(
    shipped: tuple[Demo, str],
) -> None:
    demo, _ = shipped
    workspace = Workspace.demo()
    linear, notion = workspace.linear, workspace.notion

    def loaded(table: str) -> set[str]:
        rows = demo.warehouse(
            f"select external_id from {table} where external_id <> '*' and operation = 'upsert'"
        )
        return {external_id for (external_id,) in rows}

    for kind in linear.kinds:
        ids = {row["id"] for row in linear.collection(kind)}
        assert loaded(f"raw_linear.{kind}") == ids != set(), kind
    assert loaded("raw_linear.organizations") == {linear.organization["id"]}
    for kind in ("users", "data_sources", "databases", "comments"):
        ids = {row["id"] for row in notion.collection(kind)}
        assert loaded(f"raw_notion.{kind}") == ids != set(), kind
    pages = {row["id"]: row for row in notion.pages if not row["in_trash"]}
    assert loaded("raw_notion.pages") == set(pages)
    assert loaded("raw_notion.page_contents") == set(pages)
    blocks = demo.warehouse("select payload from raw_notion.page_contents")
    text = "".join(payload for (payload,) in blocks)
    live = [row["id"] for row in notion.blocks if not row["in_trash"]]
    assert [block for block in live if block not in text] == []


def test_demo_reads_a_git_checkout_where_the_workspace_names_one(
    shipped: tuple[Demo, str],
) -> None:
    demo, _ = shipped
    log = subprocess.run(
        ["git", "rev-list", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if log.returncode:
        pytest.skip("the project is not a git checkout here: no commits to compare with")
    shas = demo.warehouse(
        "select external_id from raw_github.commits where container = 'tidewater-labs/headwater'"
    )
    assert {sha for (sha,) in shas} == set(log.stdout.split())


def test_demo_leaves_nothing_outside_its_data_folder(shipped: tuple[Demo, str]) -> None:
    demo, _ = shipped
    assert list((demo.folder / "home").rglob("*")) == []


def test_second_demo_adds_no_event_and_changes_no_mart(shipped: tuple[Demo, str]) -> None:
    demo, _ = shipped
    events, marts = demo.raw_events(), demo.marts()
    demo.run()
    assert demo.raw_events() == events
    assert demo.marts() == marts
    unchanged = demo.published(
        "select sum(items_processed - items_unchanged) from ops.sync_history"
        " where sync_id in (select last_sync_id from ops.sync_state)"
    )
    assert unchanged == [(0,)]
