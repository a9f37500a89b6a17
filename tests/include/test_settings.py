"""sources.yml: every mistake names its file, its line and what to do; no secret is ever shown."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from dlt_pipelines.exceptions import AuthError
from include import sources_file
from include.settings import ROOT, Settings
from include.sources_file import ConfigError

GOOD = """\
sources:
  - name: github
    type: github
    owner: tidewater-labs
    secret: GITHUB_TOKEN
    repositories:
      - name: tidewater-labs/gauge
        branches: [main]
        content_types: [issues]
        code_filters:
          include_paths: [src/*]
          max_file_size: 2 MiB
  - name: linear
    type: linear
    owner: tidewater
    secret: LINEAR_API_KEY
    teams: [ENG, OPS]
  - name: notion
    type: notion
    owner: Tidewater Labs
    secret: NOTION_TOKEN
    roots:
      - name: Handbook
        page_id: '0123'
        include_paths: [Team/*]
"""
TOKEN = "ghp_" + "a" * 36


@pytest.fixture
def file(tmp_path):
    return tmp_path / "sources.yml"


def settings(file, secrets: dict[str, str] | None = None, sandbox_url: str | None = None):
    found = Settings(file.parent, file, sandbox_url, (secrets or {}).get)
    found.sandbox_url = sandbox_url
    return found


MISTAKES = {
    "a missing key": (
        ("    owner: tidewater\n", ""),
        13,
        "sources.1.owner: Field required",
        "add owner",
    ),
    "an unknown key": (
        ("teams: [ENG, OPS]", "teams: [ENG]\n    token: " + TOKEN),
        18,
        "sources.1.token: Extra inputs are not permitted",
        "remove or correct token",
    ),
    "an unknown type": (
        ("type: linear", "type: jira"),
        13,
        "sources.1: Input tag 'jira' found using 'type' does not match any of the expected tags:",
        "correct this line",
    ),
    "no type": (
        ("    type: linear\n", ""),
        13,
        "sources.1: Unable to extract tag using discriminator 'type'",
        "correct this line",
    ),
    "a repository without owner": (
        ("name: tidewater-labs/gauge", "name: gauge"),
        7,
        "sources.0.repositories.0.name: String should match pattern",
        "correct this line",
    ),
    "no repositories": (
        (
            "  - name: linear",
            "  - {name: x, type: github, owner: y, secret: Z, repositories: []}\n  - name: linear",
        ),
        13,
        "sources.1.repositories: Tuple should have at least 1 item",
        "correct this line",
    ),
    "no number": (
        ("teams: [ENG, OPS]", "teams: [ENG]\n    sync_frequency_minutes: often"),
        18,
        "sources.1.sync_frequency_minutes: Input should be a valid integer",
        "correct this line",
    ),
    "too often": (
        ("teams: [ENG, OPS]", "teams: [ENG]\n    sync_frequency_minutes: 0"),
        18,
        "sources.1.sync_frequency_minutes: Input should be greater than or equal to 1",
        "correct this line",
    ),
    "an unknown visibility": (
        ("teams: [ENG, OPS]", "teams: [ENG]\n    content_visibility: secret"),
        18,
        "sources.1.content_visibility: Input should be 'public', 'private' or 'mixed'",
        "correct this line",
    ),
    "no size": (
        ("2 MiB", "huge"),
        12,
        "sources.0.repositories.0.code_filters.max_file_size: could not parse value",
        "correct this line",
    ),
    "an unknown content type": (
        ("[issues]", "[wikis]"),
        9,
        "content type 'wikis' is unknown; use any of: repositories, repository_counts,",
        "correct this line",
    ),
    "a name that is no identifier": (
        ("name: linear", "name: My Linear"),
        13,
        "sources.1.name: String should match pattern",
        "correct this line",
    ),
    "a name used twice": (
        ("name: linear", "name: github"),
        1,
        "source name 'github' is used twice; give each its own name",
        "correct this line",
    ),
    "a container used twice": (
        ("[ENG, OPS]", "[ENG, OPS, ENG]"),
        13,
        "'ENG' is listed twice",
        "correct this line",
    ),
    "a team named as the workspace": (
        ("[ENG, OPS]", "[ENG, tidewater]"),
        13,
        "'tidewater' is listed twice",
        "correct this line",
    ),
    "an unknown API version": (
        ("roots:", "api_version: 2022-06-28\n    roots:"),
        22,
        "sources.2.api_version: Input should be '2025-09-03' or '2026-03-11'",
        "correct this line",
    ),
    "an address that is none": (
        ("teams: [ENG, OPS]", "teams: [ENG]\n    base_url: linear"),
        18,
        "sources.1.base_url: Input should be a valid URL",
        "correct this line",
    ),
    "an address with a password": (
        ("teams: [ENG, OPS]", "teams: [ENG]\n    base_url: https://me:hunter22@ghe.example/"),
        18,
        "sources.1.base_url: Value error, it holds a credential",
        "correct this line",
    ),
    "a token in place of its name": (
        ("secret: GITHUB_TOKEN", f"secret: {TOKEN}"),
        5,
        "sources.0.secret: Value error, this is a token and not the name of one",
        "correct this line",
    ),
    "a date that does not exist": (
        ("owner: tidewater\n", "owner: 2026-13-45\n"),
        1,
        "not valid YAML: month must be in 1..12",
        "correct this line",
    ),
    "broken YAML": (
        ("teams: [ENG, OPS]", "teams: [ENG, OPS"),
        18,
        "not valid YAML: expected ',' or ']'",
        "correct this line",
    ),
    "a tab": (
        ("    teams:", "\tteams:"),
        17,
        "not valid YAML: found character '\\t' that cannot start any token",
        "correct this line",
    ),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_each_mistake_names_file_line_and_remedy_and_shows_no_secret(file, name):
    (good, bad), line, what, remedy = MISTAKES[name]
    assert good in GOOD
    file.write_text(GOOD.replace(good, bad))
    with pytest.raises(ConfigError) as caught:
        sources_file.load(file)
    message = str(caught.value)
    assert message.startswith(f"{file}:{line}: ")
    assert what in message
    assert "; expected " in message
    assert message.endswith(f"; {remedy}")
    assert caught.value.code == "config"
    assert TOKEN not in message
    assert "hunter22" not in message


@pytest.mark.parametrize("store", ["headwater", "../warehouse", "a.public", "Team", ""])
def test_a_store_that_cannot_be_a_file_of_its_own_is_refused(file, store):
    file.write_text(
        GOOD.replace("    owner: tidewater\n", f"    owner: t\n    stores: [{store!r}]\n")
    )
    with pytest.raises(ConfigError, match=r"sources\.1\.stores\.0"):
        sources_file.load(file)


def test_each_store_has_a_file_and_so_has_its_public_part(file, tmp_path):
    file.write_text(GOOD.replace("    owner: tidewater\n", "    owner: t\n    stores: [plans]\n"))
    settings = Settings(tmp_path, file)
    folder = tmp_path / "published"
    assert settings.published_file() == folder / "headwater.duckdb"
    assert settings.published_file(is_public=True) == folder / "headwater.public.duckdb"
    assert settings.published_file("plans") == folder / "plans.duckdb"
    assert settings.published_file("plans", is_public=True) == folder / "plans.public.duckdb"
    with pytest.raises(ConfigError, match="one of default, plans; correct the name"):
        settings.published_file("plan")


def test_several_mistakes_are_counted(file):
    file.write_text(GOOD.replace("    owner: tidewater\n", "").replace("[ENG, OPS]", "[]"))
    with pytest.raises(ConfigError, match=r"\(and 1 more\)"):
        sources_file.load(file)


@pytest.mark.parametrize(
    "content, what",
    [
        (None, "the file is missing; expected the list of sources; set HEADWATER_SOURCES"),
        (b"\xff\xfe", "the file is not text; expected YAML in UTF-8; save it as UTF-8"),
        (b"", "sources: Field required"),
        (b"- 1", "sources: Input should be a valid dictionary"),
        (b"sources: 1", "sources: Input should be a valid tuple"),
        (b"a: \x00", "not valid YAML"),
    ],
)
def test_a_file_that_is_none_says_so(file, content, what):
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(ConfigError) as caught:
        sources_file.load(file)
    assert str(caught.value).startswith(str(file))
    assert what in str(caught.value)


def test_a_folder_in_place_of_the_file_says_so(tmp_path):
    with pytest.raises(ConfigError, match="cannot be read"):
        sources_file.load(tmp_path)


def test_a_good_file_becomes_typed_sources_with_defaults(file):
    file.write_text(GOOD)
    github, linear, notion = sources_file.load(file).sources
    assert github.model_dump() == {
        "name": "github",
        "type": "github",
        "owner": "tidewater-labs",
        "secret": "GITHUB_TOKEN",
        "stores": ("default",),
        "sync_frequency_minutes": 60,
        "sync_enabled": True,
        "content_visibility": "private",
        "base_url": None,
        "webhook_secret": None,
        "organization": None,
        "app_id": None,
        "repositories": (
            {
                "name": "tidewater-labs/gauge",
                "branches": ("main",),
                "content_types": ("issues",),
                "code_filters": {
                    "include_paths": ("src/*",),
                    "exclude_paths": (),
                    "max_file_size": 2 * 1024 * 1024,
                },
            },
        ),
    }
    assert [(c.name, c.kind) for c in linear.containers] == [
        ("tidewater", "workspace"),
        ("ENG", "team"),
        ("OPS", "team"),
    ]
    assert [(c.name, c.kind, c.settings["page_id"]) for c in notion.containers] == [
        ("Handbook", "workspace", "0123")
    ]


NOTION = """
sources:
- {name: notion, type: notion, owner: Tidewater Labs, secret: NOTION_TOKEN%s}
"""


def test_a_notion_workspace_says_what_is_read_and_how(file):
    paths = "include_paths: ['Handbook/*'], exclude_paths: ['*/Attic']"
    how = "api_version: '2026-03-11', content: markdown, block_comments: 7, requests_per_minute: 90"
    file.write_text(NOTION % f", {paths}, {how}")
    ((container,),) = [source.containers for source in sources_file.load(file).sources]
    assert (container.name, container.settings) == (
        "Tidewater Labs",
        {
            "api_version": "2026-03-11",
            "content": "markdown",
            "block_comments": 7,
            "requests_per_minute": 90,
            "include_paths": ("Handbook/*",),
            "exclude_paths": ("*/Attic",),
        },
    )


@pytest.mark.parametrize(
    "options, message",
    [
        ("content: markdown", "content: markdown needs api_version 2026-03-11"),
        ("roots: [{name: A}], include_paths: [B]", "with roots, paths belong to each root"),
        ("block_comments: -1", "greater than or equal to 0"),
        ("requests_per_minute: 0", "greater than or equal to 1"),
    ],
)
def test_what_notion_cannot_do_is_refused(file, options, message):
    file.write_text(NOTION % f", {options}")
    with pytest.raises(ConfigError, match=message):
        sources_file.load(file)


def test_the_shipped_sources_are_valid():
    names = [s.name for s in sources_file.load(ROOT / "include" / "config" / "sources.yml").sources]
    assert names == ["github", "linear", "notion"]


# Access


def test_with_a_credential_the_real_api_is_asked_and_without_one_the_sandbox(file):
    file.write_text(GOOD)
    real = settings(file, {"LINEAR_API_KEY": " lin_key_123 \n"}, "http://127.0.0.1:1")
    request = real.request("linear", "ENG")
    assert (request.base_url, request.secret) == ("https://api.linear.app", "lin_key_123")
    sandbox = real.request("github", "tidewater-labs/gauge")
    assert (sandbox.base_url, sandbox.secret) == ("http://127.0.0.1:1/github", "sandbox-token")


def test_a_base_url_goes_before_the_providers_own_but_never_takes_the_sandboxs_token(file):
    file.write_text(GOOD.replace("teams:", "base_url: https://proxy.example/linear/\n    teams:"))
    real = settings(file, {"LINEAR_API_KEY": "lin_key_123"})
    assert real.request("linear", "ENG").base_url == "https://proxy.example/linear"
    local = settings(file, {}, "http://127.0.0.1:1")
    assert local.request("linear", "ENG").base_url == "http://127.0.0.1:1/linear"


@pytest.mark.parametrize("value", [None, "", "  "])
def test_without_credential_and_sandbox_the_error_names_the_variable(file, value):
    file.write_text(GOOD)
    lookup = {"GITHUB_TOKEN": value} if value is not None else {}
    with pytest.raises(AuthError) as caught:
        settings(file, lookup).request("github", "tidewater-labs/gauge")
    assert str(caught.value) == (
        "github.github: the secret GITHUB_TOKEN is not set; expected a token;"
        " export GITHUB_TOKEN, or try `headwater demo`, which needs no account"
    )


def test_a_secret_is_in_no_repr_and_in_no_row(file):
    file.write_text(GOOD)
    known = settings(file, {"GITHUB_TOKEN": "sesame-open-please"})
    request = known.request("github", "tidewater-labs/gauge")
    assert request.secret == "sesame-open-please"
    shown = f"{request!r} {known.source_rows()!r} {known!r} {vars(known)!r} {known.sources!r}"
    assert "sesame-open-please" not in shown


def test_source_rows_describe_every_source(file):
    file.write_text(GOOD)
    before = datetime.now(UTC)
    rows = settings(file).source_rows()
    assert all(before <= row.pop("observed_at") <= datetime.now(UTC) for row in rows)
    containers = [json.loads(row.pop("containers")) for row in rows]
    assert containers[1] == [
        {"container": "tidewater", "kind": "workspace", "settings": {}},
        {"container": "ENG", "kind": "team", "settings": {}},
        {"container": "OPS", "kind": "team", "settings": {}},
    ]
    assert rows[0] == {
        "connection_id": "github",
        "source_type": "github",
        "stores": '["default"]',
        "sync_frequency_minutes": 60,
        "is_enabled": True,
        "content_visibility": "private",
        "owner": "tidewater-labs",
        "base_url": None,
        "secret_name": "GITHUB_TOKEN",
        "is_configured": True,
    }


# Requests


def test_a_request_carries_the_containers_settings(file):
    file.write_text(GOOD)
    known = settings(file, sandbox_url="http://127.0.0.1:1")
    request = known.request("github", "tidewater-labs/gauge")
    assert (request.kind, request.content_types) == ("repository", ("issues",))
    assert request.settings["branches"] == ["main"]
    assert known.request("linear", "ENG").siblings == ("ENG", "OPS")
    notion = known.request("notion", "Handbook").settings
    assert (notion["api_version"], notion["include_paths"]) == ("2025-09-03", ("Team/*",))


START, END = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 2, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    "name, container, options, message",
    [
        ("jira", "x", {}, "sources.yml.jira: no source has this name; expected one of github,"),
        (
            "linear",
            "X",
            {},
            "linear.X: no such container in sources.yml; expected one of tidewater",
        ),
        ("linear", "ENG", {"resources": ("x",)}, "linear.x: no such resource; expected any of te"),
        ("linear", "ENG", {"mode": "window"}, "linear.window: it is not a period; expected a sta"),
        ("linear", "ENG", {"mode": "window", "start": START}, "linear.window: it is not a period"),
        (
            "linear",
            "ENG",
            {"mode": "window", "start": END, "end": START},
            "linear.window: it is not a period",
        ),
    ],
)
def test_what_does_not_exist_is_an_error_that_says_what_does(
    file, name, container, options, message
):
    file.write_text(GOOD)
    with pytest.raises(ConfigError) as caught:
        settings(file, sandbox_url="http://127.0.0.1:1").request(name, container, **options)
    assert str(caught.value).startswith(message)


