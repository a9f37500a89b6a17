"""What a delivery names is read, and nothing else, with no cursor moved."""

from __future__ import annotations

import json
from datetime import timedelta
from itertools import count

import pytest
from filelock import FileLock

from include import webhooks
from include.demo import sources_yml
from include.sandbox import Fault
from include.spool import Spool
from tests import deliveries
from tests.deliveries import SECRETS, from_github, from_linear, from_notion, with_webhooks
from tests.workspaces import (
    REPO,
    START,
    TEAM,
    at_ms,
    discussion,
    discussion_comment,
    everything,
    gauge,
    github,
    issue,
    issue_comment,
    label,
    notion_comment,
    review_comment,
    uuid,
)


class World:
    """An installation that has synced everything, and takes webhooks."""

    def __init__(self, installation, client):
        self.installation, self.client = installation, client
        self.settings = installation.settings
        self.sandbox = installation.sandbox

    def deliver(self, *sent):
        """Send deliveries and follow them; returns how each ended, and the paths asked for."""
        assert {deliveries.send(self.client, one) for one in sent} <= {202}
        self.installation.asked()
        rows = webhooks.process(self.settings)
        asked = [f"{e.method} {e.path}" for e in self.installation.asked()]
        return [row["status"] for row in rows], asked

    def raw(self, table):
        return self.installation.query(
            f"select container, external_id, operation, payload from {table}"
            " where origin = 'webhook' order by occurred_at"
        )

    def cursors(self):
        return {
            (s.name, c.name): self.installation.cursors(s.name, c.name)
            for s in self.settings.sources
            for c in s.containers
        }


@pytest.fixture
def world(sandbox_of, install):
    opened = []

    def start(workspace, names=("github",)):
        sandbox = sandbox_of(workspace)
        installation = install(sandbox, sources=with_webhooks(sources_yml(workspace)))
        settings = installation.settings
        settings._lookup = SECRETS.get
        for name in names:
            installation.sync(name)
        context = deliveries.serving(settings)
        client = context.__enter__()
        opened.append(context)
        return World(installation, client)

    yield start
    for context in opened:
        context.__exit__(None, None, None)


def repo(world):
    return world.sandbox.workspace.github(REPO)


def test_a_changed_issue_is_one_request_and_no_cursor_moves(world):
    w = world(gauge(issues=[issue(1, 10), issue(2, 20)]))
    before = w.cursors()
    repo(w).issues.upsert(issue(1, 900, title="Renamed"))
    status, asked = w.deliver(
        from_github("issues", action="edited", issue={"number": 1, "node_id": "I_1"})
    )
    assert (status, asked) == (["processed"], [f"GET /repos/{REPO}/issues/1"])
    ((container, external_id, operation, payload),) = w.raw("raw_github.issues")
    assert (container, external_id, operation) == (REPO, "I_1", "upsert")
    assert json.loads(payload)["title"] == "Renamed"
    assert w.cursors() == before


def test_a_burst_for_one_object_is_one_read_and_every_delivery_is_accounted_for(world):
    w = world(gauge(issues=[issue(1, 10), issue(2, 20)]))
    burst = [
        from_github("issues", n, action="labeled", n=n, issue={"number": 1, "node_id": "I_1"})
        for n in range(1, 41)
    ]
    status, asked = w.deliver(*burst)
    assert (status, asked) == (["processed"] * 40, [f"GET /repos/{REPO}/issues/1"])
    assert w.installation.query(
        "select event, action, status, attempts, count(*) from raw_headwater.webhook_deliveries"
        " group by all"
    ) == [("issues", "labeled", "processed", 1, 40)]
    assert w.deliver() == ([], [])


def test_a_pull_request_and_its_reviews_are_one_request_and_one_of_graphql(world):
    w = world(gauge())
    pull = {"number": 3, "node_id": "PR_3"}
    status, asked = w.deliver(
        from_github("pull_request", 1, action="synchronize", pull_request=pull),
        from_github("pull_request_review", 2, action="submitted", pull_request=pull),
        from_github("pull_request_review_thread", 3, action="resolved", pull_request=pull),
    )
    assert status == ["processed"] * 3
    assert asked == [f"GET /repos/{REPO}/pulls/3", "POST /graphql"]
    assert [row[1] for row in w.raw("raw_github.pull_requests")] == ["PR_3"]
    assert w.installation.column(
        "select origin from raw_github.reviews where external_id = 'PRR_6' and origin = 'webhook'"
    ) in ([], ["webhook"])  # The same review is the same event, and stored once.


