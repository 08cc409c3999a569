"""A notice as Slack shows it: Block Kit inside Slack's limits, every text inert, links only where they are safe."""

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from slack_sdk.models.attachments import BlockAttachment
from slack_sdk.models.blocks import (
    ActionsBlock,
    Block,
    HeaderBlock,
    LinkButtonElement,
    MarkdownTextObject,
    PlainTextObject,
    SectionBlock,
)

from alerts.message import cut
from alerts.notice import Line, Notice, Tone, resolve
from alerts.receivers.plain_text import titled

_HEADER_LIMIT = HeaderBlock.text_max_length
_TEXT_LIMIT = SectionBlock.text_max_length
_FACT_LIMIT = 500
_LABEL_LIMIT = 75
_BUTTONS = 5
_LINE_LIMIT = 240
_LINK_LIMIT = 240
# Slack refuses a message whose blocks hold more than some 13,000 characters in all (`msg_blocks_too_long`), which no
# page of its says: https://github.com/slackapi/bolt-js/issues/2509. Twenty lines at their longest keep within this.
_LINES_LIMIT = 10_000

_COLOURS = {Tone.BAD: "#c62828", Tone.UNSTEADY: "#ef6c00", Tone.GOOD: "#2e7d32", Tone.PLAIN: "#757575"}
_LIKE_A_BAR = "\u2758"
_ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}
# Slack reads these only as `<!everyone>`, which escaping ends; servers that imitate Slack read the bare word.
_MENTION = re.compile(r"@(?=(?:everyone|channel|here|all|group)\b)", re.IGNORECASE)
# Formatting begins and ends at the edge of a word, an emoji is a word between colons, a quote begins the line.
_FORMATTING = re.compile(r"(?<!\w)[*_~`]|[*_~`](?!\w)|:(?=[\w+'-]+:)|^>")


def render(notice: Notice, base_url: str, *, is_possible_repeat: bool) -> dict[str, Any]:
    """The payload: a header, then facts, lines and buttons under a coloured bar.

    `text` is what notifications show, and servers that know no blocks.
    """
    title = titled(notice, is_possible_repeat=is_possible_repeat)
    details = [*_facts(notice.facts), *_sections(notice, base_url)]
    if buttons := [_button(label, url) for label, url in notice.resolved_links(base_url)[:_BUTTONS]]:
        details.append(ActionsBlock(elements=buttons))
    bar = BlockAttachment(blocks=details, color=_COLOURS[notice.tone], fallback="").to_dict() if details else None
    return {
        **render_plain(notice, base_url, is_possible_repeat=is_possible_repeat),
        "blocks": [HeaderBlock(text=_plain(title, _HEADER_LIMIT)).to_dict()],
        "attachments": [bar] if bar else [],
    }


def render_plain(notice: Notice, base_url: str, *, is_possible_repeat: bool) -> dict[str, Any]:
    """The least that can be refused: the same words without any block."""
    words = [titled(notice, is_possible_repeat=is_possible_repeat)]
    words += [f"{label}: {text}" for label, text in notice.facts]
    for section in notice.sections:
        words += [section.title] if section.title else []
        words += [f"{line.label}: {cut(line.text, 100)}" for line in section.lines]
        words += [f"and {section.more:,} more"] if section.more else []
    text = escape("\n".join(words), _TEXT_LIMIT)
    for label, url in notice.resolved_links(base_url):
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


def escape_markup(text: str, limit: int) -> str:
    """The text as it may stand in markup: escaped, and what would format it parted from its word by nothing visible."""
    return escape(_FORMATTING.sub("\u200b\\g<0>\u200b", text), limit)


def _facts(facts: Sequence[tuple[str, str]]) -> Iterator[Block]:
    """One under the other: in Slack's two columns a commit or a reason would be broken into short pieces."""
    pairs = ((escape_markup(label, _LABEL_LIMIT), escape_markup(text, _FACT_LIMIT)) for label, text in facts)
    return _paragraphs((f"*{label}*  {text}" for label, text in pairs), is_folded=False)


def _sections(notice: Notice, base_url: str) -> Iterator[Block]:
    """Sections share what a message may hold."""
    links = notice.resolved_links(base_url)
    everything = links[0][1] if links else None
    rendered = [[_line(line, base_url) for line in section.lines] for section in notice.sections]
    shares = _shares([sum(len(line) + 1 for line in lines) for lines in rendered], _LINES_LIMIT)
    for section, lines, share in zip(notice.sections, rendered, shares, strict=True):
        shown = list(_fitting(lines, share))
        if more := section.more + len(lines) - len(shown):
            shown.append(_linked(f"and {more:,} more", everything))
        title = [f"*{escape_markup(section.title, _LINE_LIMIT)}*"] if section.title else []
        yield from _paragraphs([*title, *shown], is_folded=True)


def _shares(needs: Sequence[int], room: int) -> list[int]:
    """What each may take: all get the same, and what one does not need is the others'."""
    shares = [0] * len(needs)
    for served, place in enumerate(sorted(range(len(needs)), key=needs.__getitem__)):
        shares[place] = min(needs[place], room // (len(needs) - served))
        room -= shares[place]
    return shares


def _line(line: Line, base_url: str) -> str:
    """The label, then the text, of which what it is about is the link and what is known about that is not."""
    label = escape_markup(line.label, _LABEL_LIMIT)
    text = escape_markup(line.text, _LINE_LIMIT - len(label))
    name, parted, more = text.partition(" · ")
    return f"• *{label}*  {_linked(name, resolve(line.url, base_url))}{parted}{more}"


def _linked(text: str, url: str | None) -> str:
    """The text, escaped before, as a link where there is one of a length that a line can bear."""
    # A bar ends the address, and would end it a second time.
    link = "" if url is None else f"<{escape(url, _TEXT_LIMIT)}|{text.replace('|', _LIKE_A_BAR)}>"
    return link if 0 < len(link) <= len(text) + _LINK_LIMIT else text


def _fitting(lines: Iterable[str], limit: int) -> Iterator[str]:
    for line in lines:
        limit -= len(line) + 1
        if limit < 0:
            return
        yield line


def _paragraphs(lines: Iterable[str], *, is_folded: bool) -> Iterator[Block]:
    """The lines in as few blocks as hold them; folded ones Slack may cut short behind "see more"."""
    held = ""
    for line in lines:
        if held and len(held) + 1 + len(line) > _TEXT_LIMIT:
            yield SectionBlock(text=_markup(held), expand=not is_folded)
            held = ""
        held = f"{held}\n{line}" if held else line
    if held:
        yield SectionBlock(text=_markup(held), expand=not is_folded)


def _markup(text: str) -> MarkdownTextObject:
    # Verbatim: Slack looks for no addresses, names or channels in it of its own accord.
    return MarkdownTextObject(text=text, verbatim=True)


def _plain(text: str, limit: int) -> PlainTextObject:
    return PlainTextObject(text=escape(text, limit), emoji=False)


def _button(label: str, url: str) -> LinkButtonElement:
    return LinkButtonElement(text=_plain(label, _LABEL_LIMIT), url=url)
