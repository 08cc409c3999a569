"""A message as Slack shows it: Block Kit inside Slack's limits, every text inert, links only as buttons."""

import re
from typing import Any

from slack_sdk.models.attachments import BlockAttachment
from slack_sdk.models.blocks import ActionsBlock, Block, HeaderBlock, LinkButtonElement, PlainTextObject, SectionBlock

from alerts.message import Kind, Message, cut

_HEADER_LIMIT = HeaderBlock.text_max_length
_TEXT_LIMIT = SectionBlock.text_max_length
_FIELD_LIMIT = 2_000
_LABEL_LIMIT = 75

_COLOURS = {Kind.BROKE: "#c62828", Kind.FLAPPING: "#ef6c00", Kind.FIXED: "#2e7d32"}
_REPEAT = "possible repeat: "
_ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}
# Slack reads these only as `<!everyone>`, which escaping ends; servers that imitate Slack read the bare word.
_MENTION = re.compile(r"@(?=(?:everyone|channel|here|all|group)\b)", re.IGNORECASE)


def render(message: Message, base_url: str, *, is_possible_repeat: bool) -> dict[str, Any]:
    """The webhook's payload: a header, the facts under a coloured bar, and buttons to read on.

    `text` is what notifications show, and servers that know no blocks.
    """
    title = _titled(message, is_possible_repeat=is_possible_repeat)
    details: list[Block] = [SectionBlock(fields=[_plain(f"{label}: {text}") for label, text in message.facts])]
    if buttons := [_button(label, url) for label, url in message.links(base_url)]:
        details.append(ActionsBlock(elements=buttons))
    return {
        **render_plain(message, base_url, is_possible_repeat=is_possible_repeat),
        "blocks": [HeaderBlock(text=_plain(title, _HEADER_LIMIT)).to_dict()],
        "attachments": [BlockAttachment(blocks=details, color=_COLOURS[message.kind], fallback="").to_dict()],
    }


def render_plain(message: Message, base_url: str, *, is_possible_repeat: bool) -> dict[str, Any]:
    """The least that can be refused: the same words without any block."""
    lines = [_titled(message, is_possible_repeat=is_possible_repeat)]
    lines += [f"{label}: {text}" for label, text in message.facts]
    text = escape("\n".join(lines), _TEXT_LIMIT)
    for label, url in message.links(base_url):
        link = f"\n{escape(label, _LABEL_LIMIT)}: <{escape(url, _TEXT_LIMIT)}>"
        text += link if len(text) + len(link) <= _TEXT_LIMIT else ""
    return {"text": text, "mrkdwn": False, "unfurl_links": False, "unfurl_media": False}


def escape(text: str, limit: int) -> str:
    """The text with Slack's three control characters escaped and mentions broken, at most `limit` characters long."""
    inert = _MENTION.sub("@\u200b", text)
    kept = limit
    while len(escaped := "".join(_ENTITIES.get(character, character) for character in cut(inert, kept))) > limit:
        kept -= max(1, (len(escaped) - limit) // 5)
    return escaped


def _titled(message: Message, *, is_possible_repeat: bool) -> str:
    return f"{_REPEAT if is_possible_repeat else ''}{message.title}"


def _plain(text: str, limit: int = _FIELD_LIMIT) -> PlainTextObject:
    return PlainTextObject(text=escape(text, limit), emoji=False)


def _button(label: str, url: str) -> LinkButtonElement:
    return LinkButtonElement(text=_plain(label, _LABEL_LIMIT), url=url)
