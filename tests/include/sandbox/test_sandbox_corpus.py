"""Recorded data becomes a workspace in which nothing recorded is lost."""

import json
from collections import Counter
from pathlib import Path

import pytest

from include.sandbox import Workspace
from tests.include.sandbox import contracts

ANTS = "/github/repos/panjf2000/ants"


@pytest.fixture
def recorded() -> Workspace:
    if not contracts.CORPUS_PATH.is_dir():
        pytest.skip(f"NOT CHECKED with recorded data: no folder {contracts.CORPUS_PATH}")
    return Workspace.load(contracts.CORPUS_PATH)


def read_all(client, path):
    response = client.get(path, params={"state": "all", "per_page": 100})
    rows = response.json()
    while "next" in response.links:
        response = client.get(response.links["next"]["url"])
        rows += response.json()
    return rows


def test_every_recorded_github_row_is_served(serve, recorded):
    _, client = serve(recorded)
    rows = {
        kind: read_all(client, f"{ANTS}/{kind}")
        for kind in (
            "issues",
            "pulls",
            "issues/comments",
            "pulls/comments",
            "issues/events",
            "commits",
        )
    }
    rows["reviews"] = [
        review
        for pull in rows["pulls"]
        for review in read_all(client, f"{ANTS}/pulls/{pull['number']}/reviews")
    ]
    assert {kind: len(found) for kind, found in rows.items()} == {
        "issues": 41,
        "pulls": 49,
        "issues/comments": 94,
        "pulls/comments": 16,
        "issues/events": 49,
        "commits": 90,
        "reviews": 30,
    }
    assert sum("pull_request" in issue for issue in rows["issues"]) == 15
    assert sum(pull["head"]["repo"] is None for pull in rows["pulls"]) == 15
    assert sum(comment["position"] is None for comment in rows["pulls/comments"]) == 9
    assert sum(commit["author"] is None for commit in rows["commits"]) == 11
    assert read_all(client, f"{ANTS}/milestones") == []


def test_recorded_repository_is_the_one_its_pull_requests_know(serve, recorded):
    _, client = serve(recorded)
    repository = client.get(ANTS).json()
    assert (repository["id"], repository["full_name"]) == (134018330, "panjf2000/ants")
    assert (repository["private"], repository["owner"]["login"]) == (False, "panjf2000")
    assert {label["name"] for label in read_all(client, f"{ANTS}/labels")} >= {"bug", "question"}


def test_recorded_payloads_are_served_byte_for_byte(serve, recorded):
    _, client = serve(recorded)
    served = client.get(f"{ANTS}/pulls?state=all&per_page=100").content
    path = contracts.CORPUS_PATH / "github" / "panjf2000__ants" / "pulls.jsonl"
    lines = [line for line in path.read_bytes().split(b"\n") if line]
    assert len(lines) == 49
    for line in lines:
        payload = line.split(b'"payload":', 1)[1].lstrip().removesuffix(b"}")
        assert payload.rstrip() in served


def test_recorded_linear_issues_keep_what_was_exported(serve, recorded):
    _, client = serve(recorded)
    query = """{ issues(first: 100) { nodes { id identifier title description priority createdAt
        updatedAt assignee { id } state { name type } labels(first: 9) { nodes { name } } } } }"""
    response = client.post("/linear/graphql", json={"query": query})
    served = {node["id"]: node for node in response.json()["data"]["issues"]["nodes"]}
    assert Counter(node["state"]["name"] for node in served.values()) == {
        "Done": 85,
        "Canceled": 8,
        "Todo": 6,
        "Backlog": 1,
    }
    types = {node["state"]["name"]: node["state"]["type"] for node in served.values()}
    assert types == {
        "Done": "completed",
        "Canceled": "canceled",
        "Todo": "unstarted",
        "Backlog": "backlog",
    }
    path = contracts.CORPUS_PATH / "linear" / "garraia" / "issues.jsonl"
    for line in path.read_bytes().split(b"\n"):
        if line:
            exported = json.loads(line)
            exported["state"]["type"] = types[exported["state"]["name"]]
            assert served[exported["id"]] == exported