def test_comments_are_read_by_id_and_deleted_only_where_delivery_and_api_agree(world):
    comments = [issue_comment(n, 40 + n, issue=1) for n in (4, 5, 6)]
    w = world(gauge(issue_comments=comments, review_comments=[review_comment(7, 50, pull=3)]))
    repo(w).issue_comments.upsert(issue_comment(4, 900, issue=1, body="Edited"))
    repo(w).delete_comment(5)
    repo(w).review_comments.delete(7)

    def comment(event, action, number, kind):
        named = {"id": number, "node_id": f"{kind}_{number}"}
        return from_github(event, number, action=action, comment=named)

    status, asked = w.deliver(
        comment("issue_comment", "edited", 4, "IC"),
        comment("issue_comment", "deleted", 5, "IC"),
        comment("issue_comment", "deleted", 6, "IC"),  # It is still there.
        comment("pull_request_review_comment", "edited", 7, "PRC"),  # Nobody says it is gone.
    )
    assert status == ["processed"] * 4
    root = f"GET /repos/{REPO}"
    assert asked == [
        *(f"{root}/issues/comments/{n}" for n in (4, 5, 6)),
        f"{root}/pulls/comments/7",
    ]
    found = w.raw("raw_github.issue_comments")
    assert [(row[1], row[2]) for row in found] == [("IC_4", "upsert"), ("IC_5", "delete")]
    assert json.loads(found[1][3]) == {
        "reason": "deleted",
        "evidence": {
            "delivery": "issue_comment deleted 72d3162e-cc78-11e3-81ab-000000000005",
            "url": f"/repos/{REPO}/issues/comments/5",
            "status": 404,
        },
    }
    assert w.raw("raw_github.review_comments") == []


def test_a_deleted_and_a_transferred_issue_say_so(world):
    workspace = github({REPO: {"issues": [issue(1), issue(2)]}, "tidewater-labs/other": {}})
    w = world(workspace)
    repo(w).delete_issue(1)
    moved = {**issue(9), "html_url": "https://github.com/tidewater-labs/other/issues/9"}
    w.sandbox.workspace.github("tidewater-labs/other").issues.upsert(moved)
    address = f"{w.sandbox.url}/github/repos/tidewater-labs/other/issues/9"
    repo(w).transfer_issue(2, address)
    w.deliver(
        from_github("issues", 1, action="deleted", issue={"number": 1, "node_id": "I_1"}),
        from_github("issues", 2, action="transferred", issue={"number": 2, "node_id": "I_2"}),
    )
    reasons = {row[1]: json.loads(row[3]) for row in w.raw("raw_github.issues")}
    assert reasons["I_1"]["reason"] == "deleted"
    assert reasons["I_1"]["evidence"]["status"] == 410
    assert reasons["I_2"]["reason"] == "transferred"
    assert reasons["I_2"]["transferred_to"] == moved["html_url"]


def test_discussions_come_with_their_comments_and_go_with_evidence(world):
    w = world(
        github(
            discussions=[discussion(1, 10), discussion(2, 20)],
            discussion_comments=[discussion_comment(n, 1, 30) for n in (3, 4)],
        )
    )
    repo(w).discussion_comments.delete("DC_4")
    repo(w).discussions.delete("D_2")
    status, asked = w.deliver(
        from_github(
            "discussion_comment",
            1,
            action="deleted",
            discussion={"node_id": "D_1"},
            comment={"node_id": "DC_4"},
        ),
        from_github("discussion", 2, action="deleted", discussion={"node_id": "D_2"}),
    )
    assert (status, asked) == (["processed"] * 2, ["POST /graphql"] * 2)
    assert [row[1:3] for row in w.raw("raw_github.discussions")] == [("D_2", "delete")]
    assert [row[1:3] for row in w.raw("raw_github.discussion_comments")] == [("DC_4", "delete")]


def test_what_has_no_reader_is_visited_from_its_cursor(world):
    w = world(gauge())
    repo(w).labels.upsert(label(9))
    status, asked = w.deliver(from_github("label", action="created", label={"name": "label 9"}))
    assert (status, asked) == (["processed"], ["POST /graphql"])
    assert "LA_9" in w.installation.column("select external_id from raw_github.labels")


