"""A message as an e-mail: plain text and a page without anything foreign; no text of a provider's can become markup."""

import re
from datetime import datetime
from email.message import EmailMessage
from email.policy import SMTP
from hashlib import sha256
from html import escape

from alerts.message import Kind, Message, one_line

_POLICY = SMTP.clone(cte_type="7bit")  # no server need know 8BITMIME
_REPEAT = "possible repeat: "
# All stand out on white and on black.
_COLOURS = {Kind.BROKE: "#d32f2f", Kind.FLAPPING: "#c75300", Kind.FIXED: "#2e7d32"}
_FONT = "font-family:-apple-system,'Segoe UI',Roboto,Helvetica,Arial,sans-serif"


def render(
    message: Message, base_url: str, *, sender: str, to: tuple[str, ...], name: str, now: datetime, is_repeat: bool
) -> EmailMessage:
    """The e-mail from `sender` to all of `to` about one message; `name` is the receiver's.

    Between two tries only the date and the words "possible repeat" differ: who looks at Message-ID keeps one.
    """
    domain = sender.rpartition("@")[2]
    mail = EmailMessage(policy=_POLICY)
    mail["Subject"] = in_header(message.title)
    mail["From"] = f"Build Observatory <{sender}>"
    mail["To"] = ", ".join(to)
    mail["Date"] = now
    mail["Message-ID"] = f"<{message.kind}.{message.build_id}.{_identity(message, base_url, name)}@{domain}>"
    # Nothing has this id itself. What broke and was fixed again hangs under it together.
    thread = f"<{_thread(message, base_url, name)}@{domain}>"
    mail["In-Reply-To"] = mail["References"] = thread
    mail["List-Id"] = f"Build Observatory <{name}.build-observatory.{domain}>"
    mail["Auto-Submitted"] = "auto-generated"
    mail["X-Auto-Response-Suppress"] = "All"
    title = f"{_REPEAT if is_repeat else ''}{message.title}"
    mail.set_content(_plain(message, title, base_url))
    mail.add_alternative(_page(message, title, base_url), subtype="html")
    return mail


def in_header(text: str) -> str:
    """One clean line that no mail reader decodes into something else: `=?…?=` would be read as an encoded word."""
    return one_line(text, 250).replace("=?", "= ?")


def _identity(message: Message, base_url: str, name: str) -> str:
    told = (base_url, name, message.kind, message.instance, message.build_id, message.attempt, message.finished_at)
    return _digest(*told)


def _thread(message: Message, base_url: str, name: str) -> str:
    told = (base_url, name, message.instance, message.repository, message.pipeline, message.branch)
    return _digest(*told, message.broken_since)


def _digest(*told: object) -> str:
    content = "\0".join(map(str, told)).encode("utf-8", "backslashreplace")
    return sha256(content).hexdigest()[:24]


def _plain(message: Message, title: str, base_url: str) -> str:
    width = max((len(label) for label, _ in message.facts), default=0)
    facts = [f"{label + ':':<{width + 2}}{text}" for label, text in message.facts]
    links = [f"{label}:\n{url}" for label, url in message.links(base_url)]
    return "\n".join([title, "", *facts, "", *links, "", "-- ", "Build Observatory", ""])


def _page(message: Message, title: str, base_url: str) -> str:
    """Colours that are said come in pairs that read on white and on black; all others are the reader's own."""
    colour = _COLOURS[message.kind]
    facts = "".join(_fact(label, text) for label, text in message.facts)
    links = "".join(_button(label, url, colour) for label, url in message.links(base_url))
    page = f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<meta name="color-scheme" content="light dark">
<meta name="supported-color-schemes" content="light dark">
<title>{escape(title)}</title>
</head>
<body style="margin:0;padding:24px;{_FONT};font-size:15px;line-height:1.5">
<div style="max-width:600px;margin:0 auto">
<div style="border-left:4px solid {colour};padding:2px 0 2px 16px;margin:0 0 20px">
<h1 style="margin:0;font-size:20px;line-height:1.35;font-weight:600;overflow-wrap:anywhere">{escape(title)}</h1>
</div>
<table role="presentation" style="border-collapse:collapse;margin:0 0 20px;width:100%">
{facts}</table>
<p style="margin:0 0 28px">{links}</p>
<p style="margin:0;font-size:13px;color:#767676">Build Observatory</p>
</div>
</body>
</html>
"""
    return re.sub(r"(?m)^\s*\n", "", page)


def _fact(label: str, text: str) -> str:
    return (
        f'<tr><td style="padding:4px 16px 4px 0;color:#767676;white-space:nowrap;vertical-align:top">{escape(label)}'
        f'</td><td style="padding:4px 0;width:100%;overflow-wrap:anywhere">{escape(text)}</td></tr>\n'
    )


def _button(label: str, url: str, colour: str) -> str:
    return (
        f'<a href="{escape(url)}" style="display:inline-block;margin:0 8px 8px 0;padding:9px 16px;border-radius:6px;'
        f'background-color:{colour};color:#ffffff;text-decoration:none;font-weight:600">{escape(label)}</a>\n'
    )
