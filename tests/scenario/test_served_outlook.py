"""The outlook of a lab that really runs: its own record is where the years begin, and its file of people says of whom they are told."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from equipoise.api import answers
from tests.scenario import live_server
from tests.scenario.live_server import Served

JOB = {"team": "safety.alignment", "gang": 8, "argv": ["sleep", "2"]}
PEOPLE = """teams:
  safety: {role: research, people: 30, growth: 20%}
  product: {role: product, people: 7}
rivals:
  other: {revenue: 2, compute: 2, people: {safety: 20, product: 80}}
months: 12
runs: 40
"""
PATIENCE_S = 240


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with live_server.served(tmp_path_factory.mktemp("outlook")) as one:
        yield one


def awaited(client: httpx.Client, path: str, *states: str, body: Any = None) -> dict[str, Any]:
    until_s = time.monotonic() + PATIENCE_S
    while True:
        answer = client.get(path) if body is None else client.post(path, json=body)
        told = answer.json()
        assert answer.status_code == 200, told
        if told["state"] in states:
            answers.Outlook.model_validate_json(answer.content)
            return told
        assert time.monotonic() < until_s, told
        time.sleep(1)


def test_years_of_a_lab_begin_with_its_own_record(lab: Served) -> None:
    with lab.client("viewer") as viewer, lab.client("ada") as ada, lab.client("ben") as ben:
        told = awaited(viewer, "/runs/live/outlook", "missing")
        assert (told["file"], "product: {role" in told["example"]) == ("people.yaml", True)
        (lab.lab / "people.yaml").write_text(PEOPLE, "utf-8")
        assert awaited(viewer, "/runs/live/outlook", "early")["sentence"].startswith("Nothing is recorded")

        assert ada.post("/jobs", json=JOB).status_code == 201
        other = {**JOB, "team": "product", "gang": 4}
        assert ben.post("/jobs", json=other).status_code == 201
        told = awaited(viewer, "/runs/live/outlook", "ready", "failed")
        assert told["state"] == "ready", told
        assert told["told_of"] == ["safety"]  # seven people are too few
        assert not [fan for fan in told["courses"][0]["fans"] if fan["team"] == "product"]
        measured = told["courses"][0]["measured"]
        assert measured["safety"]["asks"] > 0  # the job of its team below
        assert measured["product"]["asks"] > 0
        assert told["problem"] is None
        assert [check["verdict"] for check in told["checks"]][:1] == ["FAILED"]

        moved = awaited(viewer, "/runs/live/outlook", "ready", body={"moved": {"h0": 0}, "draws": 20})
        kept = next(fan for fan in moved["courses"][0]["fans"] if fan["name"] == "kept")
        assert {value for band in kept["bands"] for value in band} == {1.0}  # nobody leaves at a rate of nothing
        assert viewer.get("/runs/other/outlook").json()["code"] == "N151"
