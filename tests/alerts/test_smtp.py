"""E-mail: nothing in the clear, one message for all addresses, the same id for the same news, hostile text harmless."""

import re
import socket
import time
from collections.abc import Iterator
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from alerts import RECEIVERS
from alerts.notice import Notice
from alerts.receivers.smtp import DEADLINE_SECONDS, SmtpReceiver, SmtpSettings
from alerts.receivers.smtp_message import Letterhead, in_header, render
from shared.config.settings import load
from shared.errors import ConfigError, ReceiverGone, Rejected, RetryLater
from shared.secret import SecretSource
from tests.alerts.messages import a_digest, a_group, a_notice, a_trial, every_kind, operations
from tests.alerts.receivers.smtp import CERTIFICATE, SmtpStand
from tests.alerts.stand import Said
from tests.factories import NOON, minutes
from tests.loopback import Loopback, reply

BASE_URL = "https://builds.example.com"


@pytest.fixture
def mail() -> Iterator[SmtpStand]:
    with SmtpStand() as stand:
        yield stand


def an_email(notice: Notice | None = None, *, is_repeat: bool = False, **options: Any) -> EmailMessage:
    told: dict[str, Any] = {"sender": "builds@example.com", "to": ("ops@example.com",), "name": "mail"}
    return render(notice or a_notice(), BASE_URL, Letterhead(**(told | options)), NOON, is_repeat=is_repeat)


def part(mail: EmailMessage, kind: str) -> str:
    body = mail.get_body((kind,))
    assert body is not None
    content: str = body.get_content()
    return content


def contrast(one: str, other: str) -> float:
    """How far apart two colours are, from 1 to 21 (WCAG 2)."""

    def luminance(colour: str) -> float:
        parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


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
    mail.receiver().send(a_notice(), is_possible_repeat=False)

    assert mail.were_encrypted == [True]
    assert mail.steps[:3] == ["STARTTLS", "AUTH", "MAIL"]
    assert mail.envelopes[0].mail_from == "builds@example.com"
    assert mail.envelopes[0].rcpt_tos == ["ops@example.com", "ada@example.com"]
    assert mail.mails[0]["To"] == "ops@example.com, ada@example.com"
    assert mail.mails[0]["From"] == "Build Observatory <builds@example.com>"


def test_a_server_that_is_encrypted_from_the_start_takes_it_too() -> None:
    with SmtpStand("tls") as mail:
        mail.receiver().send(a_notice(), is_possible_repeat=False)

        assert mail.were_encrypted == [True]
        assert "STARTTLS" not in mail.steps


def test_a_server_without_login_on_this_machine_takes_it_in_the_clear_when_asked_to() -> None:
    with SmtpStand("none") as mail:
        mail.receiver(username=None, password=SecretSource()).send(a_notice(), is_possible_repeat=False)

        assert mail.were_encrypted == [False]
        assert "AUTH" not in mail.steps


def test_a_server_that_offers_no_starttls_gets_nothing_in_the_clear() -> None:
    with SmtpStand("none") as mail:
        with pytest.raises(RetryLater, match="will not encrypt by STARTTLS, and nothing is sent in the clear"):
            mail.receiver(security="starttls").send(a_notice(), is_possible_repeat=False)

        assert mail.steps == []
        assert mail.mails == []


@pytest.mark.parametrize("said", [Said(454, "TLS not available", at="STARTTLS"), Said(502, "no", at="STARTTLS")])
def test_a_server_that_refuses_starttls_gets_nothing_in_the_clear(mail: SmtpStand, said: Said) -> None:
    mail.say(said)

    with pytest.raises(RetryLater, match=rf"will not encrypt by STARTTLS \({said.status}\)"):
        mail.receiver().send(a_notice(), is_possible_repeat=False)

    assert mail.steps == ["STARTTLS"]


@pytest.mark.parametrize("settings", [{"host": "127.0.0.1"}, {"ca_file": None}])
def test_a_certificate_of_another_name_or_authority_ends_it_before_the_login(
    mail: SmtpStand, settings: dict[str, Any]
) -> None:
    with pytest.raises(RetryLater, match="certificate that is not trusted"):
        mail.receiver(**settings).send(a_notice(), is_possible_repeat=False)

    assert mail.steps == ["STARTTLS"]


