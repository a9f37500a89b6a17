"""Paths are kept, and marked, as git itself would say."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dlt_pipelines.github.filters import Attributes, CodeFilter
from tests.repositories import GitRepository

PATHS = (
    "README.md",
    "docs/index.md",
    "docs/api/v1.md",
    "src/app.py",
    "src/vendor/lib.js",
    "vendor/lib.js",
    "vendor/deep/down/lib.min.js",
    "src/docs/notes.md",
)


def kept(**code_filters) -> list[str]:
    code_filter = CodeFilter.of(code_filters)
    return [path for path in PATHS if code_filter.is_wanted(path)]


def test_without_settings_every_path_is_kept_up_to_a_mebibyte():
    code_filter = CodeFilter.of(None)
    assert [path for path in PATHS if code_filter.is_wanted(path)] == list(PATHS)
    assert [code_filter.is_too_large(size) for size in (None, 0, 2**20, 2**20 + 1)] == [
        False,
        False,
        False,
        True,
    ]


@pytest.mark.parametrize(
    "settings, expected",
    [
        ({"include_paths": ["docs/**"]}, ["docs/index.md", "docs/api/v1.md"]),
        ({"include_paths": ["/docs/*.md"]}, ["docs/index.md"]),
        ({"include_paths": ["docs/"]}, ["docs/index.md", "docs/api/v1.md", "src/docs/notes.md"]),
        ({"include_paths": ["*.py", "README.md"]}, ["README.md", "src/app.py"]),
        ({"include_paths": ["src/**/*.js"]}, ["src/vendor/lib.js"]),
        (
            {"include_paths": ["src/"], "exclude_paths": ["**/vendor/**"]},
            ["src/app.py", "src/docs/notes.md"],
        ),
        (
            {"exclude_paths": ["*.md", "!README.md", "/vendor"]},
            ["README.md", "src/app.py", "src/vendor/lib.js"],
        ),
    ],
)
def test_paths_are_kept_by_include_and_dropped_by_exclude(settings, expected):
    assert kept(**settings) == expected


def test_a_filter_is_remembered_as_text_and_read_back():
    code_filter = CodeFilter.of(
        {"include_paths": ["a"], "exclude_paths": ["b"], "max_file_size": 9}
    )
    assert code_filter.text == ('{"include_paths":["a"],"exclude_paths":["b"],"max_file_size":9}')
    assert CodeFilter.from_text(code_filter.text) == code_filter


def test_attributes_of_the_nearest_folder_and_the_last_line_decide():
    attributes = Attributes(
        {
            ".gitattributes": (
                "[attr]made linguist-generated -diff\n"
                "# *.md linguist-vendored\n"
                "*.pb.go made\n"
                "*.pb.go linguist-vendored=false\n"
                "vendor/** linguist-vendored\n"
                "*.png binary\n*.svg text\n*.txt text=auto\n"
                '"with blank.js" linguist-generated=true\n'
            ),
            "vendor/.gitattributes": "own.js -linguist-vendored\n/free.js !linguist-vendored\n",
        }
    )
    paths = [
        *("a.pb.go", "vendor/a.pb.go", "vendor/own.js", "vendor/deep/own.js", "vendor/free.js"),
        *("vendor/x.js", "README.md", "with blank.js"),
    ]
    assert [(p, attributes.is_generated(p), attributes.is_vendored(p)) for p in paths] == [
        ("a.pb.go", True, False),
        ("vendor/a.pb.go", True, True),
        ("vendor/own.js", False, False),
        ("vendor/deep/own.js", False, False),
        ("vendor/free.js", False, False),
        ("vendor/x.js", False, True),
        ("README.md", False, False),
        ("with blank.js", True, False),
    ]
    assert [attributes.is_binary(p) for p in ("a.png", "a.svg", "a.txt", "a.js")] == [
        True,
        False,
        None,
        None,
    ]


SEGMENT = st.sampled_from(
    ["a", "b", "ab", "a.c", "*", "*.c", "a*", "?", "[ab]", "[!a]", "**", "b*c"]
)
PATTERN = st.builds(
    lambda first, parts, last: first + "/".join(parts) + last,
    st.sampled_from(["", "", "/"]),
    st.lists(SEGMENT, min_size=1, max_size=3),
    st.sampled_from(["", "", "", "/", "/**"]),
)
VALUE = st.sampled_from(["mark", "-mark", "!mark", "mark=true", "mark=false", "bundle", "binary"])
LINES = st.lists(st.builds("{} {}".format, PATTERN, VALUE), max_size=4).map("\n".join)
NAME = st.sampled_from(["a", "b", "ab", "a.c", "bc", "abc.c"])
PATH = st.lists(NAME, min_size=1, max_size=4).map("/".join)


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> GitRepository:
    return GitRepository(tmp_path_factory.mktemp("attributes"))


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(root=LINES, nested=LINES, paths=st.lists(PATH, min_size=1, max_size=12, unique=True))
def test_attributes_are_those_that_git_finds(checkout: GitRepository, root, nested, paths):
    texts = {".gitattributes": f"[attr]bundle mark -other\n{root}\n", "a/.gitattributes": nested}
    for name, text in texts.items():
        file: Path = checkout.path / name
        file.parent.mkdir(exist_ok=True)
        file.write_text(text)
    answers = checkout.git("check-attr", "-z", "mark", "text", "--", *paths).split("\0")
    expected = {
        (path, name): value for path, name, value in zip(*[iter(answers)] * 3, strict=False)
    }
    attributes = Attributes(texts)
    words = {True: "set", False: "unset", None: "unspecified"}
    found = {}
    for path in paths:
        for name in ("mark", "text"):
            value = attributes.value(path, name)
            found[path, name] = value if isinstance(value, str) else words[value]
    assert found == expected
