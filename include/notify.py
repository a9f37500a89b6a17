"""Tells people what needs them: sources that are late, records that cannot be read, failed runs.

    what is wrong now, less what was said already → the webhook and e-mail of sources.yml

Lateness and errors are read from the published file, since that is what people see: a build that
fails makes every source late, too. Each thing is said once and, when it is over, that it is over.
What was said is noted by channel, so that what one of them refused is said at the next look.
"""

from __future__ import annotations

import smtplib
import ssl
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from email.message import EmailMessage
from typing import Any, Final
from urllib.parse import unquote, urlsplit

import duckdb
import httpx
import msgspec
from filelock import FileLock

from dlt_pipelines.exceptions import HeadwaterError, PermanentError, TransientError, redact
from dlt_pipelines.http import log_no_addresses
from include import durable, health
from include.settings import Settings
from include.sources_file import ConfigError, Email

SECONDS: Final = 15
LINES: Final = 20
CHARACTERS: Final = 500
# By channel and key: the version that was said, and its title.
_Said = dict[str, dict[str, dict[str, str]]]

_OPEN_ERRORS: Final = """
    select
        connection_id,
        resource,
        stage,
        count(*) as error_count,
        max(coalesce(first_failed_at, 'epoch')) as newest_at,
        max_by(error_message, (first_failed_at, raw_event_error_id)) as error_message
    from ops.raw_event_errors
    where status = 'open'
    group by connection_id, resource, stage
    order by all
"""


@dataclass(frozen=True, slots=True)
class Notice:
    """One thing that is wrong; it is said again only if its version has grown."""

    key: str
    title: str
    text: str
    version: str = ""


def look(settings: Settings, now: datetime | None = None) -> list[Notice]:
    """What the published file says is wrong: late sources, records that cannot be read."""
    found = health.read(settings, now)
    if not found.is_published:
        return []
    with duckdb.connect(str(settings.published), read_only=True) as db:
        db.execute("set timezone = 'UTC'")
        errors = db.execute(_OPEN_ERRORS).to_arrow_table().to_pylist()
    return [*_late(settings, found), *map(_unreadable, errors)]


def tell_what_is_wrong(settings: Settings, now: datetime | None = None) -> list[str]:
    """Look, and say what is new or over; returns the lines that were said.

    Raises:
        HeadwaterError: a channel refused; the others were told.
    """
    return _tell(settings, look(settings, now), ("late:", "errors:"))


def run_failed(settings: Settings, dag_id: str, reason: str, url: str) -> list[str]:
    """A run of a DAG failed; said once until one succeeds."""
    text = f"a run failed ({reason}); expected it to succeed; see {url}"
    return _tell(settings, [Notice(f"run:{dag_id}", f"{dag_id} fails", text)], (f"run:{dag_id}",))


def run_succeeded(settings: Settings, dag_id: str) -> list[str]:
    """A run of a DAG succeeded, which ends what was said of it."""
    return _tell(settings, [], (f"run:{dag_id}",))


def decisions_wait(settings: Settings, questions: Iterable[dict[str, str]], url: str) -> list[str]:
    """Very much has vanished, and somebody has to say whether that is right; said by every run."""
    notices = [
        Notice(
            f"decision:{q['source']}:{q['container']}",
            f"{q['source']}: {q['container']} waits for a decision",
            f"{q['message']}; see {url}",
            version=url,
        )
        for q in questions
    ]
    return _tell(settings, notices, ())


def _late(settings: Settings, found: health.Health) -> Iterator[Notice]:
    for source in settings.sources:
        names = {container.name for container in source.containers}
        late = [
            row
            for row in found.rows["containers"]
            if (row["connection_id"], source.sync_enabled) == (source.name, True)
            and row["container"] in names
            and found.is_late(row["last_succeeded_at"], source.sync_frequency_minutes)
        ]
        if late:
            succeeded_at = late[0]["last_succeeded_at"]
            since = f"{succeeded_at:%Y-%m-%d %H:%M} UTC" if succeeded_at else "never"
            why = next((f" ({row['error_message']})" for row in late if row["error_message"]), "")
            yield Notice(
                f"late:{source.name}",
                f"{source.name} is late",
                f"{len(late)} of {len(names)} containers are not current, such as"
                f" {late[0]['container']}: last success {since}{why};"
                f" expected one every {source.sync_frequency_minutes} minutes;"
                " see Sync health or `headwater status`",
            )


def _unreadable(row: dict[str, Any]) -> Notice:
    where = f"{row['connection_id']}.{row['resource']}"
    return Notice(
        f"errors:{where}:{row['stage']}",
        f"{where} has records that failed ({row['stage']})",
        f"{row['error_count']} open, such as: {row['error_message']}; see `headwater errors list`",
        version=row["newest_at"].isoformat(),
    )


