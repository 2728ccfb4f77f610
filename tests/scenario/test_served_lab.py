"""The routes of a real server over the real local engine: who may do what, and what comes of input that cannot be."""

from __future__ import annotations

import json
import re
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from equipoise.api.roles import Role
from equipoise.api.routes import BASE, ROUTES
from equipoise.api.tokens import Tokens
from equipoise.audit import Book, audit
from equipoise.ledger.checkpoint import parse_checkpoint
from equipoise.ledger.keys import parse_verifier_key
from equipoise.ledger.note import parse_note
from equipoise.ledger.tiles import parse_tile
from equipoise.ledger.tree import leaf_hash
from equipoise.store import open_sqlite
from tests.docs.pages import ROOT
from tests.scenario.live_server import CHARTER, Served, end, served

pytestmark = pytest.mark.slow
ROLES = [role.value for role in Role]
JOB = {"team": "safety.alignment", "gang": 1, "argv": ["true"]}


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served(tmp_path_factory.mktemp("served")) as one:
        yield one
        assert end(one.process) == 0, one.log()[-3000:]
        book = Book()
        with open_sqlite(one.lab / "ledger.db", read_only=True) as store:
            book.read(list(store.entries()))
        assert audit(book).findings == ()
        assert "Traceback" not in one.log(), one.log()[-5000:]
        assert not any(text in one.log() for text in one.tokens.values()), "no token is ever logged"


def documented() -> dict[tuple[str, str], set[str]]:
    """Who may call each route by docs/security.md: its table of routes, read by hand."""
    rows = re.findall(
        r"(?m)^\| (GET|POST|DELETE) \| `(/\S*)` \| ([^|]+) \|", (ROOT / "docs" / "security.md").read_text("utf-8")
    )
    everyone = {"anybody": set(ROLES) | {""}, "every token": set(ROLES)}
    return {(method, path): everyone.get(who.strip()) or set(re.findall(r"\w+", who)) for method, path, who in rows}


def test_every_route_is_documented_with_who_may_call_it() -> None:
    assert set(documented()) == {(one.method, one.path) for one in ROUTES}


def test_the_server_has_exactly_the_routes_of_the_table(lab: Served) -> None:
    with lab.client("viewer") as client:
        told = client.get("/openapi.json").json()["paths"]
    found = {(method.upper(), path.removeprefix(BASE)) for path, methods in told.items() for method in methods}
    assert found == {(one.method, one.path.replace(":path", "")) for one in ROUTES}


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: f"{route.method} {route.path}")
def test_each_role_at_each_route(route: Any, lab: Served) -> None:
    path = BASE + re.sub(r"\{\w+(:path)?\}", "0", route.path).replace("/tokens/0", "/tokens/" + "0" * 12)
    may = documented()[route.method, route.path]
    for role in ["", *ROLES]:
        headers = {"Authorization": f"Bearer {lab.tokens[role]}"} if role else {}
        if not role:
            time.sleep(1.0)  # nobody may show nothing, or what is wrong, more than sixty times in a minute
        with httpx.stream(route.method, lab.address + path, headers=headers, timeout=60) as answer:
            status = answer.status_code
            told = (
                {}
                if route.path == "/events" and status == 200
                else json.loads(answer.read() or b"{}")
                if "json" in answer.headers["content-type"]
                else {}
            )
        if not role and role not in may:
            assert (status, told["code"], answer.headers["www-authenticate"]) == (401, "N132", "Bearer")
        elif role not in may:
            assert (status, told["code"]) == (403, "N133"), (role, told)
            assert all(one in told["hint"] for one in may), "it says who may"
        else:
            assert status < 500 and told.get("code") not in ("N132", "N133"), (role, status, told)
        assert answer.headers["content-security-policy"].startswith("default-src 'none'; frame-ancestors 'none'")
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert "set-cookie" not in answer.headers and "access-control-allow-origin" not in answer.headers


def submit(client: httpx.Client, key: str = "", **change: Any) -> httpx.Response:
    return client.post("/jobs", json=JOB | change, headers={"Idempotency-Key": key} if key else {})


