"""The decision of a gate: which stage a release is in, how much it may use, what it lacks, and when that changes.

:class:`Dossier` verifies every signature once and then decides for any time; :func:`decide` is the same for one. A
decision at a time rests on what was recorded up to it, never on what is recorded later, so that it can be computed again
years after. Whatever cannot be read, is not signed by the quorum of the right people or is about something else counts
for nothing: a gate opens by proof only.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

from equipoise.charter.floors import quotas
from equipoise.charter.governance import Gate
from equipoise.charter.model import Charter
from equipoise.errors import InputError
from equipoise.gates.evidence import Evidence, Recorded, Refused
from equipoise.gates.needs import Need, Reason, needs_of
from equipoise.gates.passage import Passage, passages
from equipoise.gates.spans import FOREVER, covering
from equipoise.gates.statement import read_release
from equipoise.units import shown


@dataclass(frozen=True, slots=True)
class Entered:
    """The release entered a stage of a gate at a time, says the ledger."""

    stage: str
    at_ms: int


@dataclass(frozen=True, slots=True)
class GateDecision:
    """What a gate says of a release at a time.

    Parameters
    ----------
    gate, release : str
    now_ms : int
    stage : str or None
        The stage it is in, or whose quota is still falling; None: it may use nothing.
    since_ms : int or None
        Since when it has been in that stage without a break; None while the quota falls.
    quota : Fraction
        Of the team's limit in each pool, what it may use now.
    falls_since_ms : int or None
        Since when the quota falls.
    next_stage : str or None
        The first stage that is not open to it, None at the last.
    opens_ms : int or None
        When that stage opens (or did, and is not entered), if nothing more is recorded; None: not by waiting.
    needs : tuple of Need
        Everything the gate asks for, met or not.
    next_ms : int or None
        Before this nothing of all that changes, if nothing more is recorded; None: never.
    refused : tuple of Refused
        What was recorded by now and could not be read.
    """

    gate: str
    release: str
    now_ms: int
    stage: str | None
    since_ms: int | None
    quota: Fraction
    falls_since_ms: int | None
    next_stage: str | None
    opens_ms: int | None
    needs: tuple[Need, ...]
    next_ms: int | None
    refused: tuple[Refused, ...] = ()

    @property
    def unmet(self) -> tuple[Need, ...]:
        """What keeps the next stage closed: its needs and those before it that are not met, and every revocation."""
        stages = list(dict.fromkeys(need.stage for need in self.needs))
        reach = stages.index(self.next_stage) if self.next_stage in stages else len(stages)
        return tuple(
            need
            for need in self.needs
            if need.reason is Reason.REVOKED or (not need.met and stages.index(need.stage) <= reach)
        )

    def gpus(self, charter: Charter, *, capacity: Mapping[str, int] | None = None) -> dict[str, dict[str, int]]:
        """Return how many accelerators the release may use, by the gate's teams and by pool.

        Parameters
        ----------
        charter : Charter
        capacity : mapping or None
            Accelerators that are up, by pool; a pool left out has what the charter expects.

        Returns
        -------
        dict
            The quota of the team's limit in whole accelerators, rounded down.
        """
        gate = gate_of(charter, self.gate)
        found: dict[str, dict[str, int]] = {team: {} for team in gate.teams}
        for pool in charter.pools:
            up = pool.capacity if capacity is None else capacity.get(pool.name, pool.capacity)
            resolved = quotas(charter, pool.name, up)
            for team in gate.teams:
                found[team][pool.name] = int(self.quota * resolved[charter.id_of(team)].limit)
        return found


class Dossier:
    """One release at one gate, with everything recorded of it.

    Parameters
    ----------
    charter : Charter
        The charter in force: its gate, and its boards as they are now.
    gate : str or None
        The gate's name; None where there is one gate only.
    release : str
        ``sha256:…``, the digest of the model.
    records : iterable of Recorded
        Envelopes with the ledger's time of each, in any order.

    Raises
    ------
    InputError
        G105 for a release that is not named by a digest, G106 if there is no such gate.
    """

    def __init__(self, charter: Charter, gate: str | None, release: str, records: Iterable[Recorded]) -> None:
        self.charter = charter
        self.gate = gate_of(charter, gate)
        self.release = read_release(release)
        self._evidence = Evidence(charter, release, records)

    @property
    def times_ms(self) -> tuple[int, ...]:
        """When something was recorded, in order."""
        return self._evidence.times_ms

    def decide(self, now_ms: int, *, history: Sequence[Entered] | None = None) -> GateDecision:
        """Decide for a time.

        Parameters
        ----------
        now_ms : int
        history : sequence of Entered or None
            When the release entered its stages. Entries after ``now_ms``, and such that the rules did not allow, are
            not believed. None: it entered every stage as soon as it could.

        Raises
        ------
        InputError
            G107 for an entry of a stage that the gate does not have.
        """
        way = passages(self.gate, self._evidence, now_ms, self._entries(history, now_ms))
        current, quota = None, Fraction(0)
        for each in way:
            left = each.left(now_ms)
            if left > 0 and each.stage.quota * left >= quota:
                current, quota = each, each.stage.quota * left
        falls_ms = current.falls_since_ms(now_ms) if current is not None else None
        being = covering(current.open, now_ms) if current is not None else None
        ahead = next((each for each in way if covering(each.open, now_ms) is None), None)
        opens = next((span for span in ahead.may_enter if span[1] > now_ms), None) if ahead is not None else None
        needs = needs_of(self.charter, self.gate, self._evidence, now_ms)
        next_ms = min(self._edges(way, needs, now_ms), default=FOREVER)
        return GateDecision(
            gate=self.gate.name,
            release=self.release,
            now_ms=now_ms,
            stage=current.stage.name if current is not None else None,
            since_ms=being[0] if being is not None else None,
            quota=quota,
            falls_since_ms=falls_ms,
            next_stage=ahead.stage.name if ahead is not None else None,
            opens_ms=opens[0] if opens is not None else None,
            needs=needs,
            next_ms=next_ms if next_ms < FOREVER else None,
            refused=tuple(each for each in self._evidence.refused if each.at_ms <= now_ms),
        )

    def course(self, from_ms: int, until_ms: int) -> list[GateDecision]:
        """Return the decision at ``from_ms`` and at every later time below ``until_ms`` at which it changes.

        At each of them counts what was recorded by then. The release enters every stage as soon as it may.
        """
        last = self.decide(from_ms)
        found = [last]
        while True:
            due = [at_ms for at_ms in self.times_ms if at_ms > last.now_ms][:1]
            if last.next_ms is not None:
                due.append(last.next_ms)
            if not due or min(due) >= until_ms:
                return found
            last = self.decide(min(due))
            if replace(last, now_ms=0, next_ms=0) != replace(found[-1], now_ms=0, next_ms=0):
                found.append(last)

    def _entries(self, history: Sequence[Entered] | None, now_ms: int) -> dict[str, list[int]] | None:
        if history is None:
            return None
        entries: dict[str, list[int]] = {stage.name: [] for stage in self.gate.stages}
        for entry in history:
            if entry.stage not in entries:
                raise InputError("G107", f"the gate {self.gate.name} has no stage {shown(entry.stage)}")
            if entry.at_ms <= now_ms:
                entries[entry.stage].append(entry.at_ms)
        return entries

    def _edges(self, way: Sequence[Passage], needs: Sequence[Need], now_ms: int) -> Iterable[int]:
        """Yield the times after ``now_ms`` at which something changes of itself."""
        yield from (each.next_ms(now_ms) for each in way)
        for need in needs:
            spans = self._evidence.fresh_by_paper(need.type, need.board, max_age_ms=self.gate.max_age_ms, now_ms=now_ms)
            yield from (edge for span in spans for edge in span if edge > now_ms)


def decide(
    charter: Charter,
    gate: str | None,
    release: str,
    records: Iterable[Recorded],
    *,
    now_ms: int,
    history: Sequence[Entered] | None = None,
) -> GateDecision:
    """Decide what a gate says of a release at a time; parameters and errors as of :class:`Dossier`."""
    return Dossier(charter, gate, release, records).decide(now_ms, history=history)


def gate_of(charter: Charter, name: str | None) -> Gate:
    """Return a charter's gate by its name, or its only one; raises ``InputError`` G106 when there is none."""
    gates = {gate.name: gate for gate in charter.release_gates}
    if name is None and len(gates) == 1:
        return next(iter(gates.values()))
    if name not in gates:
        wanted = "no gate is named" if name is None else f"no release gate {shown(name)}"
        hint = f"gates: {', '.join(gates)}" if gates else "the charter has no release_gates"
        raise InputError("G106", wanted, hint=hint)
    return gates[name]
