"""A raw warehouse of as many events as are asked for, made by DuckDB: a team's years in a minute.

Everything follows from the number of an object, so two warehouses of one size are alike. Every
sixteenth event is a later version of the object before it.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import duckdb

from include.settings import Settings
from include.warehouse import writer
from tests.raw_warehouse import RawWarehouse

REPOSITORIES: Final = 40
TEAMS: Final = 20
PEOPLE: Final = 300
LOADS: Final = 20

MACROS: Final = f"""
create temp macro stamp(n) as
    timestamptz '2019-01-01 00:00:00+00' + to_minutes((hash(n) % 3600000)::bigint);
create temp macro written(n) as strftime(stamp(n), '%Y-%m-%dT%H:%M:%SZ');
create temp macro later(n) as
    strftime(stamp(n) + to_hours((hash(n + 5) % 900)::bigint), '%Y-%m-%dT%H:%M:%SZ');
create temp macro repository(n) as 'tidewater-labs/repo-' || n % {REPOSITORIES};
create temp macro web(n) as 'https://github.com/' || repository(n);
create temp macro api(n) as 'https://api.github.com/repos/' || repository(n);
create temp macro team(n) as 'T' || n % {TEAMS};
create temp macro someone(n) as (hash(n + 3) % {PEOPLE})::bigint;
create temp macro person(n) as {{
    'node_id': 'U_' || n, 'login': 'person-' || n, 'type': if(n % 50 = 0, 'Bot', 'User')
}};
create temp macro actor(n) as {{
    '__typename': if(n % 50 = 0, 'Bot', 'User'), 'id': 'U_' || n, 'login': 'person-' || n
}};
create temp macro sha(n) as left(sha256(n::varchar), 40);
create temp macro uuid_of(kind, n) as
    regexp_replace(
        md5(kind || n), '(.{{8}})(.{{4}})(.{{4}})(.{{4}})(.{{12}})', '\\1-\\2-\\3-\\4-\\5'
    );
create temp macro prose(n) as array_to_string(
    list_transform(range(4 + (hash(n) % 40)::bigint), i ->
        ['the gauge reads', 'after the storm', 'nobody saw why', 'a float is stuck', 'we measured',
         'again and again', 'at high water', 'the alarm rang', 'in the harbour', 'so we wait',
         'once more', 'the log says'][1 + (hash(n * 64 + i) % 12)::integer]
        || if(i % 9 = 8, '.' || chr(10), '')
    ), ' '
);
create temp macro remark(n) as prose(n) || case (hash(n + 9) % 40)::integer
    when 0 then ' See #' || (1 + hash(n) % 900) || '.'
    when 1 then ' Closes #' || (1 + hash(n) % 900) || '.'
    when 2 then ' As @person-' || someone(n) || ' said.'
    when 3 then ' Planned in T' || n % {TEAMS} || '-' || (1 + hash(n) % 900) || '.'
    when 4 then chr(10) || web(n + 1) || '/issues/' || (1 + hash(n) % 900)
    when 5 then ' UTF-8 broke `#12`.'
    else ''
end;
"""


@dataclass(frozen=True)
class Kind:
    """One raw table: its share of all events, and its objects, of `n` and of `:count`."""

    table: str
    share: float
    external_id: str
    container: str
    payload: str
    condition: str = "true"
    is_listing: bool = False


ITEMS: Final = "(hash(n + 1) % $items)::bigint"
PULLS: Final = "((hash(n + 1) % ($items // 12))::bigint * 12 + (hash(n + 2) % 5)::bigint)"
LINEAR_ISSUES: Final = "(hash(n + 1) % $linear_issues)::bigint"
ISSUE: Final = f"""
    'number': n // {REPOSITORIES} + 1, 'title': 'Gauge ' || n || ' ' || left(prose(n), 30),
    'body': remark(n), 'state': if(hash(n) % 4 = 0, 'open', 'closed'),
    'author_association': 'MEMBER', 'user': person(someone(n)),
    'assignees': [person(someone(n + 7))],
    'labels': [{{'name': 'label-' || hash(n) % 20}}, {{'name': 'kind-' || hash(n + 2) % 4}}],
    'draft': false, 'locked': false, 'created_at': written(n), 'updated_at': later(n + version),
    'closed_at': if(hash(n) % 4 = 0, null, later(n))
