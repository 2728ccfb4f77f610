"""Charters as files: reads the charter language, and says what is wrong with it, where, and what to do.

The main path: :func:`check` reads bytes into a :class:`Report` of a charter and its findings; :func:`load` and
:func:`loads` give the charter or raise :class:`CharterError`. :class:`Charter` is the class to import: the model of
``equipoise.charter`` with the two ways to read it.

Examples
--------
>>> charter = loads('''
... equipoise: charter/v1
... lab: Small
... pools: {h100: {device: H100, expect: 2 nodes of 8 gpu}}
... teams: {research: {floor: 50%}, safety: {floor: 25%}}
... ''')
>>> [team.path for team in charter.leaves]
['research', 'safety']
"""

from __future__ import annotations

import dataclasses
from pathlib import Path

from equipoise.charter import model
from equipoise.charter_io.finding import CharterError, Finding, Report
from equipoise.charter_io.reader import check, digest, load, loads, moment_ms, read_bytes

__all__ = [
    "Charter",
    "CharterError",
    "Finding",
    "Report",
    "check",
    "digest",
    "load",
    "loads",
    "moment_ms",
    "read_bytes",
]


class Charter(model.Charter):
    """A charter that can be read from a file: see ``equipoise.charter.Charter`` for its fields.

    Examples
    --------
    >>> Charter.loads(b"lab: Small")
    Traceback (most recent call last):
    equipoise.charter_io.finding.CharterError: <charter>:1:1 C104 'equipoise' is missing (hint: The language.)
    <charter>:1:1 C104 'pools' is missing (hint: Devices scheduled together.)
    <charter>:1:1 C104 'teams' is missing (hint: The tree of teams.)
    """

    @classmethod
    def load(cls, path: str | Path) -> Charter:
        """Read a charter from a file.

        Raises
        ------
        CharterError
            With all findings.
        InputError
            C100 when the file cannot be read.
        """
        return cls._of(load(path))

    @classmethod
    def loads(cls, data: bytes | str, name: str = "<charter>") -> Charter:
        """Read a charter from its bytes (or text, taken as UTF-8); raises ``CharterError`` with all findings."""
        return cls._of(loads(data, name))

    @classmethod
    def _of(cls, charter: model.Charter) -> Charter:
        return cls(**{field.name: getattr(charter, field.name) for field in dataclasses.fields(charter) if field.init})
