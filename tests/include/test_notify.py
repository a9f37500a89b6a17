"""What needs somebody is said once, to a real HTTP server and a real SMTP server, and no secret."""

from __future__ import annotations

import base64
import json
import logging
import socketserver
import ssl
import threading
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer

import duckdb
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from dlt_pipelines.exceptions import HeadwaterError, register_secret
from include import notify
from include.settings import Settings
from include.sources_file import ConfigError

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
PATH = "/services/T0001/B0001/s3cretpath"
SOURCES = """
sources:
  - {name: github, type: github, owner: acme, secret: GITHUB_TOKEN, organization: [],
     repositories: [{name: acme/one}, {name: acme/two}]}
  - {name: paused, type: linear, owner: acme, secret: LINEAR_API_KEY, teams: [ENG],
     sync_enabled: false}
notifications:
  webhook: OPS_WEBHOOK
  email: {to: [ops@example.com, dev@example.com], from: headwater@example.com, server: OPS_SMTP}
"""
PUBLISHED = """
create schema ops;
create table ops.ingestion_sources as select
    'github' as connection_id, 'github' as source_type, 60 as sync_frequency_minutes,
    true as is_enabled, true as is_configured, null::timestamptz as last_succeeded_at;
create table ops.sync_state as select
    if(name = 'ENG', 'paused', 'github') as connection_id, name as container,
    's' as last_sync_id, 'failed' as last_status, 1 as consecutive_failure_count,
    timestamptz '2026-11-21 12:00:00+00' - to_minutes(minutes) as last_succeeded_at
from (values ('acme/one', 120), ('acme/two', 121), ('acme/gone', 9999), ('ENG', 9999))
    as states (name, minutes);
create table ops.sync_history as select
    'github' as connection_id, 'acme/two' as container, 's' as sync_id, 'd' as dag_id,
    'r' as run_id, null::varchar as log_url, 'incremental' as mode, now() as started_at,
    now() as completed_at, false as is_complete, 'failed' as status,
    'github.issues: refused hunter2hunter2' as error_message, 1 as rate_limit_remaining,
    1 as requests_made, 1 as requests_not_modified, 1 as requests_saved, 1 as items_processed,
    0 as items_unchanged;
create table ops.raw_event_errors as select
    n::varchar as raw_event_error_id, if(n < 3, 'open', 'resolved') as status,
    'github' as connection_id, 'acme/one' as container, 'issues' as resource,
    'extract' as stage, 'record ' || n || ' cannot be read' as error_message,
    1 as attempt_count, to_timestamp(n) as first_failed_at, to_timestamp(n) as last_failed_at
from range(4) as numbers (n);
create table ops.webhook_deliveries as select
    'github' as connection_id, 'processed' as status, now() as received_at;
"""
LATE = (
    "github is late: 1 of 2 containers are not current, such as acme/two: last success 2026-11-21"
    " 09:59 UTC (github.issues: refused ***); expected one every 60 minutes; see Sync health or"
    " `headwater status`"
)
ERRORS = (
    "github.issues has records that failed (extract): 3 open, such as: record 2 cannot be read;"
    " see `headwater errors list`"
)


class Web(HTTPServer):
    """Takes what is posted, or refuses it with the status that is set."""

    def __init__(self):
        self.status, self.posted = 200, []
        super().__init__(("127.0.0.1", 0), _Post)


class _Post(BaseHTTPRequestHandler):
    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.posted.append((self.path, body))
        self.send_response(self.server.status)
        self.end_headers()

    def log_message(self, *_):
        pass


class Mail(socketserver.TCPServer):
    """Takes mail: without encryption, or with a certificate only encrypted and after a login."""

    def __init__(self, certificate=None):
        self.mails, self.logins, self.certificate = [], [], certificate
        super().__init__(("127.0.0.1", 0), _Smtp)


