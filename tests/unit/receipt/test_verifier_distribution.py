"""The small distribution: built, installed beside `cryptography` alone, and run as an outsider runs it."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import venv
import zipfile
from importlib.metadata import distribution
from pathlib import Path

import pytest

from tests.property.ledger_parties import EYES, LOG
from tests.property.receipt_cases import receipts

ROOT = Path(__file__).parents[3]
NEEDED = ("cryptography", "cffi", "pycparser")  # what the installed `cryptography` is made of
FORBIDDEN = ("numpy", "numba", "polars", "pydantic", "yaml", "typer", "rich")
LOCKED = f"log {LOG.verifier}\nwitness w0 {EYES[0].verifier}\nquorum w0\n"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("wheel")
    options = ["--no-deps", "--no-build-isolation", "--no-index", "--disable-pip-version-check", "-q"]
    subprocess.run(
        [sys.executable, "-m", "pip", "wheel", *options, "-w", str(made), str(ROOT / "packaging" / "verify")],
        check=True,
        capture_output=True,
    )
    (found,) = made.glob("equipoise_verify-*.whl")
    return found


@pytest.fixture(scope="module")
def outside(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment with nothing but the wheel and `cryptography`, copied from here so that no network is needed."""
    home = tmp_path_factory.mktemp("outside") / "venv"
    venv.create(home, with_pip=False, system_site_packages=False)
    (packages,) = home.glob("lib/python*/site-packages")
    subprocess.run(
        [
            sys.executable, "-m", "pip", "--python", str(home / "bin" / "python"), "--disable-pip-version-check", "-q",
            "install", "--no-deps", "--no-index", str(wheel),
        ],
        check=True,
        capture_output=True,
    )  # fmt: skip
    for name in NEEDED:
        for file in distribution(name).files or ():
            if ".." not in file.parts and file.suffix != ".pyc":
                (packages / file).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(str(file.locate()), packages / file)
    return home


def run(outside: Path, *arguments: str, program: str = "equipoise-verify") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(outside / "bin" / program), *arguments],
        capture_output=True,
        text=True,
        check=False,
        env={"LC_ALL": "C.UTF-8"},
    )


@pytest.fixture(scope="module")
def receipt(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("receipt") / "c0.receipt.json"
    path.write_bytes(max(receipts(3), key=len))
    return path


def test_it_verifies_a_receipt(outside: Path, receipt: Path) -> None:
    done = run(outside, str(receipt), "--key", str(LOG.verifier), "--json")
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert (said["holds"], said["level"], said["verdict"]["answer"]) == (True, "L2", "broken")
    assert not said["ledger"]["split_view_excluded"]
    done = run(outside, str(receipt), "--key", str(LOG.verifier))
    assert "was broken" in done.stdout and "split view not excluded" in done.stdout


def test_it_asks_for_witnesses_by_a_policy(outside: Path, receipt: Path, tmp_path: Path) -> None:
    policy = tmp_path / "policy"
    policy.write_text(LOCKED)
    done = run(outside, str(receipt), "--policy", str(policy))
    assert done.returncode == 0 and "seen by w0" in done.stdout and "split view" not in done.stdout
    policy.write_text(LOCKED.replace(str(EYES[0].verifier), str(EYES[1].verifier)))
    done = run(outside, str(receipt), "--policy", str(policy))
    assert done.returncode == 1 and done.stderr.startswith("L123 ")


def test_one_byte_is_another(outside: Path, receipt: Path, tmp_path: Path) -> None:
    changed = tmp_path / "changed.json"
    changed.write_bytes(receipt.read_bytes().replace(b"broken", b"kept", 1))
    done = run(outside, str(changed), "--key", str(LOG.verifier))
    assert done.returncode == 1 and done.stderr.startswith("L112 ")
    assert run(outside, str(receipt)).stderr.startswith("V107 ")
    assert run(outside).returncode == 2


def test_everything_in_it_imports_without_what_the_whole_needs(outside: Path) -> None:
    program = f"""
import pkgutil, sys, equipoise, equipoise_verify
for package in ("errors", "units", "charter", "ledger", "gates", "account", "receipt"):
    found = __import__(f"equipoise.{{package}}", fromlist=["x"])
    for one in pkgutil.walk_packages(getattr(found, "__path__", []), f"equipoise.{{package}}."):
        __import__(one.name)
import equipoise.tasks.verify
assert not set(sys.modules) & set({FORBIDDEN!r}), set(sys.modules)
tops = sorted({{name.partition(".")[0] for name in sys.modules}} - set(sys.stdlib_module_names))
print(*[name for name in tops if not name.startswith(("_", "sitecustomize"))])
"""
    done = run(outside, "-c", program, program="python")
    assert done.returncode == 0, done.stderr
    assert set(done.stdout.split()) <= {"cryptography", "cffi", "equipoise", "equipoise_verify"}, done.stdout


def test_its_files_are_those_of_the_repository(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as packed:
        names = [name for name in packed.namelist() if name.startswith("equipoise/") and name.endswith(".py")]
        assert len(names) > 50
        for name in names:
            assert packed.read(name) == (ROOT / "src" / name).read_bytes(), name
        (metadata,) = (name for name in packed.namelist() if name.endswith("/METADATA"))
        wanted = [line for line in packed.read(metadata).decode().splitlines() if line.startswith("Requires-Dist")]
    assert wanted == ["Requires-Dist: cryptography>=45"]


def test_it_refuses_to_run_beside_the_whole(receipt: Path) -> None:
    program = ROOT / "packaging" / "verify" / "equipoise_verify.py"
    done = subprocess.run(
        [sys.executable, str(program), str(receipt), "--key", str(LOG.verifier)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1 and done.stderr.startswith("V112 ")
