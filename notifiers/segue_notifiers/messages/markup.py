"""Markup: content as plain text, as Markdown and as HTML, where what was given cannot act as markup."""

import html
import re
from collections.abc import Callable, Iterator
from typing import NamedTuple

from segue_notifiers.messages.content import Content, Section

_MARKDOWN_SPECIAL = re.compile(r"([\\`*_\[\]<>|~&@])")
_MARKDOWN_LINE_START = re.compile(r"^([ \t]*)([-+=#]|\d{1,9}(?=[.)]))?", re.MULTILINE)
_BACKTICKS = re.compile("`+")
_WEB = ("https://", "http://")


# --- plain text ---


def as_text(content: Content) -> str:
    """The body as plain text."""
    return "\n".join(_text_lines(content))


def _text_lines(content: Content) -> Iterator[str]:
    yield content.lead
    yield ""
    yield from (f"{name}: {value}" for name, value in content.facts)
    for section in content.sections:
        yield f"{section.heading}:"
        yield from (f"  {line}" for line in section.lines)
    if content.command or content.link:
        yield ""
    if content.command:
        yield f"To look closer: {content.command}"
    if content.link:
        yield f"Its page: {content.link}"


# --- Markdown ---


def markdown_escaped(text: str) -> str:
    """The text so that CommonMark shows each of its characters as it is, and nobody is mentioned."""
    escaped = _MARKDOWN_SPECIAL.sub(r"\\\1", text)
    return _MARKDOWN_LINE_START.sub(_escaped_line_start, escaped).replace("\n", "  \n")


def _escaped_line_start(start: re.Match[str]) -> str:
    # Spaces that do not break, since four others would make a block of code of the line.
    indent = "\N{NO-BREAK SPACE}" * len(start[1])
    mark = start[2] or ""
    # A digit cannot be escaped; what follows it can.
    return indent + (f"{mark}\\" if mark.isdigit() else f"\\{mark}" if mark else "")


def markdown_code(text: str) -> str:
    """The text as a block of code, fenced by more backticks than it holds in a row."""
    fence = "`" * max(3, 1 + max((len(run) for run in _BACKTICKS.findall(text)), default=0))
    return f"{fence}\n{text}\n{fence}"


def as_markdown(content: Content) -> str:
    """The body as CommonMark."""
    return "\n\n".join(_markdown_blocks(content))


def _markdown_blocks(content: Content) -> Iterator[str]:
    yield markdown_escaped(content.lead)
    if content.facts:
        yield "\n".join(f"- **{markdown_escaped(name)}:** {markdown_escaped(value)}" for name, value in content.facts)
    for section in content.sections:
        yield f"**{markdown_escaped(section.heading)}:**"
        yield _markdown_section(section)
    if content.command:
        yield f"To look closer:\n\n{markdown_code(content.command)}"
    if content.link.startswith(_WEB):
        # Within < and > no bracket and no space can end the address.
        yield f"[Its page](<{_address(content.link)}>)"


def _markdown_section(section: Section) -> str:
    if section.code:
        return markdown_code("\n".join(section.lines))
    return "\n".join(f"- {markdown_escaped(line)}" for line in section.lines)


def _address(link: str) -> str:
    return "".join(f"%{ord(character):02X}" if character in " <>\\\n\"'" else character for character in link)


# --- HTML ---


def html_escaped(text: str) -> str:
    """The text so that HTML shows each of its characters as it is, in lines."""
    return html.escape(text).replace("\n", "<br>\n")


def html_code(text: str) -> str:
    """The text as a block of code."""
    return f"<pre>{html.escape(text)}</pre>"


def as_html(content: Content) -> str:
    """The body as a fragment of HTML without scripts, styles or pictures."""
    return "\n".join(_html_blocks(content))


def _html_blocks(content: Content) -> Iterator[str]:
    yield f"<p>{html_escaped(content.lead)}</p>"
    if content.facts:
        rows = (f"<tr><th>{html.escape(name)}</th><td>{html.escape(value)}</td></tr>" for name, value in content.facts)
        yield "<table>\n" + "\n".join(rows) + "\n</table>"
    for section in content.sections:
        yield f"<p>{html.escape(section.heading)}:</p>"
        yield _html_section(section)
    if content.command:
        yield f"<p>To look closer:</p>\n{html_code(content.command)}"
    if content.link.startswith(_WEB):
        yield f'<p><a href="{html.escape(content.link)}">Its page</a></p>'


def _html_section(section: Section) -> str:
    if section.code:
        return html_code("\n".join(section.lines))
    items = "\n".join(f"<li>{html.escape(line)}</li>" for line in section.lines)
    return f"<ul>\n{items}\n</ul>"


# --- what people write themselves ---


class Form(NamedTuple):
    """How a template's own words, a value, and a value that is code are written."""

    literal: Callable[[str], str]
    value: Callable[[str], str]
    code: Callable[[str], str]


def _as_it_is(text: str) -> str:
    return text


def _markdown_code_or_span(text: str) -> str:
    if "\n" in text:
        return f"\n{markdown_code(text)}\n"
    ticks = "`" * (1 + max((len(run) for run in _BACKTICKS.findall(text)), default=0))
    return f"{ticks} {text} {ticks}" if text else ""


def _html_code_or_span(text: str) -> str:
    return html_code(text) if "\n" in text else f"<code>{html.escape(text)}</code>"


PLAIN = Form(_as_it_is, _as_it_is, _as_it_is)

# Whoever writes the template may use Markdown in it; what a value holds is shown as it is.
MARKDOWN = Form(_as_it_is, markdown_escaped, _markdown_code_or_span)

HTML = Form(html_escaped, html_escaped, _html_code_or_span)