class _Smtp(socketserver.StreamRequestHandler):
    def handle(self):
        self.say("220 ready")
        recipients, is_secret = [], self.server.certificate is None
        while line := self.rfile.readline().decode().strip():
            verb, _, rest = line.partition(":")
            if verb.upper().startswith("EHLO") and self.server.certificate:
                self.say("250-here\r\n250 " + ("AUTH PLAIN" if is_secret else "STARTTLS"))
                continue
            if verb.upper() == "STARTTLS":
                self.say("220 go on")
                if not self.encrypt():
                    return
                is_secret = True
                continue
            if verb.upper().startswith("AUTH PLAIN "):
                login = base64.b64decode(line.split()[2]).decode().split("\0")[1:]
                self.server.logins.append(login)
                self.say("235 welcome" if login == ["ops", "open sesame"] else "535 not you")
                continue
            if not (is_secret or verb.upper() == "QUIT"):
                self.say("530 Must issue a STARTTLS command first")
                continue
            if verb.upper() == "RCPT TO":
                recipients.append(rest.strip("<>"))
            if verb.upper() == "DATA":
                self.say("354 go on")
                lines = list(iter(lambda: self.rfile.readline().decode().rstrip("\r\n"), "."))
                self.server.mails.append((recipients, "\n".join(lines)))
            if verb.upper() == "QUIT":
                self.say("221 bye")
                return
            self.say("250 ok")

    def say(self, line):
        self.wfile.write(f"{line}\r\n".encode())

    def encrypt(self):
        """Whether the client found the certificate good."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.server.certificate)
        try:
            self.request = context.wrap_socket(self.request, server_side=True)
        except ssl.SSLError:
            return False
        self.setup()
        return True


@contextmanager
def running(server):
    with server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture
def web():
    with running(Web()) as server:
        yield server


@pytest.fixture
def mail():
    with running(Mail()) as server:
        yield server


@pytest.fixture
def settings(tmp_path, web, mail):
    file = tmp_path / "sources.yml"
    file.write_text(SOURCES)
    secrets = {
        "OPS_WEBHOOK": f"http://127.0.0.1:{web.server_port}{PATH}",
        "OPS_SMTP": f"smtp://127.0.0.1:{mail.server_address[1]}",
    }
    settings = Settings(tmp_path, file, secret_lookup=secrets.get)
    settings.published.parent.mkdir()
    change(settings, PUBLISHED)
    register_secret("hunter2hunter2")
    return settings


def change(settings, sql):
    with duckdb.connect(str(settings.published)) as db:
        db.execute(sql)


def test_what_is_wrong_is_said_once_on_every_channel_and_that_it_is_over_once(settings, web, mail):
    assert notify.tell_what_is_wrong(settings, NOW) == [LATE, ERRORS]
    assert web.posted == [(PATH, {"text": f"{LATE}\n{ERRORS}"})]
    ((recipients, text),) = mail.mails
    assert recipients == ["ops@example.com", "dev@example.com"]
    assert f"{LATE}\n{ERRORS}" in text.replace("=\n", "")
    assert "Subject: Headwater: github is late: 1 of 2 containers" in text
    assert notify.tell_what_is_wrong(settings, NOW + timedelta(minutes=1)) == []
    change(settings, "update ops.sync_state set last_succeeded_at = '2026-11-21 12:00:00+00'")
    assert notify.tell_what_is_wrong(settings, NOW) == ["over: github is late"]
    change(settings, "update ops.raw_event_errors set status = 'resolved'")
    over = "over: github.issues has records that failed (extract)"
    assert notify.tell_what_is_wrong(settings, NOW) == [over]
    assert notify.tell_what_is_wrong(settings, NOW) == []
    assert (len(web.posted), len(mail.mails)) == (3, 3)


def test_of_errors_only_those_that_came_since_are_said(settings):
    notify.tell_what_is_wrong(settings, NOW)
    change(
        settings,
        "update ops.raw_event_errors set status = 'dismissed' where raw_event_error_id = '2'",
    )
    assert notify.tell_what_is_wrong(settings, NOW) == []
    change(
        settings, "update ops.raw_event_errors set status = 'open' where raw_event_error_id = '3'"
    )
    assert notify.tell_what_is_wrong(settings, NOW) == [ERRORS.replace("record 2", "record 3")]


def test_what_a_channel_refused_is_said_again_there_and_nowhere_else(settings, web, mail):
    web.status = 500
    with pytest.raises(HeadwaterError, match=r"notifications\.webhook: .*HTTP 500"):
        notify.tell_what_is_wrong(settings, NOW)
    assert (len(web.posted), len(mail.mails)) == (1, 1)
    web.status = 204
    assert notify.tell_what_is_wrong(settings, NOW) == [LATE, ERRORS]
    assert (len(web.posted), len(mail.mails)) == (2, 1)


def test_a_run_that_fails_is_said_once_until_one_succeeds(settings, web):
    url = "http://airflow/dags/ingest_github/runs/r"
    line = (
        "ingest_github fails: a run failed (extract: task_failure); expected it to succeed;"
        f" see {url}"
    )
    failed = ("ingest_github", "extract: task_failure", url)
    assert notify.run_failed(settings, *failed) == [line]
    assert notify.run_failed(settings, *failed) == []
    assert notify.run_succeeded(settings, "transform") == []
    assert notify.run_succeeded(settings, "ingest_github") == ["over: ingest_github fails"]
    assert notify.run_succeeded(settings, "ingest_github") == []
    assert notify.run_failed(settings, *failed) == [line]
    assert len(web.posted) == 3


def test_a_decision_that_waits_is_said_once_by_every_run(settings, web):
    question = {"source": "github", "container": "acme/one", "message": "60 of 100 are missing"}
    title = "github: acme/one waits for a decision: 60 of 100 are missing"
    for run in ("runs/1", "runs/2"):
        assert notify.decisions_wait(settings, [question], run) == [f"{title}; see {run}"]
        assert notify.decisions_wait(settings, [question], run) == []
    assert notify.decisions_wait(settings, [], "runs/3") == []
    assert len(web.posted) == 2


def test_the_address_of_a_channel_is_told_nowhere(settings, web, caplog):
    caplog.set_level(logging.DEBUG)
    web.status = 403
    with pytest.raises(HeadwaterError) as refused:
        notify.tell_what_is_wrong(settings, NOW)
    web.status = 200
    notify.tell_what_is_wrong(settings, NOW)
    told = [str(refused.value), (settings.data / "notices.json").read_text(), *caplog.messages]
    assert [text for text in told if "s3cretpath" in text or "hunter2" in text] == []


@pytest.mark.parametrize(
    ("name", "value", "what"),
    [
        ("OPS_SMTP", "smtp://ops:open-sesame@127.0.0.1:{mail}", "the password only unencrypted"),
        ("OPS_SMTP", "mail.example.com", "OPS_SMTP is no smtp:// or smtps:// address"),
        ("OPS_SMTP", "smtps://ops:open-sesame@127.0.0.1:{mail}", "SSLError"),
        ("OPS_WEBHOOK", "hooks.example.com/open-sesame", "UnsupportedProtocol"),
        ("OPS_WEBHOOK", "", "the secret OPS_WEBHOOK is not set"),
    ],
)
def test_a_channel_that_is_set_up_wrongly_says_so_and_not_its_password(
    settings, mail, name, value, what
):
    given = value.format(mail=mail.server_address[1])
    before = settings._lookup
    settings._lookup = lambda asked: given if asked == name else before(asked)
    with pytest.raises(HeadwaterError) as refused:
        notify.send_test(settings)
    assert what in str(refused.value)
    assert "sesame" not in str(refused.value)
    assert mail.mails == [] or name == "OPS_WEBHOOK"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """A file with a certificate for this machine, signed by itself, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(datetime.now(UTC) - timedelta(days=1))
        .not_valid_after(datetime.now(UTC) + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    plain = (Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    path = tmp_path_factory.mktemp("certificate") / "both.pem"
    path.write_bytes(made.public_bytes(Encoding.PEM) + key.private_bytes(*plain))
    return path


@pytest.fixture
def strict_mail(settings, certificate):
    """A server that takes mail only encrypted and after a login; `OPS_SMTP` names it."""
    with running(Mail(certificate)) as server:
        address = f"smtp://ops:{{}}@localhost:{server.server_address[1]}"
        before = settings._lookup
        server.password = "open%20sesame"
        settings._lookup = lambda name: (
            address.format(server.password) if name == "OPS_SMTP" else before(name)
        )
        yield server


def test_mail_goes_encrypted_where_the_server_demands_it(
    settings, strict_mail, certificate, monkeypatch
):
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    assert notify.send_test(settings) == ["webhook", "email"]
    ((recipients, text),) = strict_mail.mails
    assert recipients == ["ops@example.com", "dev@example.com"]
    assert "a test: this is where Headwater will say what needs somebody" in text
    assert strict_mail.logins == [["ops", "open sesame"]]


def test_a_certificate_that_nobody_vouches_for_gets_neither_mail_nor_password(
    settings, strict_mail
):
    with pytest.raises(HeadwaterError, match=r"not accepted \(SSLCertVerificationError\)"):
        notify.send_test(settings)
    assert (strict_mail.mails, strict_mail.logins) == ([], [])


def test_a_mail_server_that_refuses_the_password_is_named_without_it(
    settings, strict_mail, certificate, monkeypatch
):
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    strict_mail.password = "sesame"
    with pytest.raises(HeadwaterError, match="SMTPAuthenticationError") as refused:
        notify.send_test(settings)
    assert "sesame" not in str(refused.value)
    assert strict_mail.mails == []


def test_very_much_is_said_in_few_lines(settings, web):
    lines = [f"line {n} " + "x" * 1000 for n in range(30)]
    notices = [notify.Notice(f"late:{n}", "t", line) for n, line in enumerate(lines)]
    notify._tell(settings, notices, ("late:",))
    text = web.posted[0][1]["text"].splitlines()
    assert (len(text), text[-1]) == (21, "… and 10 more")
    assert max(map(len, text)) == notify.CHARACTERS


def test_an_address_in_place_of_a_secrets_name_is_an_error_that_does_not_repeat_it(tmp_path):
    file = tmp_path / "sources.yml"
    file.write_text(SOURCES.replace("OPS_WEBHOOK", f"https://hooks.example.com{PATH}"))
    with pytest.raises(ConfigError) as wrong:
        _ = Settings(tmp_path, file).notifications
    assert "notifications.webhook" in str(wrong.value)
    assert "s3cretpath" not in str(wrong.value)
