"""Branches, tags and commits in GitHub's GraphQL schema: by git, or of recorded commits."""

from __future__ import annotations

from typing import Any, Final

from graphql import GraphQLResolveInfo

from include.sandbox.collection import Json
from include.sandbox.git import Ref
from include.sandbox.github_code_objects import to_node_id, to_utc
from include.sandbox.github_connections import ApiError, Items, ordered, sorted_items
from include.sandbox.github_fields import field, listed, to_time
from include.sandbox.github_history import commit_of, default_branch, refs_of, resolve
from include.sandbox.github_nodes import Thing, commit_thing, whole_commit
from include.sandbox.github_objects import HTML_URL

DATES: Final = "%(refname) %(committerdate:iso-strict) %(*committerdate:iso-strict)"
EMPTY_TREE: Final = "4b825dc642cb6eb9a060e54bf8d69288fbee4904"
"""What git calls a tree of no files."""


def to_ref(ref: Ref) -> Json:
    """The row of a ref."""
    return {"name": ref.name, "sha": ref.sha, "kind": ref.kind, "commit": ref.commit}


def ref_thing(thing: Thing, name: str) -> Thing | None:
    """A ref by its whole name; none if there is none."""
    found = next((ref for ref in refs_of(thing.home, name) if ref.name == name), None)
    return thing.of("Ref", to_ref(found)) if found else None


@field("Repository.defaultBranchRef")
def default_branch_ref(thing: Thing, info: GraphQLResolveInfo) -> Thing | None:
    """The default branch; none in an empty repository."""
    name = f"refs/heads/{default_branch(thing.home)}"
    found = ref_thing(thing, name)
    head = resolve(thing.home, None) if found is None else None
    if head is None:
        return found
    return thing.of("Ref", to_ref(Ref(name, head, "commit", head)))


@field("Repository.ref")
def ref_by_name(
    thing: Thing,
    info: GraphQLResolveInfo,
    qualifiedName: str,  # noqa: N803 (the argument's name in the schema)
) -> Thing | None:
    """A ref by its name, whole or as git would find it."""
    if qualifiedName.startswith("refs/"):
        return ref_thing(thing, qualifiedName)
    names = (f"refs/{qualifiedName}", f"refs/tags/{qualifiedName}", f"refs/heads/{qualifiedName}")
    return next((found for name in names if (found := ref_thing(thing, name))), None)


@listed("Repository.refs")
def refs(
    thing: Thing,
    info: GraphQLResolveInfo,
    refPrefix: str,  # noqa: N803 (the argument's name in the schema)
    orderBy: dict[str, str] | None = None,  # noqa: N803
    query: str | None = None,
    **page: Any,
) -> Items:
    """Refs below a prefix, by name or by the date of their commits."""
    if not refPrefix.startswith("refs/") or not refPrefix.endswith("/"):
        raise ApiError(None, "refPrefix must begin with `refs/` and end with `/`.")
    order = orderBy or {"field": "ALPHABETICAL", "direction": "ASC"}
    found = [ref for ref in refs_of(thing.home, refPrefix) if not query or query in ref.name]
    by_date = order["field"] == "TAG_COMMIT_DATE"
    dates = commit_dates(thing, refPrefix) if by_date else {}
    return sorted_items(
        found,
        lambda ref: (dates.get(ref.name, ""), ref.name) if by_date else (ref.name,),
        lambda ref: thing.of("Ref", to_ref(ref) | {"prefix": refPrefix}),
        descending=order["direction"] == "DESC",
    )


def commit_dates(thing: Thing, prefix: str) -> dict[str, str]:
    """When the commits of the refs below a prefix were committed, by the names of the refs."""
    git = thing.home.git
    if git is None:
        refs = refs_of(thing.home, prefix)
        return {ref.name: committed_at(commit_of(thing.home, ref.commit)) for ref in refs}
    lines = (git.text("for-each-ref", f"--format={DATES}", "--", prefix) or "").splitlines()
    fields = (line.split(" ") for line in lines)
    return {name: to_utc(direct or behind) for name, direct, behind in fields if direct or behind}


