"""What befalls a GitHub repository shows in the sandbox's answers as it does in GitHub's."""

import base64

import pytest

from tests.workspaces import REPO, gauge, issue, issue_comment, pull_request, whole

REPOSITORY = f"/repos/{REPO}"
LONG_AGO = "2026-03-01T00:00:10Z"


def test_a_closed_issue_says_when_and_its_history_has_an_event(serve_judged):
    sandbox, client = serve_judged(gauge(issues=[issue(1, 10, state="open")], issue_events=[]))
    repository = sandbox.workspace.github(REPO)
    sandbox.apply(lambda: repository.change_issue(1, state="closed", title="Heard"))
    shown = client.get(f"{REPOSITORY}/issues/1").json()
    assert (shown["state"], shown["title"]) == ("closed", "Heard")
    assert shown["closed_at"] == shown["updated_at"] > LONG_AGO
    (event,) = client.get(f"{REPOSITORY}/issues/events").json()
    assert (event["event"], event["issue"]["number"]) == ("closed", 1)
    sandbox.apply(lambda: repository.change_issue(1, state="open"))
    assert client.get(f"{REPOSITORY}/issues/1").json()["closed_at"] is None
    events = client.get(f"{REPOSITORY}/issues/events").json()
    assert sorted(row["event"] for row in events) == ["closed", "reopened"]


def test_a_pull_request_changes_in_both_listings(serve_judged):
    url, page = f"https://api.github.com{REPOSITORY}/pulls/3", f"https://github.com/{REPO}/pull/3"
    urls = {"url": url, "html_url": page, "diff_url": f"{page}.diff", "patch_url": f"{page}.patch"}
    as_issue = issue(3, 10, pull_request=urls | {"merged_at": None})
    sandbox, client = serve_judged(gauge(issues=[as_issue], pull_requests=[pull_request(3, 10)]))
    sandbox.apply(lambda: sandbox.workspace.github(REPO).change_issue(3, title="Louder"))
    for listing in ("issues", "pulls"):
        (row,) = client.get(f"{REPOSITORY}/{listing}?state=all").json()
        assert (row["title"], row["updated_at"] > LONG_AGO) == ("Louder", True)
    with pytest.raises(KeyError, match="no issue 4"):
        sandbox.workspace.github(REPO).change_issue(4)


def test_a_comment_and_its_edit_change_its_issue(serve_judged):
    sandbox, client = serve_judged(gauge(issues=[issue(1, 10, comments=0)], issue_comments=[]))
    repository = sandbox.workspace.github(REPO)
    sandbox.apply(lambda: repository.add_comment(issue_comment(4, 40, issue=1)))
    shown = client.get(f"{REPOSITORY}/issues/1").json()
    assert (shown["comments"], shown["updated_at"] > LONG_AGO) == (1, True)
    sandbox.apply(lambda: repository.change_comment(4, body="Better"))
    (comment,) = client.get(f"{REPOSITORY}/issues/1/comments").json()
    assert (comment["body"], comment["updated_at"] > LONG_AGO) == ("Better", True)


def test_a_push_is_the_branchs_new_head(serve_judged):
    sandbox, client = serve_judged(whole("github"))
    before = client.get(f"{REPOSITORY}/commits/main").json()["sha"]
    files = {"notes/tide.md": b"# Tide\n", "README.md": None}
    sha = sandbox.apply(lambda: sandbox.workspace.github(REPO).push(files, "Note the tide"))
    shown = client.get(f"{REPOSITORY}/commits/main").json()
    assert (shown["sha"], shown["commit"]["message"]) == (sha, "Note the tide")
    assert [parent["sha"] for parent in shown["parents"]] == [before]
    changed = client.get(f"{REPOSITORY}/compare/{before}...{sha}").json()["files"]
    assert {row["filename"]: row["status"] for row in changed} == {
        "README.md": "removed",
        "notes/tide.md": "added",
    }
    blob = next(row["sha"] for row in changed if row["status"] == "added")
    content = client.get(f"{REPOSITORY}/git/blobs/{blob}").json()["content"]
    assert base64.b64decode(content) == b"# Tide\n"
