"""The amendments that the rules were designed on: what each does, who signs, how long it is announced.

The parent is ../shared/charters/charter.example.yaml; its boards are executive (E), safety (S), research (R), directors (D).
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path

import pytest

from equipoise.charter import Charter, Commitment
from equipoise.charter.amendment.effects import Effect, effect
from equipoise.charter.amendment.requirements import Needs, needs
from equipoise.charter.checks import check_succession
from equipoise.charter_io import check, loads
from equipoise.units import DAY_MS

PARENT = Path(__file__).resolve().parents[4] / "shared" / "charters" / "charter.example.yaml"
pytestmark = pytest.mark.skipif(not PARENT.exists(), reason="../shared/charters is not here")

BOARDS = {"E": "executive", "S": "safety", "R": "research", "D": "directors"}
NEW_KEY = "ed25519:3Vl5JN5yGaSHCB/ebY0k0p1qP6nTNykashhz+NGxhac="
EVALS = "evals:            {floor: {h100-flex: 20%, l40s-eval: 25%}, limit: {gb200-train: 0%}}"
APPLIED = "      applied: {weight: 1}        # no floor: lives on what chat and api leave\n"
AMOUNTS = "{gb200-train: 5735 gpu, h100-flex: 8602 gpu, l40s-eval: 717 gpu}"


def in_force() -> Charter:
    return loads(PARENT.read_bytes())


def amended(*edits: tuple[str, str]) -> Charter:
    """Return the amendment with these edits, which passes `check` and follows the charter in force."""
    old = in_force()
    text = PARENT.read_text("utf-8")
    follow = (("revision: 7", "revision: 8"), (text.split("parent: ")[1].split()[0], old.digest))
    for before, after in (*follow, *edits):
        assert text.count(before) == 1, f"{before!r} is there {text.count(before)} times"
        text = text.replace(before, after)
    report = check(text.encode())
    assert report.charter is not None, report.errors
    assert not list(check_succession(old, report.charter))
    return report.charter


@dataclass(frozen=True)
class Case:
    """An amendment, who signs (``+R`` for a quorum by the new charter), the notice, and what it does to whom."""

    name: str
    edits: tuple[tuple[str, str], ...]
    signs: str
    notice_days: int
    weakened: str | None = None
    """All that is weakened, teams by path; None where only signers are listed."""
    strengthened: str | None = None
    constitutional: tuple[str, ...] = field(default=())


def floor(team: str, before: str, after: str) -> tuple[str, str]:
    return f"  {team}:\n    floor: {before}", f"  {team}:\n    floor: {after}"


ALL_OF_SAFETY = "safety safety.alignment safety.evals safety.interpretability safety.red-team"
ALL_BUT_PRODUCT = (
    "exploration exploration.new-architectures exploration.residents frontier frontier.post-training frontier.pretraining"
    f" platform {ALL_OF_SAFETY}"
)
PRODUCT = "product product.api product.applied product.chat"
PAID_IN_POOLS = "safety-20 safety-20-steady product-ceiling"
SAFETY_PROMISES = "safety-20 safety-20-steady safety-20-frontier-class"
DEFAULT_RECOVER = "  recover: 1h                     # a lent"

CASES = [
    Case("1 product's weight is doubled", (("  product:\n    floor: 35%\n    weight: 4", "  product:\n    floor: 35%\n    weight: 8"),),
         "E S R", 14, ALL_BUT_PRODUCT, PRODUCT),
    Case("2 a new team dilutes", (("  platform: {floor: 4%", "  agents: {weight: 3}\n\n  platform: {floor: 4%"),),
         "E S R", 14, f"{ALL_BUT_PRODUCT} {PRODUCT}", "agents"),
    Case("3 safety's floor at product's cost", (floor("safety", "20%", "25%"), floor("product", "35%", "30%")),
         "E", 14, PRODUCT, ALL_OF_SAFETY),
    Case("4 safety's floor out of what nobody was promised", (floor("safety", "20%", "22%"),),
         "E R", 14, f"{ALL_BUT_PRODUCT.removesuffix(f' {ALL_OF_SAFETY}')} {PRODUCT}", ALL_OF_SAFETY),
    Case("5 inside safety",
         (("{floor: 45%, weight: 2}", "{floor: 40%, weight: 2}"), ("red-team:         {floor: 5%}", "red-team:         {floor: 10%}")),
         "E S", 14, "safety.alignment", "safety.red-team"),
    Case("6 what a device-hour counts for", (("heh: 2.6", "heh: 3.2"),),
         "E S D", 14, PAID_IN_POOLS, ""),
    Case("7 all of them doubled", (("heh: 2.6", "heh: 5.2"), ("heh: 1}", "heh: 2}"), ("heh: 0.3", "heh: 0.6")),
         "E", 0, "", ""),
    Case("8a a team is moved under safety",
         ((APPLIED, ""), ("      red-team:         {floor: 5%}", "      red-team:         {floor: 5%}\n      applied: {weight: 1}")),
         "E S", 14),
    Case("8b product may submit to safety", (("submit: [group:safety]", "submit: [group:safety, group:product]"),),
         "E S", 14, ALL_OF_SAFETY, ""),
    Case("9 a floor as amounts", (floor("product", "35%", AMOUNTS),),
         "E S R", 14),
    Case("10a a shorter calendar window", (("of: delivered\n    window: quarter", "of: delivered\n    window: month"),),
         "E", 0, "", "safety-20"),
    Case("10b a window that is no part of the old", (("of: delivered\n    window: quarter", "of: delivered\n    window: rolling 28d"),),
         "E S D", 14, "safety-20", ""),
    Case("11a a promise that competes",
         (("  product-ceiling:",
          "  product-40: {team: product, at_least: 40%, window: quarter, protected_by: [directors]}\n\n  product-ceiling:"),),
         "E S D", 14, SAFETY_PROMISES, "product-40"),
    Case("11b a promise within the floor",
         (("  product-ceiling:",
          "  product-30: {team: product, at_least: 30%, window: quarter, protected_by: [directors]}\n\n  product-ceiling:"),),
         "E", 0, "", "product-30"),
    Case("12a exploration is no longer protected",
         (("    owner: group:exploration-leads\n    protected_by: [research]\n", "    owner: group:exploration-leads\n"),),
         "E S D R", 30, "", "",
         tuple(f"protected_by of team exploration{below}" for below in ("", ".new-architectures", ".residents"))),
    Case("12b a key of the research board is changed", (("ed25519:VwcbjiXH77KHJEtQood37p75BQxxi69DBuFLc4RMWj4=", NEW_KEY),),
         "E S D R +R", 30, "", "", ("boards.research",)),
    Case("a pool is added",
         (("  l40s-eval:   {device", "  b300-train: {device: B300, expect: 1024 nodes of 8 gpu, heh: 4}\n  l40s-eval:   {device"),),
         "E S D", 14, PAID_IN_POOLS, ""),
    Case("a pool is removed", (
        ("  l40s-eval:   {device: L40S,  expect: 2048 nodes of 1 gpu, heh: 0.3}\n", ""), (EVALS, EVALS.replace(", l40s-eval: 25%", "")),
    ), "E S R D", 14),
    Case("the default of recover is longer", ((DEFAULT_RECOVER, DEFAULT_RECOVER.replace("1h ", "4h ")),),
         "E R", 14, f"{ALL_BUT_PRODUCT.removesuffix(f' {ALL_OF_SAFETY}')} {PRODUCT}", ""),
    Case("pretraining's jobs are protected longer", (("min_runtime: 12h", "min_runtime: 24h"),),
         "E", 0, "", "frontier.pretraining"),
    Case("product's limit is raised", (("limit: 60% ", "limit: 80% "),),
         "E", 0, "", PRODUCT),
    Case("others lend half", (("  lend: 100% ", "  lend: 50% "),),
         "E", 0, "", "exploration exploration.new-architectures exploration.residents frontier frontier.post-training frontier.pretraining "
         "platform product product.api product.chat"),
    Case("chat is split",
         (("chat:    {floor: 70%, weight: 5}", "chat:    {floor: 70%, weight: 5, teams: {voice: {floor: 50%}, text: {floor: 50%}}}"),),
         "E", 0, "", "product.chat.text product.chat.voice"),
    Case("half of the machine is expected",
         (("4096 nodes", "2048 nodes"), ("3072 nodes", "1536 nodes"), ("expect: 2048 nodes of 1 gpu", "expect: 1024 nodes of 1 gpu")),
         "E", 0, "", ""),
    Case("another time zone", (("timezone: UTC", "timezone: America/Los_Angeles"),),
         "E S D", 14, "safety-20 safety-20-frontier-class", ""),
    Case("the canary's quota is doubled", (("{name: canary,   quota: 5%,", "{name: canary,   quota: 10%,"),),
         "E S", 14, "frontier-models", "product.api product.chat"),
]  # fmt: skip


def names(effect: Effect, outcome: str) -> set[str]:
    return {thing.name for thing in effect.things if thing.outcome == outcome}


def signers(found: Needs) -> list[str]:
    letters = {name: letter for letter, name in BOARDS.items()}
    return sorted(("" if quorum.by == "in force" else "+") + letters[quorum.board] for quorum in found.quorums)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_what_an_amendment_does_decides_who_signs(case: Case) -> None:
    found = needs(in_force(), amended(*case.edits))
    assert signers(found) == sorted(case.signs.split())
    assert found.notice_ms == case.notice_days * DAY_MS
    assert tuple(one.field for one in found.constitutional) == case.constitutional
    if case.weakened is not None:
        assert names(found.effect, "weakened") == set(case.weakened.split())
    if case.strengthened is not None:
        assert names(found.effect, "strengthened") == set(case.strengthened.split())


def case(start: str) -> Charter:
    return amended(*next(case.edits for case in CASES if case.name.startswith(start)))


def measured(new: Charter, team: str, number: str, pool: str) -> tuple[int | None, Fraction | None, Fraction | None]:
    moves = effect(in_force(), new).of("team", team).weaker
    move = next(move for move in moves if (move.field, move.pool) == (number, pool))
    return move.capacity, move.before_gpus, move.after_gpus


def test_the_sure_share_falls_though_no_floor_is_touched() -> None:
    capacity, before, after = measured(case("1 "), "safety", "sure", "gb200-train")
    assert capacity == 16_384
    # 20 % and 3 of 14 of the 6 % that floors leave; then 3 of 18
    assert before == 16_384 * (Fraction(20, 100) + Fraction(6, 100) * Fraction(3, 14))
    assert after == 16_384 * (Fraction(20, 100) + Fraction(6, 100) * Fraction(3, 18))
    assert [round(number * 10) for number in (before, after) if number is not None] == [34_875, 34_406]
    assert all(move.field == "sure" for thing in effect(in_force(), case("1 ")).weakened for move in thing.weaker)


def test_an_amount_takes_from_others_when_the_machine_shrinks() -> None:
    capacity, before, after = measured(case("9 "), "safety", "floor", "gb200-train")
    assert (capacity, before) == (1_024, Fraction(2048, 10))
    assert after is not None
    assert round(after * 10) == 1_721
    at_expect = [
        m
        for m in effect(in_force(), case("9 ")).of("team", "safety").weaker
        if m.capacity == 16_384 and m.field == "floor"
    ]
    assert at_expect == []


def test_what_moves_under_safety_takes_from_alignment() -> None:
    found = effect(in_force(), case("8a"))
    assert found.of("team", "product.applied").outcome == "weakened"  # a path is the identity
    assert found.of("team", "safety.applied").outcome == "strengthened"
    assert {"sure"} == {move.field for move in found.of("team", "safety.alignment").weaker}


def test_a_product_promised_nine_twentieths_competes_though_such_a_charter_cannot_be_kept() -> None:
    old = in_force()
    pools = tuple(pool.name for pool in old.pools)
    window = next(promise.window for promise in old.commitments if promise.name == "safety-20")
    for share, signs, notice_days in ((45, "D E S", 14), (30, "E", 0)):
        made = Commitment("product", "product", window, pools, at_least=Fraction(share, 100))
        found = needs(old, replace(old, commitments=(*old.commitments, made)))
        assert (signers(found), found.notice_ms) == (signs.split(), notice_days * DAY_MS)


def test_safety_under_product_is_another_safety() -> None:
    text = PARENT.read_text("utf-8")
    start = text.index("  safety:\n    floor: 20%")
    stop = text.index("  exploration:                    #")
    below = text[start:stop].replace("floor: 20%", "floor: 36%").replace("\n", "\n    ").rstrip() + "\n"
    moved = amended(
        (text[start:stop], ""),
        (APPLIED, APPLIED + "    " + below),
        floor("product", "35%", "55%"),
        ("chat:    {floor: 70%", "chat:    {floor: 45%"),
        ("api:     {floor: 20%", "api:     {floor: 13%"),
        *(
            (f"  {name}:{gap}\n    team: safety\n", f"  {name}:{gap}\n    team: product.safety\n")
            for name, gap in PROMISES
        ),
    )
    found = needs(in_force(), moved)
    assert (signers(found), found.notice_ms) == (["D", "E", "S"], 14 * DAY_MS)
    assert set(ALL_OF_SAFETY.split()) | set(SAFETY_PROMISES.split()) <= names(found.effect, "weakened")


PROMISES = [
    ("safety-20", "                      # at least 20% of everything delivered, serving included, each quarter"),
    ("safety-20-steady", "               # no quarter is saved by its last week"),
    ("safety-20-frontier-class", "       # not paid in old devices"),
]


def test_mixed_amounts_and_percentages_are_warned_of() -> None:
    text = PARENT.read_text("utf-8").replace("  product:\n    floor: 35%", f"  product:\n    floor: {AMOUNTS}")
    assert [finding.code for finding in check(text.encode()).warnings].count("W606") == 3
