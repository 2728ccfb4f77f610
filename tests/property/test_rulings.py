"""Gates under charters that follow one another: caps are those of a walk, hour by hour, under the charter of each hour."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from equipoise.charter import Charter, Gate, Share
from equipoise.gates import GatedService, Recorded, cap_moves, rulings
from tests.property.gate_cases import MODEL, OTHER, lab
from tests.property.test_gates import END, HOUR, Draw, Told, records, walk

CHAT = GatedService("chat", "product.chat", "flex", gang=8, most=40, release=MODEL)
API = GatedService("api", "product.api", "flex", gang=1, most=300, release=OTHER)
LARGE = GatedService("large", "product.chat", "train", gang=4, most=9, release=MODEL)
LATE = GatedService("late", "product.chat.new", "train", gang=1, most=9, release=OTHER)
FREE = GatedService("free", "research", "flex", gang=1, most=9, release=MODEL)
# No two of a pool run one release, so that none shares its quota; test_gates.py has those that do.
CAPACITY, TRAIN_LIMIT = 800, 77


class Story:
    """One seed's charters with their gates, what is said of two releases, and which services run them."""

    def __init__(self, seed: int) -> None:
        self.chance = chance = Random(seed)
        draws = [Draw(chance.randrange(2**32)) for _ in range(chance.randint(1, 4))]
        begins = [0, *sorted(chance.sample(range(1, END), len(draws) - 1))]
        self.gates = [None if chance.random() < 0.15 else self._placed(draw.gate) for draw in draws]
        self.percents = [chance.choice((10, 50, 100)) for _ in draws]
        self.begins = list(zip(begins, map(self._charter, self.gates, self.percents), strict=True))
        self.told: dict[str, Told] = {name: [] for name in (MODEL, OTHER)}
        for draw in draws:
            for fact, _ in draw.told:
                self.told[chance.choice((MODEL, MODEL, OTHER))].append((fact, MODEL))
        since = chance.choice((None, chance.randint(0, END)))
        self.services = [replace(CHAT, since_ms=None if since is None else since * HOUR), API, LARGE, LATE, FREE]

    def _placed(self, gate: Gate) -> Gate:
        return replace(
            gate, teams=self.chance.choice((("product",), ("product.chat",), ("product.api", "product.chat")))
        )

    def _charter(self, gate: Gate | None, percent: int) -> Charter:
        plain = lab() if gate is None else lab(gate)
        product = replace(
            plain.teams[0], limit={"flex": Share(fraction=Fraction(percent, 100)), "train": Share(gpus=TRAIN_LIMIT)}
        )
        gates = () if gate is None else plain.release_gates
        return replace(plain, teams=(product, *plain.teams[1:]), release_gates=gates)

    def slow(self, service: GatedService, hour: int) -> int | None:
        """What a service may have at an hour, by the charter's words."""
        number = max(n for n, (begins, _) in enumerate(self.begins) if begins <= hour)
        gate, percent = self.gates[number], self.percents[number]
        team = "product.chat" if service is LATE else service.team  # the nearest that there is
        if gate is None or not any(team == one or team.startswith(f"{one}.") for one in gate.teams):
            return None
        if service.release is None or (service.since_ms is not None and hour * HOUR < service.since_ms):
            return 0
        quota = walk(gate, self.told[service.release]).quota(hour)
        gpus = int(quota * (TRAIN_LIMIT if service.pool == "train" else CAPACITY * percent // 100))
        return gpus // service.gang


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32))
def test_caps_are_those_of_the_charter_of_each_hour(seed: int) -> None:
    story = Story(seed)
    said = [one for release, told in story.told.items() for one in _recorded(told, release)]
    charters = [(at * HOUR, charter) for at, charter in story.begins]
    found = rulings(charters, story.services, said, from_ms=0, until_ms=END * HOUR)
    moves = cap_moves(found)
    assert all(cap.at_ms % HOUR == 0 for cap in moves)
    for service in story.services:
        fast = {cap.at_ms // HOUR: cap.replicas for cap in moves if cap.service == service.name}
        now = None
        for hour in range(END):
            now = fast.get(hour, now)
            assert now == story.slow(service, hour), (seed, service.name, hour)


def _recorded(told: Told, release: str) -> list[Recorded]:
    return records([(fact, release) for fact, _ in told])


def test_drawn_stories_open_close_and_change_what_holds() -> None:
    """Else the property above would compare nothing with nothing."""
    moved, opened, freed = 0, 0, 0
    for seed in range(30):
        story = Story(seed)
        said = [one for release, told in story.told.items() for one in _recorded(told, release)]
        found = rulings(
            [(at * HOUR, one) for at, one in story.begins], story.services, said, from_ms=0, until_ms=END * HOUR
        )
        caps = cap_moves(found)
        moved += len(caps) > len(story.services)
        opened += any(cap.replicas for cap in caps)
        freed += any(cap.replicas is None and cap.at_ms for cap in caps)
    assert moved > 20 and opened > 15 and freed > 3, (moved, opened, freed)
