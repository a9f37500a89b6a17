"""The real git client as a subprocess: what the REST API tells slowly, or not at all.

Reading through git's own protocol costs no API quota. A token is handed over in the environment,
bound to its host, never on a command line and in no file; nothing of the user's or the machine's
configuration is read, so that no credential helper and no hook has a say.

https://git-scm.com/docs/git-config#Documentation/git-config.txt-httplturlgtextraHeader
"""

from __future__ import annotations

import base64
import os
import re
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Timer
from typing import IO, Final
from urllib.parse import urlsplit

import stamina

from dlt_pipelines.http import (
    AuthError,
    HeadwaterError,
    NotFoundError,
    PermanentError,
    RetryPolicy,
    TransientError,
    register_secret,
)

# A whole history may take long; a connection that stands still is given up much earlier.
TIMEOUT_SECONDS: Final = 3_600.0
_STALLED_BYTES: Final = 1_000

_INHERITED: Final = (
    *("PATH", "TMPDIR", "SYSTEMROOT", "SSL_CERT_FILE", "SSL_CERT_DIR", "GIT_SSL_CAINFO"),
    *("http_proxy", "https_proxy", "no_proxy", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY"),
)
_SHA: Final = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")

# What git says, in English, about why it failed; the first that fits decides.
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
_TRANSIENT: Final = re.compile(
    r"error: (408|429|5\d\d)|could not resolve|connect|timed? ?out|early eof|rpc failed"
    r"|hung up|unexpected disconnect|empty reply|operation too slow|ssl|tls|curl \d+",
    re.IGNORECASE,
)


@dataclass
class GitRemote:
    """A repository at a URL, read on behalf of a resource; `secret_name` is what errors name."""

    url: str
    token: str = field(default="", repr=False)
    secret_name: str = ""
    resource: str = "commit_files"
    retry: RetryPolicy = field(default_factory=RetryPolicy)
    timeout: float = TIMEOUT_SECONDS

    def __post_init__(self) -> None:
        self._header = ""
        if self.token:
            basic = base64.b64encode(f"x-access-token:{self.token}".encode()).decode()
            self._header = f"Authorization: Basic {basic}"
            for secret in (self.token, basic):
                register_secret(secret)

    @property
    def where(self) -> str:
        """How errors name this reading."""
        return f"github.{self.resource}"

    def ls_remote(self) -> dict[str, str]:
        """What every ref points to, `HEAD` and peeled tags (`…^{}`) among them.

        Raises:
            NotFoundError: there is no such repository, or the token may not see it.
            AuthError, TransientError, PermanentError: as named.
        """
        lines = self.ask("ls-remote", "--", self.url).decode(errors="replace").splitlines()
        return {ref: sha for sha, _, ref in (line.partition("\t") for line in lines)}

    def fetch(self, folder: Path, shas: Sequence[str], *options: str) -> None:
        """Bring what commits reach into a bare repository, where `refs/headwater/…` keep it.

        Raises:
            NotFoundError: the remote has no such commit any more.
            AuthError, TransientError, PermanentError: as named.
        """
        wanted = [f"+{require_sha(sha, self.where)}:refs/headwater/{sha}" for sha in shas]
        arguments = ("fetch", "--quiet", "--no-tags", "--no-write-fetch-head", *options)
        self.ask(*arguments, "--", "origin", *wanted, folder=folder)

    def ask(self, *arguments: str, folder: Path | None = None) -> bytes:
        """Run a git command that talks to the remote, again where that can help."""
        attempts = stamina.retry_context(
            on=TransientError,
            attempts=self.retry.attempts,
            timeout=None,
            wait_initial=self.retry.wait_initial,
            wait_max=self.retry.wait_max,
            wait_jitter=self.retry.wait_jitter,
        )
        for attempt in attempts:
            with attempt, self._running(arguments, folder, self._remote_settings()) as process:
                answer = process.stdout.read() if process.stdout else b""
        return answer

    def run(self, folder: Path, *arguments: str) -> bytes:
        """Run a git command that stays within a folder: it is given no token and no transport."""
        with self.reading(folder, *arguments) as output:
            return output.read()

    @contextmanager
    def reading(self, folder: Path, *arguments: str) -> Iterator[IO[bytes]]:
        """The output of a command that stays within a folder, as it comes.

        Raises:
            HeadwaterError: at the end, if the command failed.
        """
        with self._running(arguments, folder, {}) as process:
            if process.stdout:
                yield process.stdout

    @contextmanager
    def talking(self, folder: Path, *arguments: str) -> Iterator[tuple[IO[bytes], IO[bytes]]]:
        """Input and output of a command that stays within a folder and answers line by line."""
        with self._running(arguments, folder, {}, stdin=subprocess.PIPE) as process:
            if process.stdin and process.stdout:
                yield process.stdin, process.stdout
                process.stdin.close()

    @contextmanager
    def _running(
        self,
        arguments: Sequence[str],
        folder: Path | None,
        settings: Mapping[str, str],
        stdin: int = subprocess.DEVNULL,
    ) -> Iterator[subprocess.Popen[bytes]]:
        command = ["git", *(("-C", str(folder)) if folder else ()), *arguments]
        with tempfile.TemporaryFile() as errors:
            try:
                process = subprocess.Popen(  # noqa: S603 (a list; what comes from outside is checked)
                    command,
                    env=_environment(settings),
                    stdin=stdin,
                    stdout=subprocess.PIPE,
                    stderr=errors,
                    start_new_session=True,  # Git has children: all of them end together.
                )
            except FileNotFoundError:
                raise self._failure("there is no git", "git 2.31 or newer", "no_git") from None
            watch = _Watch(process, self.timeout)
            try:
                yield process
                if process.stdin and not process.stdin.closed:
                    process.stdin.close()
                code = process.wait()
            finally:
                watch.stop()
            if watch.fired:
                raise self._timeout(arguments[0])
            if code:
                errors.seek(0)
                raise self._classify(arguments[0], errors.read().decode(errors="replace"))

    def _remote_settings(self) -> dict[str, str]:
        settings = {
            "protocol.allow": "never",
            **{f"protocol.{name}.allow": "always" for name in ("http", "https", "file")},
            "http.lowSpeedLimit": str(_STALLED_BYTES),
            "http.lowSpeedTime": str(int(self.retry.timeout) or 1),
        }
        if self._header:
            parts = urlsplit(self.url)
            # Bound to the host: it is not sent along where a redirect leads to another.
            settings[f"http.{parts.scheme}://{parts.netloc}/.extraHeader"] = self._header
        return settings

    def _classify(self, command: str, text: str) -> HeadwaterError:
        text = text.replace(self.url.rstrip("/"), "the remote")  # Its name is no reason.
        line = " ".join(text.split())[-300:] or "no reason given"
        what = f"git {command} failed: {line}"
        if _AUTH.search(text):
            return AuthError(
                self.where,
                what,
                "a valid credential",
                f"set {self.secret_name or 'the secret'} to a token that is valid",
            )
        if _FORBIDDEN.search(text):
            return AuthError(
                self.where,
                what,
                "permission to read",
                f"grant the token in {self.secret_name or 'the secret'} read access to contents",
                code="forbidden",
            )
        if _NOT_FOUND.search(text):
            return NotFoundError(
                self.where, what, "an existing object", "check its name, and what the token may see"
            )
        if _TRANSIENT.search(text):
            return TransientError(
                self.where,
                what,
                "an answer",
                "check the network, then run again",
                code="connection",
            )
        return self._failure(what, "an answer", "git")

    def _failure(self, what: str, expected: str, code: str) -> PermanentError:
        remedy = "install git" if code == "no_git" else "run again, and report this if it persists"
        return PermanentError(self.where, what, expected, remedy, code=code)

    def _timeout(self, command: str) -> TransientError:
        return TransientError(
            self.where,
            f"git {command} took longer than {self.timeout:.0f} s",
            "an answer in time",
            "run again when the network is faster",
            code="timeout",
        )


def require_sha(text: str, where: str) -> str:
    """The text, if it is a full object name: nothing else may reach a command line.

    Raises:
        PermanentError: it is not.
    """
    if not _SHA.fullmatch(text):
        raise PermanentError(
            where, f"{text!r} is no object name", "40 or 64 hex digits", "report this", code="git"
        )
    return text


def _environment(settings: Mapping[str, str]) -> dict[str, str]:
    """What git may know; without settings it has no transport, so that it cannot fetch lazily."""
    known = {name: os.environ[name] for name in _INHERITED if name in os.environ}
    always = {"credential.helper": "", "core.hooksPath": os.devnull, "gc.auto": "0"}
    config = {**always, **(settings or {"protocol.allow": "never"})}
    environment = {
        **known,
        "LC_ALL": "C",
        "HOME": os.devnull,
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_SYSTEM": os.devnull,
        "GIT_ATTR_NOSYSTEM": "1",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_NO_REPLACE_OBJECTS": "1",
        "GIT_CONFIG_COUNT": str(len(config)),
    }
    if not settings:
        environment["GIT_NO_LAZY_FETCH"] = "1"
    for number, (name, value) in enumerate(config.items()):
        environment[f"GIT_CONFIG_KEY_{number}"] = name
        environment[f"GIT_CONFIG_VALUE_{number}"] = value
    return environment


class _Watch:
    """Ends a process, with its children, when its time is over or nobody reads it any more."""

    def __init__(self, process: subprocess.Popen[bytes], seconds: float) -> None:
        self._process = process
        self.fired = False
        self._timer = Timer(seconds, self._fire)
        self._timer.daemon = True
        self._timer.start()

    def stop(self) -> None:
        self._timer.cancel()
        if self._process.poll() is None:
            self._kill()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe and not pipe.closed:
                pipe.close()
        self._process.wait()

    def _fire(self) -> None:
        self.fired = True
        self._kill()

    def _kill(self) -> None:
        try:
            os.killpg(self._process.pid, signal.SIGKILL)
        except ProcessLookupError:
            return
