"""A notice as plain text: for channels that know nothing else, and for the part of an e-mail that any reader shows."""

from collections.abc import Iterator

from alerts.notice import Notice, Section, resolve

REPEAT = "possible repeat: "
"""What the title of a message begins with that may have arrived before."""


def as_text(notice: Notice, base_url: str) -> str:
    """Facts, sections and links of a notice, a blank line between them; the title is the caller's."""
    parts = [_facts(notice), *(_section(each, base_url) for each in notice.sections), _links(notice, base_url)]
    return "\n\n".join(part for part in parts if part)


def titled(notice: Notice, *, is_possible_repeat: bool) -> str:
    """The title, marked where the message may have arrived before."""
    return f"{REPEAT if is_possible_repeat else ''}{notice.title}"


def _facts(notice: Notice) -> str:
    width = max((len(label) for label, _ in notice.facts), default=0)
    return "\n".join(f"{label + ':':<{width + 2}}{text}" for label, text in notice.facts)


def _section(section: Section, base_url: str) -> str:
    return "\n".join(_section_lines(section, base_url))


def _section_lines(section: Section, base_url: str) -> Iterator[str]:
    if section.title:
        yield from (section.title, "-" * len(section.title))
    for line in section.lines:
        yield f"* {line.label}: {line.text}"
        if (url := resolve(line.url, base_url)) is not None:
            yield f"  {url}"
    if section.more:
        yield f"and {section.more:,} more"


def _links(notice: Notice, base_url: str) -> str:
    return "\n".join(f"{label}:\n{url}" for label, url in notice.resolved_links(base_url))
