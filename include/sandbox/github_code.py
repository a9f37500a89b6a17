"""GitHub's endpoints over a git repository: branches, tags, commits, trees, blobs, archives.

A ref is looked up at every request. A repository without git, only with recorded commits, has one
branch and no trees. https://docs.github.com/rest/git, /rest/branches, /rest/commits.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from typing import Any, Final
from urllib.parse import quote

import msgspec
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response, StreamingResponse
from starlette.routing import BaseRoute, Route

from include.sandbox.git import SHA, GitCheckout, Ref
from include.sandbox.github_answers import (
    Answer,
    Endpoint,
    Paged,
    RefusedError,
    Rows,
    not_found_response,
)
from include.sandbox.github_code_objects import (
    to_blob,
    to_branch,
    to_file,
    to_full_branch,
    to_git_commit,
    to_ref,
    to_stats,
    to_tag,
    to_tree,
)
from include.sandbox.github_git import git_routes
from include.sandbox.github_history import commit_of, compare, history, refs_of, resolve
from include.sandbox.github_listings import COMMITS, InvalidParameterError
from include.sandbox.limits import Limits
from include.sandbox.replies import github_error
from include.sandbox.workspace import GitHubRepository

FILES_PER_PAGE: Final = 300
MAXIMUM_FILES: Final = 3_000


class GitHubCode:
    """Endpoints of repositories' code; `find` gives a request's repository or refuses it."""

    def __init__(
        self,
        limits: Limits,
        find: Callable[[Request], GitHubRepository],
        is_known: Callable[[str], bool],
    ) -> None:
        self._limits = limits
        self._find = find
        self._is_known = is_known
        self._links: dict[str, tuple[GitHubRepository, str, float]] = {}

    def endpoints(self, repo: str) -> dict[str, Endpoint]:
        """Endpoints of the REST API by path."""
        return {
            f"{repo}/branches": self._branches,
            f"{repo}/branches/{{branch:path}}": self._branch,
            f"{repo}/tags": self._tags,
            f"{repo}/commits": self._commits,
            f"{repo}/commits/{{ref:path}}": self._commit,
            f"{repo}/compare/{{basehead:path}}": self._compare,
            f"{repo}/git/ref/{{ref:path}}": self._ref,
            f"{repo}/git/matching-refs/{{ref:path}}": self._matching_refs,
            f"{repo}/git/commits/{{sha}}": self._git_commit,
            f"{repo}/git/trees/{{sha:path}}": self._tree,
            f"{repo}/git/blobs/{{sha}}": self._blob,
            f"{repo}/tarball": self._tarball,
            f"{repo}/tarball/{{ref:path}}": self._tarball,
        }

    def routes(self) -> list[BaseRoute]:
        """Routes outside of the REST API: archives, and git's own protocol."""
        archive = "/_codeload/{owner}/{repo}/legacy.tar.gz/{ref:path}"
        return [
            Route(archive, self._archive, methods=["GET"]),
            *git_routes(self._find, self._is_known),
        ]

    def _branches(self, request: Request) -> Rows:
        if "protected" in request.query_params:
            raise InvalidParameterError("protected", request.query_params["protected"], "none")
        repository = self._find(request)
        return encoded(
            to_branch(repository.name, branch_name(ref), ref.sha)
            for ref in refs_of(repository, "refs/heads/")
        )

    def _branch(self, request: Request) -> dict[str, Any]:
        repository, name = self._find(request), request.path_params["branch"]
        for ref in refs_of(repository, f"refs/heads/{name}"):
            commit = commit_of(repository, ref.sha)
            if branch_name(ref) == name and commit is not None:
                return to_full_branch(repository.name, name, commit)
        raise RefusedError(github_error(404, "Branch not found"))

    def _tags(self, request: Request) -> Rows:
        repository = self._find(request)
        tags = refs_of(repository, "refs/tags/")
        return encoded(to_tag(repository.name, tag) for tag in reversed(tags))

    def _commits(self, request: Request) -> Rows:
        repository = self._find(request)
        ref = request.query_params.get("sha")
        rows = history(repository, ref)
        if rows is None and ref is not None:
            raise RefusedError(github_error(404, f"No commit found for SHA: {ref}"))
        if not rows:
            raise RefusedError(empty())
        return Rows(COMMITS.between(rows, request.query_params))

    def _commit(self, request: Request) -> Answer:
        repository, ref = self._find(request), request.path_params["ref"]
        if not refs_of(repository, "refs/heads/"):
            raise RefusedError(empty())
        commit = commit_of(repository, resolve(repository, ref))
        if commit is None:
            raise RefusedError(github_error(422, f"No commit found for SHA: {ref}"))
        if repository.git is None:
            return commit
        parents = [parent["sha"] for parent in commit["parents"]]
        changes = repository.git.diff(parents[0] if parents else None, commit["sha"])
        files = [
            msgspec.json.encode(to_file(repository.name, commit["sha"], change))
            for change in changes[:MAXIMUM_FILES]
        ]
        summary = {**commit, "stats": to_stats(changes)}
        return Paged(summary, "files", Rows(files, FILES_PER_PAGE))

    def _compare(self, request: Request) -> Paged:
        repository = self._find(request)
        base, _, head = request.path_params["basehead"].partition("...")
        ours, theirs = history(repository, base), history(repository, head)
        if not ours or not theirs:
            raise RefusedError(not_found_response())
        comparison = compare(ours, theirs)
        if comparison is None:
            raise RefusedError(github_error(404, f"No common ancestor between {base} and {head}."))
        html = f"https://github.com/{repository.name}/compare/{base}...{head}"
        summary = {
            "url": f"https://api.github.com/repos/{repository.name}/compare/{base}...{head}",
            "html_url": html,
            "permalink_url": html,
            "diff_url": f"{html}.diff",
            "patch_url": f"{html}.patch",
            **comparison.summary,
            "files": self._compared_files(request, repository, comparison, theirs[0]),
        }
        return Paged(summary, comparison.field, comparison.rows)

    def _compared_files(
        self, request: Request, repository: GitHubRepository, comparison: Paged, head: bytes
    ) -> list[dict[str, Any]]:
        """The first files, on the first page of commits only, as GitHub has it."""
        if repository.git is None or request.query_params.get("page", "1") != "1":
            return []
        base = msgspec.json.decode(comparison.summary["merge_base_commit"])["sha"]
        sha = msgspec.json.decode(head)["sha"]
        changes = repository.git.diff(base, sha)[:FILES_PER_PAGE]
        return [to_file(repository.name, sha, change) for change in changes]

    def _ref(self, request: Request) -> dict[str, Any]:
        repository, name = self._find(request), f"refs/{request.path_params['ref']}"
        for ref in refs_of(repository, name):
            if ref.name == name:
                return to_ref(repository.name, ref)
        if not refs_of(repository, "refs/heads/"):
            raise RefusedError(empty())
        raise RefusedError(not_found_response())

    def _matching_refs(self, request: Request) -> bytes:
        repository, prefix = self._find(request), f"refs/{request.path_params['ref']}"
        refs = refs_of(repository, "refs/")
        if not refs:
            raise RefusedError(empty())
        return msgspec.json.encode(
            [to_ref(repository.name, ref) for ref in refs if ref.name.startswith(prefix)]
        )

    def _git_commit(self, request: Request) -> dict[str, Any]:
        repository, sha = self._find(request), request.path_params["sha"]
        commit = commit_of(repository, sha) if SHA.fullmatch(sha) else None
        if commit is None or commit["sha"] != sha:
            raise RefusedError(not_found_response())
        return to_git_commit(repository.name, commit)

    def _tree(self, request: Request) -> bytes:
        repository, ref = self._find(request), request.path_params["sha"]
        if repository.git is None and is_recorded_tree(repository, ref):
            return msgspec.json.encode(to_tree(repository.name, ref, [], 0))
        git = git_of(repository)
        commit = resolve(repository, ref)
        tree = git.resolve(commit or ref, "tree")
        if tree is None:
            raise RefusedError(not_found_response())
        sha = commit or tree
        recursive = "recursive" in request.query_params
        maximum = self._limits.github_tree_entries

        def build() -> bytes:
            entries = git.tree(tree, recursive=recursive)
            return msgspec.json.encode(to_tree(repository.name, sha, entries, maximum))

        return git.keep(("tree answer", repository.name, sha, recursive, maximum), build)

    def _blob(self, request: Request) -> dict[str, Any]:
        repository, sha = self._find(request), request.path_params["sha"]
        git = git_of(repository)
        if not SHA.fullmatch(sha):
            message = "The sha parameter must be exactly 40 characters and contain only [0-9a-f]."
            raise RefusedError(github_error(422, message))
        size = git.blob_size(sha)
        if size is not None and size > self._limits.github_blob_bytes:
            raise RefusedError(too_large())
        content = git.blob(sha)
        if content is None:
            raise RefusedError(not_found_response())
        return to_blob(repository.name, sha, content)

    def _tarball(self, request: Request) -> Response:
        """Send to an address that is good for five minutes and asks for no token."""
        repository = self._find(request)
        ref = request.path_params.get("ref") or str(repository.repository["default_branch"])
        sha = resolve(repository, ref) if git_of(repository) else None
        if sha is None:
            raise RefusedError(not_found_response())
        key = secrets.token_urlsafe(24)
        self._links[key] = (repository, ref, time.time() + self._limits.github_link_seconds)
        url = request.url
        prefix = url.path.split("/repos/", 1)[0]
        path = f"{prefix}/_codeload/{repository.name}/legacy.tar.gz/{quote(ref)}?token={key}"
        return RedirectResponse(f"{url.scheme}://{url.netloc}{path}", status_code=302)

    async def _archive(self, request: Request) -> Response:
        parts = request.path_params
        key = request.query_params.get("token", "")
        repository, ref, until = self._links.get(key, (None, "", 0.0))
        named = f"{parts['owner']}/{parts['repo']}"
        if repository is None or (named, parts["ref"]) != (repository.name, ref):
            return Response("404: Not Found", 404, media_type="text/plain")
        sha = resolve(repository, ref)
        if time.time() >= until or repository.git is None or sha is None:
            return Response("404: Not Found", 404, media_type="text/plain")
        folder = f"{repository.name.replace('/', '-')}-{sha[:7]}"
        return StreamingResponse(
            repository.git.archive(sha, folder),
            headers={"content-disposition": f"attachment; filename={folder}.tar.gz"},
            media_type="application/x-gzip",
        )