def committed_at(row: Json | None) -> str:
    """When a commit of REST was committed; the author's date where the committer is unknown."""
    commit = (row or {}).get("commit") or {}
    signature = commit.get("committer") or commit.get("author") or {}
    return str(signature.get("date") or "")


@field("Ref.id")
def ref_id(thing: Thing, info: GraphQLResolveInfo) -> str:
    """A ref's global id."""
    return to_node_id("REF", thing.home.name, thing.row["name"])


@field("Ref.name")
def ref_name(thing: Thing, info: GraphQLResolveInfo) -> str:
    """A ref's name below its prefix."""
    return str(thing.row["name"]).removeprefix(prefix_of(thing.row))


@field("Ref.prefix")
def ref_prefix(thing: Thing, info: GraphQLResolveInfo) -> str:
    """What a ref's name begins with."""
    return prefix_of(thing.row)


def prefix_of(row: Json) -> str:
    """The prefix that a ref was asked for by, or the folder of its kind."""
    return str(row.get("prefix") or "/".join(str(row["name"]).split("/")[:2]) + "/")


@field("Ref.target")
def ref_target(thing: Thing, info: GraphQLResolveInfo) -> Thing | None:
    """What a ref names: a commit, or an annotated tag."""
    if thing.row["sha"] == thing.row["commit"]:
        return commit_thing(thing.home, thing.row["sha"])
    return thing.of("Tag", thing.row)


@field("Tag.oid", "Commit.oid", "Tree.oid")
def oid(thing: Thing, info: GraphQLResolveInfo) -> str:
    """The SHA of a git object."""
    return str(thing.row["sha"])


@field("Tag.abbreviatedOid", "Commit.abbreviatedOid", "Tree.abbreviatedOid")
def abbreviated_oid(thing: Thing, info: GraphQLResolveInfo) -> str:
    """The beginning of the SHA of a git object."""
    return str(thing.row["sha"])[:7]


@field("Tag.id")
def tag_id(thing: Thing, info: GraphQLResolveInfo) -> str:
    """A tag's global id."""
    return to_node_id("TA", thing.home.name, thing.row["sha"])


@field("Tag.name")
def tag_name(thing: Thing, info: GraphQLResolveInfo) -> str:
    """A tag's name."""
    return str(thing.row["name"]).removeprefix("refs/tags/")


@field("Tag.target")
def tag_target(thing: Thing, info: GraphQLResolveInfo) -> Thing | None:
    """The commit behind a tag."""
    return commit_thing(thing.home, thing.row["commit"])


@field("Tag.message")
def tag_message(thing: Thing, info: GraphQLResolveInfo) -> str | None:
    """What an annotated tag says."""
    raw = thing.home.git.text("cat-file", "tag", thing.row["sha"]) if thing.home.git else None
    return raw.partition("\n\n")[2] if raw else None


@field("Tag.tagger")
def tagger(thing: Thing, info: GraphQLResolveInfo) -> None:
    """Who made a tag, which the sandbox does not read."""


@field("Repository.object")
def git_object(
    thing: Thing,
    info: GraphQLResolveInfo,
    oid: str | None = None,
    expression: str | None = None,
) -> Thing | None:
    """A commit by its SHA, or by what git would find it by."""
    found = resolve(thing.home, oid or expression)
    return commit_thing(thing.home, found) if found else None


@field("Release.tagCommit")
def tag_commit(thing: Thing, info: GraphQLResolveInfo) -> Thing | None:
    """The commit that was released; none for a draft without tag."""
    found = ref_thing(thing, f"refs/tags/{thing.row['tag_name']}")
    return commit_thing(thing.home, found.row["commit"]) if found else None


@field("Commit.id")
def commit_id(thing: Thing, info: GraphQLResolveInfo) -> str:
    """A commit's global id: as recorded, or made of its SHA."""
    sha = thing.row["sha"]
    recorded = thing.home.commits.get(sha) if "node_id" not in thing.row else thing.row
    return str((recorded or {}).get("node_id") or to_node_id("C", thing.home.name, sha))


