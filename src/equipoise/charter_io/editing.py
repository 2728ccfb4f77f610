"""A charter's text with some values replaced and all else, comments and order included, left as it was written."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

import yaml

from equipoise.errors import InputError

Path: TypeAlias = "tuple[str, ...]"
"""Keys from the top: ``("teams", "safety", "floor")``."""


class Editable:
    r"""The text of a charter that passes `check`, ready to be written again with other values.

    Parameters
    ----------
    data : bytes
        The file.

    Examples
    --------
    >>> text = Editable(b"teams:\n  a: {floor: 20%}   # a fifth\n  b:\n    floor: 30%\n")
    >>> changed = text.edited({("teams", "a", "floor"): "25%", ("teams", "b", "lend"): "0%", ("revision",): "2"})
    >>> print(changed.decode(), end="")
    revision: 2
    teams:
      a: {floor: 25%}   # a fifth
      b:
        lend: 0%
        floor: 30%
    """

    def __init__(self, data: bytes) -> None:
        self._text = data.decode("utf-8-sig")
        self._root: Any = yaml.compose(self._text, Loader=yaml.SafeLoader)  # pyright: ignore[reportUnknownMemberType]

    def written(self, path: Path) -> str | list[str] | None:
        """Return what is written there: a scalar's text, a map's keys; None where nothing is."""
        node, left = self._follow(path)
        if left:
            return None
        return [key.value for key, _ in node.value] if isinstance(node, yaml.MappingNode) else str(node.value)

    def edited(self, values: Mapping[Path, str], *, head: str = "") -> bytes:
        """Return the text with these values in place of what is written or in the maps where they were left out.

        Parameters
        ----------
        values : mapping
            Plain scalars by path. A map that is missing is made.
        head : str
            Comment lines for the beginning of the file, without ``#``.
        """
        pieces = sorted((self._piece(path, value) for path, value in values.items()), reverse=True)
        text = self._text
        for begin, end, piece in pieces:
            text = text[:begin] + piece + text[end:]
        comment = "".join(f"# {line}".rstrip() + "\n" for line in head.splitlines())
        return (comment + text).encode("utf-8")

    def _piece(self, path: Path, value: str) -> tuple[int, int, str]:
        """Return what to put between two places of the text."""
        node, left = self._follow(path)
        if not left:
            if not isinstance(node, yaml.ScalarNode):
                raise InputError("U102", f"{'.'.join(path)} is written as a map", hint="name the pool")
            return int(node.start_mark.index), int(node.end_mark.index), value
        written = f"{left[-1]}: {value}"
        for key in reversed(left[:-1]):
            written = f"{key}: {{{written}}}"
        if node.flow_style:
            at = int(node.start_mark.index) + 1
            return at, at, f"{written}, "
        first = node.value[0][0].start_mark
        return int(first.index), int(first.index), f"{written}\n{' ' * int(first.column)}"

    def _follow(self, path: Path) -> tuple[Any, Path]:
        """Return the node as far along a path as it is written, and the keys that are left."""
        node = self._root
        for depth, name in enumerate(path):
            below = {key.value: value for key, value in node.value} if isinstance(node, yaml.MappingNode) else {}
            if name not in below:
                return node, path[depth:]
            node = below[name]
        return node, ()
