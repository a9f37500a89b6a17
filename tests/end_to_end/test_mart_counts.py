"""Every mart of a whole run has the rows that its workspace accounts for, and no mart is forgotten.

The demo also reads the git checkout that it runs from. What that brings (commits and files, and
who signed them) differs from commit to commit and is not counted here.
"""

from __future__ import annotations

from typing import Final

from include.sandbox import Workspace
from tests.end_to_end.conftest import Demo
from tests.include.sandbox.contracts import require_corpus

CHECKOUT: Final = "tidewater-labs/headwater"
OF_CHECKOUT: Final = f"like '%:{CHECKOUT}@%'"
# A demo that has run twice has two accounts of its syncs.
FIRST_SYNCS: Final = """
    sync_id in (
        select min_by(sync_id, started_at) from ops.sync_history group by connection_id, container
    )
"""
SIGNERS: Final = f"""
    select distinct 'email:' || email
    from (
        select
            container,
            unnest([
                lower(payload ->> '$.commit.author.email'),
                lower(payload ->> '$.commit.committer.email')
            ]) as email
        from raw_github.commits
    )
    group by email
    having bool_and(container = '{CHECKOUT}')
"""

DEMO: Final = {
    "analytics.days": 12_419,  # 34 years, nine of them leap years.
    # 24 issues of Gauge, 3 of the checkout's repository, 30 of Linear less the trashed one.
    "analytics.issue_cycle_times": 56,
    # GitHub: 3 assigned, 13 with their author, 2 asked for a review. Linear: 7 and 4.
    "analytics.open_work": 29,
    "analytics.pull_request_cycle_times": 16,
    "analytics.review_load": 18,  # Reviewers and weeks, reviews of one's own left out.
    # Weeks in which an issue or pull request of a repository or team was opened or ended.
    "analytics.weekly_throughput": 80,
    # Six people: 6 GitHub accounts, 6 addresses, 6 Linear users, 5 of 6 in Notion by address.
    # 6 others at GitHub: kestrel-gis and dependabot with an address each, waterboard-mh, the
    # web's committer and the address noreply@github.com, Joaquín's own and the laptop's.
    # Joaquín in Notion, the integrations: one in Notion, three at Linear.
    "core.contact_identities": 37,
    "core.contacts": 18,  # The six; then 5 + 2 addresses, Joaquín in Notion, 4 integrations.
    # Fourteen by nobody: a deleted account opened, two commented, a discussion was closed, four
    # were mentioned, and Linear itself archived two, trashed one and tells of two projects only
    # when they ended, and of an update only when it was edited.
    "core.contact_timeline": 654,
    "core.content_blobs": 39,
    # 70 are relations of Notion pages to each other, 27 people named on pages there, 2 in
    # comments; a decision and a ticket are named in a callout, a ticket in a decision's link, 31
    # stations in the report of a round.
    "core.document_relationships": 549 + 70 + 27 + 2 + 2 + 1 + 31,
    # 85 comments, 4 discussions, 27 issues, 16 pull requests, 4 releases, 34 reviews, 30 review
    # comments, 3 wiki pages, 40 commits and 41 files; Linear 88; Notion 77.
    "core.documents": 449,
    # GitHub: 136 events, 47 openings, 115 comments, 34 reviews, 40 commits, 3 releases,
    # 2 deployments, a discussion's answer and end. Linear: 60 changes, 30 issues opened,
    # 10 others created, 8 updates, 40 comments, one of each edited, 2 projects ended. Notion:
    # 61 pages and data sources created, 60 edited, 16 comments.
    "core.interactions": 379 + 152 + 137,
    "ops.auth_tokens": 3,
    "ops.ingestion_repositories": 2,
    "ops.ingestion_sources": 3,
    "ops.raw_event_errors": 0,
    "ops.store_documents": 449 + 77,  # Notion belongs to two stores.
    "ops.store_sources": 4,
    "ops.stores": 2,
    "ops.sync_history": 95,
    "ops.sync_logs": 95 + 2 * 7,  # A start and an end of each of the seven containers.
    "ops.sync_state": 7,
    "ops.webhook_deliveries": 0,
}
CORPUS: Final = {
    "analytics.days": 12_419,
    "analytics.issue_cycle_times": 26 + 100,
    "analytics.open_work": 4 + 7,  # #158, #167, #176 and #211; six Todo and one in the backlog.
    "analytics.pull_request_cycle_times": 49,
    "analytics.review_load": 3,
    "analytics.weekly_throughput": 83,
    # 79 accounts, 43 addresses of which 35 are linked to one, two in Notion.
    "core.contact_identities": 79 + 43 + 2,
    "core.contacts": 79 + 8 + 2,
    # Nobody knows who opened Linear's issues, who ended what has no recorded event, nor who
    # wrote a name.
    "core.contact_timeline": 585 - 100 - 45 - 26 - 1,
    "core.content_blobs": 0,
    # 198 have a parent, 26 were merged as a commit, 7 resolve an issue, 48 mention something.
    "core.document_relationships": 198 + 26 + 7 + 48,
    # 94 comments, 90 commits, 26 issues, 49 pull requests, 30 reviews, 16 review comments;
    # Linear's issues; Notion's pages, data source and comments.
    "core.documents": 305 + 100 + 59,
    # GitHub: 75 openings, 110 comments, 90 commits, 49 events, 30 reviews, 71 ends that no event
    # tells of. Linear: openings. Notion: 53 pages created, one edited, 6 comments.
    "core.interactions": 425 + 100 + 60,
    "ops.auth_tokens": 3,
    "ops.ingestion_repositories": 1,
    "ops.ingestion_sources": 3,
    "ops.raw_event_errors": 0,
    "ops.store_documents": 305 + 100 + 59,
    "ops.store_sources": 3,
    "ops.stores": 1,
    "ops.sync_history": 58,
    "ops.sync_logs": 58 + 2 * 4,
    "ops.sync_state": 4,
    "ops.webhook_deliveries": 0,
}


