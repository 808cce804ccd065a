"""Text, Markdown and HTML: what was given is shown as it is, and acts as nothing."""

from html.parser import HTMLParser

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from segue_notifiers.messages.content import Content, Section
from segue_notifiers.messages.markup import as_html, as_markdown, as_text, markdown_code, markdown_escaped

EVIL = '<script>alert("x")</script> [click](javascript:x) ![p](http://x/p.png) `a` *b* @channel <!everyone>'
CONTENT = Content(
    title=EVIL,
    lead=f"{EVIL}\n# {EVIL}",
    facts=((EVIL, EVIL),),
    sections=(Section("Before it", (EVIL,)), Section("Traceback", ("  File 'x'", "```", f"</pre>{EVIL}"), code=True)),
    command=f"segue {EVIL}",
    link='https://segue.example/a"b>c)<d',
)


class Seen(HTMLParser):
    """The tags, addresses and texts of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.links: list[str | None] = []
        self.text = ""
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.links += [value for _, value in attrs]

    def handle_data(self, data: str) -> None:
        self.text += data


def test_html_holds_our_own_tags_only() -> None:
    seen = Seen(as_html(CONTENT))

    assert seen.tags == {"p", "br", "table", "tr", "th", "td", "ul", "li", "pre", "a"}
    assert seen.links == [CONTENT.link]
    assert seen.text.count(EVIL) == 7


def test_markdown_becomes_our_own_elements_only() -> None:
    seen = Seen(MarkdownIt("commonmark").render(as_markdown(CONTENT)))

    assert seen.tags == {"p", "br", "ul", "li", "strong", "pre", "code", "a"}
    assert seen.links == ["https://segue.example/a%22b%3Ec)%3Cd"]
    assert seen.text.count(EVIL) == 7


def test_text_is_text() -> None:
    assert as_text(Content(title="t", lead="l", facts=(("a", "b"),), link="x")) == "l\n\na: b\n\nIts page: x"


def test_only_an_address_in_the_web_becomes_a_link() -> None:
    content = Content(title="t", lead="l", link="javascript:alert(1)")

    assert "javascript" not in as_html(content)
    assert "javascript" not in as_markdown(content)


@pytest.mark.parametrize("text", ["1. one", "- one", "# one", "> one", "a\n===", "a\n---", "    four", "~~~\nx"])
def test_lines_that_look_like_blocks_stay_paragraphs(text: str) -> None:
    assert Seen(MarkdownIt("commonmark").render(markdown_escaped(text))).tags <= {"p", "br"}


LINE = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Zs", "Zl", "Zp")), min_size=1)


@given(st.lists(LINE, min_size=1, max_size=4))
@example(["1)", "*", "&amp;", "\\", "http://x/?a=b&c=d"])
def test_markdown_shows_each_line_as_it_is(lines: list[str]) -> None:
    seen = Seen(MarkdownIt("commonmark").render(markdown_escaped("\n".join(lines))))

    assert seen.text.split() == " ".join(lines).split()
    assert seen.tags <= {"p", "br"}


@given(st.text(st.sampled_from("`~a \n<"), max_size=30))
def test_nothing_ends_a_block_of_code(text: str) -> None:
    seen = Seen(MarkdownIt("commonmark").render(markdown_code(text)))

    assert seen.text == f"{text}\n\n" or seen.text.rstrip("\n") == text.rstrip("\n")
    assert seen.tags <= {"pre", "code"}
