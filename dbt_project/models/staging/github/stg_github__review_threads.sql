{% set shape = {
    'path': 'VARCHAR', 'line': 'BIGINT', 'startLine': 'BIGINT',
    'originalLine': 'BIGINT', 'originalStartLine': 'BIGINT', 'diffSide': 'VARCHAR',
    'subjectType': 'VARCHAR', 'isResolved': 'BOOLEAN', 'isOutdated': 'BOOLEAN',
    'resolvedBy': {'id': 'VARCHAR', 'login': 'VARCHAR'},
    'pullRequest': {'id': 'VARCHAR', 'number': 'BIGINT'}, 'comments': {
        'totalCount': 'BIGINT', 'nodes': [{'id': 'VARCHAR', 'fullDatabaseId': 'BIGINT'}]
    },
} %}

with events as (
    {{ newest_events('raw_github', 'review_threads', shape) }}
),

renamed as (
    select
        {{ envelope_ids() }},
        record.pullRequest.id as pull_request_id,
        record.resolvedBy.id as resolver_id,
        record.resolvedBy.login as resolver_login,
        record.path as file_path,
        lower(record.diffSide) as diff_side,
        lower(record.subjectType) as subject_type,
        record.pullRequest.number as pull_request_number,
        coalesce(record.line, record.originalLine) as line_number,
        coalesce(record.startLine, record.originalStartLine) as start_line_number,
        record.comments.totalCount as comment_count,
        [
            comment.fullDatabaseId for comment in record.comments.nodes
        ] as comment_numbers,
        coalesce(record.isResolved, false) as is_resolved,
        coalesce(record.isOutdated, false) as is_outdated,
        {{ envelope_times() }}
    from events
)

select * from renamed
