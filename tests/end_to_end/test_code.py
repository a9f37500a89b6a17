"""The code of a real-sized repository: a handful of requests, every content verified by its hash.

The repository holds 250 real source files (of an installed package) with a history of 5,000
commits, in which each file grows line by line.
"""

from __future__ import annotations

import random
from collections import Counter
from pathlib import Path

import dlt
import pytest

from dlt_pipelines.github.blobs import BlobStore, git_sha
from tests.repositories import GitRepository
from tests.workspaces import REPO, github

COMMITS, FILES, SEED = 5_000, 250, 20_261_121
ONLY_CODE = {"resources": ["files"]}


def sources() -> dict[str, bytes]:
    """Real files with real sizes; the first 250 that are big enough to grow."""
    root = Path(dlt.__file__).parent
    found = sorted(path for path in root.rglob("*.py") if path.stat().st_size > 2_000)
    return {str(path.relative_to(root)): path.read_bytes() for path in found[:FILES]}


def history(files: dict[str, bytes]) -> bytes:
    """A `git fast-import` stream in which every commit lets one file grow by a twentieth."""
    stream: list[bytes] = []
    names = sorted(files)
    steps = COMMITS // len(names)
    for number in range(COMMITS):
        name = names[number % len(names)]
        lines = files[name].splitlines(keepends=True)
        content = b"".join(lines[: -(-len(lines) * (number // len(names) + 1) // steps)])
        who = b"Ada Lind <ada@example.com> %d +0000" % (1_700_000_000 + 60 * number)
        stream += [
            b"commit refs/heads/main\ncommitter %s\ndata 4\ngrow\n" % who,
            b"M 100644 inline %s\ndata %d\n%s\n" % (name.encode(), len(content), content),
        ]
    return b"".join(stream)


@pytest.fixture(scope="module")
def checkout(tmp_path_factory) -> GitRepository:
    repository = GitRepository(tmp_path_factory.mktemp("code") / "checkout")
    repository.git("fast-import", "--quiet", stdin=history(sources()))
    repository.git("checkout", "--quiet", "--force", "main")
    assert int(repository.git("rev-list", "--count", "main")) == COMMITS
    assert len(repository.tree()) == FILES
    return repository


def api_paths(installation) -> list[str]:
    """What was asked of the API; archives and git's own protocol are no part of it."""
    return [
        exchange.path.removeprefix(f"/repos/{REPO}")
        for exchange in installation.asked()
        if exchange.path.startswith("/repos/")
    ]


def current_files(installation) -> dict[str, tuple[str, str]]:
    """Mode and SHA of every file that is not deleted, by path."""
    rows = installation.query(
        """
        select
            arg_max(payload ->> 'path', occurred_at) filter (where operation = 'upsert'),
            arg_max(payload ->> 'mode', occurred_at) filter (where operation = 'upsert'),
            arg_max(payload ->> 'sha', occurred_at) filter (where operation = 'upsert')
        from raw_github.files group by external_id
        having arg_max(operation, occurred_at) = 'upsert'
        """
    )
    return {path: (mode, sha) for path, mode, sha in rows}


def verified_blobs(installation) -> set[str]:
    """Every content that was loaded, each checked against its name."""
    store = BlobStore(installation.settings.data / "blobs")
    rows = installation.query(
        "select external_id, payload ->> 'text', payload ->> 'key' from raw_github.blobs"
    )
    for sha, text, key in rows:
        content = text.encode() if key is None else store.get(sha)
        assert git_sha(content) == sha
    assert len(rows) == len({sha for sha, _, _ in rows})  # Each content once.
    return {sha for sha, _, _ in rows}


def change(checkout: GitRepository, chance: random.Random) -> tuple[set[str], set[str], int]:
    """20 edits, renames and deletions; returns new contents, vanished paths, and renames."""
    before = checkout.tree()
    chosen = chance.sample(sorted(before), 20)
    renames = 0
    for number, path in enumerate(chosen):
        kind = chance.choice(("edit", "rename", "delete"))
        if kind == "edit":
            old = (checkout.path / path).read_bytes()
            checkout.write({path: old + b"\n# edit %d\n" % number})
        elif kind == "rename":
            renames += 1
            checkout.git("mv", path, f"moved_{number}.py")
        else:
            checkout.git("rm", "--quiet", path)
    checkout.commit(message="twenty changes")
    after = checkout.tree()
    new = {sha for _, sha in after.values()} - {sha for _, sha in before.values()}
    return new, set(before) - set(after), renames


def test_code_costs_three_requests_at_first_one_afterwards_and_then_only_what_changed(
    sandbox_of, install, checkout
):
    installation = install(sandbox_of(github({REPO: {"git": checkout.path}})))
    installation.sync(**ONLY_CODE)
    paths = api_paths(installation)
    assert paths == ["/commits", "", f"/tarball/{checkout.sha('HEAD')}"]
    assert current_files(installation) == checkout.tree()
    assert verified_blobs(installation) == {sha for _, sha in checkout.tree().values()}

    (unchanged,) = installation.sync(**ONLY_CODE)
    asked = api_paths(installation)
    assert (asked, unchanged["rows_added"]) == (["/commits"], 0)

    known = verified_blobs(installation)
    new, gone, renames = change(checkout, random.Random(SEED))
    installation.sync(**ONLY_CODE)
    asked = Counter(path.rsplit("/", 1)[0] for path in api_paths(installation))
    assert asked == {"": 1, "/git/trees": 2, "/git/blobs": len(new)}
    assert verified_blobs(installation) == known | new
    assert current_files(installation) == checkout.tree()
    tombstones = installation.query(
        "select external_id, payload ->> 'reason', payload ->> 'renamed_to' is not null"
        " from raw_github.files where operation = 'delete'"
    )
    assert {path.removeprefix("main:") for path, _, _ in tombstones} == gone
    assert Counter(reason for _, reason, _ in tombstones) == {
        "renamed": renames,
        "deleted": len(gone) - renames,
    }
    assert all((reason == "renamed") == has_target for _, reason, has_target in tombstones)


def test_a_file_that_comes_back_as_it_was_is_there_again(sandbox_of, install, tmp_path):
    checkout = GitRepository(tmp_path / "checkout")
    first = checkout.commit({"a.md": "one", "b.md": "kept"})
    installation = install(sandbox_of(github({REPO: {"git": checkout.path}})))
    installation.sync(**ONLY_CODE)
    checkout.commit({"a.md": "two", "b.md": None})
    installation.sync(**ONLY_CODE)
    assert current_files(installation) == checkout.tree()
    checkout.git("reset", "--quiet", "--hard", first)  # A force push, back to where it was.
    installation.sync(**ONLY_CODE)
    assert current_files(installation) == checkout.tree()