def test_a_member_acts_for_their_team_and_those_below_only(lab: Served) -> None:
    with (
        lab.client("ada") as ada,
        lab.client("ben") as ben,
        lab.client("lea") as lea,
        lab.client("operator") as operator,
    ):
        job = submit(ada, argv=["sleep", "60"], gang=8).json()["job"]
        assert submit(ada, team="product").json()["code"] == "N134"
        assert submit(ben).json()["code"] == "N134"
        assert submit(lea, argv=["true"]).status_code == 201, "a team below"
        assert submit(lea, team="safety").status_code == 422, "an inner team has no jobs"
        assert submit(lea, team="safety.evals").status_code == 201
        told = ben.post(f"/jobs/{job}/cancel").json()
        assert (told["code"], "safety.alignment" in told["hint"]) == ("N134", True)
        assert lea.post(f"/jobs/{job}/cancel").json() == {"job": job, "cancelled": True}
        again = submit(ben, team="product", argv=["sleep", "60"]).json()["job"]
        assert ada.post(f"/jobs/{again}/cancel").status_code == 403
        assert operator.post(f"/jobs/{again}/cancel").json()["cancelled"] is True
        assert ada.get(f"/jobs/{1 << 30}").status_code == 404


def test_the_charter_says_who_may_submit(lab: Served) -> None:
    tokens = Tokens(lab.lab / "tokens.json", lambda: time.time_ns() // 1_000_000)
    text = tokens.new("eve", Role.MEMBER, team="safety")
    with httpx.Client(base_url=f"{lab.address}/api/v1", headers={"Authorization": f"Bearer {text}"}) as eve:
        told = submit(eve)
        assert (told.status_code, told.json()["code"], told.json()["hint"]) == (403, "N134", "group:staff may")
        assert submit(eve, team="safety.evals").status_code == 201


def test_a_token_that_was_revoked_or_has_expired_opens_nothing(lab: Served) -> None:
    with lab.client("operator") as operator:
        made = operator.post("/tokens", json={"person": "zoe", "role": "viewer", "lasts_ms": 60_000}).json()
        headers = {"Authorization": f"Bearer {made['text']}"}
        assert httpx.get(f"{lab.address}{BASE}/capacity", headers=headers).status_code == 200
        assert all(made["text"] not in json.dumps(one) for one in operator.get("/tokens").json()["items"])
        with httpx.stream("GET", f"{lab.address}{BASE}/events", headers=headers) as stream:
            lines = stream.iter_lines()
            assert next(lines) == ": listening"
            assert operator.delete(f"/tokens/{made['token']}").json()["person"] == "zoe"
            with lab.client("ada") as ada:
                submit(ada)
            assert not any(line.startswith("data") for line in _until_closed(lines)), "what it listens to ends too"
        told = httpx.get(f"{lab.address}{BASE}/capacity", headers=headers)
        assert (told.status_code, told.json()["title"]) == (401, "the token was revoked")
        short = operator.post("/tokens", json={"person": "zoe", "role": "viewer", "lasts_ms": 1}).json()
        time.sleep(0.01)
        told = httpx.get(f"{lab.address}{BASE}/capacity", headers={"Authorization": f"Bearer {short['text']}"})
        assert told.json()["title"] == "the token has expired"


def _until_closed(lines: Iterator[str]) -> Iterator[str]:
    try:
        yield from lines
    except httpx.HTTPError:
        return


def test_the_same_key_gives_the_same_job_however_often_and_at_once(lab: Served) -> None:
    key = uuid.uuid4().hex

    def once(_: int) -> httpx.Response:
        with lab.client("ada") as ada:
            return submit(ada, key, name="once")

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(once, range(24)))
    done = [one.json()["job"] for one in answers if one.status_code == 201]
    assert len(set(done)) == 1 and {one.status_code for one in answers} <= {201, 409}
    with lab.client("ada") as ada, lab.client("lea") as lea:
        assert submit(ada, key, name="once").json()["job"] == done[0]
        assert (submit(ada, key, name="other").status_code, submit(ada, key, name="other").json()["code"]) == (
            409,
            "R103",
        )
        assert submit(lea, key, name="once").json()["job"] != done[0], "keys of another person are others"
        names = [
            one["job"] for one in ada.get("/jobs", params={"limit": 1000}).json()["items"] if one["name"] == "once"
        ]
    assert len(names) == 2


