"""The dashboard's files as they are served: what may be kept for ever, what is checked, what headers close, and what is handed on."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send

from equipoise import web
from equipoise.api.pages import Pages
from equipoise.report.theme import DARK, LIGHT

SOURCE = Path(web.__file__).parent
pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


async def behind(scope: Scope, receive: Receive, send: Send) -> None:
    await PlainTextResponse("handed on", 418)(scope, receive, send)


@pytest.fixture
def built(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the files with modules in place, which a test may change."""
    here = tmp_path / "web"
    shutil.copytree(SOURCE, here, ignore=shutil.ignore_patterns("vendor", "__pycache__"))
    vendor = here / "vendor"
    vendor.mkdir()
    (vendor / "preact.js").write_text("export const h = 1;", "utf-8")
    (vendor / "uplot.js").write_text("export default 2;", "utf-8")
    (vendor / "modules.json").write_text('{"preact": "preact.js", "uplot": "uplot.js"}', "utf-8")
    monkeypatch.setattr(web, "files", lambda _: here)
    return here


@pytest.fixture
def client(built: Path) -> Iterator[httpx.AsyncClient]:
    yield httpx.AsyncClient(transport=httpx.ASGITransport(Pages(behind)), base_url="http://lab")


@pytest.mark.parametrize(
    "path",
    ["/", "/teams", "/teams/a.b", "/timeline", "/jobs/7", "/promises", "/promises/q/1", "/charter", "/outlook"],
)
async def test_every_screen_is_the_one_page(client: httpx.AsyncClient, path: str) -> None:
    answer = await client.get(path)
    assert (answer.status_code, answer.headers["cache-control"]) == (200, "no-cache")
    assert answer.text == (await client.get("/")).text


@pytest.mark.parametrize("path", ["/api/v1/health", "/gallery", "/teamsters", "/timeline/x", "/apps", "/api/v1/teams"])
async def test_everything_else_is_handed_on(client: httpx.AsyncClient, path: str) -> None:
    assert (await client.get(path)).text == "handed on"


async def test_policy_allows_the_import_map_and_no_other_script(client: httpx.AsyncClient) -> None:
    answer = await client.get("/")
    inline = re.findall(r"<script(?![^>]*\bsrc=)[^>]*>(.*?)</script>", answer.text, re.DOTALL)
    assert len(inline) == 1
    digest = base64.b64encode(hashlib.sha256(inline[0].encode()).digest()).decode()
    policy = dict(part.split(" ", 1) for part in answer.headers["content-security-policy"].split("; "))
    assert policy == {
        "default-src": "'none'",
        "script-src": f"'self' 'sha256-{digest}'",
        "style-src": "'self'",
        "img-src": "'self' data: blob:",
        "connect-src": "'self'",
        "frame-ancestors": "'none'",
        "base-uri": "'none'",
        "form-action": "'none'",
    }
    assert " style=" not in answer.text
    assert not re.search(r"(?:src|href)=\"(?!/)", answer.text)
    for name, value in {
        "x-content-type-options": "nosniff",
        "x-frame-options": "DENY",
        "referrer-policy": "no-referrer",
        "cross-origin-opener-policy": "same-origin",
    }.items():
        assert answer.headers[name] == value
    assert "camera=()" in answer.headers["permissions-policy"]


async def test_what_the_page_names_is_there_and_may_be_kept(client: httpx.AsyncClient) -> None:
    page = (await client.get("/")).text
    imports = json.loads(re.findall(r'type="importmap">(.*?)<', page)[0])["imports"]
    assert set(imports) == {"preact", "uplot"}
    named = set(re.findall(r'(?:src|href)="([^"]+)"', page)) | set(imports.values())
    assert {path.rsplit("/", 1)[1] for path in named} >= {"main.js", "state.js", "theme.css", "style.css", "icon.svg"}
    for path in named - {"/vendor/" + path.split("/")[2] + "/uplot.css" for path in named}:
        answer = await client.get(path)
        assert answer.status_code == 200, path
        assert "immutable" in answer.headers["cache-control"]
        assert answer.headers["content-type"].split(";")[0] in ("text/javascript", "text/css", "image/svg+xml")
    screen = re.sub(r"main\.js$", "screens/teams.js", next(path for path in named if path.endswith("/main.js")))
    assert (await client.get(screen)).status_code == 200


