"""Tokens of another issuer at a real server, beside the lab's own."""

from __future__ import annotations

import time
from pathlib import Path

import httpx
import pytest

pytest.importorskip("joserfc")

from tests.scenario.live_server import SETTINGS, end, served
from tests.unit.api.oidc_issuer import AUDIENCE, issuing

pytestmark = pytest.mark.slow
JOB = {"team": "safety.alignment", "gang": 1, "argv": ["true"]}


def test_a_token_of_the_issuer_opens_what_its_groups_may(tmp_path: Path) -> None:
    with issuing() as issuer:
        table = f'[oidc]\nissuer = "{issuer.address}"\naudience = "{AUDIENCE}"\n[oidc.teams]\nalignment-staff = "safety.alignment"\n'
        with served(tmp_path, settings=SETTINGS + table) as lab:

            def at(token: str) -> httpx.Client:
                headers = {"Authorization": f"Bearer {token}"}
                return httpx.Client(base_url=f"{lab.address}/api/v1", headers=headers, timeout=60)

            text = issuer.token()
            with at(text) as ada, lab.client("operator") as operator:
                job = ada.post("/jobs", json=JOB).json()["job"]
                assert ada.get(f"/jobs/{job}", params={"wait_s": 30}).json()["owner"] == "ada"
                assert ada.post("/jobs", json=JOB | {"team": "product"}).json()["code"] == "N134"
                assert ada.get("/tokens").json()["code"] == "N133"
                assert operator.get("/tokens").status_code == 200, "the lab's own open as before"
                kept = operator.get("/tokens").json()["items"]
                assert not [one for one in kept if one["person"] == "ada" and one["token"].startswith("oidc")]
            for wrong in (issuer.token(aud="other"), issuer.token(exp=int(time.time()) - 120), text[:-6] + "AAAAAA"):
                with at(wrong) as nobody:
                    told = nobody.get("/capacity")
                    assert (told.status_code, told.json()["code"]) == (401, "N132")
            with at(issuer.token(groups=[])) as stranger:
                assert (stranger.get("/capacity").status_code, stranger.get("/capacity").json()["code"]) == (
                    403,
                    "N133",
                )
            short = issuer.token(exp=int(time.time()) + 3)
            with httpx.stream(
                "GET", f"{lab.address}/api/v1/events", headers={"Authorization": f"Bearer {short}"}, timeout=40
            ) as stream:
                lines = stream.iter_lines()
                assert next(lines) == ": listening"
                time.sleep(3.5)
                with at(text) as ada:
                    ada.post("/jobs", json=JOB)
                assert not [line for line in lines if line.startswith("data")], "what it listens to ends with the token"
            assert end(lab.process) == 0
            assert text not in lab.log() and "Traceback" not in lab.log(), lab.log()[-3000:]
