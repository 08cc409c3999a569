"""What Slack looks at in a payload before it takes it: Block Kit's limits, in Slack's words for what is beyond them."""

from collections.abc import Mapping
from urllib.parse import parse_qs

import orjson

from simulator.exchange import Request

_TEXT_LIMIT = 40_000
_BLOCK_TEXT_LIMITS = {"header": 150, "section": 3000}
_MOST_ATTACHMENTS, _MOST_BLOCKS = 100, 50
_MOST_FIELDS, _FIELD_LIMIT = 10, 2000
_MOST_ELEMENTS, _BUTTON_LIMIT, _URL_LIMIT = 25, 75, 3000
# Nowhere in Slack's pages, but it is what is seen: https://github.com/slackapi/bolt-js/issues/2509.
_BLOCKS_LIMIT = 13_000
_BLOCK_KINDS = frozenset({"actions", "context", "divider", "header", "image", "rich_text", "section", "markdown"})


def read_payload(request: Request) -> Mapping[str, object] | None:
    """The payload, sent as JSON or as a form's `payload`; None when it cannot be read."""
    body = request.body
    if request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
        body = parse_qs(body.decode(errors="replace")).get("payload", [""])[0].encode()
    try:
        content = orjson.loads(body)
    except orjson.JSONDecodeError:
        return None
    return content if isinstance(content, dict) else None


def find_mistake(payload: Mapping[str, object]) -> str | None:
    """Slack's word for what is wrong with a payload, or None."""
    text, blocks, attachments = payload.get("text"), payload.get("blocks"), payload.get("attachments")
    attached = attachments if isinstance(attachments, list) else []
    bars = [each["blocks"] for each in attached if isinstance(each, dict) and "blocks" in each]
    mistakes = {
        "invalid_payload": text is not None and not isinstance(text, str),
        "no_text": not text and not blocks and not attachments,
        "msg_too_long": isinstance(text, str) and len(text) > _TEXT_LIMIT,
        "too_many_attachments": len(attached) > _MOST_ATTACHMENTS,
        "invalid_blocks": blocks is not None and not are_blocks(blocks),
        "invalid_attachments": not all(map(are_blocks, bars)),
        "msg_blocks_too_long": any(_characters(each) > _BLOCKS_LIMIT for each in (blocks, *bars)),
    }
    return next((word for word, is_made in mistakes.items() if is_made), None)


def are_blocks(blocks: object) -> bool:
    """Whether these are blocks, and not too many."""
    return isinstance(blocks, list) and len(blocks) <= _MOST_BLOCKS and all(map(is_block, blocks))


def is_block(block: object) -> bool:
    """Whether one block has a kind that exists, and no text that is empty or too long, nor too many of anything."""
    if not isinstance(block, dict) or block.get("type") not in _BLOCK_KINDS:
        return False
    limit = _BLOCK_TEXT_LIMITS.get(str(block["type"]))
    fields, elements = block.get("fields") or [], block.get("elements") or []
    if len(fields) > _MOST_FIELDS or not all(_has_text(each, _FIELD_LIMIT) for each in fields):
        return False
    if block["type"] == "actions" and not (0 < len(elements) <= _MOST_ELEMENTS and all(map(_is_button, elements))):
        return False
    content = block.get("text")
    return limit is None or (content is None and bool(fields)) or _has_text(content, limit)


def _is_button(element: object) -> bool:
    if not isinstance(element, dict) or not _has_text(element.get("text"), _BUTTON_LIMIT):
        return False
    return 0 < len(str(element.get("url", "-"))) <= _URL_LIMIT


def _has_text(content: object, limit: int) -> bool:
    text = content.get("text") if isinstance(content, dict) else None
    return isinstance(text, str) and 0 < len(text) <= limit


def _characters(value: object) -> int:
    """How much text there is in all."""
    if isinstance(value, dict):
        text = value.get("text")
        return (len(text) if isinstance(text, str) else 0) + sum(map(_characters, value.values()))
    return sum(map(_characters, value)) if isinstance(value, list) else 0
