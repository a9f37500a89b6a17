"""Stories of the demo's team, each read back from the published file with one query.

What is expected was read from the files of the workspace, not from an answer.
"""

from __future__ import annotations

from datetime import UTC, datetime

from tests.end_to_end.conftest import Demo

GAUGE = "tidewater-labs/gauge"
HANDBOOK = "Gauge handbook"

Shipped = tuple[Demo, str]


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def test_a_page_mentions_an_issue_that_a_pull_request_closes(shipped: Shipped) -> None:
    """From Notion to Linear to GitHub. Other pages name other issues, but of those that a pull
    request closes (ENG-4, ENG-9 and ENG-12) only the last."""
    demo, _ = shipped
    assert demo.published(
        """
        select pages.source_id, tickets.source_id, pulls.source_id, closed.method, issues.source_id
        from core.document_relationships as mentioned
        inner join core.documents as pages on mentioned.from_document_id = pages.document_id
        inner join core.documents as tickets on mentioned.to_document_id = tickets.document_id
        inner join core.document_relationships as closed
            on tickets.document_id = closed.to_document_id and closed.relation = 'resolves'
        inner join core.documents as pulls on closed.from_document_id = pulls.document_id
        inner join core.document_relationships as fixed
            on pulls.document_id = fixed.from_document_id and fixed.relation = 'resolves'
            and fixed.method = 'api_reference'
        inner join core.documents as issues on fixed.to_document_id = issues.document_id
        where pages.source_type = 'notion' and mentioned.relation = 'mentions'
            and tickets.source_type = 'linear' and pulls.document_type = 'pull_request'
        order by all
        """
    ) == [
        (f"{HANDBOOK}/{page}", "ENG-12", f"{GAUGE}#16", "closing_keyword", f"{GAUGE}#12")
        for page in (
            "Decisions/Late readings are kept, not dropped",
            "On-call/Postmortem: the gap of 14 March",
        )
    ]


def test_one_person_works_under_three_handles(shipped: Shipped) -> None:
    """Priya commits with an address that neither Linear nor Notion knows. Her GitHub account is
    connected at Linear, and Linear and Notion have the same address."""
    demo, _ = shipped
    assert demo.published(
        """
        select source_type, coalesce(handle, identities.display_name), email, rule,
            split_part(evidence, '@', 1), contacts.source_types
        from core.contact_identities as identities
        inner join core.contacts using (contact_id)
        where contact_id = (
            select contact_id from core.contact_identities where handle = 'pr-hydro'
        )
        order by identity_id
        """
    ) == [
        (*row, ["github", "linear", "notion"])
        for row in (
            ("github", "Priya Raghunathan", COMMITS_AS, "linked_account", GAUGE),
            ("github", "pr-hydro", COMMITS_AS, "own", None),
            ("linear", "priya", "priya@tidewater.example", "linear_github_account", "88410937"),
            ("notion", "Priya R.", "priya@tidewater.example", "verified_email", "priya"),
        )
    ]


COMMITS_AS = "priya.raghunathan@tidewater.example"


def test_a_reference_is_resolved_to_what_came_later(shipped: Shipped) -> None:
    """ENG-12 was opened in the morning; postmortem, decision and pull request came afterwards.
    Linear is read before Notion, so the pages arrived after the text that names them."""
    demo, _ = shipped
    assert demo.published(
        """
        select later.source_id, method, confidence, later.source_created_at
        from core.document_relationships as found
        inner join core.documents as issue on found.from_document_id = issue.document_id
        inner join core.documents as later on found.to_document_id = later.document_id
        where issue.source_id = 'ENG-12' and relation = 'mentions'
            and later.source_created_at > issue.source_created_at
        order by later.source_created_at
        """
    ) == [
        (
            f"{HANDBOOK}/On-call/Postmortem: the gap of 14 March",
            *("notion_url", 1.0, utc("2026-03-14T12:00:00")),
        ),
        (
            f"{HANDBOOK}/Decisions/Late readings are kept, not dropped",
            *("notion_url", 1.0, utc("2026-03-16T08:30:00")),
        ),
        (f"{GAUGE}#16", "github_url", 1.0, utc("2026-03-17T18:02:03")),
    ]


def test_an_issue_is_found_under_the_key_it_had_before(shipped: Shipped) -> None:
    """OPS-5 went to another team and became ENG-19."""
    demo, _ = shipped
    assert demo.published(
        """
        select texts.source_id, raw_reference, method, confidence, issues.source_id, issues.title,
            issues.source_metadata ->> '$.previous_identifiers'
        from core.document_relationships
        inner join core.documents as texts on from_document_id = texts.document_id
        inner join core.documents as issues on to_document_id = issues.document_id
        where reference_key = 'linear:OPS-5' and texts.document_type != 'file'
        order by all
        """
    ) == [
        (
            *(text, "OPS-5", "linear_former_key", 0.8),
            *("ENG-19", "Warn before a certificate expires", '["OPS-5"]'),
        )
        for text in (
            "ENG-19/comments/f43b8eac",
            f"{GAUGE}#5",
            f"{GAUGE}#5/comments/3690088928",
        )
    ]


