"""The bellwether on labs that no forecast was made for: whether what is said comes as often as it is said.

`python -m benchmarks.bellwether` prints the tables of docs/bellwether.md; with `--write` it puts them into the page.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from benchmarks._bellwether_labs import MONTHS, drawn
from benchmarks._page import table, with_tables
from benchmarks._reliability import Forecasts, gained, reliable
from equipoise.outlook.bellwether import AHEAD, MILLION, READER_DRAWS, believed, losses, readings, shown
from equipoise.outlook.parameters import Beliefs
from equipoise.outlook.room import Asked
from equipoise.outlook.run import forecast
from equipoise.people.groups import GROUP_MIN
from equipoise.people.hazard import chance_of_loss, fit, like_the_past
from equipoise.tasks.bellwether import Bellwethers, bellwether

PAGE = Path(__file__).resolve().parents[1] / "docs" / "bellwether.md"
LABS = 600
ASKED_IN = (12, 24, 36)
LOST_PPM = 200_000


def main() -> None:
    made = [scores(), reliability(), regains()]
    print(*made, sep="\n\n")
    if "--write" in sys.argv[1:]:
        PAGE.write_text(with_tables(PAGE.read_text("utf-8"), "bellwether", made), "utf-8")


@dataclass(frozen=True, slots=True)
class Read:
    """What was said of teams and what came; ``updated`` knows the lab's own months, ``prior`` what is public.

    ``unturned``: the lab did not change its course in the months that were meant.
    """

    of: Forecasts
    unturned: np.ndarray[tuple[int], np.dtype[np.bool_]]


@cache
def read(labs: int = LABS) -> Read:
    """Play labs once each, read them from outside and from inside, and look what came."""
    found: list[tuple[int, float, float, bool, bool]] = []
    beliefs = Beliefs()
    for seed in range(labs):
        world = drawn(seed)
        asked = Asked(MONTHS + AHEAD, tuple(range(1, MONTHS + AHEAD + 1)), seed)
        played = forecast(world, runs=1, asked=asked, beliefs=beliefs)
        outside = believed(beliefs, world, seed, READER_DRAWS)
        for month in ASKED_IN:
            table_of = shown(played, 0, month)
            inside = fit(table_of).draws(READER_DRAWS, 1)
            still = not any(month < stage.month <= month + AHEAD for stage in world.lab("focal").course)
            for team, standing in readings(played, 0, month).items():
                people, lost = (int(one[0]) for one in losses(played, team, month))
                assert people == standing.people >= GROUP_MIN
                course = like_the_past(table_of, standing, READER_DRAWS)
                said = (
                    chance_of_loss(inside, standing, course, lost_ppm=LOST_PPM, seed=seed).probability,
                    chance_of_loss(outside, standing, lost_ppm=LOST_PPM, seed=seed).probability,
                )
                found.append((seed, *said, lost * MILLION >= LOST_PPM * people, still))
    lab_of, updated, prior, came, unturned = zip(*found, strict=True)
    return Read(Forecasts(np.array(lab_of), np.array(updated), np.array(prior), np.array(came)), np.array(unturned))


def scores() -> str:
    """Return the table of Brier scores, with the base rate for reference."""
    everything, unturned = read(), read().unturned
    rows = [
        "teams | how many | it came | base rate | from outside | with the lab's months | outside gains on the base rate",
        "---|---:|---:|---:|---:|---:|---:",
    ]
    for name, some in (("all", np.ones(len(unturned), bool)), ("no change of course in those months", unturned)):
        part = everything.of
        of = Forecasts(
            np.unique(part.lab[some], return_inverse=True)[1], part.updated[some], part.prior[some], part.came[some]
        )
        brier = [f"{of.brier(said):.4f}" for said in (of.climatology, of.prior, of.updated)]
        rows.append(
            " | ".join(
                [name, f"{some.sum():,}", f"{100 * of.came.mean():.1f} %", *brier, gained(of, of.prior, of.climatology)]
            )
        )
    return f"{table(rows)}\n\n{LABS} labs, each asked after {', '.join(map(str, ASKED_IN))} months."


def reliability() -> str:
    """Return the tables of how often it came, by what was said from outside."""
    part = read()
    of, still = part.of, part.unturned
    tables = reliable(of.prior, of.came), reliable(of.prior[still], of.came[still])
    return f"**All**\n\n{tables[0]}\n\n**No change of course in those months**\n\n{tables[1]}"


@cache
def restored() -> Bellwethers:
    """The scenario in which the floor comes back."""
    return bellwether("re-engagement", runs=5_000)


def regains() -> str:
    """Return the table of what is regained after a restoration."""
    rows = [
        "team | | lost, median | regained, median (5 to 95 %) | without the restoration | half or more: probability | without",
        "---|---|---:|---:|---:|---:|---:",
    ]
    for row in restored().regained:
        band = f"{100 * row.restored.median:.0f} % ({100 * row.restored.low:.0f} to {100 * row.restored.high:.0f})"
        rows.append(
            f"{row.team} | {row.what} | {row.lost.median:.1f} | {band} | {100 * row.left_alone.median:.0f} %"
            f" | {row.half:.2f} | {row.half_left_alone:.2f}"
        )
    return table(rows)


if __name__ == "__main__":
    main()