def test_pages_of_jobs_have_each_job_once(lab: Served) -> None:
    with lab.client("ada") as ada:
        first = [submit(ada).json()["job"] for _ in range(7)]
        found, after = [], 0
        while after is not None:
            page = ada.get("/jobs", params={"after": after, "limit": 3, "team": "safety"}).json()
            found += [one["job"] for one in page["items"]]
            after = page["next"]
            assert all(one["team"].startswith("safety") for one in page["items"])
        assert found == sorted(set(found)) and set(first) <= set(found)
        assert ada.get("/jobs", params={"limit": 100_000}).status_code == 422


def test_a_body_that_is_too_large_is_not_read(lab: Served) -> None:
    with lab.client("ada") as ada:
        told = submit(ada, environment={"X": "y" * 70_000})
        assert (told.status_code, told.json()["code"]) == (413, "N137")

        def pieces() -> Iterator[bytes]:
            for _ in range(100):
                yield b" " * 4_096

        told = ada.post("/jobs", content=pieces(), headers={"Content-Type": "application/json"})  # says no length
        assert (told.status_code, told.json()["code"]) == (413, "N137")
        assert ada.get("/capacity").status_code == 200


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=8,
)  # fmt: skip
_FIELDS = st.sampled_from(
    ["team", "gang", "argv", "pool", "environment", "directory", "walltime_ms", "savepoint_ms", "priority", "after", "name", "request",
     "amount_gpu_ms", "begin_ms", "end_ms", "reason", "granted_gpu_ms", "text", "envelopes", "act", "person", "role", "groups", "back"]
)  # fmt: skip
_POSTS = [("ada", "/jobs"), ("ada", "/requests"), ("lea", "/requests/none/answer"), ("signer", "/charters"), ("operator", "/tokens"),
          ("operator", "/nodes/none/0/drain"), ("ada", "/jobs/0/cancel")]  # fmt: skip


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(to=st.sampled_from(_POSTS), change=st.dictionaries(_FIELDS, _JSON, max_size=4) | _JSON, whole=st.booleans())
def test_hostile_bodies_are_refused_with_a_reason(to: tuple[str, str], change: Any, whole: bool, lab: Served) -> None:
    who, path = to
    body = JOB | change if whole and isinstance(change, dict) and path == "/jobs" else change
    with lab.client(who) as client:
        told = client.post(path, content=json.dumps(body).encode(), headers={"Content-Type": "application/json"})
    assert told.status_code in (200, 201, 403, 404, 409, 422), (told.status_code, told.text, body)
    if told.status_code >= 400:
        assert told.headers["content-type"] == "application/problem+json" and re.fullmatch(
            r"[A-Z]\d{3}", told.json()["code"]
        )
    assert lab.process.poll() is None


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"\xff\xfe", b"[" * 60_000, b'{"team":"\\ud800","gang":1,"argv":["x"]}',
     b'{"team":"safety.alignment","gang":1,"argv":["a\\u0000"]}',
     b'{"team":"safety.alignment","gang":1,"argv":["x"],"name":"a\\nb"}', b'{"team":"safety.alignment","gang":1.0,"argv":["x"]}',
     b'{"team":"safety.alignment","gang":true,"argv":["x"]}', b'{"team":"safety.alignment","gang":9' + b"9" * 4000 + b',"argv":["x"]}',
     b'{"team":"safety.alignment","gang":1,"argv":[]}', b'{"team":"safety.alignment","gang":1,"argv":["x"],"more":1}'],
)  # fmt: skip
def test_bodies_that_cannot_be(body: bytes, lab: Served) -> None:
    with lab.client("ada") as ada:
        told = ada.post("/jobs", content=body, headers={"Content-Type": "application/json"})
    assert (told.status_code, told.json()["code"]) == (422, "N136"), told.text


