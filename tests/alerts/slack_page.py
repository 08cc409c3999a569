"""Our drawing of what Slack makes of a payload, as a page without anything foreign; the pictures in the docs show it.

python -m tests.alerts.slack_page docs/pictures      # draws them anew, with chromium
"""

import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

from alerts.message import Kind
from alerts.notice import Notice, notice_of_group
from alerts.receivers.slack_message import render
from simulator.slack import Message
from tests.alerts.messages import a_message, a_notice
from tests.factories import NOON, minutes
from tests.pictures import take_picture

BASE_URL = "https://builds.example.com"

_STYLE = """
* { box-sizing: border-box }
body { margin: 0; padding: 14px 20px 18px; width: 720px; background: #fff; color: #1d1c1d;
  font: 15px/1.46 Lato, "Helvetica Neue", "DejaVu Sans Condensed", sans-serif }
.message { display: flex; gap: 10px; padding: 8px 0 }
.avatar { flex: none; width: 36px; height: 36px; border-radius: 8px; background: #1f2937; color: #fff;
  display: grid; place-items: center; font-weight: 700; font-size: 14px }
.small .avatar { width: 24px; height: 24px; border-radius: 6px; font-size: 10px }
.body { flex: 1; min-width: 0; overflow-wrap: anywhere }
.by { font-weight: 800 } .app { font-size: 10px; font-weight: 700; background: #e8e8e8; color: #616061;
  border-radius: 2px; padding: 1px 4px; margin: 0 6px 0 4px; vertical-align: 1px }
.at, .aside { font-size: 12px; color: #616061 }
h1 { font-size: 18px; line-height: 1.33; font-weight: 800; margin: 4px 0 8px }
.bar { display: flex; gap: 12px } .bar > i { flex: none; width: 4px; border-radius: 8px }
.blocks { flex: 1; min-width: 0; display: grid; gap: 8px; padding: 2px 0 }
.fields { display: grid; grid-template-columns: 1fr 1fr; gap: 8px 16px }
.text, .fields div { white-space: pre-wrap }
a { color: #1264a3; text-decoration: none }
.buttons { display: flex; flex-wrap: wrap; gap: 8px }
.buttons a { color: #1d1c1d; border: 1px solid #c9c9c9; border-radius: 8px; padding: 4px 12px; font-size: 13px;
  font-weight: 700 }
.thread { margin: 4px 0 0 46px; border-left: 2px solid #ddd; padding-left: 14px }
.thread > .aside { padding: 4px 0 } .small h1 { font-size: 16px }
"""


def page(messages: Sequence[Message]) -> str:
    """A channel with these messages, replies below what they reply to."""
    first = (message for message in messages if message.thread is None)
    drawn = "".join(_conversation(each, [reply for reply in messages if reply.thread == each.ts]) for each in first)
    return f'<!doctype html><html lang="en"><meta charset="utf-8"><style>{_STYLE}</style><body>{drawn}</body></html>'


def _conversation(first: Message, replies: Sequence[Message]) -> str:
    count = f"{len(replies)} {'reply' if len(replies) == 1 else 'replies'}"
    below = "".join(_message(reply, size="small") for reply in replies)
    return _message(first) + (f'<div class="thread"><div class="aside">{count}</div>{below}</div>' if replies else "")


def _message(message: Message, size: str = "") -> str:
    edited = ' <span class="aside">(edited)</span>' if message.earlier else ""
    return (
        f'<div class="message {size}"><div class="avatar">BO</div><div class="body"><span class="by">Build Observatory'
        f'</span><span class="app">APP</span><span class="at">{message.at:%H:%M}</span>{edited}'
        f"{_payload(message.payload)}</div></div>"
    )


def _payload(payload: Mapping[str, Any]) -> str:
    return _blocks(payload["blocks"]) + "".join(map(_bar, payload.get("attachments", ())))


def _bar(attachment: Mapping[str, Any]) -> str:
    colour, blocks = attachment["color"], _blocks(attachment["blocks"])
    return f'<div class="bar"><i style="background:{colour}"></i><div class="blocks">{blocks}</div></div>'


def _blocks(blocks: Iterable[Mapping[str, Any]]) -> str:
    return "".join(map(_block, blocks))


