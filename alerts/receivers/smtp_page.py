"""An e-mail's HTML part: nothing foreign, light and dark, no text of a provider's can become markup."""

import re
from html import escape

from alerts.notice import Line, Notice, Section, Tone, resolve

# White reads on all of them, and they stand out on white and on black; what they say stands there in words.
_COLOURS = {Tone.BAD: "#d32f2f", Tone.UNSTEADY: "#b84d00", Tone.GOOD: "#2e7d32", Tone.PLAIN: "#1a73b8"}
_QUIET = "opacity:.72"  # of the reader's own colour: dark on white, light on black
_FONT = "font-family:-apple-system,'Segoe UI',Roboto,Helvetica,Arial,sans-serif"
_RULE = "border-top:1px solid rgba(128,128,128,.3)"


def page(notice: Notice, title: str, base_url: str, signature: str, way_out: str) -> str:
    """The page of a notice. Colours come in pairs that read on white and on black; others are the reader's own."""
    colour = _COLOURS[notice.tone]
    links = notice.resolved_links(base_url)
    facts = "".join(_fact(label, text) for label, text in notice.facts)
    sections = "".join(_section(each, base_url, links[0][1] if links else None) for each in notice.sections)
    buttons = "".join(_button(label, url, colour, is_first=url == links[0][1]) for label, url in links)
    content = f"""<!doctype html>
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
{_table(facts)}
{sections}
{f'<p style="margin:0 0 20px">{buttons}</p>' if buttons else ""}
<p style="margin:0;padding:12px 0 0;{_RULE};font-size:13px;{_QUIET}">{escape(signature)} ·
<a href="{escape(way_out)}" style="color:inherit">Unsubscribe</a></p>
</div>
</body>
</html>
"""
    return re.sub(r"(?m)^\s*\n", "", content)


def _table(rows: str) -> str:
    if not rows:
        return ""
    return f'<table role="presentation" style="border-collapse:collapse;margin:0 0 20px;width:100%">\n{rows}</table>'


def _fact(label: str, text: str) -> str:
    return (
        f'<tr><td style="padding:4px 16px 4px 0;{_QUIET};white-space:nowrap;vertical-align:top">{escape(label)}'
        f'</td><td style="padding:4px 0;width:100%;overflow-wrap:anywhere">{escape(text)}</td></tr>\n'
    )


def _section(section: Section, base_url: str, everything: str | None) -> str:
    heading = "" if section.title is None else _heading(section.title)
    rows = "".join(_line(line, base_url) for line in section.lines)
    return heading + _table(rows + (_more(section.more, everything) if section.more else "")) + "\n"


def _heading(title: str) -> str:
    return (
        f'<h2 style="margin:24px 0 8px;font-size:15px;line-height:1.35;font-weight:600;overflow-wrap:anywhere">'
        f"{escape(title)}</h2>\n"
    )


def _line(line: Line, base_url: str) -> str:
    url = resolve(line.url, base_url)
    place, _, rest = line.text.partition(" · ")
    shown = escape(place) if url is None else _link(url, escape(place))
    more = f'<br><span style="font-size:13px;{_QUIET}">{escape(rest)}</span>' if rest else ""
    return (
        f'<tr><td style="{_RULE};padding:7px 16px 7px 0;width:104px;vertical-align:top">{_label(line)}</td>'
        f'<td style="{_RULE};padding:7px 0;overflow-wrap:anywhere;vertical-align:top">{shown}{more}</td></tr>\n'
    )


def _label(line: Line) -> str:
    colour = _COLOURS[line.tone]
    look = "border:1px solid" if line.tone is Tone.PLAIN else f"background-color:{colour};color:#ffffff"
    return (
        f'<span style="display:inline-block;padding:1px 8px;border-radius:10px;font-size:12px;font-weight:600;{look}">'
        f"{escape(line.label)}</span>"
    )


def _more(count: int, everything: str | None) -> str:
    words = f"and {count:,} more"
    shown = words if everything is None else _link(everything, words)
    return f'<tr><td style="{_RULE}"></td><td style="{_RULE};padding:7px 0">{shown}</td></tr>\n'


def _link(url: str, shown: str) -> str:
    return f'<a href="{escape(url)}" style="color:inherit">{shown}</a>'


def _button(label: str, url: str, colour: str, *, is_first: bool) -> str:
    look = f"background-color:{colour};color:#ffffff" if is_first else "color:inherit"
    return (
        f'<a href="{escape(url)}" style="display:inline-block;margin:0 8px 8px 0;padding:8px 16px;border-radius:6px;'
        f'border:1px solid {colour};{look};text-decoration:none;font-weight:600">{escape(label)}</a>\n'
    )
