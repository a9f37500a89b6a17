"""What may be told of a secret: how many credentials it holds, of which kind, and a fingerprint.

A fingerprint is the start of a SHA-256. Tokens are long and random, so it does not lead back to
one; but it shows when a token was replaced, and which sources share one.

https://github.blog/engineering/behind-githubs-new-authentication-token-formats/
"""

from __future__ import annotations

import hashlib
import re
from typing import Final

# How a token begins is documented by its provider.
KINDS: Final = {
    "-----BEGIN": "app_private_key",
    "github_pat_": "fine_grained_personal_token",
    "ghp_": "classic_personal_token",
    "gho_": "oauth_token",
    "ghu_": "app_user_token",
    "ghs_": "app_installation_token",
    "lin_api_": "personal_key",
    "lin_oauth_": "oauth_token",
    "lin_refresh_": "oauth_refresh_token",
    "ntn_": "integration_token",
    "secret_": "integration_token",
    "sandbox-token": "sandbox",
}
_FINGERPRINT_LENGTH: Final = 16


def describe(secret: str) -> list[dict[str, str]]:
    """`token_type` and `fingerprint` of each credential in a secret, in their order."""
    is_key = secret.lstrip().startswith("-----BEGIN")
    parts = [secret.strip()] if is_key else re.split(r"[\s,]+", secret)
    return [{"token_type": _kind(p), "fingerprint": _fingerprint(p)} for p in parts if p]


def _kind(token: str) -> str:
    return next((kind for start, kind in KINDS.items() if token.startswith(start)), "other")


def _fingerprint(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()[:_FINGERPRINT_LENGTH]
