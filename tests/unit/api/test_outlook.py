"""The routes of the outlook on a film's server: what is answered, what is refused, and how much of it there is."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from equipoise.api import answers
from equipoise.api.app import make_app
from equipoise.api.outlooks import Outlooks
from equipoise.api.runs import Film
from equipoise.api.service import Service
from equipoise.api.tokens import Tokens
from equipoise.screens.outlook import outlook
from equipoise.tasks.film import film
from equipoise.tasks.serving import ServerSettings
from equipoise.workload.synthetic import lab_charter
from tests.unit.outlook.prospects import demo_years
from tests.unit.report.replays import GPUS, synthetic

MOST_BYTES = 200_000


def call(method: str, path: str, body: object = None, *, outlooks: Outlooks | None = None) -> httpx.Response:
    runs = film(synthetic().runs, text=lab_charter(GPUS))
    nobody = Tokens(Path("/dev/null/tokens"), lambda: 0)
    app = make_app(Service(None, nobody, Film(runs), outlooks=outlooks or Outlooks(demo_years())), ServerSettings())

    async def asked() -> httpx.Response:
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1", timeout=60) as client:
            while True:
                found = await client.request(method, f"/api/v1{path}", json=body)
                if found.status_code != 200 or found.json().get("state") != "running":
                    return found

    return asyncio.run(asked())


@pytest.mark.parametrize("run", ["charter", "product-first"])
def test_both_runs_of_a_film_have_the_outlook_that_compares_them(run: str) -> None:
    found = call("GET", f"/runs/{run}/outlook")
    assert found.status_code == 200
    assert len(found.content) < MOST_BYTES
    assert found.json() == json.loads(json.dumps(outlook(demo_years())))
    assert found.headers["etag"]


def test_years_are_played_anew_by_what_is_sent() -> None:
    kind, told = (
        answers.Outlook,
        call("POST", "/runs/charter/outlook", {"moved": {"beta_s": 0.5, "mu": 1}, "draws": 20}),
    )
    assert told.status_code == 200
    assert len(told.content) < MOST_BYTES
    assert kind.model_validate_json(told.content).moved == ["beta_s=0.5", "mu=1"]
    assert told.json()["runs"] == 20
    set_by = {row["name"]: (row["prior"], row["source"]) for row in told.json()["parameters"]}
    assert set_by["beta_s"] == ("0.5", "set by the user")


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"moved": {"no_such": 1}}, 422, "N101"),
        ({"moved": {"u_lab": 1}}, 422, "N101"),  # each lab draws its own
        ({"moved": {"beta_s": 3}}, 422, "N102"),  # beyond what it may be
        ({"moved": {"beta_s": "0"}}, 422, "N136"),
        ({"moved": {"beta_s": True}}, 422, "N136"),
        ({"draws": 5_001}, 422, "N136"),
        ({"draws": 19}, 422, "N136"),
        ({"scenario": "moon"}, 422, "N180"),
        ({"scenario": "../../etc/passwd"}, 422, "N136"),
        ({"seed": 1}, 422, "N136"),
        ({"moved": {f"x{n}": 1 for n in range(13)}}, 422, "N136"),
    ],
)
def test_what_cannot_be_is_refused(body: dict[str, Any], status: int, code: str) -> None:
    found = call("POST", "/runs/charter/outlook", body)
    assert (found.status_code, found.json()["code"]) == (status, code)


@pytest.mark.parametrize("path", ["/outlook", "/outlook/scenarios", "/frontier"])
def test_run_that_there_is_not(path: str) -> None:
    found = call("GET", f"/runs/moon{path}")
    assert (found.status_code, found.json()["code"]) == (404, "N151")


def test_file_that_is_no_frontier_is_the_servers_trouble(tmp_path: Path) -> None:
    (tmp_path / "f.json").write_text("{}", "utf-8")
    found = call("GET", "/runs/charter/frontier", outlooks=Outlooks(frontier=tmp_path / "f.json"))
    assert (found.status_code, found.json()["code"]) == (409, "N179")