async def test_known_files_are_not_sent_again(client: httpx.AsyncClient) -> None:
    first = await client.get("/app/main.js")
    assert first.headers["cache-control"] == "no-cache"
    again = await client.get("/app/main.js", headers={"If-None-Match": f'"x", W/{first.headers["etag"]}'})
    assert (again.status_code, again.content) == (304, b"")
    other = await client.get("/app/main.js", headers={"If-None-Match": '"x"'})
    assert other.status_code == 200


async def test_files_are_packed_for_who_can_unpack(client: httpx.AsyncClient) -> None:
    plain = await client.get("/app/state.js", headers={"Accept-Encoding": "identity"})
    assert "content-encoding" not in plain.headers
    assert plain.content == (SOURCE / "app" / "state.js").read_bytes()
    async with client.stream("GET", "/app/state.js", headers={"Accept-Encoding": "gzip"}) as packed:
        raw = b"".join([part async for part in packed.aiter_raw()])
        assert packed.headers["vary"] == "Accept-Encoding"
    assert gzip.decompress(raw) == plain.content
    assert len(raw) < len(plain.content) / 2
    head = await client.head("/app/state.js", headers={"Accept-Encoding": "identity"})
    assert (head.content, head.headers["content-length"]) == (b"", str(len(plain.content)))


@pytest.mark.parametrize(
    "path",
    [
        "/app/none.js",
        "/app/../__init__.py",
        "/app/%2e%2e/__init__.py",
        "/vendor/",
        "/app/",
        "/app/main.js/",
        "/vendor//etc/passwd",
    ],
)
async def test_nothing_else_of_the_package_is_given(client: httpx.AsyncClient, path: str) -> None:
    scope = {"type": "http", "method": "GET", "path": path.replace("%2e", "."), "headers": [], "query_string": b""}
    sent: list[dict[str, object]] = []

    async def send(message: object) -> None:
        assert isinstance(message, dict)
        sent.append(message)

    async def receive() -> dict[str, object]:
        return {"type": "http.request"}

    await Pages(behind)(scope, receive, send)
    assert sent[0]["status"] == 404


async def test_pages_are_only_read(client: httpx.AsyncClient) -> None:
    assert (await client.post("/teams")).status_code == 405
    assert (await client.delete("/app/main.js")).status_code == 405


async def test_changed_file_has_another_address(built: Path, client: httpx.AsyncClient) -> None:
    old = re.findall(r'src="(/app/\w+/)main.js"', (await client.get("/")).text)[0]
    (built / "app" / "units.js").write_text("export const changed = 1;", "utf-8")
    new = re.findall(r'src="(/app/\w+/)main.js"', (await client.get("/")).text)[0]
    assert new != old
    assert (await client.get(new + "units.js")).text == "export const changed = 1;"
    # A page that is still open asks for the version it began with; what it gets is not kept under that name.
    late = await client.get(old + "units.js")
    assert (late.status_code, late.headers["cache-control"]) == (200, "no-cache")


async def test_theme_is_the_reports(client: httpx.AsyncClient) -> None:
    sheet = (await client.get("/app/theme.css")).text
    light, dark = sheet.split("@media", 1)
    assert all(f"--{name}:{colour};" in light for name, colour in LIGHT.items())
    assert all(dark.count(f"--{name}:{colour};") == 2 for name, colour in DARK.items())


async def test_without_modules_the_page_says_what_to_do(built: Path, client: httpx.AsyncClient) -> None:
    shutil.rmtree(built / "vendor")
    answer = await client.get("/teams")
    assert "script/web" in answer.text
    assert "<script" not in answer.text
    assert "script-src 'none'" in answer.headers["content-security-policy"]
    assert not web.is_built()
