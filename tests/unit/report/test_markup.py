"""What is not markup is escaped, whatever it is."""

from __future__ import annotations

from html.parser import HTMLParser
from xml.etree import ElementTree

from hypothesis import given
from hypothesis import strategies as st

from equipoise.report.markup import Markup, element, escape


class One(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[dict[str, str | None]] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes.append(dict(attrs))

    def handle_data(self, data: str) -> None:
        self.text += data


@given(st.text(), st.text())
def test_any_text_stays_text_in_content_and_attribute(content: str, title: str) -> None:
    made = element("p", content, title=title)
    reader = One()
    reader.feed(made)
    reader.close()
    assert reader.tags == ["p"]
    assert set(reader.attributes[0]) == {"title"}
    known = ElementTree.fromstring(made)  # and it is XML, too
    assert known.tag == "p"
    printable = content.isprintable() and "\ufffd" not in content
    if printable:
        assert reader.text == content


@given(st.text())
def test_markup_is_escaped_once(text: str) -> None:
    once = escape(text)
    assert isinstance(once, Markup)
    assert escape(once) is once
    assert "<" not in once
