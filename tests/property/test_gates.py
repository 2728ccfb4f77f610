"""Laws of release gates, and the walk of the reference beside them."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from fractions import Fraction
from random import Random
from typing import TypeAlias

from hypothesis import given, settings
from hypothesis import strategies as st

from equipoise.charter import Gate, Stage
from equipoise.gates import Dossier, Entered, GateDecision, Kind, Reason, Recorded, statement_bytes
from equipoise.gates.caps import GatedService, caps
from tests.property.gate_cases import BOARDS, MODEL, OTHER, QUORUM, lab, said
from tests.reference.gates import Fact, Step, Walk

HOUR = 6 * 3_600_000  # the reference's hour has six
DAY = 4  # of them
END = 100
NEEDS = (("cyber", "evals"), ("jailbreak", "evals"), ("safety-case", "safety"), ("cyber", "safety"))
seeds = st.integers(0, 2**32)
PEOPLE = [*(who for people in BOARDS.values() for who in people), "nobody"]

Told: TypeAlias = "list[tuple[Fact, str]]"
"""Statements, and of which release each is."""


class Draw:
    """One seed's gate and what is said of a release: enough that many get somewhere, and then lose it again."""

    def __init__(self, seed: int) -> None:
        self.chance = Random(seed)
        self.gate = self._gate()
        self.needs = [need for stage in self.gate.stages for need in stage.needs.items()]
        self.now = self.hour()
        self.told: Told = [self.fact() for _ in range(self.chance.randrange(7))]
        for type, board in dict.fromkeys(self.needs):  # most of what is needed, and often before it is too late
            at = 0
            while self.chance.random() < 0.85 and at < END:
                self.told.append(self.sure(type, board, at))
                at += self.chance.randrange(1, 30)

    def hour(self) -> int:
        return self.chance.randint(0, END)

    def duration(self, most: int) -> int:
        return self.chance.randint(0, most) * HOUR

    def _gate(self) -> Gate:
        stages = [
            Stage(
                f"stage-{n}",
                Fraction(self.chance.randint(n * 30, 100), 100),
                dict(self.chance.sample(NEEDS, self.chance.choice((1, 1, 2)))),
                self.duration(10) if self.chance.random() < 0.6 else 0,
            )
            for n in range(self.chance.randint(1, 3))
        ]
        return Gate("models", ("product",), tuple(stages), HOUR * self.chance.randint(1, 80), self.duration(14))

    def sure(self, type: str, board: str, at: int) -> tuple[Fact, str]:
        """What the right people say in time."""
        quorum = frozenset(self.chance.sample(BOARDS[board], QUORUM[board]))
        return Fact(False, type, at, None, ((min(END, at + self.chance.randrange(3)), quorum),)), MODEL

    def fact(self, *, revokes: bool | None = None) -> tuple[Fact, str]:
        """What anybody says at any time."""
        issued, takes_back = self.hour(), self.chance.random() < 0.2 if revokes is None else revokes
        type, board = self.chance.choice(self.needs if self.chance.random() < 0.8 else NEEDS)
        recorded = [(self.hour(), frozenset(self.chance.sample(PEOPLE, 2))) for _ in range(self.chance.randrange(3))]
        if not recorded or self.chance.random() < 0.6:
            some = BOARDS[board][: self.chance.randint(1, 3)]
            recorded.append((min(END, issued + self.chance.randrange(4)), frozenset(some)))
        expires = issued + self.chance.randint(1, 60) if self.chance.random() < 0.3 and not takes_back else None
        return Fact(takes_back, type, issued, expires, tuple(recorded)), self.chance.choice([MODEL] * 5 + [OTHER])


def records(told: Told) -> list[Recorded]:
    return [
        said(
            fact.type,
            sorted(people),
            issued_ms=fact.issued * HOUR,
            at_ms=at * HOUR,
            release=release,
            kind=Kind.REVOCATION if fact.revokes else Kind.ATTESTATION,
            expires_ms=None if fact.expires is None else fact.expires * HOUR,
        )
        for fact, release in told
        for at, people in fact.signed
    ]


