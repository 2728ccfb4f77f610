"""The ten minutes of a new user in Chromium: the film, a team, why its job waits, one line of the charter, a receipt, one byte of it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Page, expect

from equipoise.charter_io import loads
from equipoise.errors import EquipoiseError
from equipoise.ledger.quorum import parse_policy
from equipoise.receipt import verify_receipt
from equipoise.receipt.words import told
from equipoise.tasks.plan import plain_plan, propose_beside
from equipoise.units import DAY_MS
from tests.browser.small_film import ORIGIN_MS, TEXT, showing

AT_MS = ORIGIN_MS + 40 * DAY_MS
FLOOR = "floor: 20%"


@pytest.fixture(scope="module")
def film() -> Iterator[str]:
    with showing() as address:
        yield address


def asked(film: str, path: str, **query: Any) -> Any:
    return httpx.get(f"{film}/api/v1/runs/product-first/{path}", params=query, timeout=120).json()


def test_from_the_film_to_a_flipped_byte(page: Page, film: str, tmp_path: Path) -> None:
    """One reader, one tab: nothing is opened by its address but the first screen."""
    page.goto(f"{film}/?run=product-first&at={AT_MS}&tz=UTC")
    expect(page.locator(".answer h1")).to_contain_text("is below its floor by", timeout=30_000)
    expect(page.locator(".answer h1")).to_contain_text("safety")

    to_a_team_that_waits(page)
    to_why_a_job_of_it_waits(page, film)
    to_one_line_of_the_charter(page)
    file = to_a_receipt(page, tmp_path)
    key = asked(film, "promises/safety-28d", at_ms=AT_MS)["evidence"]["key"]
    to_its_check_in_the_page(page, file, key)
    to_the_same_with_one_byte_flipped(page, file, key)

    # The same moment of the same run all along, and the way back is the browser's.
    assert f"at={AT_MS}" in page.url and "run=product-first" in page.url
    page.go_back()
    expect(page.get_by_role("link", name="safety-20")).to_be_visible()
    expect(page).to_have_url(re.compile(rf"/promises\?.*at={AT_MS}.*run=product-first"))


def to_a_team_that_waits(page: Page) -> None:
    page.get_by_role("treegrid", name="Teams at the top").get_by_role("link", name="safety", exact=True).click()
    expect(page).to_have_url(re.compile(r"/teams/safety\?"))
    expect(page.locator(".answer h1")).to_contain_text("safety")


def to_why_a_job_of_it_waits(page: Page, film: str) -> None:
    """The queue has a phrase for each job; the job's page has the sentence of the policy itself."""
    queue = page.get_by_role("grid", name="Queue")
    row = queue.locator("tr[data-row='0'], tbody tr").first
    phrase = row.locator(".phrase")
    expect(phrase).not_to_have_text("Being worked out …", timeout=60_000)
    assert phrase.inner_text().strip()
    row.get_by_role("link").first.click()
    expect(page).to_have_url(re.compile(r"/jobs/\d+\?"))
    binding = page.locator(".binding")
    expect(binding).to_be_visible(timeout=60_000)
    number = re.search(r"/jobs/(\d+)", page.url)
    assert number is not None
    when = int(page.locator(".life").get_attribute("data-asked") or 0)
    said = asked(film, f"jobs/{number[1]}/why", at_ms=when)["sentences"]
    assert when == AT_MS  # it waits at the moment that is looked at, so that is what is explained
    assert binding.inner_text()[:40] == said[1][:40]
    expect(page.get_by_role("heading", name="What would have started it at once")).to_be_visible(timeout=60_000)


def to_one_line_of_the_charter(page: Page) -> None:
    """By keys, as somebody types it; what is planned is what `equipoise plan` says of the two texts."""
    page.get_by_role("navigation", name="Screens").get_by_role("link", name="Charter").click()
    page.get_by_role("radio", name="Try a change").click()
    field = page.get_by_role("textbox", name=re.compile("charter's text"))
    expect(field).to_have_value(TEXT, timeout=30_000)
    begin = TEXT.index(FLOOR) + FLOOR.index("20%")
    field.evaluate("(field, at) => { field.focus(); field.setSelectionRange(at, at + 2); }", begin)
    page.keyboard.type("26")
    changed = TEXT.replace(FLOOR, "floor: 26%", 1)
    expect(field).to_have_value(changed)
    plan = plain_plan(propose_beside(loads(TEXT), TEXT, changed.encode()))
    assert "26" in "".join(plan["sentences"])
    expect(page.get_by_role("heading", name=plan["summary"])).to_be_visible()
    for entry in plan["sentences"]:
        for sentence in entry.split("\n")[1:]:
            expect(page.get_by_text(sentence.strip()).first).to_be_visible()
    expect(page.get_by_role("heading", name="Who must sign")).to_be_visible()


def to_a_receipt(page: Page, folder: Path) -> Path:
    page.get_by_role("navigation", name="Screens").get_by_role("link", name="Promises").click()
    page.get_by_role("link", name="safety-28d").click()
    expect(page.get_by_role("grid", name="Windows")).to_be_visible(timeout=30_000)
    with page.expect_download(timeout=60_000) as waited:
        page.get_by_role("button", name=re.compile("^Download the receipt")).first.click()
    kept = folder / waited.value.suggested_filename
    waited.value.save_as(kept)
    return kept


def to_its_check_in_the_page(page: Page, file: Path, key: str) -> None:
    page.get_by_label("The receipt", exact=True).set_input_files(file)
    expect(page.get_by_text("Say whose signature is to be trusted.")).to_be_visible()
    page.get_by_role("textbox", name="Whom do you trust?").fill(key)
    expect(page.locator(".result.holds")).to_contain_text("It holds.", timeout=60_000)
    # The command, another program in another language, says the same of the same file.
    found = verify_receipt(file.read_bytes(), policy=parse_policy(f"log {key}\nquorum none\n".encode()))
    for line in told(found):
        if line == "Not shown by this:":
            break
        expect(page.locator(".result")).to_contain_text(line.strip())


def to_the_same_with_one_byte_flipped(page: Page, file: Path, key: str) -> None:
    data = bytearray(file.read_bytes())
    data[data.index(b'\\"delivered\\":') + 15] ^= 1
    flipped = file.with_name("flipped.receipt.json")
    flipped.write_bytes(data)
    with pytest.raises(EquipoiseError) as raised:
        verify_receipt(bytes(data), policy=parse_policy(f"log {key}\nquorum none\n".encode()))
    page.get_by_label("The receipt", exact=True).set_input_files(flipped)
    failed = page.get_by_role("alert")
    expect(failed).to_contain_text("It does not hold")
    expect(failed).to_contain_text(raised.value.code)
    expect(failed).to_contain_text(re.compile(r"Line [\d,]+, column \d+"))
    expect(page.locator(".result.holds")).to_have_count(0)
