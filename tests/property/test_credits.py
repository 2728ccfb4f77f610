"""What jobs spend of grants, what is moved and what lapses: books kept again from the entries, and what an audit says of false ones."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any

import pytest

from equipoise.audit import audit
from equipoise.audit.resuming import resumed
from equipoise.policy.kernel import layout as k
from tests.property.credit_cases import Purses, run_spending
from tests.property.live_systems import Live, LiveBook, book

Values = dict[str, Any]
SEEDS = range(18)


def _kinds(live: Live) -> list[str]:
    return [values["kind"] for values in live.entries]


def test_books_kept_again_from_the_entries_agree_with_the_core_and_the_audit() -> None:
    seen: dict[str, int] = dict.fromkeys(("spent", "transferred", "expired", "lost", "cancelled", "beyond"), 0)
    for seed in SEEDS:
        live, found = run_spending(seed, restarts=seed % 3 == 0)
        assert found.holds, f"seed {seed}: {found.findings[0]}"
        purses = Purses(confirmed=live.system.options.latency is not None)
        for values in live.entries:
            purses.take(values)
        rows = live.chronicle.core.core.state.jobs
        for job, work in purses.work.items():
            held, row = purses.jobs[job], rows[job]
            assert work == held.gang * held.held_ms - int(row["lost"]), f"seed {seed}, job {job}"
            if int(row["state"]) == k.DONE:
                assert work == held.gang * int(row["done_ms"]), f"seed {seed}, job {job}: the core's own count"
            seen["lost"] += int(row["lost"]) > 0
            seen["cancelled"] += int(row["state"]) == k.CANCELLED
        for grant in live.chronicle.credits.grants:
            assert (grant.left_gpu_ms, grant.spent_gpu_ms) == (purses.left[grant.name], purses.paid[grant.name])
        for kind in ("spent", "transferred", "expired"):
            seen[kind] += _kinds(live).count(kind)
        seen["beyond"] += sum("beyond_gpu_ms" in values for values in live.entries)
    assert min(seen.values()) > 0, seen


def _later(values: Values, name: str, by: int) -> Values:
    return values | {name: values[name] + by}


FALSE: dict[str, tuple[str, str, Callable[[Values], Values] | None]] = {
    "spent less": ("spent", "V240", lambda values: _later(values, "gpu_ms", -1)),
    "spent more": ("spent", "V240", lambda values: _later(values, "gpu_ms", 1)),
    "spent, not said": ("spent", "V240", None),
    "moved more than there is": ("transferred", "V241", lambda values: values | {"gpu_ms": 1 << 50}),
    "moved to what is not there": ("transferred", "V241", lambda values: values | {"to": "nobody's", "team": ""}),
    "moved to no team": ("transferred", "V241", lambda values: values | {"to": "new", "team": "nobody"}),
    "moved without a reason": ("transferred", "V241", lambda values: values | {"reason": " "}),
    "moved before": ("transferred", "V241", lambda values: values | {"at_ms": -1}),
    "lapsed more": ("expired", "V242", lambda values: _later(values, "gpu_ms", 1)),
    "lapsed later": ("expired", "V242", lambda values: _later(values, "at_ms", 1)),
    "lapsed, not said": ("expired", "V242", None),
}


@pytest.mark.parametrize("what", FALSE)
def test_an_audit_finds_false_books(what: str) -> None:
    kind, code, change = FALSE[what]
    done = 0
    for seed in range(12):
        live, _ = run_spending(seed)
        places = [n for n, each in enumerate(_kinds(live)) if each == kind]
        if places and (kind != "transferred" or live.entries[places[0]]["at_ms"] > 0):
            at = Random(seed).choice(places)
            told = [
                *live.entries[:at],
                *([] if change is None else [change(live.entries[at])]),
                *live.entries[at + 1 :],
            ]
            findings = audit(book(told)).findings
            assert [one.code for one in findings] == [code], f"seed {seed}: {findings}"
            done += 1
    assert done > 2


def test_a_book_made_of_columns_goes_on_with_the_same_grants() -> None:
    live, _ = run_spending(4)
    places = [n for n, kind in enumerate(_kinds(live)) if kind in ("spent", "transferred", "expired")]
    for at in (places[0], places[len(places) // 2], len(live.entries)):
        again = LiveBook.of(book(live.entries[:at]).columns())
        for values in live.entries[at:]:
            again.add(values)
        assert audit(again).holds
        assert [one.left_gpu_ms for one in resumed(again).credits.grants] == [
            one.left_gpu_ms for one in live.chronicle.credits.grants
        ]


def test_an_audit_finds_a_job_that_names_a_grant_that_is_not_its_own() -> None:
    done = 0
    for seed in range(12):
        live, _ = run_spending(seed)
        told: list[Values] = []
        for values in live.entries:
            jobs = values.get("jobs", ())
            if done == 0 and any("request" in job for job in jobs):
                values = values | {"jobs": [job | {"request": "r99"} if "request" in job else job for job in jobs]}
                done += 1
            told.append(values)
        if done:
            assert audit(book(told)).findings[0].code == "V243"
            return
    raise AssertionError("no job named a grant")
