"""E-mail: nothing in the clear, one message for all addresses, the same id for the same news, hostile text harmless."""

import socket
import time
from collections.abc import Iterator
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from alerts import RECEIVERS
from alerts.message import Message
from alerts.smtp import DEADLINE_SECONDS, SmtpReceiver, SmtpSettings
from alerts.smtp_message import in_header, render
from shared.config.settings import load
from shared.errors import ConfigError, Rejected, RetryLater
from shared.secret import SecretSource
from tests.alerts.messages import a_message
from tests.alerts.receivers.smtp import CERTIFICATE, SmtpStand
from tests.alerts.stand import Said
from tests.factories import NOON, minutes
from tests.loopback import Loopback, reply

BASE_URL = "https://builds.example.com"


@pytest.fixture
def mail() -> Iterator[SmtpStand]:
    with SmtpStand() as stand:
        yield stand


def an_email(message: Message | None = None, **options: Any) -> EmailMessage:
    told: dict[str, Any] = {"sender": "builds@example.com", "to": ("ops@example.com",), "name": "mail", "now": NOON}
    return render(message or a_message(), BASE_URL, **({"is_repeat": False} | told | options))


def part(mail: EmailMessage, kind: str) -> str:
    body = mail.get_body((kind,))
    assert body is not None
    content: str = body.get_content()
    return content


def configured(tmp_path: Path, *lines: str, **environ: str) -> SmtpSettings:
    """The settings of a table with what it needs, and these lines."""
    told = {"host": '"smtp.example.com"', "sender": '"builds@example.com"', "to": '["ops@example.com"]'}
    told |= dict(line.split(" = ", 1) for line in lines)
    file = tmp_path / "config.toml"
    table = "\n".join(f"{key} = {value}" for key, value in told.items())
    file.write_text(f'[[receivers]]\nkind = "smtp"\nname = "mail"\n{table}\n')
    (settings,) = load(file, receivers=RECEIVERS, environ=environ).receivers
    assert isinstance(settings, SmtpSettings)
    return settings


def test_one_encrypted_message_goes_to_all_addresses(mail: SmtpStand) -> None:
    mail.receiver().send(a_message(), is_possible_repeat=False)

    assert mail.were_encrypted == [True]
    assert mail.steps[:3] == ["STARTTLS", "AUTH", "MAIL"]
    assert mail.envelopes[0].mail_from == "builds@example.com"
    assert mail.envelopes[0].rcpt_tos == ["ops@example.com", "ada@example.com"]
    assert mail.mails[0]["To"] == "ops@example.com, ada@example.com"
    assert mail.mails[0]["From"] == "Build Observatory <builds@example.com>"


def test_a_server_that_is_encrypted_from_the_start_takes_it_too() -> None:
    with SmtpStand("tls") as mail:
        mail.receiver().send(a_message(), is_possible_repeat=False)

        assert mail.were_encrypted == [True]
        assert "STARTTLS" not in mail.steps


def test_a_server_without_login_on_this_machine_takes_it_in_the_clear_when_asked_to() -> None:
    with SmtpStand("none") as mail:
        mail.receiver(username=None, password=SecretSource()).send(a_message(), is_possible_repeat=False)

        assert mail.were_encrypted == [False]
        assert "AUTH" not in mail.steps


def test_a_server_that_offers_no_starttls_gets_nothing_in_the_clear() -> None:
    with SmtpStand("none") as mail:
        with pytest.raises(RetryLater, match="will not encrypt by STARTTLS, and nothing is sent in the clear"):
            mail.receiver(security="starttls").send(a_message(), is_possible_repeat=False)

        assert mail.steps == []
        assert mail.mails == []


@pytest.mark.parametrize("said", [Said(454, "TLS not available", at="STARTTLS"), Said(502, "no", at="STARTTLS")])
def test_a_server_that_refuses_starttls_gets_nothing_in_the_clear(mail: SmtpStand, said: Said) -> None:
    mail.say(said)

    with pytest.raises(RetryLater, match=rf"will not encrypt by STARTTLS \({said.status}\)"):
        mail.receiver().send(a_message(), is_possible_repeat=False)

    assert mail.steps == ["STARTTLS"]


@pytest.mark.parametrize("settings", [{"host": "127.0.0.1"}, {"ca_file": None}])
def test_a_certificate_of_another_name_or_authority_ends_it_before_the_login(
    mail: SmtpStand, settings: dict[str, Any]
) -> None:
    with pytest.raises(RetryLater, match="certificate that is not trusted"):
        mail.receiver(**settings).send(a_message(), is_possible_repeat=False)

    assert mail.steps == ["STARTTLS"]