"""

KINDS: Final = {
    "raw_github": (
        Kind(
            "repositories",
            0,
            "'R_' || n",
            "repository(n)",
            """{'id': n, 'name': 'repo-' || n, 'full_name': repository(n), 'private': n % 2 = 0,
                'default_branch': 'main', 'html_url': web(n)}""",
            is_listing=True,
        ),
        Kind(
            "issues",
            0.06,
            "if(n % 12 < 5, 'PR_', 'I_') || n",
            "repository(n)",
            "{"
            + ISSUE
            + """,
                'html_url': web(n) || '/issues/' || n // 40 + 1, 'comments': 3,
                'pull_request': if(n % 12 < 5, {'url': api(n) || '/pulls/' || n}, null)}""",
        ),
        Kind(
            "pull_requests",
            0.06,
            "'PR_' || n",
            "repository(n)",
            "{"
            + ISSUE
            + """, 'html_url': web(n) || '/pull/' || n // 40 + 1,
                'requested_reviewers': [person(someone(n + 8))],
                'head': {'ref': 'branch-' || n, 'sha': sha(n), 'repo': null},
                'base': {'ref': 'main', 'sha': sha(n + 1)}, 'merge_commit_sha': sha(n),
                'merged_at': if(hash(n) % 4 = 0, null, later(n))}""",
            "n % 12 < 5",
        ),
        Kind(
            "pull_request_details",
            0.06,
            "'PR_' || n",
            "repository(n)",
            """{'id': 'PR_' || n, 'number': n // 40 + 1, 'updatedAt': later(n), 'state': 'MERGED',
                'additions': n % 400, 'deletions': n % 90, 'changedFiles': n % 12,
                'reviewDecision': 'APPROVED', 'mergedBy': actor(someone(n))}""",
            "n % 12 < 5",
        ),
        Kind(
            "issue_comments",
            0.16,
            "'IC_' || n",
            f"repository({ITEMS})",
            f"""{{'id': n, 'body': remark(n), 'user': person(someone(n)),
                'author_association': 'MEMBER',
                'html_url': web({ITEMS}) || '/issues/1#issuecomment-' || n,
                'issue_url': api({ITEMS}) || '/issues/' || {ITEMS} // {REPOSITORIES} + 1,
                'created_at': written(n), 'updated_at': later(n + version)}}""",
        ),
        Kind(
            "issue_events",
            0.15,
            "'IE_' || n",
            f"repository({ITEMS})",
            f"""{{'id': n, 'event': ['labeled', 'closed', 'assigned', 'merged', 'renamed',
                    'reopened', 'review_requested', 'milestoned'][1 + (hash(n) % 8)::integer],
                'actor': person(someone(n)), 'label': {{'name': 'label-' || hash(n) % 20}},
                'assignee': person(someone(n + 6)),
                'rename': {{'from': 'Old ' || n, 'to': 'New ' || n}},
                'issue': {{'number': {ITEMS} // {REPOSITORIES} + 1}}, 'created_at': written(n)}}""",
        ),
        Kind(
            "reviews",
            0.05,
            "'PRR_' || n",
            f"repository({PULLS})",
            f"""{{'id': 'PRR_' || n, 'fullDatabaseId': n::varchar, 'body': remark(n),
                'url': web({PULLS}) || '/pull/1#pullrequestreview-' || n,
                'state': ['APPROVED', 'COMMENTED', 'CHANGES_REQUESTED'][1 + n % 3],
                'author': actor(someone(n)), 'authorAssociation': 'MEMBER',
                'commit': {{'oid': sha(n)}}, 'createdAt': written(n), 'submittedAt': written(n),
                'updatedAt': later(n + version), 'pullRequest': {{
                    'id': 'PR_' || {PULLS}, 'number': {PULLS} // {REPOSITORIES} + 1}}}}""",
        ),
        Kind(
            "review_comments",
            0.07,
            "'PRRC_' || n",
            f"repository({PULLS})",
            f"""{{'id': n, 'body': remark(n), 'path': 'src/' || n % 97 || '.py', 'line': n % 80,
                'position': 1, 'user': person(someone(n)), 'diff_hunk': '@@ -1,2 +1,2 @@',
                'html_url': web({PULLS}) || '/pull/1#discussion_r' || n,
                'pull_request_url': api({PULLS}) || '/pulls/' || {PULLS} // {REPOSITORIES} + 1,
                'pull_request_review_id': n, 'created_at': written(n),
                'updated_at': later(n + version)}}""",
        ),
        Kind(
            "commits",
            0.06,
            "sha(n)",
            "repository(n)",
            """{'sha': sha(n), 'html_url': web(n) || '/commit/' || sha(n),
                'author': person(someone(n)), 'committer': person(someone(n)),
                'parents': [{'sha': sha(n - 40)}], 'commit': {
                    'message': 'Mend gauge ' || n || chr(10) || chr(10) || remark(n),
                    'author': {'name': 'Person ' || someone(n), 'date': written(n),
                        'email': 'person-' || someone(n) || '@tidewater.example'},
                    'committer': {'name': 'Person ' || someone(n), 'date': written(n),
                        'email': 'person-' || someone(n) || '@tidewater.example'}}}""",
        ),
        Kind(
            "commit_files",
            0.04,
            "sha(n)",
            "repository(n)",
            """{'sha': sha(n), 'committed_at': written(n), 'files': list_transform(
                    range(1 + n % 5), i -> {'status': 'M', 'path': 'src/' || (n + i) % 900 || '.py',
                        'mode': '100644', 'sha': sha(n + i)})}""",
        ),
        Kind(
            "files",
            0.03,
            "'main:src/' || n || '.py'",
            "repository(n)",
            """{'branch': 'main', 'path': 'src/' || n || if(n % 3 = 0, '.md', '.py'),
                'mode': '100644', 'type': 'file', 'sha': sha(n), 'size': 400, 'commit': sha(n),
                'is_generated': false, 'is_vendored': false}""",
        ),
        Kind(
            "deployments",
            0.002,
            "'DE_' || n",
            "repository(n)",
            """{'id': n, 'sha': sha(n), 'ref': 'main', 'task': 'deploy',
                'environment': 'production', 'creator': person(someone(n)),
                'production_environment': true, 'created_at': later(n)}""",
        ),
        Kind(
            "deployment_statuses",
            0.002,
            "'DES_' || n",
            "repository(n)",
            """{'state': 'SUCCESS', 'environment': 'production', 'creator': actor(someone(n)),
                'deployment': {'id': 'DE_' || n, 'databaseId': n}, 'createdAt': later(n)}""",
        ),
    ),
    "raw_linear": (
        Kind(
            "teams",
            0,
            "'team-' || n",
            "'tidewater'",
            "{'key': team(n), 'name': 'Team ' || n, 'private': n % 2 = 0}",
            is_listing=True,
        ),
        Kind(
            "users",
            0,
            "'user-' || n",
            "'tidewater'",
            """{'name': 'Person ' || n, 'displayName': 'person-' || n, 'active': true,
                'email': 'person-' || n || '@tidewater.example'}""",
            is_listing=True,
        ),
        Kind(
            "workflow_states",
            0,
            "'state-' || n",
            "team(n)",
            """{'name': ['Todo', 'Doing', 'Done'][1 + n % 3],
                'type': ['unstarted', 'started', 'completed'][1 + n % 3],
                'team': {'id': 'team-' || n % 20, 'key': team(n)}}""",
            is_listing=True,
        ),
        Kind(
            "issues",
            0.05,
            "uuid_of('li', n)",
            "team(n)",
            f"""{{'identifier': team(n) || '-' || n // {TEAMS} + 1, 'number': n // {TEAMS} + 1,
                'title': 'Plan ' || n || ' ' || left(prose(n), 30), 'description': remark(n),
                'url': 'https://linear.app/tidewater/issue/' || team(n) || '-' || n // {TEAMS} + 1,
                'priority': n % 5, 'team': {{'id': 'team-' || n % {TEAMS}, 'key': team(n)}},
                'state': {{'id': 'state-' || n % 60,
                    'name': ['Todo', 'Doing', 'Done'][1 + (hash(n) % 3)::integer],
                    'type': ['unstarted', 'started', 'completed'][1 + (hash(n) % 3)::integer]}},
                'assignee': {{'id': 'user-' || someone(n)}},
                'creator': {{'id': 'user-' || someone(n + 1)}},
                'project': {{'id': uuid_of('lp', n % 900)}},
                'parent': if(n % 10 = 9, {{'id': uuid_of('li', n - 1)}}, null),
                'labels': {{'nodes': [{{'name': 'label-' || hash(n) % 20}}]}},
                'createdAt': written(n), 'updatedAt': later(n + version), 'startedAt': later(n),
                'completedAt': if(hash(n) % 3 = 2, later(n + 1), null)}}""",
        ),
        Kind(
            "comments",
            0.08,
            "uuid_of('lc', n)",
            f"team({LINEAR_ISSUES})",
            f"""{{'body': remark(n), 'user': {{'id': 'user-' || someone(n)}},
                'url': 'https://linear.app/tidewater/comment/' || n, 'issue': {{
                    'id': uuid_of('li', {LINEAR_ISSUES}), 'identifier': team({LINEAR_ISSUES})
                    || '-' || {LINEAR_ISSUES} // {TEAMS} + 1}},
                'createdAt': written(n), 'updatedAt': later(n + version)}}""",
        ),
        Kind(
            "issue_history",
            0.12,
            "uuid_of('lh', n)",
            f"team({LINEAR_ISSUES})",
            f"""{{'issue': {{'id': uuid_of('li', {LINEAR_ISSUES})}},
                'actorId': 'user-' || someone(n), 'fromStateId': 'state-1', 'toStateId': 'state-2',
                'fromState': {{'id': 'state-1', 'name': 'Todo', 'type': 'unstarted'}},
                'toState': {{'id': 'state-2', 'name': ['Doing', 'Done'][1 + n % 2],
                    'type': ['started', 'completed'][1 + n % 2]}},
                'addedLabels': if(n % 4 = 0, [{{'id': 'l', 'name': 'label-' || n % 20}}], null),
                'createdAt': written(n), 'updatedAt': written(n)}}""",
        ),
        Kind(
            "projects",
            0.001,
            "uuid_of('lp', n)",
            "'tidewater'",
            """{'name': 'Project ' || n, 'description': remark(n), 'slugId': 'p' || n,
                'url': 'https://linear.app/tidewater/project/p' || n,
                'status': {'id': 'ps', 'name': 'In Progress', 'type': 'started'},
                'lead': {'id': 'user-' || someone(n)}, 'creator': {'id': 'user-' || someone(n)},
                'teams': {'nodes': [{'id': 'team-' || n % 20, 'key': team(n)}]},
                'createdAt': written(n), 'updatedAt': later(n)}""",
        ),
    ),
    "raw_notion": (
        Kind(
            "users",
            0,
            "uuid_of('nu', n)",
            "'tidewater'",
            """{'name': 'Person ' || n, 'type': 'person',
                'person': {'email': 'person-' || n || '@tidewater.example'}}""",
            is_listing=True,
        ),
        Kind(
            "pages",
            0.03,
            "uuid_of('np', n)",
            "'tidewater'",
            """{'url': 'https://www.notion.so/' || replace(uuid_of('np', n), '-', ''),
                'properties': {'title': {'type': 'title',
                    'title': [{'plain_text': 'Page ' || n}]}},
                'parent': if(n % 50 = 0, {'type': 'workspace', 'page_id': null},
                    {'type': 'page_id', 'page_id': uuid_of('np', n // 50)}),
                'created_by': {'id': uuid_of('nu', someone(n))},
                'last_edited_by': {'id': uuid_of('nu', someone(n + 1))}, 'in_trash': false,
                'created_time': written(n), 'last_edited_time': later(n + version)}""",
        ),
        Kind(
            "page_contents",
            0.03,
            "uuid_of('np', n)",
            "'tidewater'",
            """{'last_edited_time': later(n), 'blocks': list_transform(range(3), i -> {
                    'id': uuid_of('nb', n * 3 + i), 'type': 'paragraph', 'paragraph': {
                        'rich_text': [{'type': 'text', 'plain_text': remark(n * 3 + i),
                            'text': {'content': remark(n * 3 + i)},
                            'annotations': {'bold': false}}]}})}""",
        ),
        Kind(
            "comments",
            0.015,
            "uuid_of('nc', n)",
            "'tidewater'",
            """{'discussion_id': uuid_of('nd', n), 'rich_text': [{'type': 'text',
                    'plain_text': remark(n), 'text': {'content': remark(n)},
                    'annotations': {'bold': false}}],
                'parent': {'type': 'page_id',
                    'page_id': uuid_of('np', (hash(n) % $notion_pages)::bigint)},
                'created_by': {'id': uuid_of('nu', someone(n))}, 'created_time': written(n),
                'last_edited_time': later(n + version)}""",
        ),
    ),
}
LISTED: Final = {"repositories": REPOSITORIES, "teams": TEAMS, "users": PEOPLE}
CHANGED: Final = (
    ("raw_github", "issues", 15),
    ("raw_github", "pull_requests", 10),
    ("raw_github", "issue_comments", 25),
    ("raw_github", "issue_events", 10),
    ("raw_github", "review_comments", 5),
    ("raw_github", "commits", 5),
    ("raw_linear", "issues", 10),
    ("raw_linear", "comments", 10),
    ("raw_notion", "pages", 5),
    ("raw_notion", "page_contents", 5),
)


def generate(settings: Settings, count: int) -> int:
    """Make the warehouse with so many raw events, and what the ledger says; returns how many."""
    with writer(settings):
        pass  # Creates the file as the loader does.
    raw = RawWarehouse(settings.warehouse)
    made = 0
    with _connect(settings.warehouse) as db:
        for dataset, kinds in KINDS.items():
            for kind in kinds:
                made += _insert(db, dataset, kind, count)
            db.execute(
                f"insert into {dataset}._dlt_loads select '1000' || n, '{dataset}', 0,"
                f" timestamptz '2026-01-01 00:00:00+00' + to_minutes(n) from range({LOADS}) t(n)"
            )
    _tell(raw, made)
    return made


def change(warehouse: Path, count: int, increment: int = 1) -> int:
    """Load another version of a hundred objects, most of them edited; returns how many."""
    load_id, changed = f"2000{increment}", 0
    with _connect(warehouse) as db:
        for dataset, table, many in CHANGED:
            kind = next(kind for kind in KINDS[dataset] if kind.table == table)
            step = max(1, int(count * kind.share) // (many * 16) * 16)
            chosen = f"n % {step} = {increment % 8 * 2} and n < {step * many}"
            if kind.condition != "true":
                chosen = f"n % {step // 12 * 12} = 0 and n < {step // 12 * 12 * many}"
            changed += _insert(
                db, dataset, kind, count, chosen, load_id, f"Edited {increment}: ", increment
            )
        for dataset in KINDS:
            db.execute(
                f"insert into {dataset}._dlt_loads values ('{load_id}', '{dataset}', 0,"
                f" timestamptz '2026-03-01 00:00:00+00' + to_days({increment}))"
            )
    return changed


def _connect(path: Path) -> duckdb.DuckDBPyConnection:
    db = duckdb.connect(str(path))
    db.execute("set timezone = 'UTC'")
    db.execute(MACROS)
    return db


def _insert(
    db: duckdb.DuckDBPyConnection,
    dataset: str,
    kind: Kind,
    count: int,
    condition: str = "true",
    load_id: str = "",
    prefix: str = "",
    increment: int = 0,
) -> int:
    """Insert a kind's events, `n` of which is an object's number."""
    events = LISTED.get(kind.table, 60) if kind.is_listing else int(count * kind.share)
    versions = "0" if kind.is_listing else "if(m % 16 = 15, 1, 0)"
    payload = f"to_json({kind.payload})::varchar"
    if prefix:
        payload = (
            f'replace(replace({payload}, \'"body":"\', \'"body":"{prefix}\'),'
            f' \'"plain_text":"\', \'"plain_text":"{prefix}\')'
        )
    when = f"stamp(n) + to_days(version + {increment * 4000})"
    load = f"'{load_id}'" if load_id else f"'1000' || m * {LOADS} // {max(events, 1)}"
    sizes = {
        "items": int(count * 0.06),
        "linear_issues": int(count * 0.05),
        "notion_pages": int(count * 0.03),
    }
    for name, size in sizes.items():
        payload = payload.replace(f"${name}", str(size))
    container = kind.container.replace("$items", str(sizes["items"]))
    container = container.replace("$linear_issues", str(sizes["linear_issues"]))
    times = "when_, when_ + interval 1 hour"
    listed = ", timestamptz '2026-01-01 00:00:00+00', null" if kind.is_listing else ""
    done = db.execute(f"""
        insert into {dataset}.{kind.table}
        with numbered as (
            select m, m - {versions} as n, {versions} as version from range({events}) t(m)
        ),
        objects as (
            select
                *, {kind.external_id} as external_id, {container} as container,
                {payload} as payload, {when} as when_
            from numbered where {kind.condition} and {condition}
        )
        select
            sha256(concat_ws('|', '{kind.table}', container, external_id, when_, version)),
            '{dataset.removeprefix("raw_")}', container, external_id, 'upsert', 'poll', {times},
            sha256(payload), payload, 'sync-' || {load}, {load} {listed}
        from objects
    """).fetchone()
    return int(done[0]) if done else 0


def _tell(raw: RawWarehouse, count: int) -> None:
    """What the ledger says of the sources and of a year of syncs."""
    at = "2026-02-01T00:00:00+00:00"
    sources = [
        {
            "connection_id": name,
            "source_type": name,
            "stores": stores,
            "sync_frequency_minutes": 15,
            "is_enabled": True,
            "content_visibility": "mixed",
            "owner": "tidewater",
            "containers": [],
            "is_configured": True,
            "observed_at": at,
        }
        for name, stores in (
            ("github", ["engineering"]),
            ("linear", ["engineering", "planning"]),
            ("notion", ["planning"]),
        )
    ]
    load_id = raw.ledger("sources", sources)
    syncs = min(20_000, count // 50)
    with _connect(raw.path) as db:
        for event, details in (
            ("started", "{'mode': 'incremental', 'trigger': 'schedule', 'resources': ['issues']}"),
            (
                "extracted",
                (
                    "{'items_processed': n % 90, 'items_succeeded': n % 90,"
                    " 'items_failed': 0, 'requests_made': n % 9, 'is_complete': true,"
                    " 'cursor_after': written(n)}"
                ),
            ),
            ("loaded", "{'rows_added': {'issues': n % 90}}"),
        ):
            db.execute(f"""
                insert into raw_headwater.sync_events
                select
                    '{event}-' || n, 'sync-' || n, 'github', 'github', repository(n),
                    if('{event}' = 'extracted', 'issues', null), '{event}',
                    timestamptz '2026-01-01' + to_minutes(n)
                    + to_seconds({("started", "extracted", "loaded").index(event)}),
                    to_json({details})::varchar, '{load_id}'
                from range({syncs}) t(n)
            """)
