"""GitHub's own objects where a workspace does not have them in full."""

from __future__ import annotations

import hashlib
from typing import Any

from include.sandbox.collection import Json

API_URL = "https://api.github.com"
HTML_URL = "https://github.com"
MADE_AT = "2026-01-01T00:00:00Z"

COUNTS = (
    "size",
    "forks",
    "forks_count",
    "stargazers_count",
    "watchers",
    "watchers_count",
    "open_issues",
    "open_issues_count",
    "network_count",
    "subscribers_count",
)
URL_PATHS = {
    "archive_url": "/{archive_format}{/ref}",
    "assignees_url": "/assignees{/user}",
    "blobs_url": "/git/blobs{/sha}",
    "branches_url": "/branches{/branch}",
    "collaborators_url": "/collaborators{/collaborator}",
    "comments_url": "/comments{/number}",
    "commits_url": "/commits{/sha}",
    "compare_url": "/compare/{base}...{head}",
    "contents_url": "/contents/{+path}",
    "contributors_url": "/contributors",
    "deployments_url": "/deployments",
    "downloads_url": "/downloads",
    "events_url": "/events",
    "forks_url": "/forks",
    "git_commits_url": "/git/commits{/sha}",
    "git_refs_url": "/git/refs{/sha}",
    "git_tags_url": "/git/tags{/sha}",
    "hooks_url": "/hooks",
    "issue_comment_url": "/issues/comments{/number}",
    "issue_events_url": "/issues/events{/number}",
    "issues_url": "/issues{/number}",
    "keys_url": "/keys{/key_id}",
    "labels_url": "/labels{/name}",
    "languages_url": "/languages",
    "merges_url": "/merges",
    "milestones_url": "/milestones{/number}",
    "notifications_url": "/notifications{?since,all,participating}",
    "pulls_url": "/pulls{/number}",
    "releases_url": "/releases{/id}",
    "stargazers_url": "/stargazers",
    "statuses_url": "/statuses/{sha}",
    "subscribers_url": "/subscribers",
    "subscription_url": "/subscription",
    "tags_url": "/tags",
    "teams_url": "/teams",
    "trees_url": "/git/trees{/sha}",
}


def to_full_repository(known: Json) -> Json:
    """A repository with every field of `GET /repos/{owner}/{repo}`, made up where unknown."""
    name = known["full_name"]
    owner, repo = name.split("/")
    api = f"{API_URL}/repos/{name}"
    html = f"{HTML_URL}/{name}"
    repository_id = known.get("id", stable_number(name))
    made_up = {
        "id": repository_id,
        "node_id": f"R_{repository_id}",
        "name": repo,
        "full_name": name,
        "owner": to_simple_user(owner, stable_number(owner)),
        "private": False,
        "html_url": html,
        "description": None,
        "fork": False,
        "url": api,
        **{field: api + path for field, path in URL_PATHS.items()},
        "git_url": f"git://github.com/{name}.git",
        "ssh_url": f"git@github.com:{name}.git",
        "clone_url": f"{html}.git",
        "svn_url": html,
        "mirror_url": None,
        "homepage": None,
        "language": None,
        "license": None,
        "default_branch": "main",
        "visibility": "public",
        "topics": [],
        **dict.fromkeys(COUNTS, 0),
        **dict.fromkeys(("has_issues", "has_projects", "has_wiki", "has_downloads"), True),
        **dict.fromkeys(("has_pages", "has_discussions", "archived", "disabled"), False),
        **dict.fromkeys(("pushed_at", "created_at", "updated_at"), MADE_AT),
    }
    return made_up | known


def to_full_pull_request(
    pull: dict[str, Any], *, comments: int, review_comments: int
) -> dict[str, Any]:
    """What `GET /pulls/{number}` adds to a listed pull request. Sizes are unknown and zero."""
    merged = pull.get("merged_at") is not None
    return {
        "merged": merged,
        "mergeable": None,
        "rebaseable": None,
        "mergeable_state": "unknown",
        "merged_by": pull.get("user") if merged else None,
        "comments": comments,
        "review_comments": review_comments,
        "maintainer_can_modify": False,
        "commits": 0,
        "additions": 0,
        "deletions": 0,
        "changed_files": 0,
    } | pull


def to_simple_user(login: str, user_id: int) -> Json:
    """A user as other objects hold it."""
    api = f"{API_URL}/users/{login}"
    return {
        "login": login,
        "id": user_id,
        "node_id": f"U_{user_id}",
        "avatar_url": f"https://avatars.githubusercontent.com/u/{user_id}?v=4",
        "gravatar_id": "",
        "url": api,
        "html_url": f"{HTML_URL}/{login}",
        "followers_url": f"{api}/followers",
        "following_url": f"{api}/following{{/other_user}}",
        "gists_url": f"{api}/gists{{/gist_id}}",
        "starred_url": f"{api}/starred{{/owner}}{{/repo}}",
        "subscriptions_url": f"{api}/subscriptions",
        "organizations_url": f"{api}/orgs",
        "repos_url": f"{api}/repos",
        "events_url": f"{api}/events{{/privacy}}",
        "received_events_url": f"{api}/received_events",
        "type": "User",
        "site_admin": False,
    }


def owner_of(login: str, organization: Json) -> Json:
    """An owner as its repositories hold it: a user, or an organization that is known in full."""
    if not organization:
        return to_simple_user(login, stable_number(login))
    owner = to_simple_user(organization["login"], organization["id"])
    return owner | {"node_id": organization["node_id"], "type": "Organization"}


def to_user(login: str, user_id: int) -> Json:
    """A user as `GET /user` has it."""
    return to_simple_user(login, user_id) | {
        "user_view_type": "public",
        "blog": "",
        "created_at": MADE_AT,
        "updated_at": MADE_AT,
        **dict.fromkeys(("public_repos", "public_gists", "followers", "following"), 0),
        **dict.fromkeys(("name", "company", "location", "email", "hireable", "bio")),
        "twitter_username": None,
    }


def stable_number(name: str) -> int:
    """A number that depends on nothing but a name."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:4])