def test_what_is_no_mail_server_is_said_in_words() -> None:
    with Loopback(lambda _: reply({})) as web:
        settings = {"host": "127.0.0.1", "port": web.port, "sender": "a@example.com", "to": ("b@example.com",)}
        receiver = SmtpReceiver(SmtpSettings(kind="smtp", name="mail", **settings), BASE_URL, deadline_seconds=0.3)

        with pytest.raises(RetryLater, match=r"did not take the message within 0\.3 s"):
            receiver.send(a_message(), is_possible_repeat=False)


def test_starttls_where_everything_is_encrypted_and_the_other_way_round_are_told_apart(mail: SmtpStand) -> None:
    with pytest.raises(RetryLater, match='set security = "starttls"'):
        mail.receiver(security="tls").send(a_message(), is_possible_repeat=False)


def test_a_repeat_has_the_id_and_the_subject_of_the_first_and_says_what_it_is(mail: SmtpStand) -> None:
    mail.take_and_reset()
    with pytest.raises(RetryLater, match=r"hung up before|could not be reached"):
        mail.receiver().send(a_message(), is_possible_repeat=False)
    mail.receiver().send(a_message(), is_possible_repeat=True)

    first, again = mail.mails
    assert first["Message-ID"] == again["Message-ID"]
    assert first["Subject"] == again["Subject"] == "acme/web ci broke on main"
    for kind in ("plain", "html"):
        assert "possible repeat" not in part(first, kind)
        assert "possible repeat: acme/web ci broke on main" in part(again, kind)


def test_other_news_has_another_id_and_the_recovery_answers_in_the_failures_thread() -> None:
    broke = a_message(broken_since=NOON)
    others = [
        broke,
        a_message("fixed", broken_since=NOON),
        a_message(broken_since=NOON, build_id=8),
        a_message(broken_since=NOON, attempt=2),
        a_message(broken_since=NOON, finished_at=NOON + minutes(9)),
    ]

    ids = {an_email(each)["Message-ID"] for each in others} | {an_email(broke, name="other")["Message-ID"]}

    assert len(ids) == 6
    assert len({an_email(each)["References"] for each in others}) == 1
    assert an_email(a_message(broken_since=NOON, branch="v2"))["References"] != an_email(broke)["References"]


def test_the_headers_keep_holiday_answers_away_and_filters_happy() -> None:
    mail = an_email()

    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail["List-Id"] == "Build Observatory <mail.build-observatory.example.com>"
    assert mail["Date"].datetime == NOON
    assert mail["Message-ID"].endswith("@example.com>")


def test_both_parts_say_the_same_and_the_page_fetches_nothing() -> None:
    mail = an_email(a_message("fixed"))

    plain, page = part(mail, "plain"), part(mail, "html")
    for wanted in ("acme/web ci is fixed on main", "succeeded", "Fix the login form", "2 h 10 min", "/api/builds/7"):
        assert wanted in plain
        assert wanted in page
    assert 'name="color-scheme" content="light dark"' in page
    for foreign in ("<img", "<link", "<script", "src=", "url(", "@import"):
        assert foreign not in page
    assert page.count("<a href=") == 2


def test_a_hostile_branch_neither_adds_a_header_nor_suppresses_the_message(mail: SmtpStand) -> None:
    branch = "x\r\nBcc: thief@example.net\r\n\r\n.\r\nQUIT \ud800\u202e =?utf-8?q?a=0d=0aBcc=3a_thief@example.net?="

    mail.receiver().send(a_message(branch=branch, repository=branch), is_possible_repeat=False)

    assert mail.envelopes[0].rcpt_tos == ["ops@example.com", "ada@example.com"]
    assert mail.mails[0]["Bcc"] is None
    assert "Bcc: thief@example.net . QUIT = ?utf-8?q?" in mail.mails[0]["Subject"]


@given(text=st.text(st.characters(categories=None), max_size=400))
def test_any_text_arrives_on_one_line_in_headers_that_mean_nothing_else(text: str) -> None:
    mail = an_email(a_message(branch=text, repository=text, pipeline=f"p{text}", commit_message=text, author=text))

    content = mail.as_bytes()
    head = content.partition(b"\r\n\r\n")[0]
    assert {line.partition(b":")[0] for line in head.split(b"\r\n") if line[:1] not in (b" ", b"\t")} == {
        *(b"Subject", b"From", b"To", b"Date", b"Message-ID", b"In-Reply-To", b"References", b"List-Id"),
        *(b"Auto-Submitted", b"X-Auto-Response-Suppress", b"MIME-Version", b"Content-Type"),
    }
    assert max(map(len, content.split(b"\r\n"))) <= 998
    assert content.isascii()
    assert len(in_header(text)) <= 300


