"""What a source tells of its webhooks: how a delivery is proved genuine, and what it names.

A delivery is a signal. What it says of an object is kept for replay but never believed as content:
the objects that it names are read from the API (`Webhook.open`), as any sync would read them. So a
forged or repeated delivery can cost a request and nothing else.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

import msgspec

if TYPE_CHECKING:
    from dlt_pipelines.ledger import SyncRun
    from dlt_pipelines.pipeline import Opened, SyncRequest

Json = dict[str, Any]
# Deliveries signed longer ago are refused where the provider signs a time.
MAX_AGE_SECONDS: Final = 60


class RefusedError(Exception):
    """A delivery that is not accepted: the HTTP status to answer, and why."""

    def __init__(self, status: int, reason: str) -> None:
        self.status = status
        super().__init__(reason)


@dataclass(frozen=True)
class Signed:
    """What is known of a genuine delivery: the provider's id of it, and what it is about."""

    delivery_id: str
    event: str
    action: str


@dataclass(frozen=True)
class Subject:
    """One object that a delivery names; without a `key`, whatever has changed in the resource.

    `key` finds it at the provider, `external_id` is its id in raw events. `deleted_by` is the
    delivery that says it was deleted: only then is its absence a deletion.
    """

    container: str
    resource: str
    key: str = ""
    external_id: str = ""
    deleted_by: str = ""


@dataclass(frozen=True)
class Place:
    """Where subjects are looked for: the containers of a connection by kind."""

    owner: str
    containers: Mapping[str, str]

    def of_kind(self, kind: str) -> list[str]:
        """The names of all containers of a kind."""
        return [name for name, other in self.containers.items() if other == kind]


@dataclass(frozen=True)
class Webhook:
    """How a source's deliveries are received and followed.

    `verify` proves a body with any of the secrets or raises `RefusedError`. `subjects` are the
    objects that an event's body names. `open` yields the resources that read just
    `request.objects`. `handshake` is the secret that an unsigned first delivery brings, where the
    provider chooses it (empty: this is none).
    """

    verify: Callable[[Mapping[str, str], bytes, Sequence[str], datetime], Signed]
    subjects: Callable[[Signed, Json, Place], Iterable[Subject]]
    open: Callable[[SyncRequest, SyncRun], Opened]
    handshake: Callable[[bytes], str] = lambda _: ""


def check_signature(body: bytes, given: str, secrets: Sequence[str]) -> None:
    """Compare a hex HMAC-SHA256 of the raw body in constant time, with every secret.

    Raises:
        RefusedError: 401, it was made with none of them.
    """
    found = False
    for secret in secrets:
        expected = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
        found |= hmac.compare_digest(expected.encode(), given.encode())
    if not found:
        raise RefusedError(401, "the signature is missing or wrong")


def decode(body: bytes) -> Json:
    """The JSON object of a genuine body.

    Raises:
        RefusedError: 400, it is none.
    """
    try:
        return msgspec.json.decode(body, type=Json)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        raise RefusedError(400, "the body is not a JSON object") from None


def merged(subjects: Iterable[Subject]) -> list[Subject]:
    """Each object once, however many deliveries name it; deleted if any of them says so."""
    found: dict[tuple[str, str, str], Subject] = {}
    for subject in subjects:
        place = (subject.container, subject.resource, subject.key)
        if place not in found or subject.deleted_by:
            found[place] = subject
    return list(found.values())


def deletion(subject: Subject, **evidence: Any) -> Json:
    """The payload of a tombstone that a delivery announced and a probe confirmed."""
    return {"reason": "deleted", "evidence": {"delivery": subject.deleted_by, **evidence}}
