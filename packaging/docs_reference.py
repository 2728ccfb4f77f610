"""What of the documentation is made from the code when the site is built: pages of commands, routes and charter fields; its colours.

A hook of MkDocs (`hooks` in mkdocs.yml): the pages are files of the build only, so they cannot fall behind.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

from equipoise.api.routes import BASE, ROUTES
from equipoise.charter_io.schema import json_schema
from equipoise.cli.app import COMMANDS, EXIT_CODES, command
from equipoise.report.theme import DARK, LIGHT

Row = tuple[str, ...]
STYLE = "site.css"
VALUES = {int: "N", float: "X", Path: "FILE"}


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages to those that MkDocs found."""
    for name, text in (("commands", commands()), ("routes", routes()), ("charter-fields", charter_fields())):
        files.append(File.generated(config, f"reference/{name}.md", content=text))
    files.append(File.generated(config, STYLE, content=style()))
    return files


def table(head: Row, rows: list[Row]) -> str:
    """Write a table of Markdown."""
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def commands() -> str:
    """Every command with its arguments and options."""
    parts = [
        "# Commands",
        "What `equipoise --help` and `equipoise COMMAND --help` say, in one page. `eq` is short for `equipoise`.",
        table(("exit code", "means"), [(str(code), said) for code, said in EXIT_CODES.items()]),
    ]
    for name in COMMANDS:
        found = command(name)
        parts.append(f"## equipoise {name}")
        parts.append(prose(found.help or COMMANDS[name]))
        rows = [row for one in found.params if (row := parameter(one)) is not None]
        if rows:
            parts.append(table(("argument or option", "default", "what it does"), rows))
    return "\n\n".join(parts) + "\n"


def parameter(one: Any) -> Row | None:
    """Describe an argument or option; None for one that is not shown."""
    if getattr(one, "hidden", False):
        return None
    is_option = one.opts[0].startswith("-")
    said = ", ".join([*one.opts, *one.secondary_opts]) if is_option else one.metavar or one.name.upper()
    if is_option and not one.is_flag:
        said += f" {one.metavar or VALUES.get(one.type_descriptor.annotation, 'TEXT')}"
    given = one.default
    has_none = given is None or callable(given) or given in (False, "", (), [])
    otherwise = "required" if one.required else "" if has_none else f"`{given}`"
    return f"`{said}`", otherwise, prose(one.help or "")


def routes() -> str:
    """Every route of the interface."""
    rows: list[Row] = []
    for one in ROUTES:
        rights = ", ".join(right.value for right in one.rights) or "nobody is asked"
        says = (inspect.getdoc(one.endpoint) or "").split("\n\n")[0]
        kind = one.kind.split(";")[0]
        rows.append(
            (
                f"`{one.method} {one.path.replace(':path}', '}')}`",
                prose(says),
                rights,
                "" if kind == "application/json" else kind,
            )
        )
    return "\n\n".join(
        [
            "# Routes",
            f"All of them, below `{BASE}`. How they are called is told by [the interface](../api.md), who has which right by"
            " [who may do what](../security.md); a running server describes their answers at `/api/v1/openapi.json`.",
            table(("route", "answers", "right", "media type, if not JSON"), rows),
        ]
    ) + "\n"  # fmt: skip


def charter_fields() -> str:
    """Every field of a charter, by the schema of the language."""
    schema = json_schema()
    rows = list(fields("", schema, schema["$defs"], ()))
    return "\n\n".join(
        [
            "# Fields of a charter",
            "By the JSON Schema that `equipoise schema` prints. `NAME` stands for a name of your own. What they mean together is told"
            " by [charters](../charter.md).",
            table(("field", "form", "default", "what it says"), rows),
        ]
    ) + "\n"  # fmt: skip


def fields(path: str, schema: dict[str, Any], known: dict[str, Any], seen: tuple[str, ...]) -> Iterator[Row]:
    """Go through what a part of a charter may hold; a part that holds itself, as a team does, is told once."""
    if "$ref" in schema:
        name = schema["$ref"].rsplit("/", 1)[1]
        if name in seen:
            return
        yield from fields(path, known[name], known, (*seen, name))
        return
    for name, one in schema.get("properties", {}).items():
        here = f"{path}{name}"
        yield f"`{here}`", form(one), default(one), prose(one.get("description", ""))
        yield from within(here, one, known, seen)


