"""The picture of docs/concepts.md: a team that borrows, and gives back.

`python -m benchmarks.lending` prints who held what when; with `--write` it draws it for docs/.
"""

from __future__ import annotations

import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from benchmarks._lab_figures import drawing
from equipoise.report.markup import Markup, element
from equipoise.simulator.series import Series
from equipoise.tasks.simulate import simulate

PICTURE = Path(__file__).resolve().parents[1] / "docs" / "figures" / "lending.svg"
GPUS = 16
CHARTER = """\
equipoise: charter/v1
lab: Two teams
pools: {gpu: {device: GPU, expect: 2 nodes of 8 gpu}}
teams: {product: {floor: 50%}, safety: {floor: 50%}}
"""
LOG = """\
team,submit_min,num_gpu,duration_min,savepoint_min
product,0,4,300,30
product,0,4,300,30
product,0,4,300,30
product,0,4,300,30
safety,120,8,120,30
"""
CLOSES = 24  # while jobs are submitted, which is two hours: every five minutes

LEFT, TOP, ACROSS, HIGH = 70, 66, 790, 210
Span = tuple[int, int, int, int]  # from, to (minutes), product's and safety's GPUs


def main() -> None:
    """Print spans of equal holdings; draw them if asked."""
    spans = holdings(replayed())
    for begin, end, product, safety in spans:
        print(f"{begin:>4} – {end:<4} min: product {product:>2}, safety {safety:>2}")
    if "--write" in sys.argv[1:]:
        PICTURE.write_text(picture(spans), "utf-8")


def replayed() -> Series:
    """Replay the log under the charter."""
    with TemporaryDirectory() as folder:
        charter, log = Path(folder) / "lab.yaml", Path(folder) / "jobs.csv"
        charter.write_text(CHARTER, "utf-8")
        log.write_text(LOG, "utf-8")
        run = simulate(log, charter, closes=CLOSES)
    return run.series()


def holdings(series: Series) -> list[Span]:
    """Return the spans in which both teams hold the same; line 1 is product, line 2 safety."""
    minutes = series.edges_ms // 60_000
    held = np.rint(series.held[:, 1:3]).astype(int)
    assert np.allclose(held, series.held[:, 1:3]), "changes lie between two closes"
    spans: list[Span] = []
    for number, (product, safety) in enumerate(held.tolist()):
        begin, end = int(minutes[number]), int(minutes[number + 1])
        if spans and spans[-1][2:] == (product, safety):
            spans[-1] = (spans[-1][0], end, product, safety)
        else:
            spans.append((begin, end, product, safety))
    return spans


def picture(spans: list[Span]) -> str:
    """Draw the spans: product from below, safety above it, the border of their floors dashed."""
    last = spans[-1][1]
    shapes = [element("rect", x=LEFT, y=TOP, width=ACROSS, height=HIGH, class_="range")]
    for begin, end, product, safety in spans:
        left, wide = _across(begin, last), round(_across(end, last) - _across(begin, last), 1)
        for gpus, top, kind in ((product, product, "band t0"), (safety, product + safety, "band t1")):
            high = round(_down(0) - _down(gpus), 1)
            if gpus:
                shapes.append(element("rect", x=left, y=_down(top), width=wide, height=high, class_=kind))
    border = f"M{LEFT} {_down(GPUS / 2)}h{ACROSS}"
    shapes.append(element("path", d=border, stroke="var(--paper)", stroke_width=4))
    shapes.append(element("path", d=border, class_="dash"))
    shapes += [
        element("text", str(gpus), x=LEFT - 10, y=_down(gpus) + 4, class_="soft end") for gpus in (0, GPUS // 2, GPUS)
    ]
    shapes += [
        element("text", f"{hour} h", x=_across(60 * hour, last), y=TOP + HIGH + 20, class_="soft mid")
        for hour in range(last // 60 + 1)
    ]
    return drawing(*shapes, *_words(spans), high=TOP + HIGH + 62, title="A team borrows, and gives back")


def _across(minute: float, last: int) -> float:
    return round(LEFT + ACROSS * minute / last, 1)


def _down(gpus: float) -> float:
    return round(TOP + HIGH * (1 - gpus / GPUS), 1)


def _words(spans: list[Span]) -> list[Markup]:
    """Say what happens, above the time at which it does, and whose the colours are."""
    last, asked = spans[-1][1], max(int(line.split(",")[1]) for line in LOG.splitlines()[1:])
    back = next(begin for begin, _, _, safety in spans if safety)
    done = max(end for _, end, _, safety in spans if safety)
    marks = (
        (0, 1, "product borrows the idle half", ""),
        (asked, 0, "safety asks: product is warned", "end"),
        (back, 0, "its grace is over: safety has its floor back", ""),
        (done, 1, "safety is done: lent again", ""),
    )
    words: list[Markup] = []
    for minute, row, text, kind in marks:
        at, y = _across(minute, last), 30 + 20 * row
        if minute:
            words.append(element("path", d=f"M{at} {y + 4}V{TOP + HIGH}", class_="rule"))
        words.append(element("text", text, x=at + (-5 if kind else 5 if minute else 0), y=y, class_=kind or None))
    key = ((12, "t0", "product"), (96, "t1", "safety"))
    for x, kind, name in key:
        words.append(element("rect", x=LEFT + x - 12, y=TOP + HIGH + 36, width=10, height=10, class_=f"band {kind}"))
        words.append(element("text", name, x=LEFT + x + 2, y=TOP + HIGH + 45, class_="soft"))
    words.append(
        element("text", "dashed: their floors, half of 16 GPUs each", x=LEFT + 170, y=TOP + HIGH + 45, class_="soft")
    )
    return words


if __name__ == "__main__":
    main()