def test_a_deleted_comment_stays_with_the_reason(shipped: Shipped) -> None:
    demo, _ = shipped
    assert demo.published(
        """
        select comments.source_id, comments.body, display_name, issues.source_id,
            comments.deletion_reason, comments.deleted_at
        from core.documents as comments
        inner join core.documents as issues
            on comments.parent_document_id = issues.document_id
        inner join core.contact_identities on comments.author_identity_id = identity_id
        where comments.document_type = 'comment' and comments.deleted_at is not null
        """
    ) == [
        (
            *("OPS-7/comments/273b0097", "wrong channel, sorry", "Tomasz Wrona", "OPS-7"),
            *("archived", utc("2026-09-22T07:02:12.672")),
        )
    ]


def test_a_review_thread_is_read_from_question_to_answer(shipped: Shipped) -> None:
    demo, _ = shipped
    assert demo.published(
        """
        select comments.source_id, display_name, reviews.state, reviews.source_state,
            comments.source_metadata ->> '$.in_reply_to_number',
            comments.source_metadata ->> '$.is_resolved',
            comments.source_metadata ->> '$.resolved_by', pulls.source_id
        from core.documents as comments
        inner join core.documents as reviews
            on comments.parent_document_id = reviews.document_id
        inner join core.documents as pulls on comments.root_document_id = pulls.document_id
        inner join core.contact_identities on comments.author_identity_id = identity_id
        where comments.document_type = 'review_comment'
            and pulls.source_id = 'tidewater-labs/gauge#16'
            and (comments.source_metadata ->> '$.file_path') = 'store/latest.go'
        order by comments.source_created_at
        """
    ) == [
        (
            *(f"{GAUGE}#16/review_comments/2302831336", "Tomasz Wrona", *REFUSED),
            *(None, "true", "inescalder", f"{GAUGE}#16"),
        ),
        (
            *(f"{GAUGE}#16/review_comments/2302968032", "Ines Calder", *REMARKED),
            *("2302831336", "true", "inescalder", f"{GAUGE}#16"),
        ),
    ]


REFUSED = ("requested_changes", "changes_requested")
REMARKED = ("commented", "commented")


def test_an_issue_went_from_state_to_state(shipped: Shipped) -> None:
    demo, _ = shipped
    assert demo.published(
        """
        select occurred_at, field, from_value, to_value, display_name
        from core.interactions
        inner join core.contacts using (contact_id)
        where source_id in ('ENG-12', 'ENG-15') and interaction_type = 'state_changed'
        order by occurred_at
        """
    ) == [
        (utc(at), "state", before, after, "Ines Calder")
        for at, before, after in (
            ("2026-03-16T09:05:14.364", "Todo", "In Progress"),
            ("2026-03-24T15:48:04.244", "In Progress", "Done"),
            ("2026-05-04T09:00:28.738", "Todo", "In Progress"),
            ("2026-09-30T11:45:13.483", "In Progress", "In Review"),
        )
    ]


def test_a_commit_was_merged_from_here_and_deployed_there(shipped: Shipped) -> None:
    """Three were deployed, one of them from a pull request; the one for staging failed."""
    demo, _ = shipped
    assert demo.published(
        """
        select commits.title, pulls.source_id, deployed.raw_reference, deployed.evidence,
            done.occurred_at, display_name
        from core.document_relationships as deployed
        inner join core.documents as commits
            on deployed.from_document_id = commits.document_id
        left join core.document_relationships as merged
            on commits.document_id = merged.to_document_id and merged.relation = 'merged_as'
        left join core.documents as pulls on merged.from_document_id = pulls.document_id
        left join core.interactions as done
            on commits.document_id = done.document_id and done.interaction_type = 'deployed'
        left join core.contacts using (contact_id)
        where deployed.relation = 'deployed_by'
        order by commits.source_created_at
        """
    ) == [
        (
            *("ENG-4 Deduplicate alerts by station, rule and window (#7)", f"{GAUGE}#7"),
            *(f"{GAUGE}/deployments/1784203377", "production"),
            *(utc("2026-02-03T08:49:02"), "Malik Osei"),
        ),
        (
            *("docs: paging through readings", None),
            *(f"{GAUGE}/deployments/2596610458", "production"),
            *(utc("2026-07-13T08:27:18"), "Ines Calder"),
        ),
        (
            *("alerts: thresholds may differ by month", None),
            *(f"{GAUGE}/deployments/2931877120", "staging", None, None),
        ),
    ]