def test_addresses_that_are_refused_are_named_and_the_others_get_it(mail: SmtpStand) -> None:
    mail.say(Said(550, "5.1.1 unknown", {"only": "ada@example.com"}, at="RCPT"))

    with capture_logs() as events:
        mail.receiver().send(a_message(), is_possible_repeat=False)

    assert mail.envelopes[0].rcpt_tos == ["ops@example.com"]
    assert [entry["addresses"] for entry in events if entry["event"] == "refused_addresses"] == [
        {"ada@example.com": "550 5.1.1 unknown"}
    ]


def test_a_refusal_is_told_in_the_servers_words_without_the_password(mail: SmtpStand) -> None:
    mail.say(Said(554, f"5.7.1 spam {mail.secret}"))

    with pytest.raises(Rejected, match=r"answered 554 5.7.1 spam \[secret\]"):
        mail.receiver().send(a_message(), is_possible_repeat=False)


def test_a_wrong_password_is_told_and_not_repeated(mail: SmtpStand) -> None:
    wrong = SecretSource(env="W", environ={"W": "wrong-Pa55word"})

    with pytest.raises(Rejected, match=r"refused the login \(535\); check username and the password") as caught:
        mail.receiver(password=wrong).send(a_message(), is_possible_repeat=False)

    assert "wrong-Pa55word" not in str(caught.value)


def test_a_password_is_read_anew_for_every_message(mail: SmtpStand, tmp_path: Path) -> None:
    file = tmp_path / "password"
    receiver = mail.receiver(password=SecretSource(file=file))

    with pytest.raises(RetryLater, match="cannot be read"):
        receiver.send(a_message(), is_possible_repeat=False)
    file.write_text(f"{mail.secret}\n")
    receiver.send(a_message(), is_possible_repeat=False)

    assert len(mail.mails) == 1


def test_a_server_that_greets_without_end_is_cut_off() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        settings = {"host": "127.0.0.1", "sender": "a@example.com", "to": ("b@example.com",)}
        chosen = SmtpSettings(kind="smtp", name="mail", port=server.getsockname()[1], **settings)
        began = time.monotonic()
        with pytest.raises(RetryLater, match=r"did not take the message within 0\.2 s"):
            SmtpReceiver(chosen, BASE_URL, deadline_seconds=0.2).send(a_message(), is_possible_repeat=False)

    assert time.monotonic() - began < 1


def test_a_message_has_eight_seconds_in_all() -> None:
    assert DEADLINE_SECONDS == 8


@pytest.mark.parametrize(("security", "port"), [("starttls", 587), ("tls", 465), ("none", 25)])
def test_the_port_follows_from_the_security(tmp_path: Path, security: str, port: int) -> None:
    assert configured(tmp_path, f'security = "{security}"').port == port
    assert configured(tmp_path, f'security = "{security}"', "port = 2525").port == 2525


def test_encryption_is_what_happens_when_nothing_is_said(tmp_path: Path) -> None:
    settings = configured(tmp_path, 'username = "u"', 'password_env = "SMTP_PASSWORD"', SMTP_PASSWORD="canary-12345")

    assert settings.security == "starttls"
    assert "canary-12345" not in repr(settings)
    assert settings.ca_file is None
    assert CERTIFICATE.exists()


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ('host = "smtp.example.com:587"', r"receivers\[0\].host: .* the port as port"),
        ('host = "smtp://smtp.example.com"', r"receivers\[0\].host"),
        ('security = "ssl"', r"receivers\[0\].security: must be one of 'starttls', 'tls' or 'none'"),
        ("port = 0", r"receivers\[0\].port: must be at least 1"),
        ("to = []", r"receivers\[0\].to: must be a list with at least one entry"),
        ('to = ["Ada <ada@example.com>"]', r"receivers\[0\].to: .*without a name"),
        ('to = ["a@example.com\\r\\nBcc: b@example.com"]', r"receivers\[0\].to: .*no plain address"),
        ('sender = "nobody"', r"receivers\[0\].sender: .*no plain address"),
        ('username = "u"', r"receivers\[0\].password: username and password_env \(or password_file\) belong together"),
        ('password = "secret"', r"receivers\[0\].password: a secret is never written into the file"),
    ],
)
def test_a_mistake_is_told_with_what_would_be_right(tmp_path: Path, line: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        configured(tmp_path, line)


def test_a_password_is_never_configured_to_go_in_the_clear(tmp_path: Path) -> None:
    lines = ('security = "none"', 'username = "u"', 'password_env = "P"')

    with pytest.raises(ConfigError, match=r"receivers\[0\].password: would be sent in the clear"):
        configured(tmp_path, *lines, P="canary-12345")
    assert configured(tmp_path, *lines, 'host = "localhost"', P="canary-12345").port == 25
