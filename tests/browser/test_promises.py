"""The screens of promises in Chromium over a film: what they show, by pointer and by keys; receipts checked offline, whole and flipped."""

from __future__ import annotations

import base64
import csv
import io
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Page, expect

from equipoise.errors import EquipoiseError
from equipoise.ledger.quorum import parse_policy
from equipoise.receipt import verify_receipt
from equipoise.receipt.words import not_shown, told
from equipoise.units import DAY_MS
from tests.browser.conftest import is_no_wider_than_its_window
from tests.browser.small_film import ORIGIN_MS, showing
from tests.contract.test_browser_verifier import WITNESSED
from tests.property.receipt_cases import receipts

AT_MS = ORIGIN_MS + 40 * DAY_MS
FIRST = f"run=product-first&at={AT_MS}&tz=UTC"


@pytest.fixture(scope="module")
def film() -> Iterator[str]:
    with showing() as address:
        yield address


def asked(film: str, path: str, **query: Any) -> Any:
    return httpx.get(f"{film}/api/v1/runs/{path}", params=query, timeout=120).json()


def receipt(film: str) -> tuple[bytes, str]:
    """A receipt of the film, and the key that it is signed with."""
    found = asked(film, "product-first/promises/safety-28d", at_ms=AT_MS)
    query = {"to_ms": found["windows"][-1]["to_ms"]}
    data = httpx.get(f"{film}/api/v1/runs/product-first/promises/safety-28d/receipt", params=query, timeout=120).content
    return data, found["evidence"]["key"]


def overview(page: Page, film: str, query: str = FIRST) -> Page:
    page.goto(f"{film}/promises?{query}")
    expect(page.get_by_role("link", name="safety-28d")).to_be_visible(timeout=30_000)
    return page


def one(page: Page, film: str, name: str = "safety-28d", query: str = FIRST) -> Page:
    page.goto(f"{film}/promises/{name}?{query}")
    expect(page.get_by_role("grid", name="Windows")).to_be_visible(timeout=30_000)
    return page


def test_it_begins_with_the_answer_and_shows_each_promise(page: Page, film: str) -> None:
    overview(page, film)
    said = asked(film, "product-first/promises", at_ms=AT_MS)
    expect(page.locator("h1")).to_have_text(said["sentence"])
    for item in said["items"]:
        card = page.locator("section.card", has=page.get_by_role("link", name=item["promise"], exact=True))
        expect(card).to_contain_text(item["state"])
        expect(card).to_contain_text(item["sentence"])
        assert card.locator(".strip i").count() == len(item["windows"])
    # Another run, another moment: other answers, and both are in the address.
    page.get_by_role("radio", name="As promised").click()
    expect(page).to_have_url(re.compile("run=charter"))
    expect(page.locator("h1")).to_have_text(asked(film, "charter/promises", at_ms=AT_MS)["sentence"])
    page.get_by_role("link", name="safety-20").click()
    expect(page).to_have_url(re.compile(r"/promises/safety-20\?.*at=\d+.*run=charter"))
    expect(page.locator("h1")).to_contain_text("safety-20")


def test_a_promise_shows_its_course_by_keys_table_and_file(page: Page, film: str) -> None:
    one(page, film)
    said = asked(film, "product-first/promises/safety-28d", at_ms=AT_MS)
    plot = page.get_by_role("group", name=re.compile("Hours delivered and owed"))
    plot.focus()
    page.keyboard.press("Home")
    values = page.get_by_role("status", name="Values")
    expect(values).to_contain_text("owed 0")
    page.keyboard.press("ArrowRight")
    expect(values).not_to_contain_text("owed 0")
    page.get_by_role("button", name="Table").click()
    expect(page).to_have_url(re.compile("pace.table=1"))
    with page.expect_download() as waited:
        page.locator("figure.chart").get_by_role("button", name="CSV").first.click()
    rows = list(csv.DictReader(io.StringIO(Path(waited.value.path()).read_text())))
    window = said["open"]
    course = said["course"][0]
    begin, now = course["at_ms"].index(window["from_ms"]), course["at_ms"].index(said["as_of_ms"])
    assert float(rows[now - begin]["delivered hours"]) == pytest.approx(
        course["delivered_heh_h"][now] - course["delivered_heh_h"][begin]
    )
    assert float(rows[-1]["forecast hours"]) == window["forecast"]["middle_heh_h"][-1]


