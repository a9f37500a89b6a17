"""Git repositories for the sandbox to serve, and git itself as their client."""

import os
import subprocess
from pathlib import Path
from typing import Any

from include.sandbox import Sandbox, Workspace

REPO = "/repos/tide/gauge"
API = f"https://api.github.com{REPO}"
HTML = "https://github.com/tide/gauge"
SUBMODULE = "8f2b6c41d0e97a35c8d1f4e6b7a09253417ce8d6"
PNG = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"
ENVIRONMENT = {
    **{name: value for name, value in os.environ.items() if not name.startswith("GIT_")},
    "GIT_AUTHOR_NAME": "Ines Calder",
    "GIT_AUTHOR_EMAIL": "ines@tidewater.example",
    "GIT_COMMITTER_NAME": "Ines Calder",
    "GIT_COMMITTER_EMAIL": "ines@tidewater.example",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_TERMINAL_PROMPT": "0",
}
DATE = {"GIT_AUTHOR_DATE": "2026-02-01T10:00:00+02:00"}


def git(*arguments: str | Path, check: bool = True, **variables: str) -> str:
    """Run git; returns what it says, and what it complains of where it may fail."""
    done = subprocess.run(
        ["git", *map(str, arguments)],
        env={**ENVIRONMENT, **variables},
        capture_output=True,
        text=True,
        check=check,
    )
    return done.stdout if check else f"{done.returncode} {done.stdout}{done.stderr}"


def commit(folder: Path, message: str, day: int, files: dict[str, bytes | str | None]) -> str:
    """Write files (None deletes one) and commit them on a day of February; returns the SHA."""
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if content is None:
            path.unlink()
        else:
            path.write_bytes(content.encode() if isinstance(content, str) else content)
    git("-C", folder, "add", "--all")
    date = f"2026-02-{day:02d}T08:00:00Z"
    arguments = ("commit", "-q", "--allow-empty", "-m", message)
    git("-C", folder, *arguments, GIT_AUTHOR_DATE=date, GIT_COMMITTER_DATE=date)
    return git("-C", folder, "rev-parse", "HEAD").strip()


def make_checkout(folder: Path) -> None:
    """A repository with two commits on main, a branch with a slash, two tags and every mode."""
    git("init", "-q", "-b", "main", folder)
    lines = "".join(f"line {number}\n" for number in range(20))
    commit(
        folder,
        "first\n\nbody é",
        1,
        {"a.txt": "one\n", "old/b.txt": lines, "run.sh": "#!/bin/sh\n"},
    )
    git("-C", folder, "tag", "v0.1")
    (folder / "link").symlink_to("a.txt")
    (folder / "run.sh").chmod(0o755)
    git("-C", folder, "update-index", "--add", "--cacheinfo", f"160000,{SUBMODULE},vendor/sub")
    (folder / "vendor" / "sub").mkdir(parents=True)
    (folder / "new").mkdir()
    git("-C", folder, "mv", "old/b.txt", "new/ü b.txt")
    commit(folder, "second", 2, {"a.txt": "two\n", "gauge.png": PNG})
    git("-C", folder, "tag", "-a", "v0.2", "-m", "Second", **DATE)
    git("-C", folder, "checkout", "-q", "-b", "feat/rise")
    commit(folder, "rise", 3, {"rise.txt": "rise\n", "a.txt": None})
    git("-C", folder, "checkout", "-q", "main")


def sha(folder: Path, name: str) -> str:
    return git("-C", folder, "rev-parse", name).strip()


def workspace(git: Path | None = None, wiki: Path | None = None, **rows: Any) -> Workspace:
    repository = {"id": 77, "full_name": "tide/gauge", "default_branch": "main"}
    paths = {name: path for name, path in (("git", git), ("wiki", wiki)) if path}
    return Workspace.from_data(
        {"github": {"tide/gauge": {"repository": repository, **paths, **rows}}}
    )


def address(sandbox: Sandbox, path: str = "tide/gauge.git", user: str = "x-access-token") -> str:
    """The address of a repository for git, with the sandbox's token as password."""
    return f"{sandbox.url}/github/{path}".replace("http://", f"http://{user}:sandbox-token@")