def test_recorded_notion_pages_are_found_by_search(serve, recorded):
    _, client = serve(recorded)
    only = {"property": "object", "value": "page"}
    found = client.post("/notion/v1/search", json={"filter": only}).json()
    assert (len(found["results"]), found["has_more"]) == (52, False)
    assert len(client.get("/notion/v1/users").json()["results"]) == 2
    comments = [
        comment
        for page in found["results"]
        for comment in client.get(f"/notion/v1/comments?block_id={page['id']}").json()["results"]
    ]
    assert len(comments) == 6


def test_recorded_notion_objects_are_served_as_they_were(serve, recorded):
    _, client = serve(recorded)
    served = 0
    for kind in ("pages", "blocks", "data_sources", "databases"):
        for row in recorded.notion.collection(kind):
            answer = client.get(f"/notion/v1/{kind}/{row['id']}").json()
            del answer["request_id"]
            # One recording is older than a data source that its database got afterwards.
            more = answer.pop("data_sources", [])
            assert [source for source in row.pop("data_sources", []) if source not in more] == []
            assert answer == row
            served += 1
    assert served == 52 + 91 + 18 + 23


def test_recorded_workspace_says_what_can_be_synced(recorded):
    assert recorded.sources() == [
        {
            "name": "github",
            "type": "github",
            "owner": "panjf2000",
            "organization": [],
            "repositories": [{"name": "panjf2000/ants"}],
        },
        {"name": "linear", "type": "linear", "owner": "garraia", "teams": ["GAR"]},
        {"name": "notion", "type": "notion", "owner": "notion-sdk-py", "roots": []},
    ]


def test_converting_twice_gives_the_same_ids(recorded):
    again = Workspace.load(contracts.CORPUS_PATH)
    for kind in recorded.linear.kinds:
        assert recorded.linear.collection(kind).raw() == again.linear.collection(kind).raw()


def test_difficult_text_survives_conversion(serve, tmp_path: Path):
    body = "wave 🌊, NUL \x00, bell \x07, line\u2028separator, next\x85line, CRLF\r\n, ação"
    folder = tmp_path / "github" / "tide__gauge"
    folder.mkdir(parents=True)
    payload = {"id": 1, "number": 1, "state": "open", "body": body, "user": None, "labels": []}
    lines = [
        json.dumps({"request_url": "x", "payload": payload}, ensure_ascii=False),
        json.dumps({"request_url": "x", "payload": payload | {"id": 2, "body": None}}),
    ]
    (folder / "issues.jsonl").write_text("\n".join(lines), encoding="utf-8", newline="\n")
    _, client = serve(Workspace.load(tmp_path))
    rows = client.get("/github/repos/tide/gauge/issues").json()
    assert [row["body"] for row in rows] == [None, body]


def test_review_without_its_pull_requests_url_gets_it_from_the_request(serve, tmp_path: Path):
    folder = tmp_path / "github" / "tide__gauge"
    folder.mkdir(parents=True)
    repo = {"full_name": "tide/gauge", "id": 5}
    pull = {"id": 1, "number": 7, "state": "open", "updated_at": "", "labels": []}
    pull |= {"base": {"repo": repo}}
    (folder / "pulls.jsonl").write_text(json.dumps({"payload": pull}))
    (folder / "issues.jsonl").write_text("")
    review = {"payload": {"id": 2, "state": "APPROVED"}, "input": {"Number": 7}}
    (folder / "reviews.jsonl").write_text(json.dumps(review))
    _, client = serve(Workspace.load(tmp_path))
    found = client.get("/github/repos/tide/gauge/pulls/7/reviews").json()
    url = "https://api.github.com/repos/tide/gauge/pulls/7"
    assert found == [{"id": 2, "state": "APPROVED", "pull_request_url": url}]