def test_windows_are_chosen_by_keys(page: Page, film: str) -> None:
    one(page, film)
    windows = asked(film, "product-first/promises/safety-28d", at_ms=AT_MS)["windows"]
    strip = page.get_by_role("radiogroup", name="Windows")
    assert strip.get_by_role("radio").count() == len(windows) + 1  # and the open one
    strip.get_by_role("radio", checked=True).focus()
    page.keyboard.press("ArrowLeft")
    expect(page).to_have_url(re.compile(f"window={windows[-1]['to_ms']}"))
    expect(page.locator("h2").first).to_contain_text(windows[-1]["verdict"])
    page.reload()
    expect(page.locator("h2").first).to_contain_text(windows[-1]["verdict"])


def drop(page: Page, data: bytes, name: str = "dropped.json") -> None:
    """Drop a file somewhere on the page, as a reader's hand would."""
    page.evaluate(
        """([text, name]) => {
            const bytes = Uint8Array.from(atob(text), (one) => one.charCodeAt(0));
            const transfer = new DataTransfer();
            transfer.items.add(new File([bytes], name, { type: "application/json" }));
            for (const kind of ["dragenter", "dragover", "drop"])
                document.querySelector("h1").dispatchEvent(
                    new DragEvent(kind, { bubbles: true, cancelable: true, dataTransfer: transfer }));
        }""",
        [base64.b64encode(data).decode(), name],
    )


def result_of(page: Page) -> str:
    expect(page.locator(".result")).to_be_visible()
    return page.locator(".result").inner_text()


def trusted(page: Page, text: str) -> None:
    page.get_by_role("textbox", name="Whom do you trust?").fill(text)


def test_a_receipt_is_verified_offline_with_the_words_of_the_command(page: Page, film: str) -> None:
    data, key = receipt(film)
    overview(page, film)
    page.wait_for_load_state("networkidle")
    page.context.set_offline(True)
    try:
        asks: list[str] = []
        page.on("request", lambda request: asks.append(request.url))
        trusted(page, key)
        drop(page, data)
        said = result_of(page)
        found = verify_receipt(data, policy=parse_policy(f"log {key}\nquorum none\n".encode()))
        lines = list(told(found))
        for line in lines[: lines.index("Not shown by this:")]:
            assert line.strip() in said
        for line in not_shown(found):
            assert line in said
        assert asks == []
        # One byte, and it fails, and says where.
        page.get_by_role("button", name="Change one byte").click()
        expect(page.get_by_role("alert")).to_contain_text("It does not hold")
        assert re.search(r"Line [\d,]+, column \d+: entry \d+: a close of safety-28d", result_of(page))
    finally:
        page.context.set_offline(False)


def test_flipped_bytes_fail_and_it_says_where(page: Page, film: str) -> None:
    data, key = receipt(film)
    overview(page, film)
    trusted(page, key)
    policy = parse_policy(f"log {key}\nquorum none\n".encode())
    places = [
        3,
        data.index(b'"promise"') + 2,
        data.index(b"film.example") + 4,
        data.index(b'\\"delivered\\":') + 15,
        len(data) - 30,
    ]
    for at in places:
        flipped = data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]
        with pytest.raises(EquipoiseError) as raised:
            verify_receipt(flipped, policy=policy)
        drop(page, flipped, f"flipped-{at}.json")
        expect(page.get_by_text(f"flipped-{at}.json")).to_be_visible()
        expect(page.locator(".result")).to_contain_text(raised.value.message)
        expect(page.locator(".result")).to_contain_text(raised.value.code)
        line, column = re.findall(r"Line ([\d,]+), column ([\d,]+)", result_of(page))[0]
        # Where the byte is, or the entry or checkpoint that it is in.
        assert int(line.replace(",", "")) <= flipped[: at + 1].count(b"\n") + 1, (at, line, column)


def test_a_receipt_is_picked_pasted_and_trusted_by_a_policy(page: Page, film: str, tmp_path: Path) -> None:
    data = next(receipts(3))
    overview(page, film)
    file = tmp_path / "witnessed.receipt.json"
    file.write_bytes(data)
    page.get_by_label("The receipt", exact=True).set_input_files(file)
    expect(page.get_by_text("Say whose signature is to be trusted.")).to_be_visible()
    trusted(page, WITNESSED)
    expect(page.locator(".result")).to_contain_text("It holds.")
    expect(page.locator(".result")).to_contain_text("seen by w0.example")
    expect(page.locator(".result")).not_to_contain_text("split view")
    trusted(page, WITNESSED.replace("w0.example+", "w9.example+"))
    expect(page.locator(".result")).to_contain_text("L115")
    trusted(page, WITNESSED)
    page.get_by_label("The text of a receipt").fill(data.decode().replace('"index": ', '"index":  ', 1))
    expect(page.locator(".result")).to_contain_text("V104")
    expect(page.locator(".result")).to_contain_text("spelled otherwise")


