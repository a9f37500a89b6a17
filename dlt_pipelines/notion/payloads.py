"""What is stored of Notion's objects: what it sent, without signatures.

A file that Notion hosts comes with a URL that opens it for an hour to whoever has it. Stored, it
would be a credential in the warehouse, and every read would look like a change.
"""

from __future__ import annotations

import re
from typing import Any, Final

import msgspec

_SUSPICIOUS: Final = re.compile(rb"expiry_time|request_id|X-Amz-|signature=", re.IGNORECASE)
_URL_WITH_QUERY: Final = re.compile(r"(https?://[^\s?\"'<>()]+)\?([^\s\"'<>()]*)")
# S3, CloudFront, and Notion's own file host.
_SIGNATURES: Final = re.compile(
    r"X-Amz-(?:Signature|Credential|Security-Token)=|(?:^|[&?;])signature=", re.IGNORECASE
)


def without_signatures(payload: bytes) -> bytes:
    """An object without signatures, expiry times and request ids; untouched if it has none."""
    if not _SUSPICIOUS.search(payload):
        return payload
    record = msgspec.json.decode(payload)
    if isinstance(record, dict):
        record.pop("request_id", None)
    return msgspec.json.encode(_unsigned(record))


def unsigned_text(text: str) -> str:
    """A text in which no URL has a signature; the query of one that has is left out."""

    def cut(match: re.Match[str]) -> str:
        return match[1] if _SIGNATURES.search(match[2]) else match[0]

    return _URL_WITH_QUERY.sub(cut, text) if "://" in text else text


def _unsigned(value: Any) -> Any:
    if isinstance(value, str):
        return unsigned_text(value)
    if isinstance(value, list):
        return [_unsigned(item) for item in value]
    if not isinstance(value, dict):
        return value
    copy = {key: _unsigned(item) for key, item in value.items()}
    if "expiry_time" in copy and isinstance(copy.get("url"), str):
        del copy["expiry_time"]
        copy["url"] = copy["url"].partition("?")[0]
    return copy
