"""Git repositories for tests, made by the real git with fixed dates: the same SHAs everywhere."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Final

AUTHOR: Final = {
    "GIT_AUTHOR_NAME": "Ada Lind",
    "GIT_AUTHOR_EMAIL": "ada@example.com",
    "GIT_COMMITTER_NAME": "Ada Lind",
    "GIT_COMMITTER_EMAIL": "ada@example.com",
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": os.devnull,
}
Files = Mapping[str, "str | bytes | None"]


class GitRepository:
    """A checkout to write to; every commit is a minute after the one before."""

    def __init__(self, path: Path, branch: str = "main", object_format: str = "sha1") -> None:
        self.path = path
        self.minutes = 0
        path.mkdir(parents=True, exist_ok=True)
        self.git(
            "init", "--quiet", f"--initial-branch={branch}", f"--object-format={object_format}"
        )

    @classmethod
    def at(cls, path: Path) -> GitRepository:
        """A repository that is there already, to look into."""
        found = cls.__new__(cls)
        found.path, found.minutes = path, 0
        return found

    def git(self, *arguments: str, stdin: bytes = b"", check: bool = True) -> str:
        """What a git command prints."""
        date = f"2026-03-01T00:{self.minutes:02}:00+02:00"
        done = subprocess.run(
            ["git", "-C", str(self.path), *arguments],
            input=stdin,
            capture_output=True,
            check=check,
            env={
                **os.environ,
                **AUTHOR,
                "GIT_AUTHOR_DATE": date,
                "GIT_COMMITTER_DATE": date,
            },
        )
        return done.stdout.decode().strip("\n")

    def write(self, files: Files) -> None:
        """Write files into the checkout; None removes one."""
        for name, content in files.items():
            path = self.path / name
            if content is None:
                path.unlink()
                continue
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content.encode() if isinstance(content, str) else content)

    def commit(self, files: Files | None = None, message: str = "change") -> str:
        """Commit everything that the checkout holds; returns the commit's SHA."""
        self.write(files or {})
        self.git("add", "--all", "--force")
        return self.commit_index(message)

    def commit_index(self, message: str = "change") -> str:
        """Commit what was added."""
        self.minutes += 1
        self.git("commit", "--quiet", "--allow-empty", f"--message={message}")
        return self.sha("HEAD")

    def sha(self, name: str) -> str:
        """The SHA that a name stands for."""
        return self.git("rev-parse", name)

    def tree(self, name: str = "HEAD") -> dict[str, tuple[str, str]]:
        """Mode and SHA of everything in a commit, by path."""
        lines = self.git("ls-tree", "-r", "-z", "--full-tree", name).split("\0")
        entries = (line.partition("\t") for line in lines if line)
        return {path: (meta.split()[0], meta.split()[2]) for meta, _, path in entries}