def test_the_key_that_the_server_names_is_said_to_be_its_own(page: Page, film: str) -> None:
    one(page, film)
    page.get_by_role("button", name=re.compile("^Check the receipt")).first.click()
    page.get_by_role("button", name="Use the key that this page names").click()
    expect(page.locator(".result")).to_contain_text("It holds.", timeout=60_000)
    expect(page.locator(".warned").first).to_contain_text("not by somebody you trust")
    expect(page.locator(".result")).to_contain_text("the ledger is of a simulated run, not of a machine")
    expect(page.get_by_text("A proof of a replay")).to_be_visible()
    # What is downloaded is what the command takes.
    with page.expect_download() as waited:
        page.get_by_role("button", name=re.compile("^Download the receipt")).first.click()
    _, key = receipt(film)
    found = verify_receipt(
        Path(waited.value.path()).read_bytes(), policy=parse_policy(f"log {key}\nquorum none\n".encode())
    )
    assert found.terms.promise.name == "safety-28d"


def test_chromium_says_of_mutations_what_python_says(page: Page, film: str) -> None:
    """The same cases as under node, in the browser itself; a sample, since each is the whole of a receipt."""
    overview(page, film)
    data = min((data for seed in (0, 3, 5) for data in receipts(seed)), key=len)
    cases = [data] + [data[:at] + bytes([data[at] ^ 1 << at % 8]) + data[at + 1 :] for at in range(5, len(data), 61)]
    values = json.loads(data)
    for at in range(len(values["included"])):
        rest = values["included"][:at] + values["included"][at + 1 :]
        cases.append((json.dumps(values | {"included": rest}, indent=1, ensure_ascii=False) + "\n").encode())
    said = page.evaluate(
        """async ([policy, cases]) => {
            const app = document.querySelector("script[type=module]").src.replace("main.js", "");
            const { verifyReceipt } = await import(app + "verify/receipt.js");
            const { readTrust } = await import(app + "verify/policy.js");
            const trust = await readTrust(policy);
            const found = [];
            for (const text of cases) {
                const bytes = Uint8Array.from(atob(text), (one) => one.charCodeAt(0));
                const said = verifyReceipt(bytes, trust);
                found.push(await said.then(({ judgement }) => judgement.verdict.answer, ({ code, sentence }) => `${code} ${sentence}`));
            }
            return found;
        }""",
        [WITNESSED, [base64.b64encode(case).decode() for case in cases]],
    )
    policy = parse_policy(WITNESSED.encode())
    for case, theirs in zip(cases, said, strict=True):
        try:
            ours = verify_receipt(case, policy=policy).judgement.verdict.answer.value
        except EquipoiseError as error:
            ours = f"{error.code} {error.message}"
        assert theirs == ours
    assert len(cases) > 100 and len({one.split(" ")[0] for one in said}) >= 4


def test_a_promise_that_is_not_there_says_what_to_do(page: Page, film: str) -> None:
    from tests.browser.conftest import page_allows

    page_allows(page, r"status of 404")
    page.goto(f"{film}/promises/none?{FIRST}")
    expect(page.get_by_role("alert")).to_contain_text("The run has no promise 'none'")
    expect(page.get_by_role("link", name="All promises")).to_be_visible()


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_nothing(page: Page, film: str, axe: Callable[[Page], list[str]], theme: str) -> None:
    data, key = receipt(film)
    overview(page, film, f"{FIRST}&theme={theme}")
    trusted(page, key)
    drop(page, data)
    expect(page.locator(".result")).to_be_visible()
    assert axe(page) == []
    one(page, film, query=f"{FIRST}&theme={theme}&pace.table=1")
    assert axe(page) == []
    page.goto(f"{film}/promises/exploration-starts?{FIRST}&theme={theme}")
    expect(page.get_by_role("grid", name="Windows")).to_be_visible()
    assert axe(page) == []


def test_they_fit_a_telephone(telephone: Page, film: str, axe: Callable[[Page], list[str]]) -> None:
    overview(telephone, film)
    assert is_no_wider_than_its_window(telephone)
    one(telephone, film)
    assert is_no_wider_than_its_window(telephone)
    assert axe(telephone) == []


def test_pictures_are_kept(page: Page, film: str, shot: Callable[..., dict[str, Path]]) -> None:
    overview(page, film)
    shot(page, "promises")
    one(page, film)
    page.get_by_role("button", name=re.compile("^Check the receipt")).first.click()
    page.get_by_role("button", name="Use the key that this page names").click()
    expect(page.locator(".result")).to_contain_text("It holds.", timeout=60_000)
    shot(page, "promise")
