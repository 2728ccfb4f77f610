"""A charter's text as maps, lists and scalars with their places: the part of YAML 1.2 that the language uses.

Every scalar is text; what it means is decided by the field it stands in. What could make two readers disagree about the
meaning of a signed file is refused: anchors, aliases, tags, merge keys, directives, block scalars, a second document,
duplicate keys, and characters that one sees as line breaks or not at all.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NoReturn, TypeAlias, cast

import yaml

from equipoise.charter_io.finding import MAX_FINDINGS, Finding
from equipoise.errors import Place
from equipoise.units import shown

MAX_BYTES = 4 * 1024 * 1024
MAX_DEPTH = 16

# YAML 1.1 readers, libyaml among them, end a line at NEL, LS and PS; 1.2 does not. Bidirectional controls make a text
# look
# different from what it says. The rest is not printable.
_FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff\ufffe\uffff]")
_SURROGATE = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Scalar:
    """A scalar as text. Places count from 1."""

    text: str
    line: int
    column: int


@dataclass(frozen=True, slots=True)
class Mapping:
    """A map: keys to values, and the place of each key."""

    values: dict[str, Node]
    keys: dict[str, Scalar]
    line: int
    column: int


@dataclass(frozen=True, slots=True)
class Sequence:
    """A list."""

    items: list[Node]
    line: int
    column: int


Node: TypeAlias = "Scalar | Mapping | Sequence"


class UnreadableError(Exception):
    """Reading cannot go on; the findings say why."""


class Reading:
    """Findings of one file, collected while it is read."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.findings: list[Finding] = []
        self._errors = 0

    def add(self, code: str, message: str, *, at: Node | None = None, hint: str = "") -> None:
        """Note a finding; raises ``UnreadableError`` when there are too many errors to be worth collecting."""
        place = Place(self.name, at.line, at.column) if at is not None else Place(self.name, 1, 1)
        finding = Finding(code, place, message, hint)
        if finding in self.findings[-8:]:
            return
        self.findings.append(finding)
        if not finding.is_warning:
            self._errors += 1
            if self._errors >= MAX_FINDINGS:
                raise UnreadableError

    @property
    def errors(self) -> int:
        """How many errors there are so far."""
        return self._errors


def parse(data: bytes, reading: Reading) -> Mapping:
    """Read the text of a charter.

    Parameters
    ----------
    data : bytes
        The file.
    reading : Reading
        Takes the findings (C101, C102).

    Returns
    -------
    Mapping
        The top of the document.

    Raises
    ------
    UnreadableError
        The text is not the YAML that the language uses.
    """
    text = _decode(data, reading)
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    events = cast("Iterator[Any]", yaml.parse(text, Loader=loader))  # pyright: ignore[reportUnknownMemberType]
    try:
        root = _document(events, reading)
    except yaml.YAMLError as error:
        _syntax(error, reading)
    if not isinstance(root, Mapping):
        _stop(reading, "a charter is a map of fields", at=root, hint="start with `equipoise: charter/v1`")
    return root


def _decode(data: bytes, reading: Reading) -> str:
    if len(data) > MAX_BYTES:
        _stop(reading, f"the file has {len(data):,} bytes", hint=f"at most {MAX_BYTES:,} (4 MiB)")
    data = data.removeprefix(b"\xef\xbb\xbf")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        at = _place(data[: error.start].decode("utf-8"))
        _stop(reading, f"the byte 0x{data[error.start]:02x} is not UTF-8", at=at, hint="save the file as UTF-8")
    found = _FORBIDDEN.search(text)
    if found is not None:
        at = _place(text[: found.start()])
        _stop(reading, f"the character U+{ord(found[0]):04X} is not allowed", at=at, hint="remove it; it is invisible")
    return text


def _place(before: str) -> Scalar:
    lines = before.replace("\r\n", "\n").replace("\r", "\n")
    return Scalar("", lines.count("\n") + 1, len(lines) - (lines.rfind("\n") + 1) + 1)


def _stop(reading: Reading, message: str, *, at: Node | None = None, hint: str = "") -> NoReturn:
    reading.add("C101", message, at=at, hint=hint)
    raise UnreadableError


