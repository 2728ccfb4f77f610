"""What the conventions ask for and a linter does not see."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
import tomllib
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from tests.docs.pages import ROOT

SOURCES = sorted((ROOT / "src").rglob("*.py"))
LONGEST = 500  # the convention splits "at about 400"
EMPTY_NAMES = {"utils", "util", "helpers", "helper", "manager", "common", "misc"}

# DESIGN, section 2: what is not pure, what must do without the scientific stack, and what that may never reach.
EDGE = {"cli", "api", "tasks", "report", "controller", "engines", "store", "traces", "charter_io", "web"}
VERIFIER = {"errors", "units", "charter", "ledger", "gates", "account", "receipt"}
BEYOND_VERIFIER = {"charter_io", "workload", "policy"}
ALLOWED = {
    "equipoise.policy.kernel.pointer -> pathlib",
    "equipoise.screens.* -> threading",
}  # a fingerprint of the kernel's own source: docs/adr/0004-kernel.md

# Spelt in two parts so that this file does not contain what it looks for.
MACHINE_PATHS = re.compile(r"(?<![\w.~$}-])/" + r"(?:work|root|tmp|home/\w+|Users/\w+)/")
REGISTRIES = re.compile(r"pypi\." + r"org|python" + r"hosted|npmjs\." + r"(?:org|com)|static\.crates" + r"\.io")


def settings() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))


@cache
def published_text() -> str:
    """README and docs, the places where a reader looks something up."""
    return "\n".join(page.read_text("utf-8") for page in [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")])


def files_of_repository() -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if listed.returncode == 0:
        found = [ROOT / name for name in listed.stdout.split("\0") if name]
    else:  # an unpacked source archive
        skip = {".venv", ".cache", ".git", "__pycache__", ".hypothesis", ".pytest_cache", ".ruff_cache", "site"}
        found = [path for path in ROOT.rglob("*") if not skip & set(path.relative_to(ROOT).parts)]
    return [path for path in found if path.is_file() and not path.is_symlink()]


def packages() -> set[str]:
    top = ROOT / "src" / "equipoise"
    return {path.stem for path in top.iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()}


def literals(source: Path) -> set[str]:
    tree = ast.parse(source.read_text("utf-8"))
    return {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)}


def test_every_module_says_what_it_is_for() -> None:
    silent = [str(path) for path in SOURCES if not ast.get_docstring(ast.parse(path.read_text("utf-8")))]
    assert not silent


def test_no_source_file_is_too_long() -> None:
    lengths = {str(path.relative_to(ROOT)): len(path.read_text("utf-8").splitlines()) for path in SOURCES}
    assert {name: length for name, length in lengths.items() if length > LONGEST} == {}


def test_modules_are_named_by_what_they_hold() -> None:
    assert [str(path) for path in SOURCES if EMPTY_NAMES & {path.stem, path.parent.name}] == []


def test_no_file_names_a_machine_or_a_registry() -> None:
    found: list[str] = []
    for path in files_of_repository():
        try:
            text = path.read_text("utf-8")
        except UnicodeDecodeError:
            continue  # a binary sample
        for number, line in enumerate(text.splitlines(), start=1):
            if MACHINE_PATHS.search(line) or REGISTRIES.search(line):
                found.append(f"{path.relative_to(ROOT)}:{number}: {line.strip()[:120]}")
    assert found == []


@pytest.mark.parametrize(
    ("line", "names_one"),
    [
        ("see /" + "tmp/x", True),
        ('path = "/' + 'home/someone/file"', True),
        ("https://pypi." + "org/simple", True),
        ("GPU/" + "work/month", False),
        ("docs/tmp/x", False),
        ("$HOME/" + "work/", False),
    ],
)
def test_machine_paths_and_registries_are_recognised(line: str, names_one: bool) -> None:
    assert bool(MACHINE_PATHS.search(line) or REGISTRIES.search(line)) is names_one


def inside(modules: list[str]) -> set[str]:
    return {module.removeprefix("equipoise.") for module in modules if module.startswith("equipoise.")}


def test_every_package_is_held_to_its_contract() -> None:
    contracts = {contract["id"]: contract for contract in settings()["tool"]["importlinter"]["contracts"]}
    pure, verifier = contracts["pure"], contracts["verifier"]
    assert pure["source_modules"] == ["equipoise.*"]
    exempt = inside(
        [line.split(" -> ")[0].removesuffix(".**") for line in pure["ignore_imports"] if line not in ALLOWED]
    )
    assert exempt == EDGE
    assert set(pure["ignore_imports"]) >= ALLOWED
    assert inside(verifier["source_modules"]) == (VERIFIER & packages()) | {"tasks.keys", "tasks.verify"}
    assert inside(verifier["forbidden_modules"]) == BEYOND_VERIFIER & packages()


def test_no_package_is_an_empty_room() -> None:
    for folder in (ROOT / "src" / "equipoise").iterdir():
        if folder.is_dir() and (folder / "__init__.py").exists():
            statements = sum(len(ast.parse(path.read_text("utf-8")).body) for path in folder.rglob("*.py"))
            assert statements > 1, f"{folder.name} has no content"


def test_dependencies_are_locked_for_running_and_for_developing() -> None:
    project = settings()
    groups = project["dependency-groups"]
    run = [*project["project"]["dependencies"], *groups["build"]]
    wanted = {"run.txt": run, "dev.txt": [*run, *groups["dev"], *groups["docs"]]}
    for name, requirements in wanted.items():
        text = (ROOT / "requirements" / name).read_text("utf-8")
        for requirement in requirements:
            package = re.split(r"[\[<>=~! ]", requirement)[0].lower()
            assert re.search(rf"^{re.escape(package)}==\S+ .*\\\n +--hash=sha256:", text, re.MULTILINE), (name, package)


def test_what_runs_is_what_was_tested() -> None:
    pins = {
        name: set(re.findall(r"^\S+==\S+", (ROOT / "requirements" / name).read_text("utf-8"), re.MULTILINE))
        for name in ("run.txt", "dev.txt")
    }
    assert len(pins["run.txt"]) > 10
    assert pins["run.txt"] <= pins["dev.txt"]


def test_changelog_tells_what_is_unreleased() -> None:
    text = (ROOT / "CHANGELOG.md").read_text("utf-8")
    section = text.split("## [Unreleased]", 1)[1].split("\n## [", 1)[0]
    assert re.search(r"^- \S", section, re.MULTILINE)


def test_every_error_code_is_documented() -> None:
    devices = {"A100", "H100"}  # which look like codes
    files = [*SOURCES, ROOT / "packaging" / "verify" / "equipoise_verify.py"]
    codes = {text for path in files for text in literals(path) if re.fullmatch(r"[A-Z]\d{3}", text)} - devices
    page_of_errors = (ROOT / "docs" / "errors.md").read_text("utf-8")
    table = re.findall(r"(?m)^\| ([A-Z]\d{3}) \| \S", page_of_errors)
    assert table == sorted(codes)
    # Each is also told where its subject is, and that is where the table points.
    rows = re.findall(r"(?m)^\| ([A-Z]\d{3}) \|.*\]\((\S+\.md)#\S+\) \|$", page_of_errors)
    assert [code for code, _ in rows] == table
    assert [code for code, page in rows if f"| {code} |" not in (ROOT / "docs" / page).read_text("utf-8")] == []


def listed_commands(help_text: str) -> list[str]:
    """The names in the list of commands of ``equipoise --help``, boxed or plain."""
    listing = re.split(r"(?m)^.*\bCommands\b.*$", help_text, maxsplit=1)[1]
    return re.findall(r"(?m)^[│|\s]*([a-z][a-z-]*)\s{2,}\S", listing)


def test_every_command_is_documented() -> None:
    environment = os.environ | {"COLUMNS": "120", "TERM": "dumb", "NO_COLOR": "1"}
    command = [sys.executable, "-c", "from equipoise.cli import main; main()", "--help"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 0, done.stderr
    names = listed_commands(done.stdout)
    assert "check" in names
    assert [name for name in names if not re.search(rf"\b(?:equipoise|eq) {name}\b", published_text())] == []


def test_commands_are_found_in_both_layouts_of_help() -> None:
    plain = "Usage: x [OPTIONS]\n\nOptions:\n  --help  Show.\n\nCommands:\n  check  Checks.\n  run-all  Runs.\n"
    boxed = "╭─ Options ─╮\n│ --help  Show. │\n╰──╯\n╭─ Commands ─╮\n│ check    Checks. │\n│ run-all  Runs. │\n╰──╯\n"
    assert listed_commands(plain) == listed_commands(boxed) == ["check", "run-all"]


def test_late_names_of_the_package_exist() -> None:
    import equipoise

    for name in equipoise.__all__:
        assert getattr(equipoise, name) is not None


@pytest.mark.parametrize(
    "module",
    [
        "equipoise",
        "equipoise.cli",
        "equipoise.charter",
        "equipoise.charter_io",
        "equipoise.account",
        "equipoise.ledger.proof",
        "equipoise.gates",
        "equipoise.receipt",
    ],
)
def test_commands_that_do_not_simulate_load_nothing_heavy(module: str) -> None:
    script = (
        f"import sys, {module}\nprint(*sorted({{'numpy', 'numba', 'polars', 'pydantic'}} & set(sys.modules)), sep=',')"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert (done.stdout.strip(), done.stderr, done.returncode) == ("", "", 0)


def test_forbidden_skips_fail_the_run_and_are_named(tmp_path: Path) -> None:
    sample = tmp_path / "test_sample.py"
    sample.write_text("import pytest\n\ndef test_of_something():\n    pytest.skip('no Slurm here')\n", "utf-8")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "tests.conftest", "-p", "no:cacheprovider", str(sample)]
    command += ["-c", str(ROOT / "pyproject.toml"), "--rootdir", str(tmp_path)]
    allowed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    forbidden = subprocess.run(
        [*command, "--forbid-skips", "-n", "2"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert allowed.returncode == 0, allowed.stdout + allowed.stderr
    assert forbidden.returncode == 1, forbidden.stdout + forbidden.stderr
    for run in (allowed, forbidden):
        assert "1 skipped" in run.stdout
        assert "test_of_something: no Slurm here" in run.stdout