def test_what_is_not_configured_or_not_loaded_is_ignored(world):
    w = world(gauge())
    status, asked = w.deliver(
        from_github("ping", 1, zen="Keep it logically awesome."),
        from_github("issues", 2, repository={"full_name": "else/where"}, issue={"number": 1}),
        from_github("check_run", 3, action="completed"),
    )
    assert (status, asked) == (["ignored"] * 3, [])


def test_an_event_without_the_documented_keys_is_kept_as_failed_and_can_be_replayed(world):
    w = world(gauge())
    w.deliver(from_github("issues", action="edited", issue={"number": 1}))
    assert w.installation.query(
        "select status, attempts, error_message from raw_headwater.webhook_deliveries"
    ) == [
        (
            "failed",
            1,
            (
                "github.github: issues edited: KeyError: 'node_id';"
                " expected the documented keys; fix the reader, then replay the delivery"
            ),
        )
    ]
    spool = Spool(w.settings.inbox)
    assert len(spool.names("failed")) == 1
    assert spool.replay(["failed"]) == 1
    assert [row["status"] for row in webhooks.process(w.settings)] == ["failed"]


def test_a_failing_api_leaves_deliveries_waiting_and_gives_up_after_five_attempts(world):
    w = world(gauge())
    w.sandbox.faults.add(Fault(kind="status", status=503, path="/issues/1$", times=None))
    sent = from_github("issues", action="edited", issue={"number": 1, "node_id": "I_1"})
    assert w.deliver(sent)[0] == ["waiting"]
    assert [webhooks.process(w.settings)[0]["status"] for _ in range(4)] == [
        *(["waiting"] * 3),
        "failed",
    ]
    assert webhooks.process(w.settings) == []
    w.sandbox.faults.clear()
    Spool(w.settings.inbox).replay([sent[1]["X-GitHub-Delivery"]])
    assert [row["status"] for row in webhooks.process(w.settings)] == ["processed"]
    assert w.installation.query(
        "select status, attempts from raw_headwater.webhook_deliveries order by occurred_at"
    ) == [("failed", 5), ("processed", 1)]


def test_where_deliveries_never_cease_it_ends_in_time_and_the_rest_waits(world):
    w, numbers = world(gauge()), count(1)

    def another(_: str = "") -> None:
        number = next(numbers)
        named = {"number": 1, "node_id": "I_1"}
        deliveries.send(
            w.client, from_github("issues", number, action="edited", issue=named, at=number)
        )

    another()
    rows = webhooks.process(w.settings, say=another, seconds=0)
    assert [row["status"] for row in rows] == ["processed"]
    assert len(Spool(w.settings.inbox).names("waiting")) == 1


def test_a_delivery_that_waits_for_another_sync_is_no_error(world):
    w = world(gauge())
    (lock,) = (w.settings.data / "locks").glob("*gauge*.lock")
    with FileLock(lock):
        deliveries.send(
            w.client,
            from_github("issues", action="edited", issue={"number": 1, "node_id": "I_1"}),
        )
        (row,) = webhooks.process(w.settings)
    assert (row["status"], row["error_message"]) == ("waiting", None)
    assert [row["status"] for row in webhooks.process(w.settings)] == ["processed"]


def test_a_linear_issue_is_read_with_its_history_and_a_removed_comment_is_buried(world):
    workspace = everything()
    w = world(workspace, ["linear"])
    before = w.cursors()
    first = next(row for row in workspace.linear.issues if row["number"] == 1)
    (comment,) = workspace.linear.comments
    workspace.linear.change_issue(first["id"], title="Renamed")
    workspace.linear.delete("comments", comment["id"])
    team = {"id": first["team"]["id"], "key": TEAM}
    status, asked = w.deliver(
        from_linear("Issue", "update", 1, id=first["id"], team=team),
        from_linear(
            "Comment", "remove", 2, id=comment["id"], issueId=first["id"], issue={"team": team}
        ),
    )
    assert (status, asked) == (["processed"] * 2, ["POST /graphql"] * 5)
    ((container, _, operation, payload),) = w.raw("raw_linear.issues")
    assert (container, operation, json.loads(payload)["title"]) == (TEAM, "upsert", "Renamed")
    assert len(w.raw("raw_linear.issue_history")) == 1
    ((_, external_id, operation, payload),) = w.raw("raw_linear.comments")
    assert (external_id, operation) == (comment["id"], "delete")
    assert json.loads(payload)["evidence"] == {
        "delivery": "Comment remove 234d1a4e-b617-4388-90fe-000000000002",
        "query": "comments",
        "id": comment["id"],
        "found": None,
    }
    assert w.cursors() == before