def walk(gate: Gate, told: Told, entries: set[tuple[int, int]] | None = None) -> Walk:
    steps = [Step(stage.quota, stage.needs, stage.after_ms // HOUR) for stage in gate.stages]
    merged: dict[tuple[bool, str, int, int | None], tuple[tuple[int, frozenset[str]], ...]] = {}
    for fact, release in told:  # the same statement, told twice
        if release == MODEL:
            name = (fact.revokes, fact.type, fact.issued, fact.expires)
            merged[name] = (*merged.get(name, ()), *fact.signed)
    found = [Fact(*name, signed) for name, signed in merged.items()]
    return Walk(steps, BOARDS, QUORUM, gate.max_age_ms // HOUR, gate.drain_ms // HOUR, DAY, found, entries=entries)


def decided(draw: Draw, told: Told, now: int, history: list[Entered] | None = None) -> GateDecision:
    return Dossier(lab(draw.gate), None, MODEL, records(told)).decide(now * HOUR, history=history)


@settings(max_examples=200, deadline=None)
@given(seeds)
def test_quota_is_that_of_the_walk(seed: int) -> None:
    draw = Draw(seed)
    assert decided(draw, draw.told, draw.now).quota == walk(draw.gate, draw.told).quota(draw.now)


@settings(max_examples=100, deadline=None)
@given(seeds)
def test_quota_is_that_of_the_walk_with_a_history(seed: int) -> None:
    draw = Draw(seed)
    stages = draw.gate.stages
    entries = {(draw.chance.randrange(len(stages)), draw.hour()) for _ in range(draw.chance.randrange(60))}
    history = [Entered(stages[stage].name, at * HOUR) for stage, at in sorted(entries)]
    found = decided(draw, draw.told, draw.now, history)
    assert found.quota == walk(draw.gate, draw.told, entries).quota(draw.now)
    assert found.quota <= decided(draw, draw.told, draw.now).quota  # saying when it entered makes it no faster


def test_the_cases_drawn_go_everywhere() -> None:
    found = [decided(draw, draw.told, draw.now) for draw in map(Draw, range(200))]
    reasons = Counter(need.reason for each in found for need in each.needs)
    assert set(reasons) > {None, Reason.STALE, Reason.EXPIRED, Reason.REVOKED, Reason.DATED_AHEAD, Reason.SELF_SIGNED}
    stages = Counter(each.stage for each in found)
    assert min(stages[f"stage-{n}"] for n in range(3)) >= 5
    assert sum(each.falls_since_ms is not None for each in found) >= 10


@settings(max_examples=50, deadline=None)
@given(seeds)
def test_order_of_records_does_not_matter(seed: int) -> None:
    draw = Draw(seed)
    made = records(draw.told)
    first = Dossier(lab(draw.gate), None, MODEL, made).decide(draw.now * HOUR)
    draw.chance.shuffle(made)
    assert Dossier(lab(draw.gate), None, MODEL, [*made, *made[:3]]).decide(draw.now * HOUR) == first


@settings(max_examples=100, deadline=None)
@given(seeds)
def test_another_attestation_never_closes_a_gate_nor_opens_one_by_going(seed: int) -> None:
    draw = Draw(seed)
    fewer = decided(draw, draw.told, draw.now)
    larger = decided(draw, [*draw.told, draw.fact(revokes=False), draw.fact(revokes=False)], draw.now)
    assert larger.quota >= fewer.quota
    met = {(need.stage, need.type) for need in fewer.needs if need.met}
    assert met <= {(need.stage, need.type) for need in larger.needs if need.met}


@settings(max_examples=100, deadline=None)
@given(seeds)
def test_another_revocation_never_opens_a_gate(seed: int) -> None:
    draw = Draw(seed)
    fewer, larger = (decided(draw, told, draw.now) for told in (draw.told, [*draw.told, draw.fact(revokes=True)]))
    assert larger.quota <= fewer.quota


@settings(max_examples=20, deadline=None)
@given(seeds)
def test_nothing_changes_between_the_times_that_a_course_names(seed: int) -> None:
    draw = Draw(seed)
    dossier = Dossier(lab(draw.gate), None, MODEL, records(draw.told))
    course = dossier.course(0, END * HOUR)
    assert [decision.now_ms for decision in course] == sorted({decision.now_ms for decision in course})
    in_force = course[0]
    ahead = {decision.now_ms: decision for decision in course}
    for hour in range(END):
        in_force = ahead.get(hour * HOUR, in_force)
        for at_ms in (hour * HOUR, hour * HOUR + HOUR - 1):
            found = dossier.decide(at_ms)
            assert replace(found, now_ms=0, next_ms=0) == replace(in_force, now_ms=0, next_ms=0)


@settings(max_examples=20, deadline=None)
@given(seeds)
def test_the_history_of_a_course_gives_the_course(seed: int) -> None:
    draw = Draw(seed)
    dossier = Dossier(lab(draw.gate), None, MODEL, records(draw.told))
    history: list[Entered] = []
    for decision in dossier.course(0, END * HOUR):
        for stage in draw.gate.stages:  # every stage that is open, in order, as a controller would record it
            probe = dossier.decide(decision.now_ms, history=history)
            if probe.next_stage == stage.name and probe.opens_ms is not None and probe.opens_ms <= decision.now_ms:
                history.append(Entered(stage.name, decision.now_ms))
        with_history = dossier.decide(decision.now_ms, history=history)
        assert (with_history.stage, with_history.quota) == (decision.stage, decision.quota)


@settings(max_examples=100, deadline=None)
@given(seeds, st.integers(1, 40))
def test_time_alone_only_ages(seed: int, later: int) -> None:
    """With nothing recorded after now, needs that are met stop to be at the time that is named, and none comes back."""
    draw = Draw(seed)
    known = [record for record in records(draw.told) if record.at_ms <= draw.now * HOUR]
    dossier = Dossier(lab(draw.gate), None, MODEL, known)
    before, after = dossier.decide(draw.now * HOUR), dossier.decide((draw.now + later) * HOUR)
    for old, new in zip(before.needs, after.needs, strict=True):
        assert new.met == (old.until_ms is not None and (draw.now + later) * HOUR < old.until_ms)
    if draw.gate.stages[-1].name == before.stage or before.next_stage is None:
        assert after.quota <= before.quota


services = st.lists(
    st.builds(
        GatedService,
        name=st.uuids().map(str),
        team=st.sampled_from(["product.api", "product.chat", "research"]),
        pool=st.sampled_from(["flex", "train"]),
        gang=st.integers(1, 16),
        most=st.integers(0, 9),
        release=st.sampled_from([MODEL, OTHER, None]),
    ),
    max_size=5,
)


@settings(max_examples=200, deadline=None)
@given(services, st.integers(0, 100), st.integers(0, 100))
def test_caps_stay_within_the_quota_and_grow_with_it(on: list[GatedService], less: int, more: int) -> None:
    charter = lab()
    less, more = sorted((less, more))
    base = Dossier(charter, None, MODEL, []).decide(0)
    small, large = (caps(charter, on, [replace(base, quota=Fraction(n, 100))]) for n in (less, more))
    for pool, limit in (("flex", 400), ("train", 77)):
        used = sum((large[s.name] or 0) * s.gang for s in on if s.pool == pool and s.team != "research")
        held = [s for s in on if s.pool == pool and s.team != "research" and s.release == MODEL]
        assert used <= Fraction(more, 100) * limit
        if held:  # nor is a replica left out that would fit whatever came next
            assert used + max(s.gang for s in held) > int(Fraction(more, 100) * limit)
    for service in on:
        if service.team == "research":
            assert small[service.name] is large[service.name] is None
        elif service.release != MODEL:
            assert small[service.name] == large[service.name] == 0
        else:
            assert (small[service.name] or 0) <= (large[service.name] or 0)


def test_statement_of_the_same_words_is_the_same_bytes() -> None:
    made = {statement_bytes(Kind.ATTESTATION, "cyber", [MODEL], issued_ms=5) for _ in range(3)}
    assert len(made) == 1