def test_issues_are_parts_of_issues(shipped: Shipped) -> None:
    demo, _ = shipped
    assert demo.published(
        """
        select parents.source_id, list(children.source_id order by children.source_id)
        from core.documents as children
        inner join core.documents as parents
            on children.parent_document_id = parents.document_id
        where children.document_type = 'issue' and parents.document_type = 'issue'
        group by all order by all
        """
    ) == [
        ("ENG-15", ["ENG-16"]),
        ("ENG-7", ["ENG-8", "ENG-9"]),
        ("OPS-11", ["OPS-7", "OPS-8"]),
    ]


def test_a_files_front_matter_names_the_issue_that_decided_it(shipped: Shipped) -> None:
    demo, _ = shipped
    assert demo.published(
        """
        select files.source_id, files.frontmatter ->> '$.title', issues.source_id, issues.title
        from core.documents as files
        inner join core.document_relationships as mentioned
            on files.document_id = mentioned.from_document_id
        inner join core.documents as issues on mentioned.to_document_id = issues.document_id
        where files.document_type = 'file'
            and issues.source_id = (files.frontmatter ->> '$.decided')
        """
    ) == [
        (
            *(f"{GAUGE}:docs/late-readings.md", "Late readings"),
            *("ENG-12", "Late readings overwrite newer ones"),
        )
    ]


def test_who_reviewed_a_pull_request_and_what_they_said(shipped: Shipped) -> None:
    """Five reviews; the author's own remark is one, but counts for nobody's load."""
    demo, _ = shipped
    assert demo.published(
        """
        select reviews.occurred_at, people.display_name, reviews.interaction_type,
            times.reviewer_count, times.review_count, load.review_count
        from core.interactions as reviews
        inner join core.contacts as people using (contact_id)
        inner join analytics.pull_request_cycle_times as times using (document_id)
        left join analytics.review_load as load
            on reviews.contact_id = load.contact_id and load.repository = times.repository
            and load.week_start_date = date_trunc('week', reviews.occurred_at)
        where times.source_id = 'tidewater-labs/gauge#16'
            and reviews.interaction_type in ('reviewed', 'approved', 'requested_changes')
        order by reviews.occurred_at
        """
    ) == [
        (utc("2026-03-18T10:25:17"), "Tomasz Wrona", "requested_changes", 2, 4, 1),
        (utc("2026-03-18T15:10:04"), "Ines Calder", "reviewed", 2, 4, None),
        (utc("2026-03-19T09:50:01"), "Joaquín Berrocal", "approved", 2, 4, 1),
        (utc("2026-03-23T11:30:02"), "Tomasz Wrona", "reviewed", 2, 4, 2),
        (utc("2026-03-24T10:02:07"), "Tomasz Wrona", "approved", 2, 4, 2),
    ]


def test_whom_to_call_stands_in_a_runbook(shipped: Shipped) -> None:
    """Notion shows names; whose they are follows from their accounts, and so their handles do."""
    demo, _ = shipped
    assert demo.published(
        """
        select people.handle, named.evidence
        from core.documents as pages
        inner join core.document_relationships as named
            on pages.document_id = named.from_document_id
            and named.method = 'notion_user_mention'
        inner join core.contact_identities as accounts
            on named.to_identity_id = accounts.identity_id
        inner join core.contact_identities as people
            on accounts.contact_id = people.contact_id and people.source_type = 'github'
            and people.handle is not null
        where pages.title = 'Runbook: the readings stop'
        order by people.handle
        """
    ) == [
        ("inescalder", "Call @Malik Osei or @Ines Calder, also at night."),
        ("maloseidev", "Call @Malik Osei or @Ines Calder, also at night."),
    ]


def test_a_decision_is_open_until_it_is_made(shipped: Shipped) -> None:
    """Proposed is to do; decided and superseded are complete in the status of that data source."""
    demo, _ = shipped
    assert demo.published(
        """
        select rows.state, rows.source_state, count(*)
        from core.documents as rows
        inner join core.documents as tables
            on rows.parent_document_id = tables.document_id
        where tables.document_type = 'data_source' and tables.title = 'Decisions'
        group by all
        order by all
        """
    ) == [("closed", "Decided", 3), ("closed", "Superseded", 1), ("open", "Proposed", 2)]


def test_a_proposal_links_to_its_ticket(shipped: Shipped) -> None:
    """Only in its property Link: the page has no text yet."""
    demo, _ = shipped
    assert demo.published(
        """
        select tickets.source_id, linked.method, linked.evidence
        from core.documents as pages
        inner join core.document_relationships as linked
            on pages.document_id = linked.from_document_id and linked.relation = 'mentions'
        inner join core.documents as tickets on linked.to_document_id = tickets.document_id
        where pages.title = 'Rate of rise before season thresholds'
            and tickets.source_type = 'linear'
        order by all
        """
    ) == [
        (
            "ENG-15",
            "linear_url",
            "Link: <https://linear.app/tidewater/issue/ENG-15/rate-of-rise-rule>",
        )
    ]