def encoded(rows: Any) -> Rows:
    """A listing of plain dicts."""
    return Rows([msgspec.json.encode(row) for row in rows])


def branch_name(ref: Ref) -> str:
    """A branch's own name."""
    return ref.name.removeprefix("refs/heads/")


def git_of(repository: GitHubRepository) -> GitCheckout:
    """The repository's git.

    Raises:
        RefusedError: it has none, or nothing in it.
    """
    if repository.git is not None and repository.git.resolve(None):
        return repository.git
    raise RefusedError(not_found_response() if len(repository.commits) else empty())


def is_recorded_tree(repository: GitHubRepository, sha: str) -> bool:
    """Whether a recorded commit has this tree; what was in it was not recorded: nothing is."""
    trees = repository.commits.derived(
        "trees",
        lambda: {row["commit"]["tree"]["sha"] for row in repository.commits.decoded().values()},
    )
    return sha in trees


def empty() -> Response:
    """The 409 of a repository without a commit."""
    return github_error(409, "Git Repository is empty.")


def too_large() -> Response:
    """The 403 of a blob that has to be read in another way."""
    return github_error(
        403,
        "This API returns blobs up to 100 MB in size. The requested blob is too large to fetch via "
        "the API, but you can always clone the repository via Git in order to obtain it.",
        errors=[{"resource": "Blob", "field": "data", "code": "too_large"}],
    )