@field("Commit.tree")
def tree(thing: Thing, info: GraphQLResolveInfo) -> Thing:
    """What the repository held at a commit; of one that is gone nothing is known: no files."""
    known = whole_commit(thing)["commit"].get("tree") or {"sha": EMPTY_TREE}
    return thing.of("Tree", {"sha": known["sha"], "commit": thing.row["sha"]})


@listed("Commit.submodules")
def submodules(thing: Thing, info: GraphQLResolveInfo, **page: Any) -> Items:
    """What `.gitmodules` names at a commit, each with the commit that its path holds, if any."""
    git, sha = thing.home.git, thing.row["sha"]
    text = git.text("config", "--blob", f"{sha}:.gitmodules", "--null", "--list") if git else None
    modules: dict[str, Json] = {}
    for line in (text or "").split("\0")[:-1]:
        name, _, value = line.removeprefix("submodule.").partition("\n")
        name, _, key = name.rpartition(".")
        modules.setdefault(name, {"name": name})["gitUrl" if key == "url" else key] = value
    entries = {entry.path: entry for entry in git.tree(sha, recursive=True)} if git else {}
    found = [module for module in modules.values() if {"path", "gitUrl"} <= module.keys()]
    for module in found:
        entry = entries.get(module["path"])
        is_commit = entry is not None and entry.kind == "commit"
        module["subprojectCommitOid"] = entry.sha if entry and is_commit else None
    return ordered(found, lambda module: thing.of("Submodule", module))


@field("Tree.id")
def tree_id(thing: Thing, info: GraphQLResolveInfo) -> str:
    """A tree's global id."""
    return to_node_id("T", thing.home.name, thing.row["sha"])


@field("Tree.commitUrl")
def tree_url(thing: Thing, info: GraphQLResolveInfo) -> str:
    """The page of a tree."""
    return f"{HTML_URL}/{thing.home.name}/tree/{thing.row['sha']}"


@field("Commit.url", "Commit.commitUrl")
def commit_url(thing: Thing, info: GraphQLResolveInfo) -> str:
    """A commit's page."""
    return f"{HTML_URL}/{thing.home.name}/commit/{thing.row['sha']}"


@field("Commit.resourcePath")
def commit_path(thing: Thing, info: GraphQLResolveInfo) -> str:
    """The path of a commit's page."""
    return f"/{thing.home.name}/commit/{thing.row['sha']}"


@field("Commit.message", "Commit.messageHeadline", "Commit.messageBody")
def message(thing: Thing, info: GraphQLResolveInfo) -> str:
    """What a commit says: all of it, its first line, or the rest."""
    whole = str(whole_commit(thing)["commit"].get("message") or "")
    headline, _, body = whole.partition("\n")
    parts = {"message": whole, "messageHeadline": headline, "messageBody": body.strip("\n")}
    return parts[info.field_name]


@field("Commit.committedDate")
def committed_date(thing: Thing, info: GraphQLResolveInfo) -> str:
    """When it was committed."""
    return to_time(committed_at(whole_commit(thing)) or thing.home.repository["created_at"])


@field("Commit.authoredDate")
def authored_date(thing: Thing, info: GraphQLResolveInfo) -> str:
    """When it was written."""
    known = (whole_commit(thing)["commit"].get("author") or {}).get("date")
    return to_time(known) if known else committed_date(thing, info)


@field("Commit.author", "Commit.committer")
def git_actor(thing: Thing, info: GraphQLResolveInfo) -> Thing | None:
    """Who wrote or committed it, as git has it, with the account where one is known."""
    whole = whole_commit(thing)
    row, account = whole["commit"].get(info.field_name), whole.get(info.field_name)
    return thing.of("GitActor", row | {"user": account}) if row else None


@field("GitActor.user")
def actor_user(thing: Thing, info: GraphQLResolveInfo) -> Thing | None:
    """The account of an address; only people have one."""
    user = thing.row.get("user")
    return thing.of("User", user) if user and user.get("type", "User") == "User" else None


@listed("Commit.parents")
def parents(thing: Thing, info: GraphQLResolveInfo, **page: Any) -> Items:
    """The commits that it follows."""
    shas = [parent["sha"] for parent in whole_commit(thing).get("parents") or []]
    return ordered(shas, lambda sha: commit_thing(thing.home, sha))
