"""The interface of a real server: tags, pages, repeated calls, other sites, and what is entered and read by it."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from equipoise.api.paging import MOST_BYTES
from equipoise.api.routes import BASE
from equipoise.audit import Book, audit
from equipoise.charter_io import digest
from equipoise.ledger.assent import sign_act
from equipoise.ledger.checkpoint import parse_checkpoint
from equipoise.ledger.encoding import base64_bytes
from equipoise.ledger.note import parse_note
from equipoise.ledger.tree import leaf_hash, verify_consistency, verify_inclusion
from equipoise.store import open_sqlite
from tests.property.gate_cases import BOARDS, MODEL, OTHER, QUORUM, key, said
from tests.scenario.alert_lab import SECRET, receiving
from tests.scenario.live_server import CHARTER, Served, end, served, start
from tests.unit.cli.test_simulate_releases import charter as gated

pytestmark = pytest.mark.slow
GATED = gated().partition("release_gates:")
TEXT = f"""{CHARTER}release_gates:{GATED[2]}commitments:
  fifth: {{team: safety, at_least: 20%, window: day}}
""".replace("needs: [makers]}", "needs: [makers], notice: 0d}")


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served(tmp_path_factory.mktemp("interface"), TEXT) as one:
        yield one
        assert end(one.process) == 0, one.log()[-3000:]
        book = Book()
        with open_sqlite(one.lab / "ledger.db", read_only=True) as store:
            book.read(list(store.entries()))
        assert audit(book).findings == ()
        assert "Traceback" not in one.log(), one.log()[-5000:]


def job(client: httpx.Client, *argv: str) -> int:
    body = {"team": "safety.alignment", "gang": 1, "argv": argv or ("true",)}
    return int(client.post("/jobs", json=body).json()["job"])


def test_what_a_reader_has_is_not_sent_again_until_it_changes(lab: Served) -> None:
    with lab.client("ada") as ada:
        for path, weak in (("/charter", False), ("/jobs", False), ("/capacity", True)):
            first = ada.get(path)
            tag = first.headers["etag"]
            assert tag.startswith("W/") is weak and first.headers["cache-control"] == "private, no-cache"
            same = ada.get(path, headers={"If-None-Match": f'"other", {tag}'})
            assert (same.status_code, same.content, same.headers["etag"]) == (304, b"", tag)
        tags = [ada.get(path).headers["etag"] for path in ("/jobs", "/capacity")]
        job(ada, "sleep", "20")
        time.sleep(1)
        for path, tag in zip(("/jobs", "/capacity"), tags, strict=True):
            assert ada.get(path, headers={"If-None-Match": tag}).status_code == 200, path
        in_force = ada.get("/charter").json()["in_force"]["digest"]
        whole = ada.get(f"/charters/{in_force}")
        assert whole.headers["etag"] == f'"{in_force}"' and "immutable" in whole.headers["cache-control"]
        assert digest(whole.json()["text"].encode()) == in_force
        assert ada.get("/health").headers["cache-control"] == "no-store"


def test_pages_have_each_row_once_and_are_small(lab: Served) -> None:
    with lab.client("operator") as operator, lab.client("auditor") as auditor, lab.client("ada") as ada:
        for number in range(5):
            operator.post("/tokens", json={"person": f"p{number}", "role": "viewer"})
            job(ada)
        for client, path, key in ((operator, "/tokens", "token"), (ada, "/teams", "path"), (ada, "/jobs", "job")):
            whole = [row[key] for row in client.get(path, params={"limit": 1000}).json()["items"]]
            found: list[Any] = []
            link: str | None = f"{BASE}{path}?limit=2"
            while link is not None:
                answer = client.get(f"{lab.address}{link}")
                found += [row[key] for row in answer.json()["items"]]
                assert ("link" in answer.headers) == (answer.json()["next"] is not None)
                link = answer.headers["link"].partition(">")[0][1:] if "link" in answer.headers else None
            assert found == whole, path
            assert client.get(path, params={"limit": 0}).status_code == 422
        assert operator.get("/tokens", params={"after": "none"}).json()["code"] == "N161"
        body = {"team": "safety.alignment", "gang": 1, "argv": ["true"], "name": "n" * 190}
        for _ in range(700):
            ada.post("/jobs", json=body)
        answer = auditor.get("/ledger/entries", params={"limit": 1000})
        assert MOST_BYTES * 0.9 < len(answer.content) <= MOST_BYTES and answer.json()["next"] is not None
        answer = ada.get("/jobs", params={"limit": 1000})
        assert MOST_BYTES * 0.9 < len(answer.content) <= MOST_BYTES and answer.json()["next"] is not None


def test_a_token_is_revoked_only_as_it_was_read(lab: Served) -> None:
    with lab.client("operator") as operator:
        name = operator.post("/tokens", json={"person": "yves", "role": "viewer"}).json()["token"]
        tag = operator.get(f"/tokens/{name}").headers["etag"]
        wrong = operator.delete(f"/tokens/{name}", headers={"If-Match": '"other"'})
        assert (wrong.status_code, wrong.json()["code"]) == (412, "N160")
        assert operator.delete(f"/tokens/{name}", headers={"If-Match": tag}).status_code == 200
        assert operator.delete(f"/tokens/{name}", headers={"If-Match": tag}).status_code == 412, "it is revoked now"


def test_a_repeated_call_has_its_first_answer_also_after_a_kill(lab: Served) -> None:
    with lab.client("operator") as operator, lab.client("signer") as signer:
        again_by = {"Idempotency-Key": "drain-1"}
        first = operator.post("/nodes/slots/1/drain", json={"back": True}, headers=again_by)
        assert first.status_code == 200 and "idempotency-replayed" not in first.headers
        wrong = operator.post("/nodes/slots/1/drain", json={"back": False}, headers=again_by)
        assert (wrong.status_code, wrong.json()["code"]) == (422, "N163")
        elsewhere = operator.post("/nodes/slots/0/drain", json={"back": True}, headers=again_by)
        assert elsewhere.status_code == 200 and "idempotency-replayed" not in elsewhere.headers
        token = operator.post("/tokens", json={"person": "zoe", "role": "viewer"}, headers=again_by).json()
        refused = signer.post("/charters", json={"text": "no"}, headers=again_by)
        assert refused.status_code == 422
        fixed = signer.post("/charters", json={"text": TEXT, "dry_run": True}, headers=again_by)
        assert fixed.status_code == 200, "what was refused may be tried again, changed, under its key"
        assert (
            operator.post(
                "/tokens", json={"person": "a", "role": "viewer"}, headers={"Idempotency-Key": "a b"}
            ).status_code
            == 422
        )
    lab.process.send_signal(signal.SIGKILL)
    lab.process.wait()
    lab.process, lab.address = start(lab.folder)
    with lab.client("operator") as operator:
        again = operator.post("/nodes/slots/1/drain", json={"back": True}, headers=again_by)
        assert (again.content, again.headers["idempotency-replayed"]) == (first.content, "true")
        told = operator.post("/tokens", json={"person": "zoe", "role": "viewer"}, headers=again_by).json()
        assert told["code"] == "N165"
        made = [one for one in operator.get("/tokens").json()["items"] if one["person"] == "zoe"]
        assert [one["token"] for one in made] == [token["token"]]
    assert token["text"].encode() not in b"".join(one.read_bytes() for one in lab.lab.glob("calls.db*"))


def test_no_page_of_another_site_changes_or_reads_anything(lab: Served) -> None:
    own = {"Origin": lab.address, "Sec-Fetch-Site": "same-origin"}
    others: list[dict[str, str]] = [
        {"Origin": "https://evil.example"}, {"Origin": "null"}, {"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"},
        {"Origin": lab.address, "Sec-Fetch-Site": "cross-site"}, {"Origin": lab.address.replace("127.0.0.1", "localhost")},
        {"Origin": f"{lab.address}.evil.example"},
    ]  # fmt: skip
    with lab.client("operator") as operator:
        assert operator.post("/nodes/slots/1/drain", json={"back": True}, headers=own).status_code == 200
        for headers in others:
            told = operator.post("/nodes/slots/1/drain", json={"back": True}, headers=headers)
            assert (told.status_code, told.json()["code"]) == (403, "N166"), headers
            assert operator.delete("/tokens/" + "0" * 12, headers=headers).json()["code"] == "N166"
            read = operator.get("/capacity", headers=headers)
            assert read.status_code == 200 and not [one for one in read.headers if one.startswith("access-control")]
            assert (
                read.headers["x-frame-options"] == "DENY"
                and read.headers["cross-origin-resource-policy"] == "same-origin"
            )
        asked = {"Origin": "https://evil.example", "Access-Control-Request-Method": "POST"}
        preflight = httpx.options(f"{lab.address}{BASE}/jobs", headers=asked)
        assert preflight.status_code == 401 and not [
            one for one in preflight.headers if one.startswith("access-control")
        ]
        form = {"Content-Type": "application/x-www-form-urlencoded"}
        assert operator.post("/tokens", content=b"person=a&role=viewer", headers=form).status_code == 422
        text = json.dumps({"person": "a", "role": "viewer"}).encode()
        assert operator.post("/tokens", content=text, headers={"Content-Type": "text/plain"}).status_code == 422


def test_a_charter_is_planned_brought_and_kept(lab: Served) -> None:
    with lab.client("signer") as signer, lab.client("viewer") as viewer:
        before = signer.get("/charter").json()
        parent = before["in_force"]["digest"]
        follows = f"lab: Served Lab\nrevision: {before['in_force']['revision'] + 1}\nparent: {parent}\n"
        text = (
            before["text"]
            .replace("lab: Served Lab\n", follows)
            .replace("product: {floor: 25%", "product: {floor: 37.5%")
        )
        plan = viewer.post("/plans", json={"text": text}).json()
        assert plan["order"] is None and "product" in "".join(plan["sentences"]) and plan["more"] == {}
        assert viewer.post("/plans", json={"text": text, "replay": True}).json()["code"] == "N133"
        wrong = signer.post("/charters", json={"text": text}, headers={"If-Match": f'"sha256:{"0" * 64}"'})
        assert (wrong.status_code, wrong.json()["code"]) == (412, "N160")
        assert signer.get("/charter").json()["in_force"]["digest"] == parent
        done = signer.post("/charters", json={"text": text}, headers={"If-Match": f'"{parent}"'})
        new = digest(text.encode())
        assert done.json()["pending"]["digest"] == new, done.text
        pending = viewer.get(f"/amendments/{new}").json()
        assert pending["is_pending"] and [(one["board"], one["missing"]) for one in pending["plan"]["signatures"]] == [
            ("makers", 1)
        ]
        stranger, envelope = (sign_act("amendment", text.encode(), [key(who)]).decode() for who in ("sam", "max"))
        assert signer.post(f"/amendments/{new}/signatures", json={"envelopes": [stranger]}).status_code == 200, (
            "of a board that need not"
        )
        assert viewer.get("/amendments").json()["signatures"][0]["missing"] == 1
        assert signer.post(f"/amendments/{parent}/signatures", json={"envelopes": [envelope]}).json()["entries"] == []
        while (signed := signer.post(f"/amendments/{new}/signatures", json={"envelopes": [envelope]})).json().get(
            "code"
        ) == "N145":
            continue  # the first charter that takes force lets machine code be compiled
        assert signed.json()["in_force"]["digest"] == new
        rows = viewer.get("/charters").json()["items"]
        assert [(row["digest"], row["is_in_force"]) for row in rows][-2:] == [
            (parent, False),
            (digest(text.encode()), True),
        ]
        acts = viewer.get("/amendments").json()
        assert [one["kind"] for one in acts["items"]][-2:] == ["signature", "charter"] and acts["pending"] is None
        own = viewer.get(f"/amendments/{digest(text.encode())}").json()
        assert [one["kind"] for one in own["acts"]] == ["proposal", "signature", "signature", "charter"] and not own[
            "is_pending"
        ]
        with open_sqlite(lab.lab / "ledger.db", read_only=True) as store:
            (data,) = store.entries(own["acts"][0]["entry"], own["acts"][0]["entry"] + 1)
        assert json.loads(data)["kind"] == "proposal"


def test_proofs_lead_to_the_signed_root(lab: Served) -> None:
    with lab.client("auditor") as auditor:
        until_s = time.monotonic() + 30
        while (proof := auditor.get("/ledger/proof/inclusion", params={"entry": 3}).json()).get("checkpoint") is None:
            assert time.monotonic() < until_s, proof
            time.sleep(0.3)
        signed = parse_checkpoint(parse_note(proof["checkpoint"].encode()).text)
        entry = auditor.get("/ledger/entries", params={"after": 3, "limit": 1}).json()["items"][0]
        hashes = [base64_bytes(one) or b"" for one in proof["hashes"]]
        verify_inclusion(hashes, index=3, size=signed.size, leaf=leaf_hash(entry.encode()), root=signed.root)
        told = auditor.get("/ledger/proof/consistency", params={"first": 3, "size": signed.size}).json()
        verify_consistency(
            [base64_bytes(one) or b"" for one in told["hashes"]], old_size=3, old_root=base64_bytes(told["first_root"]) or b"",
            new_size=signed.size, new_root=signed.root,
        )  # fmt: skip
        for query in ({"entry": 1 << 40}, {"entry": 0, "size": 1 << 40}):
            assert auditor.get("/ledger/proof/inclusion", params=query).json()["code"] == "N167"


def test_a_release_and_what_is_attested_of_it_are_entered_once(lab: Served) -> None:
    now_ms = time.time_ns() // 1_000_000
    with lab.client("signer") as signer, lab.client("viewer") as viewer:
        assert viewer.post("/services", json={"name": "chat", "release": MODEL}).json()["code"] == "N133"
        assert len(signer.post("/services", json={"name": "chat", "release": MODEL}).json()["entries"]) == 1
        assert signer.post("/services", json={"name": "chat", "release": MODEL}).json()["entries"] == []
        assert signer.post("/services", json={"name": "chat", "release": OTHER}).json()["code"] == "G112"
        (row,) = viewer.get("/services").json()["items"]
        assert (row["release"], row["gates"][0]["stage"], row["gates"][0]["next_stage"]) == (MODEL, None, "internal")
        people = BOARDS["evals"][: QUORUM["evals"]]
        envelope = said("cyber", people, issued_ms=now_ms - 1_000, release=MODEL).envelope.decode()
        dry = signer.post("/attestations", json={"envelopes": [envelope], "dry_run": True}).json()
        assert (dry["written"], len(dry["entries"])) == (False, 1)
        assert viewer.get("/attestations").json()["items"] == []
        told = signer.post("/attestations", json={"envelopes": [envelope]}).json()
        assert [one["type"] for one in told["entries"]] == ["cyber"]
        assert signer.post("/attestations", json={"envelopes": [envelope]}).json()["entries"] == []
        stranger = said("cyber", ["nobody"], issued_ms=now_ms, release=MODEL).envelope.decode()
        assert signer.post("/attestations", json={"envelopes": [stranger]}).json()["code"] == "G111"
        (row,) = viewer.get("/gates").json()["items"]
        (decision,) = row["releases"]
        assert (decision["stage"], decision["next_stage"]) == ("internal", "canary")
        (row,) = viewer.get("/attestations").json()["items"]
        assert row["statement"]["releases"] == [MODEL] and row["envelope"] == envelope.strip()


def test_promises_tell_how_their_windows_go(lab: Served) -> None:
    with lab.client("viewer") as viewer:
        (row,) = viewer.get("/promises").json()["items"]
        (window,) = row["open"]
        now_ms = time.time_ns() // 1_000_000
        assert row["promise"] == "fifth" and window["from_ms"] <= now_ms < window["to_ms"]
        assert window["owed_heh_h"] >= 0 and row["sentences"]
        assert viewer.get("/promises/fifth").json()["team"] == "safety"
        assert viewer.get("/promises/none").status_code == 404
        assert viewer.get("/promises/fifth/receipt").json()["code"] == "N167", "no window was judged yet"


def test_webhooks_are_added_tried_and_removed(lab: Served) -> None:
    with lab.client("operator") as operator, lab.client("viewer") as viewer, receiving() as receiver:
        url = f"http://127.0.0.1:{receiver.port}/path-that-is-secret"
        body = {"name": "pager", "url": url, "secret": SECRET.decode().replace(" ", "-")}
        assert viewer.get("/webhooks").json()["code"] == "N133"
        added = operator.post("/webhooks", json=body)
        assert added.status_code == 201, added.text
        assert operator.post("/webhooks", json=body).json()["code"] == "N168"
        listed = operator.get("/webhooks").text
        assert body["secret"] not in listed and "path-that-is-secret" not in listed
        assert operator.post("/webhooks/pager/test").json() == {"name": "pager", "delivered": True, "trouble": ""}
        assert receiver.posts[0].body["kind"] == "test"
        receiver.script.append("500")
        assert operator.post("/webhooks/pager/test").json()["trouble"] == "it answered 500"
        for file in ("webhooks.json", "webhooks/pager.secret"):
            assert (lab.lab / file).stat().st_mode & 0o077 == 0
        for change in (
            {"url": "http://lab.example/x"},
            {"url": "file:///etc/passwd"},
            {"secret": "short"},
            {"name": "../x"},
        ):
            assert operator.post("/webhooks", json=body | {"name": "other"} | change).status_code == 422, change
        assert operator.delete("/webhooks/pager").status_code == 200
        assert operator.get("/webhooks").json()["items"] == [] and not (lab.lab / "webhooks" / "pager.secret").exists()
        assert operator.post("/webhooks/pager/test").status_code == 404


def test_a_charter_is_simulated_on_the_jobs_that_ended(lab: Served) -> None:
    with lab.client("ada") as ada, lab.client("viewer") as viewer, lab.client("operator") as operator:
        jobs = [job(ada, "sleep", "2") for _ in range(3)]
        jobs += [one["job"] for one in ada.get("/jobs", params={"open": "true"}).json()["items"]]
        for one in jobs:
            assert ada.get(f"/jobs/{one}", params={"wait_s": 60}).json()["outcome"]["exit_code"] == 0
        assert viewer.post("/simulations", json={}).json()["code"] == "N133"
        text = viewer.get("/charter").json()["text"].replace("product: {floor: 37.5%", "product: {floor: 25%")
        begun = ada.post("/simulations", json={"policy": "fifo"}).json()
        assert ada.post("/simulations", json={"policy": "fifo"}).json()["code"] == "N168", "one at a time"
        assert ada.get(f"/simulations/{begun['simulation']}/result").json()["code"] == "N168"
        assert viewer.delete(f"/simulations/{begun['simulation']}").status_code == 403
        assert operator.delete(f"/simulations/{begun['simulation']}").json()["cancelled"] is True
        assert ada.get(f"/simulations/{begun['simulation']}").json()["state"] == "cancelled"
        ended = [one for one in _rows(ada) if one["state"] == "done"]
        number = ada.post("/simulations", json={"text": text, "policy": "fifo"}).json()["simulation"]
        until_s = time.monotonic() + 500
        while (status := ada.get(f"/simulations/{number}").json())["state"] == "running" and time.monotonic() < until_s:
            time.sleep(0.5)
        assert status["state"] == "done", status
        told = ada.get(f"/simulations/{number}/result").json()
        assert told["policies"] == ["charter", "fifo"] and told["jobs"] == len(ended)
        assert {row["team"] for row in told["items"]} >= {"product", "safety"}
        (row,) = (row for row in told["items"] if row["team"] == "safety")
        assert row["delivered_gpu_h"][0] == pytest.approx(row["delivered_gpu_h"][1])
        assert row["delivered_gpu_h"][0] * 3_600 >= 3 * 2, "the three that slept two seconds"
        assert ada.get("/simulations/999").status_code == 404


def _rows(client: httpx.Client) -> Iterator[Any]:
    after = 0
    while after is not None:
        found = client.get("/jobs", params={"after": after, "limit": 1000}).json()
        yield from found["items"]
        after = found["next"]
