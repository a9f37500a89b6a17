"""One request that tells of up to a hundred repositories whether anything in them has moved.

Newest issue, pull request, discussion, release and deployment, heads of branches, counts. What it
cannot see (an edited label, a scheduled workflow run, a deleted comment) waits for the daily visit.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import msgspec

from dlt_pipelines.github.graphql import MOST, document, endpoint
from dlt_pipelines.http import Client, HeadwaterError, Meter, TransientError


def probe(client: Client, names: Sequence[str], meter: Meter) -> Mapping[str, bytes]:
    """What GitHub says of each repository now; those it does not know are left out."""
    found: dict[str, bytes] = {}
    for start in range(0, len(names), MOST):
        found.update(_ask(client, names[start : start + MOST], meter))
    return found


def _ask(client: Client, names: Sequence[str], meter: Meter) -> Iterator[tuple[str, bytes]]:
    try:
        answer = client.graphql(
            meter,
            endpoint(client.base_url),
            _query(names),
            {},
            dict[str, msgspec.Raw],
            attempts=1 if len(names) > 1 else None,
            accept_missing=True,
        )
    except HeadwaterError as error:
        if not isinstance(error, TransientError) or len(names) == 1:
            raise
        middle = len(names) // 2
        yield from _ask(client, names[:middle], meter)
        yield from _ask(client, names[middle:], meter)
        return
    for number, name in enumerate(names):
        if (fingerprint := bytes(answer[f"r{number}"])) != b"null":
            yield name, fingerprint


def _query(names: Sequence[str]) -> str:
    """The document `probe.graphql` with its one repository replaced by all of these."""
    text = document("probe")
    fragment = text[text.index("fragment Fingerprint") :]
    fields = []
    for number, name in enumerate(names):
        owner, repo = (msgspec.json.encode(part).decode() for part in name.split("/"))
        alias = f"r{number}: repository(owner: {owner}, name: {repo})"
        fields.append(f"{alias} {{ ...Fingerprint }}")
    return (
        f"query Probe {{ rateLimit {{ cost remaining resetAt }} {' '.join(fields)} }}\n{fragment}"
    )