def _block(block: Mapping[str, Any]) -> str:
    match block:
        case {"type": "header", "text": text}:
            return f"<h1>{_text(text)}</h1>"
        case {"type": "section", "fields": fields}:
            cells = "".join(f"<div>{_text(field)}</div>" for field in fields)
            return f'<div class="fields">{cells}</div>'
        case {"type": "section", "text": text}:
            return f'<div class="text">{_text(text)}</div>'
        case {"type": "actions", "elements": elements}:
            buttons = "".join(f"<a>{_text(each['text'])}</a>" for each in elements)
            return f'<div class="buttons">{buttons}</div>'
    raise ValueError(f"no drawing of a block of type {block.get('type')}")


def _text(content: Mapping[str, Any]) -> str:
    """Texts come escaped as HTML has it, too; what is left of markup are links and what is bold."""
    text = str(content["text"])
    if content["type"] == "plain_text":
        return text
    linked = re.sub(r"<([^|>]+)\|([^>]*)>", r"<a>\2</a>", text)
    return re.sub(r"(?<!\w)\*(?!\s)([^*\n\u200b]+)\*(?!\w)", r"<b>\1</b>", linked)


def _posted(notice: Notice, at: datetime, number: int = 1, **more: Any) -> Message:
    return Message(number, at, "", render(notice, BASE_URL, is_possible_repeat=False), **more)


def a_lone_break() -> list[Message]:
    """One pipeline broke."""
    told = a_notice(
        repository="acme/checkout",
        pipeline="integration tests",
        commit_message="Round totals after the discount, not before",
        author="ada",
        duration_seconds=512,
        usual_seconds=287,
    )
    return [_posted(told, NOON + minutes(6))]


_NAMES = (
    ("acme/checkout", "ci", "main", "Pin the base image"),
    ("acme/billing", "nightly end-to-end against the staging cluster", "main", "Merge branch 'release'"),
    ("acme/web", "ci", "main", "Upgrade the bundler and drop the polyfills nobody has needed since last winter"),
    ("acme/a-service-with-a-name-that-somebody-thought-about-for-long", "build-and-publish", "release/2026.11", ""),
    ("acme/search", "integration", "main", "Reindex on write"),
)


def a_storm() -> list[Message]:
    """A thousand pipelines broke at once."""
    told = []
    for number in range(20):
        repository, pipeline, branch, commit = _NAMES[number % len(_NAMES)]
        author = ("ada", "grace", "linus", "margaret")[number % 4]
        names = {"repository": repository, "pipeline": pipeline if number < 5 else f"{pipeline} {number}"}
        told.append(a_message(**names, branch=branch, commit_message=commit, author=author))
    return [_posted(notice_of_group(told, {Kind.BROKE: 1_000}, 4711), NOON + minutes(6))]


def a_thread_that_turned_green() -> list[Message]:
    """Two broke, one after the other they were fixed; what began it says so now."""
    broke = [a_message(pipeline=name, incident_id=number) for number, name in enumerate(("ci", "deploy"), 1)]
    fixed = [
        a_message("fixed", pipeline=name, broken_since=NOON, fixed_at=NOON + minutes(17 * number))
        for number, name in enumerate(("ci", "deploy"), 1)
    ]
    red = _posted(notice_of_group(broke, {Kind.BROKE: 2}, 12), NOON)
    green = render(notice_of_group(fixed, {Kind.FIXED: 2}, 12), BASE_URL, is_possible_repeat=False)
    facts: dict[str, Any] = {"broken_since": NOON, "commit_message": "Take the old login form back"}
    replies = [
        a_notice("fixed", pipeline="ci", fixed_at=NOON + minutes(17), **facts),
        a_notice("fixed", pipeline="deploy", fixed_at=NOON + minutes(34), **facts),
    ]
    below = [
        _posted(reply, NOON + minutes(18 * number), number + 1, thread=red.ts)
        for number, reply in enumerate(replies, 1)
    ]
    return [replace(red, payload=green, earlier=(red.payload,)), *below]


PICTURES = {"slack-broke": a_lone_break, "slack-storm": a_storm, "slack-thread": a_thread_that_turned_green}


if __name__ == "__main__":
    for name, channel in PICTURES.items():
        take_picture(page(channel()), Path(sys.argv[1]) / f"{name}.png", width=720)
