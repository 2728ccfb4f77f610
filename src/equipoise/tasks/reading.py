"""A small YAML file of our own: its parts as plain values, and what is said when it does not read."""

from __future__ import annotations

from typing import Any, cast

import yaml

from equipoise.errors import InputError, Place


class Reading:
    """One file, and what is said when it does not read.

    Parameters
    ----------
    name : str
        What the file is called.
    code, hint : str
        Of every complaint.
    """

    def __init__(self, name: str, code: str, hint: str) -> None:
        self.name, self.code, self.hint = name, code, hint

    def root(self, content: str, known: set[str]) -> dict[Any, Any]:
        """Return the mapping that the file is."""
        try:
            return self.map(yaml.safe_load(content), "the file", known)
        except yaml.YAMLError as error:
            raise self.wrong(f"is no YAML: {str(error).splitlines()[0]}") from None

    def map(self, value: Any, what: str, known: set[str] | None = None) -> dict[Any, Any]:
        """Return a mapping that has only known keys."""
        if not isinstance(value, dict):
            raise self.wrong(f"{what}: a mapping is missing")
        found = cast("dict[Any, Any]", value)
        strange = [str(key) for key in found if known is not None and key not in known]
        if strange:
            raise self.wrong(f"{what} has {strange[0]!r}; it may have {', '.join(sorted(known or ()))}")
        return found

    def list(self, value: Any, what: str) -> list[Any]:
        """Return a list, empty if there is none."""
        if value is not None and not isinstance(value, list):
            raise self.wrong(f"{what}: a list is missing")
        return cast("list[Any]", value or [])

    def number(self, value: Any, what: str) -> float:
        """Return a number, or a percentage as one."""
        text = str(value)
        try:
            return float(text[:-1]) / 100 if text.endswith("%") else float(text)
        except ValueError:
            raise self.wrong(f"{what} is {text!r}, which is no number") from None

    def wrong(self, sentence: str) -> InputError:
        """Return what is wrong with the file."""
        return InputError(self.code, sentence, hint=self.hint, place=Place(self.name))