def test_what_is_no_mail_server_is_said_in_words() -> None:
    with Loopback(lambda _: reply({})) as web:
        settings = {"host": "127.0.0.1", "port": web.port, "sender": "a@example.com", "to": ("b@example.com",)}
        receiver = SmtpReceiver(SmtpSettings(kind="smtp", name="mail", **settings), BASE_URL, deadline_seconds=0.3)

        with pytest.raises(RetryLater, match=r"did not take the message within 0\.3 s"):
            receiver.send(a_notice(), is_possible_repeat=False)


def test_starttls_where_everything_is_encrypted_and_the_other_way_round_are_told_apart(mail: SmtpStand) -> None:
    with pytest.raises(RetryLater, match='set security = "starttls"'):
        mail.receiver(security="tls").send(a_notice(), is_possible_repeat=False)


def test_a_repeat_has_the_id_and_the_subject_of_the_first_and_says_what_it_is(mail: SmtpStand) -> None:
    mail.take_and_reset()
    with pytest.raises(RetryLater, match=r"hung up before|could not be reached"):
        mail.receiver().send(a_notice(), is_possible_repeat=False)
    mail.receiver().send(a_notice(), is_possible_repeat=True)

    first, again = mail.mails
    assert first["Message-ID"] == again["Message-ID"]
    assert first["Subject"] == again["Subject"] == "acme/web ci broke on main"
    for kind in ("plain", "html"):
        assert "possible repeat" not in part(first, kind)
        assert "possible repeat: acme/web ci broke on main" in part(again, kind)


def test_other_news_has_another_id_and_an_incident_is_one_thread() -> None:
    broke = a_notice(broken_since=NOON)
    others = [
        broke,
        a_notice("fixed", broken_since=NOON),
        a_notice(broken_since=NOON, build_id=8),
        a_notice(broken_since=NOON, attempt=2),
        a_notice(broken_since=NOON, finished_at=NOON + minutes(9)),
        a_notice(broken_since=NOON, failures=2),
        a_notice(broken_since=NOON, notice_id=13),
    ]

    ids = {an_email(each)["Message-ID"] for each in others} | {an_email(broke, name="other")["Message-ID"]}

    assert len(ids) == 8
    assert all(each.startswith("<incident-7.") for each in ids)
    assert len({an_email(each)["References"] for each in others}) == 1
    assert an_email(broke)["In-Reply-To"] == an_email(broke)["References"]
    assert an_email(a_notice(incident_id=8))["References"] != an_email(broke)["References"]
    assert an_email(broke, name="other")["References"] != an_email(broke)["References"]


def test_how_long_builds_usually_take_makes_no_other_message_of_it() -> None:
    assert an_email(a_notice(usual_seconds=60))["Message-ID"] == an_email(a_notice(usual_seconds=70))["Message-ID"]


def test_a_group_composed_anew_has_another_id_and_so_has_a_digest_that_says_something_else() -> None:
    groups = [a_group(broke=2), a_group(broke=3), a_group(broke=2, fixed=1), a_group(broke=2, attempt=2)]
    digests = [a_digest(), a_digest("something else"), a_digest(lines=2)]

    assert len({an_email(each)["Message-ID"] for each in (*groups, *digests)}) == 7
    assert an_email(a_group(broke=2))["Message-ID"] == an_email(a_group(broke=2))["Message-ID"]


@pytest.mark.parametrize(
    ("notice", "subject"),
    [
        (a_notice(), "acme/web ci broke on main"),
        (a_notice("still_failing"), "Re: acme/web ci broke on main"),
        (a_notice("flapping"), "Re: acme/web ci broke on main"),
        (a_notice("fixed"), "Re: acme/web ci broke on main"),
        (a_notice("recovered"), "acme/web ci failed and recovered on main"),
        (a_notice("transition"), "acme/web ci succeeded on main"),
        (a_group(broke=980, fixed=20), "980 pipelines broke, 20 are fixed"),
        (a_digest(), "Daily digest: 2 pipelines are broken"),
        (operations(), "github.com answers nothing since 10:02"),
        (a_trial(), "This is a test of Build Observatory"),
    ],
)
def test_what_follows_on_an_incident_keeps_its_subject_so_that_mail_programs_see_one_conversation(
    notice: Notice, subject: str
) -> None:
    assert an_email(notice)["Subject"] == subject


def test_the_headers_keep_holiday_answers_away_and_filters_happy() -> None:
    mail = an_email()

    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail["List-Id"] == "Build Observatory <mail.build-observatory.example.com>"
    assert mail["Date"].datetime == NOON
    assert mail["Message-ID"].endswith("@example.com>")


