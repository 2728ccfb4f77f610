"""The worked example of docs/helios.md: sixteen virtual clusters, with floors that are lent and with floors that are not.

`python -m benchmarks.helios` prints the page's tables; with `--write` it puts them and the picture into docs/.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from benchmarks import _lab_figures
from benchmarks.philly import with_tables
from equipoise.charter.model import Charter
from equipoise.charter_io import load, loads
from equipoise.policy.kernel.layout import END, LOST, RELEASE, START, STOP
from equipoise.report.figures import hours, part
from equipoise.report.markup import Markup, element
from equipoise.simulator.results import Results
from equipoise.tasks.simulate import simulate
from equipoise.traces import minutes, read, team_name
from equipoise.workload import Service, Workload

ROOT = Path(__file__).resolve().parents[1]
DATA = ROOT.parent / "shared" / "data" / "helios_earth"
CHARTER = ROOT / "examples" / "charters" / "helios-earth.yaml"
PAGE = ROOT / "docs" / "helios.md"
PICTURE = ROOT / "docs" / "figures" / "helios-starved-beside-idle.svg"
MINUTE_MS = 60_000
GPUS_PER_NODE = 8
WAYS = ("lending off", "lending on", "floors off")

I64 = NDArray[np.int64]


def main() -> None:
    if not DATA.is_dir():
        print("../shared/data is not here: nothing to replay")
        return
    month = recorded()
    made = tables(month)
    for text in made:
        print(text, end="\n\n")
    if "--write" in sys.argv[1:]:
        PAGE.write_text(with_tables(PAGE.read_text("utf-8"), made), "utf-8")
        PICTURE.write_text(picture(month), "utf-8")


@dataclass(frozen=True)
class Month:
    """What was recorded: GPUs by cluster and minute, shape (clusters, minutes); the quota by cluster."""

    clusters: tuple[str, ...]
    quota: I64
    running: I64
    pending: I64

    @cached_property
    def asked(self) -> I64:
        """What jobs held and waited for."""
        return self.running + self.pending

    @cached_property
    def blank(self) -> NDArray[np.bool_]:
        """Minutes in which all clusters are at zero: the machine was down, or nothing was recorded; by minute."""
        return self.asked.sum(axis=0) == 0

    @cached_property
    def idle(self) -> I64:
        """What a cluster had and no job of it held, in minutes that are not blank."""
        return np.where(self.blank, 0, self.quota[:, None] - self.running)

    @property
    def capacity(self) -> int:
        """GPUs of all clusters together."""
        return int(self.quota.sum())


def recorded() -> Month:
    frame = minutes(DATA)
    clusters = tuple(frame["vc"].unique(maintain_order=True).to_list())
    columns = [
        frame[name].to_numpy().reshape(len(clusters), -1) for name in ("quota_gpu", "running_gpu", "pending_gpu")
    ]
    assert (columns[0] == columns[0][:, :1]).all(), "a quota changes"
    return Month(clusters, columns[0][:, 0], columns[1], columns[2])


def tables(month: Month) -> list[str]:
    """Return the tables of the page as Markdown, in its order."""
    fine, coarse = runs(), runs(in_nodes())
    return [
        starved_beside_idle(month),
        by_cluster(month, fine),
        lab(month, fine),
        bounds(month, fine),
        lab(month, coarse),
    ]


def not_lent() -> Charter:
    """The charter with the same floors, of which nothing is lent."""
    text = CHARTER.read_text("utf-8").replace("lend: 100%", "lend: 0%")
    return loads(text.replace("lab: Helios Earth", "lab: Lending off, Helios Earth"))


def runs(log: Workload | None = None) -> tuple[Results, ...]:
    """Replay the month in the three ways of ``WAYS``, each accounted against the charter that lends."""
    charter = load(CHARTER)
    found = simulate(log or DATA, charter, policy="charter", vs=[not_lent(), "no-floors"], keep=True)
    return found[1], found[0], found[2]


def in_nodes() -> Workload:
    """The month with jobs of 8 GPUs and more in whole nodes: two services a cluster, one of replicas of 8 GPUs."""
    whole = read(DATA, leaves=[team.path for team in load(CHARTER).leaves])
    services: list[Service] = []
    for service in whole.services:
        frame = pl.read_csv(DATA / f"{service.name}.csv.gz")
        wide = -(-frame["total_gpu_num_noless_8"].to_numpy() // GPUS_PER_NODE)
        narrow = frame["total_gpu_num_less_8"].to_numpy()
        services += [_service(service, "wide", GPUS_PER_NODE, wide), _service(service, "narrow", 1, narrow)]
    return replace(whole, services=tuple(services))


def _service(whole: Service, name: str, gang: int, replicas: I64) -> Service:
    changes = np.flatnonzero(np.append([True], replicas[1:] != replicas[:-1]))
    at_ms = np.append(changes, len(replicas)) * MINUTE_MS
    wanted = np.append(replicas[changes], 0).astype(np.int32)
    return replace(whole, name=f"{whole.name} {name}", gang=gang, at_ms=at_ms, replicas=wanted)


def held(run: Results, month: Month) -> I64:
    """Return what each cluster held in each minute, from the run's decisions; int64, shape as the month's."""
    decisions = run.record.run.decisions
    replicas = run.record.run.replicas
    assert decisions is not None
    assert not (decisions["time_ms"] % MINUTE_MS).any(), "something was decided within a minute"
    change = np.zeros((len(month.clusters), month.running.shape[1] + 1), np.int64)
    place = {team_name(cluster): number for number, cluster in enumerate(month.clusters)}
    lines = [place.get(line.path, -1) for line in run.record.reference.lines]
    cluster_of = np.array(lines)[replicas["ref"] % run.record.count]
    for kinds, sign in (((START,), 1), ((STOP, RELEASE, END, LOST), -1)):
        some = decisions[np.isin(decisions["kind"], kinds)]
        minute = some["time_ms"] // MINUTE_MS
        np.add.at(change, (cluster_of[some["job"]], minute), sign * replicas["gang"][some["job"]].astype(np.int64))
    return change.cumsum(axis=1)[:, :-1]


def stopped(run: Results) -> int:
    """GPUs that were taken from a service to give another its floor."""
    decisions = run.record.run.decisions
    assert decisions is not None
    jobs = decisions["job"][decisions["kind"] == STOP]
    return int(run.record.run.replicas["gang"][jobs].sum())


def starved_beside_idle(month: Month) -> str:
    """What was recorded: who waited, and whose GPUs were idle."""
    head = "cluster | its GPUs | used | minutes in which jobs wait | GPU-hours of waiting | GPU-hours idle"
    rows: list[list[str]] = []
    for n in by_size(month):
        used = part(float(month.running[n].sum() / month.quota[n] / month.running.shape[1]))
        waits = part(float((month.pending[n] > 0).mean()))
        rows.append(
            [month.clusters[n], str(month.quota[n]), used, waits, gpu_hours(month.pending[n]), gpu_hours(month.idle[n])]
        )
    waits = part(float(month.pending.any(axis=0).mean()))
    used = part(float(month.running.sum() / month.capacity / month.running.shape[1]))
    rows.append(["**all**", str(month.capacity), used, waits, gpu_hours(month.pending), gpu_hours(month.idle)])
    return table(head, rows)


def by_cluster(month: Month, three: Sequence[Results]) -> str:
    """What each cluster asked for, what it was served and what not; with floors off only what not."""
    head = (
        "cluster | floor | asked | served: lending off | lending on | unserved: lending off | lending on | floors off"
    )
    frames = [run.services for run in three]
    rows: list[list[str]] = []
    for n in by_size(month):
        own = [frame.row(by_predicate=pl.col("service") == month.clusters[n], named=True) for frame in frames]
        cells = [month.clusters[n], str(month.quota[n]), hours(own[0]["demanded_gpu_h"])]
        rows.append(
            [*cells, *(hours(row["served_gpu_h"]) for row in own[:2]), *(hours(row["shed_gpu_h"]) for row in own)]
        )
    cells = ["**all**", str(month.capacity), hours(_total(frames[0], "demanded_gpu_h"))]
    sums = [hours(_total(frame, "served_gpu_h")) for frame in frames[:2]]
    sums += [hours(_total(frame, "shed_gpu_h")) for frame in frames]
    return table(head, [*rows, [*cells, *sums]])


def lab(month: Month, three: Sequence[Results]) -> str:
    """The sixteen together in each of the three ways."""
    rows: list[list[str]] = []
    owed = np.minimum(month.asked, month.quota[:, None])
    by_minute = [held(run, month) for run in three]
    frames = [run.services for run in three]
    rows.append(["GPU-hours asked for", *(hours(_total(frame, "demanded_gpu_h")) for frame in frames)])
    rows.append(["served", *(hours(_total(frame, "served_gpu_h")) for frame in frames)])
    rows.append(["unserved", *(hours(_total(frame, "shed_gpu_h")) for frame in frames)])
    rows.append(["machine held", *(part(run.held_gpu_h / run.capacity_gpu_h) for run in three)])
    above = [np.maximum(has - month.quota[:, None], 0) for has in by_minute]
    rows.append(["held above the own floor (borrowed)", *(gpu_hours(has) for has in above)])
    rows.append(
        ["asked for within the own floor, and not held", *(gpu_hours(np.maximum(owed - has, 0)) for has in by_minute)]
    )
    rows.append(["GPUs stopped to give a floor back", *(f"{stopped(run):,}" for run in three)])
    return table("the sixteen together | " + " | ".join(WAYS), rows)


def bounds(month: Month, three: Sequence[Results]) -> str:
    """What the replay can and cannot mean."""
    off, on = (_total(run.services, "shed_gpu_h") for run in three[:2])
    wait = _sum_h(month.pending)
    own = _sum_h(np.minimum(month.pending, month.idle))
    late = _sum_h(late_work(month))
    rows = [
        ["GPU-hours that jobs waited, as recorded", hours(wait)],
        ["… beside idle GPUs of their own cluster", hours(own)],
        ["… beside none of their own: unserved with lending off", hours(off)],
        ["… unserved with lending on", hours(on)],
        ["GPU-hours that jobs waited which ended in May, and not with a gap, at least", hours(wait - late)],
        ["GPU-hours that jobs waited which a gap or the end of May cut off, at most", hours(late)],
        ["of the minutes in which jobs waited, those in which idle GPUs were enough for all", part(room_beside(month))],
    ]
    return table("bound | figure", rows)


def late_work(month: Month) -> I64:
    """Return the most that jobs waited which a gap or the end of the month cut off, by cluster and minute.

    Such a job is in its cluster from its submission until then, so in no minute can these jobs ask for more than the
    least that is asked for from that minute to the gap.
    """
    least = month.asked.copy()
    for minute in range(least.shape[1] - 2, -1, -1):
        if not month.blank[minute + 1]:
            np.minimum(least[:, minute], least[:, minute + 1], out=least[:, minute])
    return np.minimum(month.pending, least)


def gaps(month: Month) -> list[tuple[int, int]]:
    """The first minute of every run of blank ones, and the one after its last."""
    edges = np.flatnonzero(np.diff(month.blank.astype(np.int8), prepend=0, append=0))
    return [(int(begin), int(end)) for begin, end in edges.reshape(-1, 2)]


def room_beside(month: Month) -> float:
    """The part of the minutes with waiting jobs in which the machine had as many idle GPUs as all of them asked for."""
    waits = month.pending.any(axis=0)
    return float((month.asked.sum(axis=0) <= month.capacity)[waits].mean())


def table(head: str, rows: Sequence[Sequence[str]]) -> str:
    """Return a Markdown table whose first column is text and whose others are numbers."""
    align = " | ".join(["---"] + ["---:"] * head.count("|"))
    return "\n".join(f"| {line} |" for line in (head, align, *(" | ".join(row) for row in rows)))


def picture(month: Month) -> str:
    """Return who waited and who was idle over the month, as SVG: hourly means of three clusters."""
    panels = (
        ("vcpDC", "GPUs that its jobs wait for; it has 56", month.pending, "out"),
        ("vcira", "GPUs idle, of its 24", month.idle, "band t3"),
        ("vcJkd", "GPUs idle, of its 16", month.idle, "band t3"),
    )
    left, wide, y = 56, _lab_figures.WIDE - 56 - 24, 50
    per_gpu = 2.6
    shapes: list[Markup] = []
    for name, about, gpus, kind in panels:
        hourly = gpus[month.clusters.index(name)].reshape(-1, 60).mean(axis=1)
        high = round(per_gpu * float(hourly.max()), 1)
        shapes += [element("text", name, x=left, y=y - 22, class_="head"),
                   element("text", about, x=left + 52, y=y - 22, class_="soft")]  # fmt: skip
        for gpu in range(0, int(hourly.max()) + 1, 8):
            line_y = round(y + high - per_gpu * gpu, 1)
            shapes += [element("path", d=f"M{left} {line_y}h{wide}", class_="grid"),
                       element("text", str(gpu), x=left - 8, y=line_y + 4, class_="soft end")]  # fmt: skip
        points = [
            f"H{left + wide * n / len(hourly):.1f}V{y + high - per_gpu * value:.1f}" for n, value in enumerate(hourly)
        ]
        shapes.append(element("path", d=f"M{left} {y + high}{''.join(points)}H{left + wide}V{y + high}Z", class_=kind))
        shapes.append(element("path", d=f"M{left} {y + high}h{wide}", class_="rule"))
        y += round(high) + 52
    for begin, end in gaps(month):
        at, length = (round(left + wide * minute / month.running.shape[1], 1) for minute in (begin, end))
        shapes.append(element("rect", x=at, y=50, width=round(length - at, 1), height=y - 102, class_="range"))
    at = round(left + wide * gaps(month)[0][0] / month.running.shape[1], 1)
    shapes.append(element("text", "no jobs at all", x=at, y=46, class_="soft"))
    for day in range(1, 32, 5):
        x = round(left + wide * (day - 1) / 31, 1)
        shapes.append(element("text", f"{day} May", x=x, y=y - 34, class_="soft" if day == 1 else "soft mid"))
    title = "Helios Earth, May 2020: jobs wait in vcpDC while vcira and vcJkd stand idle"
    return _lab_figures.drawing(*shapes, high=y - 20, title=title)


def by_size(month: Month) -> list[int]:
    return sorted(range(len(month.clusters)), key=lambda n: (-int(month.pending[n].sum()), -int(month.idle[n].sum())))


def _total(frame: pl.DataFrame, name: str) -> float:
    return float(frame[name].to_numpy().sum())


def _sum_h(gpu_minutes: I64) -> float:
    return int(gpu_minutes.sum()) / 60


def gpu_hours(gpu_minutes: I64) -> str:
    return hours(_sum_h(gpu_minutes))


if __name__ == "__main__":
    main()
