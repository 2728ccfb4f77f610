"""A model that waits at its gate, in two sentences: how much of what its service asks for is held back, why, and until when."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise

import numpy as np

from equipoise.charter.explanation import listed
from equipoise.gates.decision import GateDecision
from equipoise.report.figures import count, counted
from equipoise.simulator.results import Results
from equipoise.workload.model import Service


@dataclass(frozen=True, slots=True)
class Stretch:
    """A time, in milliseconds since the origin, in which a gate lets a service have at most so many replicas.

    Parameters
    ----------
    from_ms, to_ms, replicas : int
    held_back : int
        Replicas × milliseconds that the service asked for above that.
    asked : int
        The most replicas that it asked for.
    said : GateDecision
        At its beginning.
    """

    from_ms: int
    to_ms: int
    replicas: int
    held_back: int
    asked: int
    said: GateDecision


@dataclass(frozen=True, slots=True, eq=False)
class GatedRun:
    """A run under a charter with a release gate, and a service whose model waits there.

    Parameters
    ----------
    run : Results
    service : str
    """

    run: Results
    service: str

    def sentence(self) -> str:
        """Say in two sentences what the gate holds back most of all, what is lacking, and when that ends."""
        found = stretches(self.run, self.service)
        worst = max(found, key=lambda one: one.held_back, default=None)
        if worst is None or not worst.held_back:
            return f"The new model of {self.service} stands at a release gate that holds nothing back in this time."
        origin_ms = self.run.record.workload.origin_ms or 0
        begins, ends = (_date(origin_ms + at_ms) for at_ms in (worst.from_ms, worst.to_ms))
        stage = f"the stage {worst.said.stage}" if worst.said.stage is not None else "before its first stage"
        gpus = counted(worst.replicas * _service(self.run, self.service).gang, "GPU")
        said = (
            f"A new model waits at its release gate: from {begins} to {ends} {self.service} asks for up to"
            f" {counted(worst.asked, 'replica')} and may have {count(worst.replicas)} ({gpus}, {stage}), since {_lack(worst.said)}."
        )
        after = next((one for one in found if one.from_ms == worst.to_ms), None)
        if after is None:
            return f"{said} So it is when the time ends; what the gate holds back is not waiting work, and nobody is denied it."
        more = f"it may have {count(after.replicas)}" + (f" ({after.said.stage})" if after.said.stage else "")
        return f"{said} On {ends} that has changed, and {more}; what the gate held back was not waiting work, and nobody was denied it."


def stretches(run: Results, name: str) -> list[Stretch]:
    """Return in which stretches of the time in which work is submitted a gate let a service have how much."""
    record, service = run.record, _service(run, name)
    origin_ms, asked_ms = record.workload.origin_ms or 0, record.workload.asked_ms
    held: list[tuple[int, int, GateDecision]] = []
    for ruling in record.rulings:
        replicas = ruling.replicas[name]
        said = next((one for _, one in ruling.holding(name) if one is not None), None)
        if replicas is not None and said is not None and (not held or held[-1][1] != replicas):
            held.append((ruling.at_ms - origin_ms, replicas, said))
    times = [at_ms for at_ms, _, _ in held if at_ms < asked_ms]
    return [
        Stretch(from_ms, to_ms, replicas, *_asked(service, from_ms, to_ms, replicas), said)
        for (from_ms, to_ms), (_, replicas, said) in zip(pairwise([*times, asked_ms]), held, strict=False)
    ]


def _asked(service: Service, from_ms: int, to_ms: int, cap: int) -> tuple[int, int]:
    """Return replicas × milliseconds asked for above a cap within a time, and the most that was asked for."""
    held_back, most = 0, 0
    ends = np.append(service.at_ms[1:], to_ms)
    for begin_ms, end_ms, replicas in zip(
        service.at_ms.tolist(), ends.tolist(), service.replicas.tolist(), strict=True
    ):
        span_ms = min(end_ms, to_ms) - max(begin_ms, from_ms)
        if span_ms > 0:
            held_back, most = held_back + max(0, replicas - cap) * span_ms, max(most, replicas)
    return held_back, most


def _lack(said: GateDecision) -> str:
    """Say what the next stage lacks and of whom."""
    unmet = [f"{need.type} from the board {need.board}" for need in said.unmet]
    if not unmet:
        return f"the stage {said.next_stage} opens by waiting only"
    return f"the stage {said.next_stage} lacks {listed(unmet)}"


def _service(run: Results, name: str) -> Service:
    return next(service for service in run.record.workload.services if service.name == name)


def _date(at_ms: int) -> str:
    day = datetime.fromtimestamp(at_ms / 1000, UTC)
    return f"{day.day} {day:%B %Y}"