def _syntax(error: yaml.YAMLError, reading: Reading) -> NoReturn:
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    at = Scalar("", mark.line + 1, mark.column + 1) if mark is not None else None
    problem = getattr(error, "problem", None) or getattr(error, "reason", None) or "the text cannot be read"
    _stop(reading, f"this is not YAML: {problem}", at=at, hint="indent with spaces; quote text that holds `: ` or ` #`")


def _at(event: Any) -> Scalar:
    return Scalar("", event.start_mark.line + 1, event.start_mark.column + 1)


def _document(events: Iterator[Any], reading: Reading) -> Node:
    root: Node | None = None
    documents = 0
    for event in events:
        if isinstance(event, yaml.DocumentStartEvent):
            documents += 1
            if documents > 1:
                _stop(reading, "a second document", at=_at(event), hint="one file holds one charter; remove `---`")
            if event.version or event.tags:
                _stop(reading, "a directive", at=_at(event), hint="remove the line that starts with %")
        elif isinstance(event, yaml.StreamStartEvent | yaml.StreamEndEvent | yaml.DocumentEndEvent):
            continue
        else:
            root = _Builder(events, reading).node(event, depth=1)
    if root is None:
        _stop(reading, "the file is empty", hint="`equipoise init` writes a charter to start from")
    return root


class _Builder:
    """Builds nodes from events. Depth is bounded by the language, so recursion is."""

    def __init__(self, events: Iterator[Any], reading: Reading) -> None:
        self.events = events
        self.reading = reading

    def node(self, event: Any, *, depth: int) -> Node:
        kind = cast("type[object]", type(event))
        if kind is yaml.AliasEvent:
            _stop(self.reading, f"an alias (*{shown(event.anchor)[1:-1]})", at=_at(event), hint="write the value out")
        if event.anchor is not None:
            _stop(self.reading, f"an anchor (&{shown(event.anchor)[1:-1]})", at=_at(event), hint="write values out")
        if event.tag is not None:
            _stop(self.reading, f"a tag ({shown(event.tag)})", at=_at(event), hint="remove it; fields have their types")
        if kind is yaml.ScalarEvent:
            return self.scalar(event)
        if depth > MAX_DEPTH:
            _stop(self.reading, f"nested deeper than {MAX_DEPTH}", at=_at(event))
        return self.mapping(event, depth) if kind is yaml.MappingStartEvent else self.sequence(event, depth)

    def scalar(self, event: Any) -> Scalar:
        mark = event.start_mark
        text: str = event.value
        at = Scalar(text, mark.line + 1, mark.column + 1)
        if event.style in ("|", ">"):
            _stop(self.reading, "a block scalar", at=at, hint="write the text plain or in quotes")
        found = _FORBIDDEN.search(text) or _SURROGATE.search(text)
        if found is not None:
            _stop(self.reading, f"the character U+{ord(found[0]):04X} is not allowed", at=at, hint="remove the escape")
        return at

    def mapping(self, event: Any, depth: int) -> Mapping:
        made = Mapping({}, {}, event.start_mark.line + 1, event.start_mark.column + 1)
        for head in self.events:
            if isinstance(head, yaml.MappingEndEvent):
                break
            key = self.node(head, depth=depth + 1)
            if not isinstance(key, Scalar):
                _stop(self.reading, "a key that is not plain text", at=key)
            if key.text == "<<":
                _stop(self.reading, "a merge key (<<)", at=key, hint="write the fields out")
            value = self.node(next(self.events), depth=depth + 1)
            if key.text in made.values:
                first = made.keys[key.text]
                hint = f"first on line {first.line}"
                self.reading.add("C102", f"{shown(key.text)} is given twice", at=key, hint=hint)
                continue
            made.keys[key.text] = key
            made.values[key.text] = value
        return made

    def sequence(self, event: Any, depth: int) -> Sequence:
        made = Sequence([], event.start_mark.line + 1, event.start_mark.column + 1)
        for head in self.events:
            if isinstance(head, yaml.SequenceEndEvent):
                break
            made.items.append(self.node(head, depth=depth + 1))
        return made
