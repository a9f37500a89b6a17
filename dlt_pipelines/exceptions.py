"""Every expected failure, worded in one form, and without secrets whatever it quotes.

`http.classify` makes them of a provider's answers.
"""

from __future__ import annotations

import re
from typing import Final

_KNOWN_SECRETS: set[str] = set()
_SECRET_SHAPES: Final = re.compile(
    r"""(?x)
    \b(gh[pousr]_[A-Za-z0-9_]{16,} | github_pat_[A-Za-z0-9_]{20,}
      | lin_(?:api|oauth)_[A-Za-z0-9]{16,}
      | (?:ntn|secret)_[A-Za-z0-9]{16,} | xox[abp]-[A-Za-z0-9-]{10,})
    | (?i:\b(?:bearer|token)\s+)[A-Za-z0-9._~+/=-]{16,}
    | (?i:(?<=access_token=)|(?<=client_secret=)|(?<=refresh_token=))[^&\s"']+
    | (?<=://)[^/@\s:"']*:[^/@\s"']+(?=@)
    | -----BEGIN[ ][A-Z ]*PRIVATE[ ]KEY-----[\s\S]*?-----END[ ][A-Z ]*PRIVATE[ ]KEY-----
    | eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}
    """
)


def register_secret(secret: str) -> None:
    """Make `redact` hide this exact text from now on; texts under 6 characters are not secrets."""
    if len(secret) >= 6:
        _KNOWN_SECRETS.add(secret)


def redact(text: str) -> str:
    """The text without registered secrets and without anything shaped like a known token."""
    for secret in sorted(_KNOWN_SECRETS, key=len, reverse=True):  # One may begin another.
        text = text.replace(secret, "***")
    return _SECRET_SHAPES.sub("***", text)


class HeadwaterError(Exception):
    """Any expected failure, worded `source.resource: what happened; expected X; do Y`."""

    code = "error"

    def __init__(
        self, where: str, what: str, expected: str, remedy: str, *, code: str = ""
    ) -> None:
        self.code = code or self.code
        super().__init__(redact(f"{where}: {what}; expected {expected}; {remedy}"))


class TransientError(HeadwaterError):
    """Worth trying again; `retry_after` in seconds where the provider says when."""

    code = "transient"

    def __init__(self, *args: str, code: str = "", retry_after: float | None = None) -> None:
        super().__init__(*args, code=code)
        self.retry_after = retry_after


class PermanentError(HeadwaterError):
    """Trying again cannot help: the container fails."""

    code = "permanent"


class NotFoundError(PermanentError):
    """The provider does not know the object, or hides it from this token."""

    code = "not_found"
    status = 404


class AuthError(HeadwaterError):
    """The credential is missing, wrong or too weak: the connection fails."""

    code = "unauthorized"


class HiddenError(AuthError):
    """A GraphQL query that was understood, and is refused for want of a permission."""

    code = "forbidden"
