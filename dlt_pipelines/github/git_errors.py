"""Why a git command failed, out of what it says in English."""

from __future__ import annotations

import re
from typing import Final

from dlt_pipelines.exceptions import (
    AuthError,
    HeadwaterError,
    NotFoundError,
    PermanentError,
    TransientError,
)

# The first that fits decides.
_AUTH: Final = re.compile(
    r"authentication failed|could not read (username|password)|error: 401|invalid username"
    r"|terminal prompts disabled",
    re.IGNORECASE,
)
_FORBIDDEN: Final = re.compile(r"error: 403|permission to .* denied|write access", re.IGNORECASE)
_NOT_FOUND: Final = re.compile(
    r"repository .*not found|error: 404|error: 410|not our ref|couldn't find remote ref"
    r"|does not appear to be a git repository|repository .*does not exist",
    re.IGNORECASE,
)
_MOVED: Final = re.compile(r"error: 30[12378]")
_TRANSIENT: Final = re.compile(
    r"error: (408|429|5\d\d)|could not resolve|connect|timed? ?out|early eof|rpc failed"
    r"|hung up|unexpected disconnect|empty reply|operation too slow|ssl|tls|curl \d+",
    re.IGNORECASE,
)


class MovedError(PermanentError):
    """The repository is elsewhere now."""

    code = "moved"


def classify_git(where: str, secret_name: str, command: str, said: str, url: str) -> HeadwaterError:
    """The error that a failed command stands for; `said` is what it wrote beside its answer."""
    secret_name = secret_name or "the secret"
    what = f"git {command} failed: {' '.join(said.split())[-300:] or 'no reason given'}"
    said = said.replace(url, "the remote")  # A repository named `ssl` is no reason.
    if _MOVED.search(said):
        return MovedError(where, what, "a repository", "correct its name in sources.yml")
    if _AUTH.search(said):
        remedy = f"set {secret_name} to a token that is valid"
        return AuthError(where, what, "a valid credential", remedy)
    if _FORBIDDEN.search(said):
        remedy = f"grant the token in {secret_name} read access to contents"
        return AuthError(where, what, "permission to read", remedy, code="forbidden")
    if _NOT_FOUND.search(said):
        remedy = "check its name, and what the token may see"
        return NotFoundError(where, what, "an existing object", remedy)
    if _TRANSIENT.search(said):
        remedy = "check the network, then run again"
        return TransientError(where, what, "an answer", remedy, code="connection")
    remedy = "run again, and report this if it persists"
    return PermanentError(where, what, "an answer", remedy, code="git")
