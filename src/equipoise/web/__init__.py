"""The dashboard's files as a browser is given them: by name, with type and digest, and the import map that ties them together.

`load` is the main path; `api.pages` serves what it returns. Addresses hold the digest of what they give, so a browser may keep it
for ever: ``/app/DIGEST/main.js`` imports its neighbours by relative paths, and so gets all of one version. `inlined` is for pages that
no server stands behind.

>>> site = load({})
>>> site.find("/app/main.js").media_type, site.find("/app/none.js") is None
('text/javascript; charset=utf-8', True)
"""

from __future__ import annotations

import gzip
import hashlib
import html
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

from equipoise.web.inline import Inlined, inlined, script_source

__all__ = [
    "MEDIA_TYPES",
    "REMEDY",
    "File",
    "Inlined",
    "Site",
    "changed_ns",
    "inlined",
    "is_built",
    "load",
    "script_source",
]

REMEDY = "build it with `script/web`, or install Equipoise again where npm can reach its registry"
MEDIA_TYPES = {
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "json": "application/json",
    "svg": "image/svg+xml",
    "txt": "text/plain; charset=utf-8",
}
_NAMED = 16  # hexadecimal digits of a digest in an address


@dataclass(frozen=True, slots=True)
class File:
    """A file as it is sent.

    Attributes
    ----------
    data, packed : bytes
        As it is, and by gzip.
    media_type : str
    etag : str
        With its quotes.
    """

    data: bytes
    packed: bytes
    media_type: str
    etag: str


@dataclass(frozen=True)
class Site:
    """The files of one moment.

    Attributes
    ----------
    by_path : mapping
        Files by address, without digests: ``/app/main.js``.
    app, vendor : str
        The digests that stand in addresses.
    imports : mapping
        Where the browser finds each module: the import map.
    """

    by_path: Mapping[str, File]
    app: str
    vendor: str
    imports: Mapping[str, str] = field(default_factory=dict[str, str])

    @property
    def is_built(self) -> bool:
        """Whether the modules of others are in place."""
        return bool(self.imports)

    def find(self, path: str) -> File | None:
        """Return what is at an address, with a digest in it or without."""
        for folder, digest in (("app", self.app), ("vendor", self.vendor)):
            path = path.replace(f"/{folder}/{digest}/", f"/{folder}/", 1)
        return self.by_path.get(path)

    def is_lasting(self, path: str) -> bool:
        """Whether an address will never give anything else."""
        return path.startswith((f"/app/{self.app}/", f"/vendor/{self.vendor}/"))

    @property
    def import_map(self) -> str:
        """The import map's text, to the byte."""
        return json.dumps({"imports": dict(self.imports)}, separators=(",", ":"))

    @property
    def script_source(self) -> str:
        """What a content security policy must allow for the import map, and nothing but it."""
        return script_source(self.import_map)

    def page(self, entry: str = "main.js") -> File:
        """Return the one page, which begins with a module of the app; without the modules of others it says what to do."""
        if not self.is_built:
            return _file("index.html", _UNBUILT.format(remedy=html.escape(REMEDY)).encode())
        app = f"/app/{self.app}"
        early = [path for path in self.by_path if path.startswith("/app/") and path.count("/") == 2]
        preloads = [f"{app}/{path.rsplit('/', 1)[1]}" for path in early if path.endswith(".js")]
        preloads += [address for name, address in self.imports.items() if name != "uplot"]
        return _file(
            "index.html",
            _PAGE.format(
                app=app,
                vendor=f"/vendor/{self.vendor}",
                entry=entry,
                map=self.import_map,
                preloads="".join(f'<link rel="modulepreload" href="{address}">\n' for address in preloads),
            ).encode(),
        )


def load(made: Mapping[str, str]) -> Site:
    """Read the files of the package.

    Parameters
    ----------
    made : mapping
        Files of the app that others make, text by name: the theme.

    Returns
    -------
    Site
    """
    here = files(__name__)
    app = {name: _file(name, data) for name, data in _within(here / "app")}
    app |= {name: _file(name, text.encode()) for name, text in made.items()}
    vendor = {name: _file(name, data) for name, data in _within(here / "vendor")}
    imports: dict[str, str] = {}
    digest = _digest(vendor)
    if "modules.json" in vendor:
        table: dict[str, str] = json.loads(vendor["modules.json"].data)
        imports = {name: f"/vendor/{digest}/{file}" for name, file in table.items()}
    by_path = {f"/app/{name}": one for name, one in app.items()} | {
        f"/vendor/{name}": one for name, one in vendor.items()
    }
    return Site(by_path, _digest(app), digest, imports)


def is_built() -> bool:
    """Whether the dashboard's modules are in place."""
    return (files(__name__) / "vendor" / "modules.json").is_file()


def changed_ns() -> int:
    """When a file last changed, where they are files: whoever edits them sees it at the next reload."""
    here = files(__name__)
    if not isinstance(here, Path):
        return 0
    return max(path.stat().st_mtime_ns for path in here.rglob("*") if "__pycache__" not in path.parts)


def _within(folder: Traversable, before: str = "") -> Iterator[tuple[str, bytes]]:
    if not folder.is_dir():
        return
    for one in sorted(folder.iterdir(), key=lambda one: one.name):
        if one.is_dir():
            yield from _within(one, f"{before}{one.name}/")
        elif one.name.rpartition(".")[2] in MEDIA_TYPES:
            yield before + one.name, one.read_bytes()


def _file(name: str, data: bytes) -> File:
    kind = MEDIA_TYPES.get(name.rpartition(".")[2], "text/html; charset=utf-8")
    etag = f'"{hashlib.sha256(data).hexdigest()[: 2 * _NAMED]}"'
    return File(data, gzip.compress(data, 9, mtime=0), kind, etag)


def _digest(named: Mapping[str, File]) -> str:
    return hashlib.sha256(repr([(name, one.etag) for name, one in named.items()]).encode()).hexdigest()[:_NAMED]


_PAGE = """\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Equipoise</title>
<link rel="icon" href="{app}/icon.svg" type="image/svg+xml">
<link rel="stylesheet" href="{app}/theme.css">
<link rel="stylesheet" href="{vendor}/uplot.css">
<link rel="stylesheet" href="{app}/style.css">
<script type="importmap">{map}</script>
{preloads}<script type="module" src="{app}/{entry}"></script>
</head>
<body>
<noscript>The dashboard needs JavaScript. Without it, ask the command line: equipoise top, why and report.</noscript>
<div id="screen"></div>
</body>
</html>
"""

_UNBUILT = """\
<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><title>Equipoise</title>
<link rel="stylesheet" href="/app/theme.css"><link rel="stylesheet" href="/app/style.css"></head>
<body><main><h1>The server runs, but its dashboard was not built.</h1>
<p>To have it, {remedy}, and start the server again. Everything else works: commands and the HTTP API.</p></main></body>
</html>
"""