def within(here: str, one: dict[str, Any], known: dict[str, Any], seen: tuple[str, ...]) -> Iterator[Row]:
    """Go through what is inside a field."""
    yield from fields(f"{here}.", one, known, seen)
    for other in (one, *one.get("anyOf", ())):
        inner = other.get("additionalProperties")
        if isinstance(inner, dict):
            yield from fields(f"{here}.NAME.", inner, known, seen)
        if isinstance(other.get("items"), dict):
            yield from fields(f"{here}[].", other["items"], known, seen)


def form(one: dict[str, Any]) -> str:
    """Say how a field is written."""
    if "enum" in one:
        return ", ".join(f"`{value}`" for value in one["enum"])
    if "const" in one:
        return f"`{one['const']}`"
    if "anyOf" in one:
        return " or ".join(dict.fromkeys(form(other) for other in one["anyOf"]))
    if "pattern" in one:
        return f"`{one['pattern'].removeprefix('^').removesuffix('$')}`"
    names = {"object": "mapping", "array": "list", "string": "text", "integer": "whole number", "boolean": "yes or no"}
    return names.get(str(one.get("type")), str(one.get("type", "")))


def default(one: dict[str, Any]) -> str:
    """Say what holds where a field is left out."""
    return f"`{one['default']}`" if "default" in one else ""


def prose(text: str) -> str:
    """Return text that Markdown leaves as it is: one line, code of RST as code, no accidental HTML or links."""
    plain = re.sub(r"\s+", " ", text.split("\f", maxsplit=1)[0]).strip()
    plain = plain.replace("``", "`")
    return "".join(
        part if n % 2 else re.sub(r"([<\[\]*_])", r"\\\1", part) for n, part in enumerate(re.split(r"(`[^`]*`)", plain))
    )


def style() -> str:
    """The site in the colours of the dashboard and of reports."""
    both = (("default", LIGHT), ("slate", DARK))
    return "\n".join(f"[data-md-color-scheme={scheme}] {{ {variables(of)} }}" for scheme, of in both) + RULES


def variables(of: dict[str, str]) -> str:
    """Give the theme's variables the colours that they have in the dashboard."""
    found = {
        "primary-fg-color": of["card"], "primary-bg-color": of["ink"], "primary-bg-color--light": of["soft"],
        "accent-fg-color": of["accent"], "typeset-a-color": of["accent"], "default-bg-color": of["paper"],
        "default-fg-color": of["ink"], "default-fg-color--light": of["soft"], "typeset-color": of["ink"],
        "code-bg-color": of["faint"], "code-fg-color": of["ink"], "footer-bg-color": of["card"],
        "footer-bg-color--dark": of["card"], "footer-fg-color": of["ink"], "footer-fg-color--light": of["soft"],
        "footer-fg-color--lighter": of["soft"],
    }  # fmt: skip
    return " ".join([*(f"--md-{name}: {colour};" for name, colour in found.items()), f"--line: {of['line']};"])


RULES = """
.md-typeset h1, .md-typeset h2, .md-typeset h3 { color: inherit; letter-spacing: 0;
  font-family: ui-serif, "Iowan Old Style", "Palatino Linotype", Palatino, Charter, Georgia, serif; }
.md-header, .md-tabs { border-bottom: 1px solid var(--line); box-shadow: none !important; }
.md-tabs__link { opacity: 1; color: var(--md-default-fg-color--light); }
.md-tabs__item--active .md-tabs__link { color: var(--md-default-fg-color); font-weight: 700; }
.md-search__input, .md-search__input:hover { background: var(--md-code-bg-color); }
.md-typeset img { border: 1px solid var(--line); border-radius: 8px; }
.md-typeset table:not([class]) { font-variant-numeric: tabular-nums; }
"""


__all__ = ["charter_fields", "commands", "on_files", "routes", "style"]
