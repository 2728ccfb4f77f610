"""Reference pages that are made from the code: they say what the commands, the interface and the schema themselves say."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from equipoise.api.app import make_app
from equipoise.api.runs import Film
from equipoise.api.service import Service
from equipoise.api.tokens import Tokens
from equipoise.tasks.serving import ServerSettings
from tests.docs.pages import ROOT


def reference() -> ModuleType:
    spec = importlib.util.spec_from_file_location("docs_reference", ROOT / "packaging" / "docs_reference.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


PAGES = reference()


def cli(*arguments: str) -> str:
    environment = os.environ | {"COLUMNS": "200", "TERM": "dumb", "NO_COLOR": "1"}
    command = [sys.executable, "-c", "from equipoise.cli import main; main()", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True, env=environment).stdout


@pytest.mark.parametrize("name", ["check", "demo", "serve", "simulate", "verify"])
def test_options_of_a_command_are_those_of_its_help(name: str) -> None:
    section = PAGES.commands().split(f"## equipoise {name}\n")[1].split("\n## ")[0]
    told = set(re.findall(r"(?<![\w-])--[a-z][a-z-]*", cli(name, "--help"))) - {"--help"}
    written = set(re.findall(r"--[a-z][a-z-]*", " ".join(re.findall(r"(?m)^\| `(.*?)` \|", section))))
    assert len(told) > 1
    assert written >= set(re.findall(r"(?m)^\s+(?:-\w, )?(--[a-z][a-z-]*)", cli(name, "--help"))) - {"--help"}
    assert written <= told


def test_every_command_has_a_section() -> None:
    from equipoise.cli.app import COMMANDS

    assert re.findall(r"(?m)^## equipoise ([a-z-]+)$", PAGES.commands()) == list(COMMANDS)


def test_routes_are_those_of_the_interfaces_own_description() -> None:
    nobody = Tokens(Path(os.devnull, "tokens"), lambda: time.time_ns() // 1_000_000)
    app = make_app(Service(None, nobody, Film(())), ServerSettings())
    described = {
        (method.upper(), path.removeprefix("/api/v1"))
        for path, methods in app.openapi()["paths"].items()
        for method in methods
    }
    assert len(described) > 60
    assert {tuple(one) for one in re.findall(r"(?m)^\| `([A-Z]+) (\S+)` \|", PAGES.routes())} == described


def test_every_field_of_a_charter_is_told() -> None:
    """Counted another way: every name under ``properties`` anywhere in what `equipoise schema` prints."""
    schema = json.loads(cli("schema"))
    names: list[str] = []

    def count(part: Any) -> None:
        if isinstance(part, dict):
            if isinstance(part.get("properties"), dict):
                names.extend(part["properties"])
            for inner in part.values():
                count(inner)
        elif isinstance(part, list):
            for inner in part:
                count(inner)

    count(schema)
    told = [path.rsplit(".", 1)[-1] for path in re.findall(r"(?m)^\| `([^`]+)` \|", PAGES.charter_fields())]
    assert len(names) > 60
    assert set(told) == set(names)


def test_the_site_has_the_colours_of_the_dashboard() -> None:
    from equipoise.report.theme import DARK, LIGHT

    light, dark = PAGES.style().splitlines()[:2]
    for line, colours in ((light, LIGHT), (dark, DARK)):
        assert f"--md-default-bg-color: {colours['paper']};" in line
        assert f"--md-typeset-a-color: {colours['accent']};" in line