def test_paths_that_lead_nowhere(lab: Served) -> None:
    with lab.client("auditor") as client:
        for path in ("/none", "/jobs/x", "/jobs/-1", "/jobs/99999999999999999999", "/ledger/tile/../../x", "/ledger/tile/0/x999/000",
                     "/ledger/tile/entries/%2e%2e%2fkey", "/teams/none/standing", "/%00", "/jobs/0/why?changes=maybe"):  # fmt: skip
            told = client.get(path)
            assert told.status_code in (404, 422), (path, told.status_code, told.text)
            assert told.json()["code"][0] in "NRC"
        assert client.put("/jobs").status_code == 405
        assert httpx.get(f"{lab.address}{BASE}/").status_code == 401


def test_the_ledger_is_served_so_that_others_can_check_it(lab: Served) -> None:
    with lab.client("ada") as ada, lab.client("auditor") as auditor:
        submit(ada)
        until_s = time.monotonic() + 30
        while (note := auditor.get("/ledger/checkpoint")).status_code == 404 and time.monotonic() < until_s:
            time.sleep(0.2)
        head = auditor.get("/ledger").json()
        key = parse_verifier_key(head["key"])
        parts = parse_note(note.content)
        signed = parse_checkpoint(parts.text)
        assert signed.origin == head["origin"] == key.name and 0 < signed.size <= head["size"]
        some = min(signed.size, 256)
        told = auditor.get("/ledger/entries", params={"limit": some}).json()
        width = "" if some == 256 else f".p/{some}"
        hashes = parse_tile(auditor.get(f"/ledger/tile/0/000{width}").content, width=some)
        assert hashes == [leaf_hash(entry.encode()) for entry in told["items"]]
        assert json.loads(told["items"][0])["kind"] == "opened"


def test_a_request_is_answered_by_its_teams_owner_only(lab: Served) -> None:
    now_ms = time.time_ns() // 1_000_000
    body = {
        "team": "safety.alignment",
        "amount_gpu_ms": 36_000_000,
        "begin_ms": now_ms - 60_000,
        "end_ms": now_ms + 86_400_000,
        "name": "probe-1",
    }
    with lab.client("ada") as ada, lab.client("ben") as ben, lab.client("lea") as lea, lab.client("signer") as signer:
        assert ada.post("/requests", json=body).json() == {"name": "probe-1"}
        assert ada.post("/requests", json=body).status_code == 201, "the same again does nothing"
        assert ada.post("/requests", json=body | {"amount_gpu_ms": 5}).status_code == 409
        assert ben.post("/requests", json=body | {"name": "probe-2"}).json()["code"] == "N134"
        for who in (ada, ben, signer):
            told = who.post("/requests/probe-1/answer", json={"granted_gpu_ms": 36_000_000}).json()
            assert (told["code"], told["hint"]) == ("N135", "group:safety-leads may")
        assert lea.post("/requests/probe-1/answer", json={"granted_gpu_ms": 0}).json()["code"] == "R117", (
            "a refusal needs a reason"
        )
        cut = {"granted_gpu_ms": 18_000_000, "reason": "half of it first"}
        assert lea.post("/requests/probe-1/answer", json=cut).status_code == 200
        assert lea.post("/requests/probe-1/answer", json=cut).status_code == 200, "the same again does nothing"
        assert lea.post("/requests/probe-1/answer", json={"granted_gpu_ms": 36_000_000}).status_code == 409
        (row,) = (one for one in ben.get("/requests").json()["items"] if one["name"] == "probe-1")
        assert (row["granted_gpu_ms"], row["left_gpu_ms"], row["reason"]) == (
            18_000_000,
            18_000_000,
            "half of it first",
        )
        assert abs(row["begin_ms"] - body["begin_ms"]) == 0
        assert submit(ada, request="probe-1", walltime_ms=19_000_000).json()["code"] == "R113"
        job = submit(ada, request="probe-1", walltime_ms=60_000).json()["job"]
        assert ada.get(f"/jobs/{job}", params={"wait_s": 30}).json()["outcome"]["exit_code"] == 0


