"""The browser modules put into place by npm: once for each lock file, with licences, and with a remedy where npm fails."""

from __future__ import annotations

import importlib.util
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from tests.docs.pages import ROOT

WEB = ROOT / "src" / "equipoise" / "web"


def loaded(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, ROOT / "packaging" / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


web_vendor = loaded("web_vendor")


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    web = tmp_path / "src" / "equipoise" / "web"
    web.mkdir(parents=True)
    for name in ("package.json", "package-lock.json"):
        shutil.copy(WEB / name, web / name)
    return tmp_path


def npm_that(monkeypatch: pytest.MonkeyPatch, program: str) -> None:
    monkeypatch.setattr(web_vendor, "_npm", lambda: [sys.executable, "-c", program])


# Lays out what the lock file names, as npm would.
INSTALLS = """
import json, pathlib
wanted = json.loads(pathlib.Path("package.json").read_text())["vendor"]
for path in [*wanted["modules"].values(), *wanted["styles"].values()]:
    file = pathlib.Path("node_modules") / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(f"// {path}\\n//# sourceMappingURL=x.map")
    depth = 2 if path.startswith("@") else 1
    (pathlib.Path("node_modules").joinpath(*path.split("/")[:depth]) / "LICENSE").write_text("licence of " + path)
"""


def test_modules_are_put_into_place_once_for_a_lock_file(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    npm_that(monkeypatch, INSTALLS)
    assert web_vendor.vendor(checkout)
    vendor = checkout / "src" / "equipoise" / "web" / "vendor"
    table = json.loads((vendor / "modules.json").read_text("utf-8"))
    assert set(table) == set(json.loads((WEB / "package.json").read_text("utf-8"))["vendor"]["modules"])
    assert all("sourceMappingURL" not in (vendor / file).read_text("utf-8") for file in table.values())
    licences = {path.name for path in vendor.glob("LICENSE-*")}
    assert licences == {
        f"LICENSE-{name}.txt" for name in ("preact", "preact-signals", "preact-signals-core", "htm", "uplot")
    }
    npm_that(monkeypatch, "raise SystemExit('npm is not to be called again')")
    assert not web_vendor.vendor(checkout)
    lock = checkout / "src" / "equipoise" / "web" / "package-lock.json"
    lock.write_text(lock.read_text("utf-8") + "\n", "utf-8")
    with pytest.raises(web_vendor.WebError, match="not to be called again"):
        web_vendor.vendor(checkout)
    assert (vendor / "modules.json").exists()  # what was there stays


def test_failing_npm_is_told_with_the_remedy(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    npm_that(monkeypatch, "raise SystemExit('ENOTFOUND registry')")
    with pytest.raises(web_vendor.WebError, match=r"npm failed \(ENOTFOUND registry\); run `script/web`"):
        web_vendor.vendor(checkout)
    monkeypatch.undo()
    monkeypatch.setattr(shutil, "which", lambda _: None)
    monkeypatch.setattr(web_vendor, "_wheel", lambda: None)
    assert not web_vendor.has_npm()
    with pytest.raises(web_vendor.WebError, match="there is no npm; run `script/web`"):
        web_vendor.vendor(checkout)


def test_package_is_built_without_a_dashboard_where_npm_fails(tmp_path: Path) -> None:
    """A real build of the wheel, in a copy of what the build needs, with an npm that has no network."""
    copy = tmp_path / "copy"
    copy.mkdir()
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, copy / name)
    shutil.copytree(ROOT / "packaging", copy / "packaging", ignore=shutil.ignore_patterns("__pycache__"))
    ignored = shutil.ignore_patterns("__pycache__", "vendor")
    for name in ("web", "_version.py"):
        source, place = ROOT / "src" / "equipoise" / name, copy / "src" / "equipoise" / name
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copytree(source, place, ignore=ignored) if source.is_dir() else shutil.copy(source, place)
    binaries = tmp_path / "bin"
    binaries.mkdir()
    (binaries / "npm").write_text("#!/bin/sh\necho no network >&2\nexit 1\n", "utf-8")
    (binaries / "npm").chmod(0o755)

    def wheel() -> tuple[str, set[str]]:
        command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path / "dist")]
        done = subprocess.run(
            command, cwd=copy, env={"PATH": f"{binaries}:/usr/bin:/bin"}, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        (built,) = (tmp_path / "dist").glob("*.whl")
        listed = subprocess.run(
            [sys.executable, "-m", "zipfile", "-l", str(built)], capture_output=True, text=True, check=True
        )
        return done.stderr + done.stdout, set(re.findall(r"equipoise/web/\S+", listed.stdout))

    said, files = wheel()
    assert "installed without its dashboard: npm failed (no network); run `script/web`" in re.sub(r"\s+", " ", said)
    assert "equipoise/web/app/main.js" in files
    assert not any("vendor" in name or "gallery" in name or "tsconfig" in name for name in files)
    # And with one that installs.
    (binaries / "npm").write_text(f"#!/bin/sh\nexec {sys.executable} -c '{INSTALLS}'\n".replace('"', '"'), "utf-8")
    said, files = wheel()
    assert "without its dashboard" not in said
    assert {
        "equipoise/web/vendor/preact.js",
        "equipoise/web/vendor/uplot.css",
        "equipoise/web/vendor/LICENSE-preact.txt",
    } <= files


def test_lock_file_names_no_registry_and_pins_every_module() -> None:
    lock = json.loads((WEB / "package-lock.json").read_text("utf-8"))
    package = json.loads((WEB / "package.json").read_text("utf-8"))
    assert lock["packages"][""]["dependencies"] == package["dependencies"]
    assert "resolved" not in json.dumps(lock)
    for version in [*package["dependencies"].values(), *package["devDependencies"].values()]:
        assert re.fullmatch(r"\d+\.\d+\.\d+", version)
    assert all(one["integrity"].startswith("sha512-") for name, one in lock["packages"].items() if name)


def test_modules_in_place_are_those_that_the_app_imports() -> None:
    imported = {
        name
        for path in (WEB / "app").rglob("*.js")
        for name in re.findall(r'(?m)^import [^"]*"([^."][^"]*)";$', path.read_text("utf-8"))
    }
    modules = set(json.loads((WEB / "package.json").read_text("utf-8"))["vendor"]["modules"])
    assert imported <= modules
    assert "preact/hooks" in imported


def test_no_module_of_the_app_is_long_or_nameless() -> None:
    for path in (WEB / "app").rglob("*.js"):
        text = path.read_text("utf-8")
        assert len(text.splitlines()) < 300, path
        assert "screens" in path.parts or text.startswith("/**"), f"{path} does not say what it is for"
        assert "innerHTML" not in text and "dangerouslySetInnerHTML" not in text, path
