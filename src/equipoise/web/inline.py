"""The app's modules inside a page that fetches nothing: an import map whose addresses are the modules themselves.

`inlined` is the main path. A module at a ``data:`` address has no neighbours, so that ``./columns.js`` leads nowhere from it; relative
imports become names of the map: ``app/parts/columns.js``.

>>> rewritten('import { reader } from "./columns.js";', "app/parts/table.js")
'import { reader } from "app/parts/columns.js";'
>>> imported('import { h } from "preact";  // import "../theme.js"', "app/parts/table.js")
['preact']
"""

from __future__ import annotations

import base64
import hashlib
import json
import posixpath
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

# What is no import, first: comments and quoted texts. Then statements, whose clauses hold names only; then `import("…")`.
_IMPORT = re.compile(
    r"""
    /\*.*?\*/ | //[^\n]* | "(?:[^"\\\n]|\\.)*" | '(?:[^'\\\n]|\\.)*'
    | (?P<before> (?<![\w$.]) (?: (?:import|export) (?: (?:\s+|(?=[{*])) [\w$*\s{},]+? \s*from )? \s* | import\s*\(\s* ))
      (?P<quote>["']) (?P<name>[^"'\n]+) (?P=quote)
    """,
    re.VERBOSE | re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class Inlined:
    """Modules for a page.

    Attributes
    ----------
    import_map : str
        Its text, to the byte: each module's name and, in its address, the module.
    names : tuple of str
        The modules, sorted: ``app/report/main.js``, ``preact``.
    """

    import_map: str
    names: tuple[str, ...]


@cache
def inlined(entries: tuple[str, ...]) -> Inlined | None:
    """Return the modules that some modules of the app reach, themselves included; None where those of others were not put into place.

    Parameters
    ----------
    entries : tuple of str
        By their names in the app: ``report/main.js``.

    Returns
    -------
    Inlined or None
    """
    here = files("equipoise.web")
    listed = here / "vendor" / "modules.json"
    if not listed.is_file():
        return None
    vendor: dict[str, str] = json.loads(listed.read_text("utf-8"))
    found: dict[str, str] = {}
    wanted = [f"app/{entry}" for entry in entries]
    while wanted:
        name = wanted.pop()
        if name in found:
            continue
        text = (here / (f"vendor/{vendor[name]}" if name in vendor else name)).read_text("utf-8")
        wanted += imported(text, name)
        found[name] = rewritten(text, name)
    return Inlined(_map(found), tuple(sorted(found)))


def imported(text: str, name: str) -> list[str]:
    """Return what a module imports, in its order, by the names of the map."""
    return [_named(match["name"], name) for match in _IMPORT.finditer(text) if match["name"]]


def rewritten(text: str, name: str) -> str:
    """Return a module whose relative imports are names of the map; nothing else in it changes."""

    def one(match: re.Match[str]) -> str:
        if not match["name"]:
            return match[0]
        return f"{match['before']}{match['quote']}{_named(match['name'], name)}{match['quote']}"

    return _IMPORT.sub(one, text)


def script_source(*scripts: str) -> str:
    """Return what a content security policy says to allow inline scripts, and no other: their digests."""
    digests = (base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in scripts)
    return " ".join(f"'sha256-{digest}'" for digest in digests)


def _named(address: str, importer: str) -> str:
    if not address.startswith(("./", "../")):
        return address
    return posixpath.normpath(posixpath.join(posixpath.dirname(importer), address))


def _map(modules: Mapping[str, str]) -> str:
    addresses = {
        name: f"data:text/javascript;base64,{base64.b64encode(text.encode()).decode()}"
        for name, text in sorted(modules.items())
    }
    return json.dumps({"imports": addresses}, separators=(",", ":"))