def test_objects_of_linears_workspace_are_read_in_its_container(world):
    workspace = everything()
    w = world(workspace, ["linear"])
    (project,) = workspace.linear.projects
    workspace.linear.projects.upsert({**project, "name": "Bigger", "updatedAt": at_ms(9_000)})
    status, asked = w.deliver(
        from_linear("Project", "update", 1, id=project["id"]),
        from_linear("IssueLabel", "update", 2, id="any"),
        from_linear("Reaction", "create", 3, id="any"),
    )
    assert (status, asked) == (["processed", "processed", "ignored"], ["POST /graphql"] * 2)
    ((container, _, _, payload),) = w.raw("raw_linear.projects")
    assert (container, json.loads(payload)["name"]) == ("tidewater", "Bigger")


def test_a_notion_page_is_read_with_its_content_and_a_deleted_one_is_buried(world):
    workspace = everything()
    w = world(workspace, ["notion"])
    first, second = uuid("Handbook"), uuid("Field notes")
    before = w.cursors()
    workspace.notion.edit_block(uuid("Welcome"), START + timedelta(days=3))
    workspace.notion.trash(second)
    status, asked = w.deliver(
        from_notion("page.content_updated", first, 1),
        from_notion("page.properties_updated", first, 2),
        from_notion("page.deleted", second, 3),
    )
    assert status == ["processed"] * 3
    assert asked == [
        f"GET /v1/pages/{first}",
        f"GET /v1/blocks/{first}/children",
        "GET /v1/comments",
        f"GET /v1/pages/{second}",
    ]
    found = {row[1]: row for row in w.raw("raw_notion.pages")}
    assert [found[first][2], found[second][2]] == ["upsert", "delete"]
    assert json.loads(found[second][3]) == {
        "reason": "trashed",
        "evidence": {
            "url": f"/v1/pages/{second}",
            "status": 200,
            "in_trash": True,
            "delivery": "page deleted 367cba44-b6f3-4c92-81e7-000000000003",
        },
    }
    assert [row[1] for row in w.raw("raw_notion.page_contents")] == [first]
    assert w.cursors() == before

    workspace.notion.restore(second)
    w.installation.sync("notion")
    newest = "select arg_max(operation, (occurred_at, observed_at)) from raw_notion.pages"
    assert w.installation.column(f"{newest} where external_id = $id", id=second) == ["upsert"]


def test_notion_comments_are_asked_of_their_page_once(world):
    workspace = everything()
    w = world(workspace, ["notion"])
    first = uuid("Handbook")
    handbook = next(row for row in workspace.notion.pages if row["id"] == first)
    workspace.notion.add_comment(notion_comment("More", handbook, 9))
    workspace.notion.comments.delete(uuid("Nice"))
    parent = {"id": first, "type": "page"}
    status, asked = w.deliver(
        from_notion("comment.created", uuid("More"), 1, page_id=first, parent=parent),
        from_notion("comment.deleted", uuid("Nice"), 2, page_id=first, parent=parent),
    )
    assert (status, asked) == (["processed"] * 2, ["GET /v1/comments"])
    found = {row[1]: row[2] for row in w.raw("raw_notion.comments")}
    assert found == {uuid("More"): "upsert", uuid("Nice"): "delete"}


def test_whom_only_a_delivery_to_notion_names_is_looked_for_by_the_next_sync(world):
    workspace = everything()
    w = world(workspace, ["notion"])
    first = uuid("Handbook")
    handbook = next(row for row in workspace.notion.pages if row["id"] == first)
    newcomer = {**next(iter(workspace.notion.users)), "id": uuid("newcomer"), "name": "New"}
    workspace.notion.users.upsert(newcomer)
    by = {"object": "user", "id": newcomer["id"]}
    workspace.notion.add_comment(notion_comment("More", handbook, 9, created_by=by))
    parent = {"id": first, "type": "page"}
    sent = from_notion("comment.created", uuid("More"), page_id=first, parent=parent)
    assert w.deliver(sent) == (["processed"], ["GET /v1/comments"])
    asked = []
    for _ in range(2):
        w.installation.sync("notion")
        asked.append("/v1/users" in [exchange.path for exchange in w.installation.asked()])
    assert asked == [True, False]
    assert newcomer["id"] in w.installation.column("select external_id from raw_notion.users")