def counted(demo: Demo, conditions: dict[str, str]) -> dict[str, int]:
    """The number of rows of every published mart, of those that a condition names."""
    tables = demo.published(
        "select schema_name || '.' || table_name from duckdb_tables()"
        " where schema_name in ('core', 'ops', 'analytics')"
    )
    return {
        table: count
        for (table,) in tables
        for ((count,),) in [
            demo.published(f"select count(*) from {table} where {conditions.get(table, 'true')}")
        ]
    }


def test_every_mart_of_the_demo_has_its_rows(shipped: tuple[Demo, str]) -> None:
    demo, _ = shipped
    signers = [identity for (identity,) in demo.warehouse(SIGNERS)] or [""]
    listed = "', '".join(signers)
    others = f"identity_id not in ('{listed}')"
    assert (
        counted(
            demo,
            {
                "core.contact_identities": others,
                "core.contacts": "contact_id in"
                f" (select contact_id from core.contact_identities where {others})",
                "core.contact_timeline": f"coalesce(document_id, '') not {OF_CHECKOUT}",
                "core.content_blobs": "blob_sha in (select source_metadata ->> '$.sha'"
                " from core.documents where document_type = 'file' and source_id like '%/gauge:%')",
                "core.document_relationships": f"from_document_id not {OF_CHECKOUT}",
                "core.documents": f"document_id not {OF_CHECKOUT}",
                "core.interactions": f"coalesce(document_id, '') not {OF_CHECKOUT}",
                "ops.store_documents": f"document_id not {OF_CHECKOUT}",
                "ops.sync_history": FIRST_SYNCS,
                "ops.sync_logs": FIRST_SYNCS,
            },
        )
        == DEMO
    )


def test_contents_of_the_demo_are_stored_once(shipped: tuple[Demo, str]) -> None:
    """Two of its files have one content; a link and a submodule have none."""
    git = Workspace.demo().github("tidewater-labs/gauge").git
    assert git is not None
    entries = git.tree(git.resolve("main", "tree"), recursive=True)
    files = [entry for entry in entries if entry.kind != "tree"]
    contents = {entry.sha for entry in files if entry.mode in ("100644", "100755")}
    assert (len(files), len(contents)) == (41, DEMO["core.content_blobs"])


@require_corpus
def test_every_mart_of_the_corpus_has_its_rows(corpus: Demo) -> None:
    assert (
        counted(corpus, {"ops.sync_history": FIRST_SYNCS, "ops.sync_logs": FIRST_SYNCS}) == CORPUS
    )
