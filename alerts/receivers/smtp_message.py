"""A notice as an e-mail: its headers, its thread and its two parts."""

from dataclasses import dataclass, replace
from datetime import datetime
from email.message import EmailMessage
from email.policy import EmailPolicy
from typing import Any
from urllib.parse import quote

from alerts.message import Kind, one_line
from alerts.notice import Notice, NoticeKind
from alerts.receivers.identity import digest, identity
from alerts.receivers.plain_text import as_text, titled
from alerts.receivers.smtp_page import page

_WHOLE = {"In-Reply-To", "References", "List-Id", "List-Unsubscribe"}
_LATER = {Kind.STILL_FAILING, Kind.FLAPPING, Kind.FIXED}


class _Policy(EmailPolicy):
    """SMTP's, but ids and addresses stay in one piece: Python would encode long ones, and then they are none."""

    def fold(self, name: str, value: str) -> str:
        return f"{name}: {value}{self.linesep}" if name in _WHOLE else super().fold(name, value)

    def fold_binary(self, name: str, value: Any) -> bytes:
        return self.fold(name, value).encode("ascii") if name in _WHOLE else super().fold_binary(name, value)


_POLICY = _Policy(linesep="\r\n", cte_type="7bit")  # no server need know 8BITMIME


@dataclass(frozen=True, slots=True, kw_only=True)
class Letterhead:
    """Who writes to whom: `name` is the receiver's, `unsubscribe` a mailto: or https: address."""

    sender: str
    to: tuple[str, ...]
    name: str
    unsubscribe: str | None = None

    @property
    def domain(self) -> str:
        """The domain that vouches for our ids."""
        return self.sender.rpartition("@")[2]

    @property
    def way_out(self) -> str:
        """Where to go to hear no more; without one of its own, whoever reads the sender's mail is asked."""
        return self.unsubscribe or f"mailto:{quote(self.sender, safe='@')}?subject={quote(f'unsubscribe {self.name}')}"


def render(notice: Notice, base_url: str, head: Letterhead, now: datetime, *, is_repeat: bool) -> EmailMessage:
    """The e-mail to all of the receiver's addresses.

    Between two tries only the date and the words "possible repeat" differ: who looks at Message-ID keeps one.
    """
    mail = EmailMessage(policy=_POLICY)
    mail["Subject"] = in_header(subject(notice))
    mail["From"] = f"Build Observatory <{head.sender}>"
    mail["To"] = ", ".join(head.to)
    mail["Date"] = now
    name = notice.thread or f"{notice.kind}-{notice.id}"
    mail["Message-ID"] = f"<{name}.{identity(notice, base_url, head.name)}@{head.domain}>"
    if notice.thread:
        # Nothing has this id itself: whichever message of an incident comes first, the others hang beside it.
        root = f"<{name}.{digest(base_url, head.name, name)}@{head.domain}>"
        mail["In-Reply-To"] = mail["References"] = root
    mail["List-Id"] = f"Build Observatory <{head.name}.build-observatory.{head.domain}>"
    mail["List-Unsubscribe"] = f"<{head.way_out}>"
    if head.way_out.startswith("https:"):
        mail["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"  # RFC 8058: by POST, without a question
    mail["Auto-Submitted"] = "auto-generated"
    mail["X-Auto-Response-Suppress"] = "All"
    title = titled(notice, is_possible_repeat=is_repeat)
    mail.set_content("\n".join([title, "", as_text(notice, base_url), "", "-- ", _signature(head), ""]))
    mail.add_alternative(page(notice, title, base_url, _signature(head), head.way_out), subtype="html")
    return mail


def subject(notice: Notice) -> str:
    """The title; for what follows on an incident, "Re: " and the words it began with.

    Outlook and Gmail put into one conversation only what also agrees in its subject.
    """
    if notice.kind is not NoticeKind.NEWS or len(notice.messages) != 1 or notice.sections:
        return notice.title
    [message] = notice.messages
    return f"Re: {replace(message, kind=Kind.BROKE).title}" if message.kind in _LATER else notice.title


def in_header(text: str) -> str:
    """One clean line that no mail reader decodes into something else: `=?…?=` would be read as an encoded word."""
    return one_line(text, 250).replace("=?", "= ?")


def _signature(head: Letterhead) -> str:
    return f"Build Observatory, to the receiver {head.name}"
