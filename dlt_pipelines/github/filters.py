"""Which files of a repository are kept, and what its `.gitattributes` say about them.

Patterns are git's: `*` stays within a folder, `**` does not, a name without a slash is found in any
folder. Include and exclude paths read like `.gitignore`: a folder stands for everything in it.
`.gitattributes` do not: `vendor` says nothing about `vendor/x.js`.

https://git-scm.com/docs/gitattributes, https://github.com/github-linguist/linguist/blob/main/docs/overrides.md
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final

import msgspec
from pathspec import PathSpec
from pathspec.patterns.gitwildmatch import GitWildMatchPattern

DEFAULT_MAX_FILE_SIZE: Final = 1024 * 1024
# GitHub gives no larger blob.
_LARGEST_BLOB: Final = 100 * 1024 * 1024
ATTRIBUTES_FILE: Final = ".gitattributes"
GENERATED: Final = "linguist-generated"
VENDORED: Final = "linguist-vendored"

# pathspec names with this group what a pattern matches only because a folder above matched.
_BELOW_A_FOLDER: Final = "ps_d"
_BINARY_MACRO: Final = {"binary": {"diff": False, "merge": False, "text": False}}

Values = dict[str, bool | str | None]


@dataclass(frozen=True)
class CodeFilter:
    """`code_filters` of sources.yml; sizes in bytes. Excluding wins over including."""

    include_paths: tuple[str, ...] = ()
    exclude_paths: tuple[str, ...] = ()
    max_file_size: int = DEFAULT_MAX_FILE_SIZE

    @classmethod
    def of(cls, settings: Mapping[str, Any] | None) -> CodeFilter:
        """The filter that a repository's `code_filters` describe; all of it has defaults."""
        known = settings or {}
        size = known.get("max_file_size")
        return cls(
            tuple(known.get("include_paths") or ()),
            tuple(known.get("exclude_paths") or ()),
            DEFAULT_MAX_FILE_SIZE if size is None else int(size),
        )

    @classmethod
    def from_text(cls, text: str) -> CodeFilter:
        """The filter that `text` was made of."""
        return msgspec.json.decode(text, type=cls)

    @cached_property
    def text(self) -> str:
        """The filter in one line, to be remembered: equal texts keep the same files."""
        return msgspec.json.encode(self).decode()

    def is_wanted(self, path: str) -> bool:
        """Whether the file at a path is kept."""
        if self.include_paths and not self._included.match_file(path):
            return False
        return not self._excluded.match_file(path)

    def is_too_large(self, size: int | None) -> bool:
        """Whether a file's content is left out for its size."""
        return size is not None and size > min(self.max_file_size, _LARGEST_BLOB)

    @cached_property
    def _included(self) -> PathSpec:
        return PathSpec.from_lines(GitWildMatchPattern, self.include_paths)

    @cached_property
    def _excluded(self) -> PathSpec:
        return PathSpec.from_lines(GitWildMatchPattern, self.exclude_paths)


@dataclass(frozen=True)
class Attributes:
    """What all `.gitattributes` of a tree say; texts by the path of their file."""

    texts: Mapping[str, str] = field(default_factory=dict)

    def is_generated(self, path: str) -> bool:
        """Whether a file is marked `linguist-generated`."""
        return self._is_set(path, GENERATED)

    def is_vendored(self, path: str) -> bool:
        """Whether a file is marked `linguist-vendored`."""
        return self._is_set(path, VENDORED)

    def is_binary(self, path: str) -> bool | None:
        """What a file is marked as, by `binary`, `-text` or `text`; None where nothing is said."""
        text = self.value(path, "text")
        return None if text is None or text == "auto" else text is False

    def value(self, path: str, name: str) -> bool | str | None:
        """An attribute of a file: the nearest folder's last line that matches decides."""
        for folder, rules in self._rules:
            if not path.startswith(folder):
                continue
            for pattern, values in rules:
                if name in values and _matches(pattern, path[len(folder) :]):
                    return values[name]
        return None

    def _is_set(self, path: str, name: str) -> bool:
        return self.value(path, name) not in (None, False, "false")

    @cached_property
    def _rules(self) -> list[tuple[str, list[tuple[GitWildMatchPattern, Values]]]]:
        """By folder (empty, or with a slash at its end), the deepest first, the last line first."""
        macros: dict[str, Values] = {name: dict(v) for name, v in _BINARY_MACRO.items()}
        found = []
        for path in sorted(self.texts, key=lambda path: path.count("/")):
            folder = path.removesuffix(ATTRIBUTES_FILE)
            rules = list(_read_rules(self.texts[path].splitlines(), macros, is_root=not folder))
            found.append((folder, rules[::-1]))
        return found[::-1]


def _read_rules(
    lines: Iterable[str], macros: dict[str, Values], *, is_root: bool
) -> Iterable[tuple[GitWildMatchPattern, Values]]:
    for line in lines:
        pattern, words = _split(line)
        if not pattern or pattern.startswith(("#", "!")):  # Git forbids negative patterns here.
            continue
        values = _read_values(words, macros)
        if pattern.startswith("[attr]"):
            if is_root:  # Git reads definitions at the top of a repository only.
                macros[pattern.removeprefix("[attr]")] = values
        elif not pattern.endswith("/"):  # Such a pattern matches folders, which have no attributes.
            yield GitWildMatchPattern(pattern), values


def _split(line: str) -> tuple[str, list[str]]:
    """A line's pattern, which may be quoted, and its attributes."""
    if line.lstrip().startswith('"'):
        try:
            words = shlex.split(line)
        except ValueError:
            words = line.split()
    else:
        words = line.split()
    return (words[0], words[1:]) if words else ("", [])


def _read_values(words: list[str], macros: Mapping[str, Values]) -> Values:
    values: Values = {}
    for word in words:
        name, has_value, value = word.lstrip("-!").partition("=")
        if word.startswith("-"):
            values[name] = False
        elif word.startswith("!"):
            values[name] = None
        else:
            values.update(macros.get(name, {}))
            values[name] = value if has_value else True
    return values


def _matches(pattern: GitWildMatchPattern, path: str) -> bool:
    if pattern.regex is None:
        return False
    match = pattern.regex.match(path)
    return match is not None and match.groupdict().get(_BELOW_A_FOLDER) is None