def test_the_environment_says_where_everything_is(monkeypatch, tmp_path):
    monkeypatch.setenv("HEADWATER_DATA", str(tmp_path / "d"))
    monkeypatch.setenv("HEADWATER_SOURCES", str(tmp_path / "s.yml"))
    monkeypatch.setenv("HEADWATER_SANDBOX_URL", "http://127.0.0.1:1")
    found = Settings()
    assert (found.data, found.sources_file) == (tmp_path / "d", tmp_path / "s.yml")
    assert found.sandbox_url == "http://127.0.0.1:1"
    assert found.warehouse == tmp_path / "d" / "warehouse.duckdb"
    assert found.published == tmp_path / "d" / "published" / "headwater.duckdb"


OAUTH = GOOD.replace(
    "teams: [ENG, OPS]", "teams: [ENG]\n    client_id: abc\n    client_secret: OAUTH_SECRET"
)


def test_an_oauth_application_brings_its_secret_with_the_request_and_into_no_row(file):
    file.write_text(OAUTH, encoding="utf-8")
    secrets = {"LINEAR_API_KEY": "first refresh token", "OAUTH_SECRET": "client secret text"}
    found = settings(file, secrets)
    request = found.request("linear", "ENG")
    assert (request.secret, request.client_secret) == tuple(secrets.values())
    assert request.settings == {"client_id": "abc"}
    assert "client secret text" not in repr(request)
    assert "client secret text" not in json.dumps(found.source_rows(), default=str)
    del secrets["OAUTH_SECRET"]
    with pytest.raises(AuthError, match=r"linear\.linear: the secret OAUTH_SECRET is not set"):
        settings(file, secrets).request("linear", "ENG")


def test_an_oauth_application_without_its_secret_is_a_mistake(file):
    file.write_text(OAUTH.replace("\n    client_secret: OAUTH_SECRET", ""), encoding="utf-8")
    with pytest.raises(ConfigError, match="needs both client_id and client_secret"):
        sources_file.load(file)


@pytest.mark.parametrize("name", ["O'Brien", "data[1]", "a,b", "what?", "100%", "two\nlines"])
def test_a_data_folder_that_duckdb_would_misread_is_refused(tmp_path, name):
    with pytest.raises(ConfigError) as wrong:
        Settings(tmp_path / name)
    message = str(wrong.value)
    assert message.startswith("headwater.data: the data folder's path ")
    assert message.endswith("; set HEADWATER_DATA to another folder")
    assert "\n" not in message
