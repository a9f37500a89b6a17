"""The real git client as a subprocess: what the REST API tells slowly, or not at all.

Reading through git's own protocol costs no API quota. A token is handed over in the environment,
sent to its host only, never on a command line and in no file; nothing of the user's or the
machine's configuration is read, so that no credential helper and no hook has a say.

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

from dlt_pipelines.exceptions import HeadwaterError, PermanentError, TransientError, register_secret
from dlt_pipelines.github.git_errors import MovedError, classify_git
from dlt_pipelines.http import RetryPolicy

# A whole history may take long; a connection that stands still is given up much earlier.
TIMEOUT_SECONDS: Final = 3_600.0
# A server that is making a large pack sends some bytes every five seconds.
_STALLED_AFTER_TIMEOUTS: Final = 5

_INHERITED: Final = (
    *("PATH", "TMPDIR", "SYSTEMROOT", "SSL_CERT_FILE", "SSL_CERT_DIR", "GIT_SSL_CAINFO"),
    *("http_proxy", "https_proxy", "no_proxy", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY"),
)
_SHA: Final = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")

_REDIRECT: Final = re.compile(r"^warning: redirecting to (\S+)$", re.MULTILINE)


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
        self._header = self._said = ""
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
        with tempfile.TemporaryDirectory() as nowhere:
            listing = self.ask(Path(nowhere), "ls-remote", "origin")
        lines = listing.decode(errors="replace").splitlines()
        return {ref: sha for sha, _, ref in (line.partition("\t") for line in lines)}

    def fetch(self, folder: Path, shas: Sequence[str], *options: str) -> None:
        """Bring what commits reach into a bare repository, where `refs/headwater/…` keep it.

        Raises:
            NotFoundError: the remote has no such commit any more.
            AuthError, TransientError, PermanentError: as named.
        """
        wanted = [f"+{require_sha(sha, self.where)}:refs/headwater/{sha}" for sha in shas]
        arguments = ("fetch", "--quiet", "--no-tags", "--no-write-fetch-head", *options)
        self.ask(folder, *arguments, "--", "origin", *wanted)

    def ask(self, folder: Path, *arguments: str) -> bytes:
        """Run a git command that talks to the remote, again where that can help.

        A repository that was renamed is followed once, by us: git itself would take the token
        along to whatever host it is sent to.
        """
        try:
            return self._ask_again(folder, arguments)
        except MovedError as moved:
            self._follow(folder, moved)
            return self._ask_again(folder, arguments)

    def _ask_again(self, folder: Path, arguments: Sequence[str]) -> bytes:
        attempts = stamina.retry_context(
            on=TransientError,
            attempts=self.retry.attempts,
            timeout=None,
            wait_initial=self.retry.wait_initial,
            wait_max=self.retry.wait_max,
            wait_jitter=self.retry.wait_jitter,
        )
        for attempt in attempts:
            with attempt, self._running(folder, arguments, self._settings()) as process:
                answer = process.stdout.read() if process.stdout else b""
        return answer

    def _follow(self, folder: Path, moved: MovedError) -> None:
        """Find where a redirect leads; another host is not given the token.

        In version 0 of the protocol refs are asked for in one request, whose redirects curl follows
        without the header; only version 2 would send a second request, with it.
        """
        settings = {"protocol.version": "0", "http.followRedirects": "initial"}
        command = ("ls-remote", "origin", "HEAD")
        with self._running(folder, command, {**self._settings(), **settings}):
            pass  # What matters it says beside its answer.
        found = _REDIRECT.search(self._said)
        if found is None:
            raise moved
        there = urlsplit(found[1])
        if (there.scheme, there.netloc) != urlsplit(self.url)[:2]:
            self._header = ""
        self.url = found[1].rstrip("/")

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
        with self._running(folder, arguments, {}) as process:
            if process.stdout:
                yield process.stdout

    @contextmanager
    def talking(self, folder: Path, *arguments: str) -> Iterator[tuple[IO[bytes], IO[bytes]]]:
        """Input and output of a command that stays within a folder and answers line by line."""
        with self._running(folder, arguments, {}, stdin=subprocess.PIPE) as process:
            if process.stdin and process.stdout:
                yield process.stdin, process.stdout
                process.stdin.close()

    @contextmanager
    def _running(
        self,
        folder: Path,
        arguments: Sequence[str],
        settings: Mapping[str, str],
        stdin: int = subprocess.DEVNULL,
    ) -> Iterator[subprocess.Popen[bytes]]:
        with tempfile.TemporaryFile() as errors:
            try:
                process = subprocess.Popen(  # noqa: S603 (what comes from outside is checked)
                    ["git", "-C", str(folder), *arguments],  # noqa: S607 (wherever the user has it)
                    env=_environment(folder, settings),
                    stdin=stdin,
                    stdout=subprocess.PIPE,
                    stderr=errors,
                    start_new_session=True,  # Git has children: all of them end together.
                )
            except FileNotFoundError:
                raise PermanentError(
                    self.where, "there is no git", "git 2.31 or newer", "install git", code="no_git"
                ) from None
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
            errors.seek(0)
            self._said = errors.read().decode(errors="replace")
            if code:
                raise self._classified(arguments[0])

    def _settings(self) -> dict[str, str]:
        settings = {
            "remote.origin.url": self.url,
            "protocol.allow": "never",
            **{f"protocol.{name}.allow": "always" for name in ("http", "https", "file")},
            "http.followRedirects": "false",
            "http.lowSpeedLimit": "1",
            "http.lowSpeedTime": str(int(self.retry.timeout * _STALLED_AFTER_TIMEOUTS) or 1),
        }
        if self._header:
            parts = urlsplit(self.url)
            settings[f"http.{parts.scheme}://{parts.netloc}/.extraHeader"] = self._header
        return settings

    def _classified(self, command: str) -> HeadwaterError:
        return classify_git(self.where, self.secret_name, command, self._said, self.url)

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


def _environment(folder: Path, settings: Mapping[str, str]) -> dict[str, str]:
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
        # Or a damaged clone would stand for whatever repository lies around it.
        "GIT_CEILING_DIRECTORIES": str(folder.resolve().parent),
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