def test_a_charter_is_brought_by_a_signer_and_takes_force_at_once(lab: Served) -> None:
    with lab.client("signer") as signer, lab.client("operator") as operator:
        before = signer.get("/charter").json()
        parent = before["in_force"]["digest"]
        text = CHARTER.replace(
            "lab: Served Lab\n", f"lab: Served Lab\nrevision: {before['in_force']['revision'] + 1}\nparent: {parent}\n"
        )
        text = text.replace("product: {floor: 25%", "product: {floor: 50%")
        assert operator.post("/charters", json={"text": text}).status_code == 403
        told = signer.post("/charters", json={"text": text, "dry_run": True}).json()
        assert (told["written"], told["in_force"]["revision"]) == (False, before["in_force"]["revision"] + 1)
        assert signer.get("/charter").json()["in_force"] == before["in_force"]
        told = signer.post("/charters", json={"text": text})
        assert [one["kind"] for one in told.json()["entries"]] == ["proposal", "charter"], told.text
        assert signer.get("/charter").json()["text"] == text
        floors = {one["path"]: one["floor"] for one in signer.get("/teams").json()["items"]}
        assert floors["product"] == 4
        assert signer.post("/charters", json={"text": text}).json()["entries"] == [], "the same again does nothing"
        wrong = signer.post("/charters", json={"text": "equipoise: charter/v1\nlab: L\n"}).json()
        assert wrong["code"].startswith("C") and wrong["findings"]
        assert signer.post("/charters", json={"text": CHARTER}).status_code == 422, (
            "it does not follow the one in force"
        )


def test_a_drained_node_is_empty_and_comes_back(lab: Served) -> None:
    with lab.client("operator") as operator:
        assert operator.post("/nodes/slots/1/drain", json={}).status_code == 200
        _await(
            lambda: operator.get("/nodes").json()["away"] == [{"pool": "slots", "node": 1, "condition": "maintenance"}]
        )
        assert operator.get("/capacity").json()["items"][0]["capacity"] == 4
        assert operator.post("/nodes/slots/1/drain", json={"back": True}).status_code == 200
        _await(lambda: operator.get("/nodes").json()["away"] == [])
        assert operator.post("/nodes/slots/9/drain", json={}).json()["code"] == "R109"


def _await(holds: Any) -> None:
    until_s = time.monotonic() + 30
    while not holds():
        assert time.monotonic() < until_s
        time.sleep(0.1)


def test_wrong_tokens_are_soon_not_looked_at(tmp_path: Path, lab: Served) -> None:
    from equipoise.api.gate import WRONG_PER_MINUTE

    with httpx.Client(base_url=f"{lab.address}{BASE}") as client, ThreadPoolExecutor(8) as callers:
        wrong = {"Authorization": "Bearer no"}
        calls = [callers.submit(client.get, "/capacity", headers=wrong) for _ in range(WRONG_PER_MINUTE * 3)]
        codes = {call.result().json()["code"] for call in calls}
    assert codes == {"N132", "N138"}
    with lab.client("viewer") as viewer:  # from the same address
        assert viewer.get("/capacity").status_code == 200


def test_alerts_and_metrics_are_served(lab: Served) -> None:
    with lab.client("viewer") as viewer:
        assert viewer.get("/alerts").json() == {"items": [], "next": None}
        told = viewer.get("/metrics")
        capacity = viewer.get("/capacity").json()["items"]
    assert told.headers["content-type"].startswith("text/plain; version=0.0.4")
    devices = dict(re.findall(r'(?m)^equipoise_pool_capacity_devices\{pool="([^"]+)"\} (\d+)', told.text))
    assert devices == {pool["name"]: str(pool["capacity"]) for pool in capacity}, told.text[:2000]