def test_mail_programs_find_a_way_out() -> None:
    by_mail, by_post = an_email(), an_email(unsubscribe="https://lists.example.com/off")

    assert by_mail["List-Unsubscribe"] == "<mailto:builds@example.com?subject=unsubscribe%20mail>"
    assert by_mail["List-Unsubscribe-Post"] is None
    assert by_post["List-Unsubscribe"] == "<https://lists.example.com/off>"
    assert by_post["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert 'href="https://lists.example.com/off"' in part(by_post, "html")


def test_ids_and_addresses_stay_in_one_piece_however_long_they_are() -> None:
    sender, way_out = f"builds@{'long.' * 20}example.com", f"https://lists.example.com/{'x' * 300}?token=1"

    content = an_email(sender=sender, unsubscribe=way_out).as_bytes().decode()

    assert f"\r\nList-Unsubscribe: <{way_out}>\r\n" in content
    for name in ("Message-ID", "In-Reply-To", "References"):
        assert re.search(
            rf"\r\n{name}: <incident-7\.[0-9a-f]{{24}}@{re.escape(sender.partition('@')[2])}>\r\n", content
        )


def test_both_parts_say_the_same_and_the_page_fetches_nothing() -> None:
    mail = an_email(a_notice("fixed"))

    plain, page = part(mail, "plain"), part(mail, "html")
    for wanted in ("acme/web ci is fixed on main", "succeeded", "Fix the login form", "2 h 10 min", "/api/builds/7"):
        assert wanted in plain
        assert wanted in page
    assert 'name="color-scheme" content="light dark"' in page
    for foreign in ("<img", "<link", "<script", "src=", "url(", "@import"):
        assert foreign not in page
    assert page.count("<a href=") == 3


def test_every_line_of_a_storm_says_in_words_what_it_is_and_leads_there() -> None:
    mail = an_email(a_group(broke=980, fixed=20, web_url=None))

    plain, page = part(mail, "plain"), part(mail, "html")
    assert plain.count("* broke: acme/web ci-") == page.count(">broke</span>") == 20
    for number in range(1, 21):
        assert f"  {BASE_URL}/api/builds/{number}\n" in plain
        assert f'<a href="{BASE_URL}/api/builds/{number}"' in page
    assert "and 980 more" in plain
    assert f'<a href="{BASE_URL}/api/deliveries/12" style="color:inherit">and 980 more</a>' in page


def test_a_digest_has_its_titles_in_both_parts() -> None:
    mail = an_email(a_digest())

    assert "\nStill broken\n------------\n* still failing: acme/web ci on main\n" in part(mail, "plain")
    assert ">Still broken</h2>" in part(mail, "html")
    assert ">Not told</h2>" in part(mail, "html")


def test_white_reads_on_every_colour_and_every_colour_stands_out_on_white_and_on_black() -> None:
    pages = [part(an_email(notice), "html") for notice in every_kind().values()]

    filled = {colour for page in pages for colour in re.findall(r"background-color:(#[0-9a-f]{6})", page)}
    assert len(filled) >= 3
    for colour in filled:
        assert contrast("#ffffff", colour) >= 4.5, colour
        assert contrast("#121212", colour) >= 3, colour
    # No text has a colour of its own but the white on these.
    assert {colour for page in pages for colour in re.findall(r"(?<!-)color:(#?\w+)", page)} == {"#ffffff", "inherit"}


def test_a_hostile_branch_neither_adds_a_header_nor_suppresses_the_message(mail: SmtpStand) -> None:
    branch = "x\r\nBcc: thief@example.net\r\n\r\n.\r\nQUIT \ud800\u202e =?utf-8?q?a=0d=0aBcc=3a_thief@example.net?="

    mail.receiver().send(a_notice(branch=branch, repository=branch), is_possible_repeat=False)

    assert mail.envelopes[0].rcpt_tos == ["ops@example.com", "ada@example.com"]
    assert mail.mails[0]["Bcc"] is None
    assert "Bcc: thief@example.net . QUIT = ?utf-8?q?" in mail.mails[0]["Subject"]


@settings(deadline=None)
@given(text=st.text(st.characters(categories=None), max_size=400))
def test_any_text_arrives_on_one_line_in_headers_that_mean_nothing_else(text: str) -> None:
    names = dict.fromkeys(("branch", "repository", "commit_message", "author", "instance"), text)
    for notice in every_kind(**names, pipeline=f"p{text}").values():
        content = an_email(notice).as_bytes()

        head = content.partition(b"\r\n\r\n")[0]
        found = {line.partition(b":")[0] for line in head.split(b"\r\n") if line[:1] not in (b" ", b"\t")}
        assert found - {b"In-Reply-To", b"References"} == {
            *(b"Subject", b"From", b"To", b"Date", b"Message-ID", b"List-Id", b"List-Unsubscribe"),
            *(b"Auto-Submitted", b"X-Auto-Response-Suppress", b"MIME-Version", b"Content-Type"),
        }
        assert max(map(len, content.split(b"\r\n"))) <= 998
        assert content.isascii()
    assert len(in_header(text)) <= 300


def test_addresses_that_are_refused_are_named_and_the_others_get_it(mail: SmtpStand) -> None:
    mail.say(Said(550, "5.1.1 unknown", {"only": "ada@example.com"}, at="RCPT"))

    with capture_logs() as events:
        mail.receiver().send(a_notice(), is_possible_repeat=False)

    assert mail.envelopes[0].rcpt_tos == ["ops@example.com"]
    assert [entry["addresses"] for entry in events if entry["event"] == "refused_addresses"] == [
        {"ada@example.com": "550 5.1.1 unknown"}
    ]


def test_mailboxes_that_do_not_exist_switch_the_receiver_off_and_full_ones_do_not(mail: SmtpStand) -> None:
    mail.say(Said(550, "5.1.1 unknown", at="RCPT"))
    with pytest.raises(ReceiverGone, match=r"takes mail for none of the addresses: 550 5\.1\.1 unknown"):
        mail.receiver().send(a_notice(), is_possible_repeat=False)

    mail.say(Said(452, "4.2.2 full", at="RCPT"))
    with pytest.raises(RetryLater, match=r"452 4\.2\.2 full"):
        mail.receiver().send(a_notice(), is_possible_repeat=False)


def test_a_refusal_is_told_in_the_servers_words_without_the_password(mail: SmtpStand) -> None:
    mail.say(Said(554, f"5.7.1 spam {mail.secret}"))

    with pytest.raises(Rejected, match=r"answered 554 5.7.1 spam \[secret\]"):
        mail.receiver().send(a_notice(), is_possible_repeat=False)


def test_a_wrong_password_is_told_and_not_repeated(mail: SmtpStand) -> None:
    wrong = SecretSource(env="W", environ={"W": "wrong-Pa55word"})

    with pytest.raises(ReceiverGone, match=r"refused the login \(535\); check username and the password") as caught:
        mail.receiver(password=wrong).send(a_notice(), is_possible_repeat=False)

    assert "wrong-Pa55word" not in str(caught.value)


def test_a_password_is_read_anew_for_every_message(mail: SmtpStand, tmp_path: Path) -> None:
    file = tmp_path / "password"
    receiver = mail.receiver(password=SecretSource(file=file))

    with pytest.raises(RetryLater, match="cannot be read"):
        receiver.send(a_notice(), is_possible_repeat=False)
    file.write_text(f"{mail.secret}\n")
    receiver.send(a_notice(), is_possible_repeat=False)

    assert len(mail.mails) == 1


def test_a_server_that_greets_without_end_is_cut_off() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        settings = {"host": "127.0.0.1", "sender": "a@example.com", "to": ("b@example.com",)}
        chosen = SmtpSettings(kind="smtp", name="mail", port=server.getsockname()[1], **settings)
        began = time.monotonic()
        with pytest.raises(RetryLater, match=r"did not take the message within 0\.2 s"):
            SmtpReceiver(chosen, BASE_URL, deadline_seconds=0.2).send(a_notice(), is_possible_repeat=False)

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
        ('unsubscribe = "http://lists.example.com/off"', r"receivers\[0\].unsubscribe: .*no place to unsubscribe"),
        ('unsubscribe = "https://["', r"receivers\[0\].unsubscribe: .*no place to unsubscribe"),
        ('unsubscribe = "mailto:nobody"', r"receivers\[0\].unsubscribe: .*write it like"),
        ('unsubscribe = "https://x.example/>\\r\\nBcc: b@example.com"', r"receivers\[0\].unsubscribe"),
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
