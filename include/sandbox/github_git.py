"""Git's own protocol over HTTP, as GitHub serves it: repositories and their wikis, to read.

`GET /{owner}/{repo}.git/info/refs?service=git-upload-pack`, then `POST …/git-upload-pack`; the same
for `.wiki.git`. https://git-scm.com/docs/http-protocol, versions 0 to 2, smart only.
"""

from __future__ import annotations

import gzip
import re
import tempfile
import zlib
from collections.abc import Awaitable, Callable, Iterator
from typing import Final

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import BaseRoute, Route

from include.sandbox.git import GitCheckout
from include.sandbox.github_answers import RefusedError, bearer_token
from include.sandbox.workspace import GitHubRepository

UPLOAD_PACK: Final = "git-upload-pack"
OPTIONS: Final = (
    "-c",
    "uploadpack.allowFilter=true",
    "-c",
    "uploadpack.allowAnySHA1InWant=true",
)
NO_CACHE: Final = {"cache-control": "no-cache, max-age=0, must-revalidate"}
STREAMED: Final = re.compile(r"^/_codeload/|^/[^/]+/[^/]+\.git/")

Find = Callable[[Request], GitHubRepository]
Endpoint = Callable[[Request], Awaitable[Response]]


def is_streamed(path: str) -> bool:
    """Whether a path answers with a stream of bytes that is too long to be held."""
    return STREAMED.search(path) is not None


def git_routes(find: Find, is_known: Callable[[str], bool]) -> list[BaseRoute]:
    """Routes of every repository and wiki; `find` gives a request's repository or refuses it."""

    def serve(answer: Callable[[Request, GitCheckout], Response], *, wiki: bool) -> Endpoint:
        async def endpoint(request: Request) -> Response:
            if not is_known(bearer_token(request)):
                return unauthorised()
            try:
                repository = find(request)
            except RefusedError:
                return plain(404, "Repository not found.")
            served = repository.wiki if wiki else repository.git
            if served is None:
                return plain(404, "Repository not found.")
            request.state.body = await request.body()
            return answer(request, served)

        return endpoint

    routes: list[BaseRoute] = []
    for suffix, wiki in ((".wiki.git", True), (".git", False)):
        path = f"/{{owner}}/{{repo}}{suffix}"
        routes += [
            Route(f"{path}/info/refs", serve(advertise, wiki=wiki), methods=["GET"]),
            Route(f"{path}/{UPLOAD_PACK}", serve(upload_pack, wiki=wiki), methods=["POST"]),
            Route(f"{path}/git-receive-pack", serve(refuse_push, wiki=wiki), methods=["POST"]),
        ]
    return routes


def advertise(request: Request, git: GitCheckout) -> Response:
    """What a client may fetch."""
    service = request.query_params.get("service", "")
    if service != UPLOAD_PACK:
        return refuse_push(request, git) if service else plain(403, "Please upgrade your client.")
    head = f"# service={UPLOAD_PACK}\n"
    refs = b"".join(run_upload_pack(git, request, "--advertise-refs"))
    body = f"{len(head) + 4:04x}{head}0000".encode() + refs
    return Response(body, headers=NO_CACHE, media_type=f"application/x-{UPLOAD_PACK}-advertisement")


def upload_pack(request: Request, git: GitCheckout) -> Response:
    """One round of a fetch: a list of refs, a negotiation, or the pack."""
    body: bytes = request.state.body
    if request.headers.get("content-encoding") in ("gzip", "x-gzip"):
        try:
            body = gzip.decompress(body)
        except (OSError, EOFError, zlib.error):
            return plain(400, "The request is not what its Content-Encoding says.")
    return StreamingResponse(
        run_upload_pack(git, request, body=body),
        headers=NO_CACHE,
        media_type=f"application/x-{UPLOAD_PACK}-result",
    )


def run_upload_pack(
    git: GitCheckout, request: Request, *options: str, body: bytes = b""
) -> Iterator[bytes]:
    """What git itself answers; the body is a file, since git writes before it has read all."""
    with tempfile.TemporaryFile() as stdin:
        stdin.write(body)
        stdin.seek(0)
        yield from git.stream(
            *OPTIONS,
            "upload-pack",
            "--stateless-rpc",
            *options,
            ".",
            stdin=stdin,
            protocol=request.headers.get("git-protocol", ""),
        )


def refuse_push(request: Request, git: GitCheckout) -> Response:
    """The sandbox is read over HTTP; a test pushes to the repository's folder."""
    return plain(403, "Write access to repository not granted.")


def unauthorised() -> Response:
    """The 401 that makes git ask for a password."""
    return plain(401, "Invalid username or token.", {"www-authenticate": 'Basic realm="GitHub"'})


def plain(status: int, text: str, headers: dict[str, str] | None = None) -> Response:
    """A message in plain text."""
    return Response(text, status, headers, media_type="text/plain")
