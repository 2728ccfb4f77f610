"""The compiled month against its slow twin, and against its own source as plain Python."""

from __future__ import annotations

from random import Random
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from equipoise.outlook.draws import parameters
from equipoise.outlook.kernel import chance, compute, month, output, staff
from equipoise.outlook.kernel.layout import Room
from equipoise.outlook.labs import World
from equipoise.outlook.parameters import PER_LAB, SHARED, Beliefs
from equipoise.outlook.room import Asked, Outputs, Start
from equipoise.outlook.run import forecast
from equipoise.policy import state
from equipoise.policy.kernel import entitlement, jit, promises, webster
from tests.property.outlook_worlds import drawn_world
from tests.reference.outlook import Twin

MONTHS = 14
CLOSE = 1e-9


def twin_of(world: World, *, seed: int, run: int) -> Twin:
    params, per_lab = parameters(Beliefs(), [lab.name for lab in world.labs], seed, run, 1)
    own = {lab.name: {name: float(per_lab[n][name]) for name in PER_LAB} for n, lab in enumerate(world.labs)}
    return Twin(world, {name: float(params[0][name]) for name in SHARED}, own, seed=seed, run=run)


@pytest.mark.parametrize("number", range(40))
def test_month_is_what_the_equations_say(number: int) -> None:
    draw = Random(number)
    world = drawn_world(draw, labs=draw.choice((1, 2, 3, 4)))
    asked = Asked(months=MONTHS, marks=tuple(range(1, MONTHS + 1)), seed=draw.randrange(2**64))
    runs = 2
    got = forecast(world, runs=runs, asked=asked)
    for run in range(runs):
        twin = twin_of(world, seed=asked.seed, run=run)
        for at in range(MONTHS):
            twin.step()
            for place, lab in enumerate(twin.labs):
                mark = got.out.lab_marks[run, at, place]
                np.testing.assert_allclose(
                    [mark["compute"], mark["revenue"], mark["capability"]],
                    [lab.compute, lab.revenue, lab.base + lab.paradigm],
                    rtol=CLOSE,
                    err_msg=f"world {number}, run {run}, month {at}, {lab.lab.name}",
                )
                for k, team in enumerate(lab.teams):
                    seen = got.out.team_marks[run, at, place, k]
                    where = (number, run, at, lab.lab.name, team.start.name)
                    whole = [seen[name] for name in ("people", "left", "share_ppm", "broken")]
                    assert whole == [team.people, team.left, team.share, team.broken], where
                    np.testing.assert_allclose(
                        [seen["kept"], seen["known"], seen["starved"]],
                        [team.kept, team.known, team.lived],
                        rtol=CLOSE,
                        atol=CLOSE,
                        err_msg=str(where),
                    )
        names = [lab.lab.name for lab in twin.labs]
        flows = [[twin.flows.get((a, b), 0) for b in [*names, "outside"]] for a in names]
        assert got.out.flows[run].tolist() == flows


def as_lists(room: Room) -> Room:
    done: dict[int, Any] = {}
    return Room(*[done.setdefault(id(array), state._plain_list(array)) for array in room])


def test_compiled_month_is_its_source_bit_for_bit() -> None:
    modules: list[ModuleType] = [chance, compute, staff, output, month, entitlement, promises, webster]
    plain = jit.plain(modules)["run_all"]
    for number in range(12):
        world = drawn_world(Random(1000 + number))
        asked = Asked(months=MONTHS, marks=(1, 7, MONTHS), seed=number)
        params, per_lab = parameters(Beliefs(), [lab.name for lab in world.labs], number, 0, 2)
        rooms = [Start(world, asked).room(params, per_lab, Outputs.empty(world, asked, 2)) for _ in range(2)]
        lists = as_lists(rooms[1])
        month.run_all(rooms[0], np.arange(2), 2)
        plain(lists, [0, 1], 2)
        wanted = as_lists(rooms[0])
        for name in ("team_marks", "lab_marks", "team_ends", "run_ends", "teams", "labs"):
            for have, want in zip(getattr(lists, name), getattr(wanted, name), strict=True):
                assert [getattr(have, f) for f in have.__slots__] == [getattr(want, f) for f in want.__slots__], (
                    number,
                    name,
                )
        assert lists.flows == wanted.flows
