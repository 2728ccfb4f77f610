"""Modules inside a page: what is rewritten, and that it leads where the modules' own imports lead, by an engine's parser."""

from __future__ import annotations

import base64
import hashlib
import json
import shutil
import subprocess
from pathlib import Path
from posixpath import dirname, join, normpath

import pytest

from equipoise import web
from equipoise.web.inline import imported, rewritten
from tests.docs.pages import ROOT

APP = Path(web.__file__).parent / "app"
NODE = shutil.which("node")
needs_modules = pytest.mark.skipif(
    not web.is_built(), reason="the dashboard's modules were not put into place (script/web)"
)


def parsed(modules: dict[str, str]) -> dict[str, list[str]]:
    """What Node's parser says that modules import."""
    if NODE is None:
        pytest.skip("there is no node here")
    reader = str(Path(__file__).with_name("modules.mjs"))
    done = subprocess.run(
        [NODE, "--experimental-vm-modules", "--no-warnings", reader],
        input=json.dumps(modules), capture_output=True, text=True, check=True,
    )  # fmt: skip
    return json.loads(done.stdout)


def ours() -> dict[str, str]:
    return {f"app/{path.relative_to(APP).as_posix()}": path.read_text("utf-8") for path in APP.rglob("*.js")}


def vendor() -> dict[str, str]:
    folder = APP.parent / "vendor"
    table: dict[str, str] = json.loads((folder / "modules.json").read_text("utf-8"))
    return {name: (folder / file).read_text("utf-8") for name, file in table.items()}


def addresses(entries: tuple[str, ...]) -> dict[str, str]:
    made = web.inlined(entries)
    assert made is not None
    found: dict[str, str] = json.loads(made.import_map)["imports"]
    assert tuple(found) == made.names
    return {
        name: base64.b64decode(text.removeprefix("data:text/javascript;base64,")).decode()
        for name, text in found.items()
    }


@pytest.mark.parametrize(
    ("text", "becomes"),
    [
        ('import "./b.js";', 'import "app/x/b.js";'),
        ("import a, { b as c } from '../b.js';", "import a, { b as c } from 'app/b.js';"),
        ('import {\n  a,\n  b,\n} from "./b.js";', 'import {\n  a,\n  b,\n} from "app/x/b.js";'),
        ('import*as a from"./b.js";', 'import*as a from"app/x/b.js";'),
        (
            'export { a } from "./b.js";export * from "../../c.js"',
            'export { a } from "app/x/b.js";export * from "c.js"',
        ),
        ('const a = await import("./b.js");', 'const a = await import("app/x/b.js");'),
        ('import { h } from "preact";', 'import { h } from "preact";'),
        ('/** @type {import("./b.js").B} */', '/** @type {import("./b.js").B} */'),
        ('// import a from "./b.js"\n', '// import a from "./b.js"\n'),
        ("say(\"import a from './b.js'\")", "say(\"import a from './b.js'\")"),
        ('of.import("./b.js"); reimport("./b.js"); const from = "./b.js";', None),
    ],
)
def test_only_imports_are_rewritten(text: str, becomes: str | None) -> None:
    assert rewritten(text, "app/x/a.js") == (text if becomes is None else becomes)


def test_the_graph_is_the_one_that_a_parser_sees() -> None:
    modules = ours() | (vendor() if web.is_built() else {})
    real = parsed(modules)
    named = {
        name: [normpath(join(dirname(name), each)) if each.startswith(".") else each for each in imports]
        for name, imports in real.items()
    }
    assert len(named) > 80
    assert {name: list(dict.fromkeys(imported(text, name))) for name, text in modules.items()} == named
    # Rewritten, every module still is one, and names what it named.
    assert parsed({name: rewritten(text, name) for name, text in modules.items()}) == named


@needs_modules
@pytest.mark.parametrize("entry", ["main.js", "report/main.js", "report/period.js"])
def test_a_map_has_what_its_entry_reaches_and_nothing_else(entry: str) -> None:
    found = addresses((entry,))
    graph = parsed(found)
    reached: set[str] = set()
    wanted = [f"app/{entry}"]
    while wanted:
        name = wanted.pop()
        if name not in reached:
            reached.add(name)
            wanted += graph[name]
    assert reached == set(found)


@needs_modules
def test_modules_of_a_report_neither_ask_a_server_nor_draw_the_screens() -> None:
    replay, period = set(addresses(("report/main.js",))), set(addresses(("report/period.js",)))
    assert {"app/parts/table.js", "preact"} <= replay < period
    assert "app/verify/receipt.js" in period and not any(name.startswith("app/verify/") for name in replay)
    assert not {"app/server.js", "app/main.js", "uplot"} & period
    assert not any(name.startswith("app/screens/") for name in period)


@needs_modules
@pytest.mark.parametrize(("entry", "told_kb"), [("report/main.js", 76), ("report/period.js", 234)])
def test_modules_take_as_much_of_a_page_as_the_documentation_says(entry: str, told_kb: int) -> None:
    made = web.inlined((entry,))
    assert made is not None
    assert len(made.import_map) / 1000 == pytest.approx(told_kb, rel=0.05)
    assert f"{told_kb} kB" in (ROOT / "docs" / "report.md").read_text("utf-8")


@needs_modules
def test_the_digest_is_of_the_map_and_the_map_cannot_end_its_element() -> None:
    made = web.inlined(("report/period.js",))
    assert made is not None
    assert "<" not in made.import_map
    digest = base64.b64encode(hashlib.sha256(made.import_map.encode()).digest()).decode()
    assert web.script_source(made.import_map) == f"'sha256-{digest}'"