def _tell(settings: Settings, notices: list[Notice], scope: tuple[str, ...]) -> list[str]:
    """Say what is new, and what of `scope` is over, on every channel; each remembers for itself."""
    failure: HeadwaterError | None = None
    told: dict[str, None] = {}
    path = settings.data / "notices.json"
    lock = settings.data / "locks" / "notices.lock"
    lock.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(lock):
        said: _Said = msgspec.json.decode(path.read_bytes(), type=_Said) if path.exists() else {}
        for name, send in _channels(settings):
            known = said.setdefault(name, {})
            new = [n for n in notices if n.key not in known or n.version > known[n.key]["version"]]
            over = [
                key
                for key in known
                if key.startswith(scope) and key not in {n.key for n in notices}
            ]
            lines = [
                *(_line(f"{n.title}: {n.text}") for n in new),
                *(_line(f"over: {known[key]['title']}") for key in over),
            ]
            if not lines:
                continue
            try:
                send(lines)
            except HeadwaterError as error:
                failure = failure or error
                continue
            told |= dict.fromkeys(lines)
            for key in over:
                del known[key]
            known |= {n.key: {"version": n.version, "title": n.title} for n in new}
            durable.write(path, msgspec.json.format(msgspec.json.encode(said)))
    if failure:
        raise failure
    return list(told)


def send_test(settings: Settings) -> list[str]:
    """Try every channel; returns their names.

    Raises:
        ConfigError: there is none.
        HeadwaterError: one refused.
    """
    channels = _channels(settings)
    if not channels:
        raise ConfigError(
            settings.sources_file.name,
            "nobody is to be notified",
            "a webhook or an e-mail address",
            "add `notifications`",
        )
    for _, send in channels:
        send(["a test: this is where Headwater will say what needs somebody"])
    return [name for name, _ in channels]


def _channels(settings: Settings) -> list[tuple[str, Callable[[list[str]], None]]]:
    wanted = settings.notifications
    channels: list[tuple[str, Callable[[list[str]], None]]] = []
    if name := wanted.webhook:
        channels.append(("webhook", lambda lines: _post(settings.secret(name), lines)))
    if email := wanted.email:
        channels.append(("email", lambda lines: _mail(settings.secret(email.server), email, lines)))
    return channels


def _post(url: str, lines: list[str]) -> None:
    """As `{"text": …}`, which Slack, Mattermost and Teams' workflows take."""
    log_no_addresses()
    try:
        status = httpx.post(url, json={"text": _text(lines)}, timeout=SECONDS).status_code
    except (httpx.TransportError, httpx.InvalidURL) as error:
        raise _refused("webhook", type(error).__name__) from None
    if not 200 <= status < 300:
        raise _refused("webhook", f"HTTP {status}")


def _mail(server: str, email: Email, lines: list[str]) -> None:
    """By SMTP: `smtps://user:password@host`, or `smtp://…`, encrypted where the server can be."""
    message = EmailMessage()
    message["Subject"] = f"Headwater: {lines[0][:100]}"
    message["From"], message["To"] = email.sender, ", ".join(email.to)
    message.set_content(_text(lines))
    try:
        url = urlsplit(server)
        user, password = unquote(url.username or ""), unquote(url.password or "")
        if url.scheme not in ("smtp", "smtps") or not url.hostname:
            raise _refused("email", f"{email.server} is no smtp:// or smtps:// address")
        context = ssl.create_default_context()
        with (
            smtplib.SMTP_SSL(url.hostname, url.port or 465, timeout=SECONDS, context=context)
            if url.scheme == "smtps"
            else smtplib.SMTP(url.hostname, url.port or 587, timeout=SECONDS)
        ) as smtp:
            smtp.ehlo_or_helo_if_needed()  # Only then it is known what the server can.
            if url.scheme == "smtp" and smtp.has_extn("starttls"):
                smtp.starttls(context=context)
            elif url.scheme == "smtp" and user:
                raise _refused("email", "the server takes the password only unencrypted")
            if user:
                smtp.login(user, password)
            smtp.send_message(message)
    except (OSError, smtplib.SMTPException, ValueError) as error:
        raise _refused("email", type(error).__name__) from None


def _refused(channel: str, what: str) -> HeadwaterError:
    """Without a word of the address or of the answer, which may repeat it."""
    kind = PermanentError if "address" in what or "password" in what else TransientError
    return kind(
        f"notifications.{channel}",
        f"it was not accepted ({what})",
        "what needs somebody to arrive",
        "check the secret that `notifications` names; it is said again at the next look",
        code="not_notified",
    )


def _line(text: str) -> str:
    """One line, bounded, without any secret."""
    line = " ".join(redact(text).split())
    return line if len(line) <= CHARACTERS else f"{line[: CHARACTERS - 1]}…"


def _text(lines: list[str]) -> str:
    more = [f"… and {len(lines) - LINES} more"] if len(lines) > LINES else []
    return "\n".join([*lines[:LINES], *more])
