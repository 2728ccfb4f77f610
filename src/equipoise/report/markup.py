"""HTML and SVG as text in which everything is escaped that is not markup already."""

from __future__ import annotations

import html
import re

Attribute = str | int | float | None

VOID = {"br", "hr", "link", "meta"}
# What XML, and so SVG, may not contain, and what turns the direction of the text that follows.
_BANNED = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\u202a-\u202e\u2066-\u2069\ufffe\uffff]")
_UNIT = re.compile(r"(?<=\d) (?=%|d\b|h\b|min\b|s\b)")
_WORD = re.compile(r"(?<=\d) (?=GPU|hours|days)")


class Markup(str):
    """Text that is markup: not escaped again."""

    __slots__ = ()


def escape(text: str) -> Markup:
    """Return text as markup.

    Examples
    --------
    >>> escape('<b> & "x"')
    '&lt;b&gt; &amp; &quot;x&quot;'
    >>> escape(escape("<b>"))
    '&lt;b&gt;'
    """
    return text if isinstance(text, Markup) else Markup(html.escape(_BANNED.sub("\ufffd", text)))


def element(tag: str, *children: str, **attributes: Attribute) -> Markup:
    """Return an element; children that are not markup are escaped, attributes always.

    ``class_`` is ``class``, ``data_x`` is ``data-x``; an attribute that is None is left out, an empty one stands alone.

    Examples
    --------
    >>> element("p", "a < b ", element("b", "c"), class_="note", title='"')
    '<p class="note" title="&quot;">a &lt; b <b>c</b></p>'
    >>> element("path", d="M0 0", stroke_width=2)
    '<path d="M0 0" stroke-width="2"></path>'
    """
    named = "".join(
        f' {name.rstrip("_").replace("_", "-")}="{html.escape(_BANNED.sub(chr(0xFFFD), str(value)))}"'
        for name, value in attributes.items()
        if value is not None
    )
    if tag in VOID:
        return Markup(f"<{tag}{named}>")
    return Markup(f"<{tag}{named}>{''.join(map(escape, children))}</{tag}>")


def joined(*parts: str) -> Markup:
    """Return parts one after the other; those that are not markup are escaped.

    Examples
    --------
    >>> joined("<", element("i", "x"))
    '&lt;<i>x</i>'
    """
    return Markup("".join(map(escape, parts)))


def unbroken(text: str) -> str:
    r"""Let no line break between a figure and its unit; a short unit stands nearer to it.

    Examples
    --------
    >>> unbroken("13.9 % of 1,200 GPU-hours") == "13.9\u202f% of 1,200\xa0GPU-hours"
    True
    """
    return _WORD.sub("\xa0", _UNIT.sub("\u202f", text))
