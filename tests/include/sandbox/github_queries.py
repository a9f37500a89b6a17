"""A client of GitHub's GraphQL API that sends the project's own queries."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx

QUERIES = Path(__file__).parents[3] / "dlt_pipelines" / "github" / "queries"
GAUGE = {"owner": "tidewater-labs", "name": "gauge"}
ALL = dict.fromkeys(("details", "reviews", "threads", "files", "commits"), True)


def post(client: httpx.Client, query: str, operation: str | None = None, **variables: Any) -> Any:
    """The response to a query, which is that of a file where it is named so."""
    text = (QUERIES / query).read_text() if query.endswith(".graphql") else query
    body = {"query": text, "variables": variables}
    return client.post("/graphql", json=body | ({"operationName": operation} if operation else {}))


def ask(client: httpx.Client, query: str, operation: str | None = None, **variables: Any) -> Any:
    """The data of an answer without errors."""
    response = post(client, query, operation, **variables)
    assert (response.status_code, response.json().get("errors")) == (200, None)
    return response.json()["data"]


def errors(client: httpx.Client, query: str, operation: str | None = None, **variables: Any) -> Any:
    """What is wrong, without the places in the query."""
    response = post(client, query, operation, **variables)
    assert response.status_code == 200
    listed = response.json()["errors"]
    return [{name: one[name] for name in one if name != "locations"} for one in listed]


def rest_of(
    client: httpx.Client, query: str, operation: str, node: Any, path: str, **variables: Any
) -> Iterator[Any]:
    """The items of a nested list after those of its first page."""
    page = node[path]
    while page["pageInfo"]["hasNextPage"]:
        after = page["pageInfo"]["endCursor"]
        page = ask(client, query, operation, id=node["id"], after=after, **variables)["node"][path]
        yield from page.get("nodes") or page["edges"]


def without_pages(value: Any) -> Any:
    """A value without the `pageInfo` of its lists."""
    if isinstance(value, list):
        return [without_pages(item) for item in value]
    if not isinstance(value, dict):
        return value
    return {name: without_pages(item) for name, item in value.items() if name != "pageInfo"}
