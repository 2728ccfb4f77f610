"""What an amendment would do: the change in floors and promises, who signs, new warnings, and how it does when replayed."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from equipoise.charter.amendment import Needs, Status, needs, status
from equipoise.charter.difference import Change, differences
from equipoise.charter.model import Charter
from equipoise.charter_io import CharterError, Finding, check, read_bytes

if TYPE_CHECKING:
    from equipoise.audit.minutes import Minutes
    from equipoise.simulator.results import Results
    from equipoise.tasks.simulate import Comparison

Path = str | os.PathLike[str]
FIGURES = (
    "delivered_gpu_h",
    "entitled_gpu_h",
    "denied_gpu_h",
    "lost_gpu_h",
    "wait_mean_s",
    "wait_p95_s",
    "reclaims",
    "never_started",
)


@dataclass(frozen=True, slots=True)
class Proposal:
    """A charter beside the one in force.

    Parameters
    ----------
    before : Charter or None
        The charter in force; None where there is none.
    after : Charter
    changes : tuple of Change
    warnings : tuple of Finding
        Of ``after``, without those that ``before`` has too.
    needs : Needs or None
        What it does to teams, promises and gates, and who must sign; None where there is no charter in force.
    signed : Mapping of bytes to int
        Keys whose signature of it is in the ledger, and since when (Unix milliseconds).
    """

    before: Charter | None
    after: Charter
    changes: tuple[Change, ...]
    warnings: tuple[Finding, ...]
    needs: Needs | None = None
    signed: Mapping[bytes, int] = field(default_factory=dict[bytes, int])

    def status(self, signed: Mapping[bytes, int]) -> Status | None:
        """Return who has signed and who still has to; ``signed`` as `equipoise.charter.amendment.status` takes it."""
        if self.before is None or self.needs is None:
            return None
        return status(self.before, self.after, signed, needed=self.needs)

    @property
    def order(self) -> str | None:
        """What is still to be written so that the file follows the charter in force; None where it does."""
        revision = 1 if self.before is None else self.before.revision + 1
        parent = None if self.before is None else self.before.digest
        if self.before is None or (self.after.revision == revision and self.after.parent == parent):
            return None
        return f"To follow the charter in force the file must say  revision: {revision}  and  parent: {parent}"


@dataclass(frozen=True, slots=True, eq=False)
class Replayed:
    """The log under both charters.

    Parameters
    ----------
    runs : tuple of Results
        Under the charter in force, if there is one, and under the new one.
    one_measure : bool
        Whether both are accounted against the charter in force. Charters of other machines or teams each are against
        themselves.
    """

    runs: tuple[Results, ...]
    one_measure: bool

    def rows(self) -> list[dict[str, Any]]:
        """Return one row per team: each figure as a pair, before and after; None where the team is not there."""
        tables = [{row["team"]: row for row in run.teams.to_dicts()} for run in self.runs]
        tables = [{}, *tables] if len(tables) == 1 else tables
        found: list[dict[str, Any]] = []
        for team in dict.fromkeys([*tables[1], *tables[0]]):
            pair = [table.get(team, {}) for table in tables]
            found.append({"team": team, **{name: [each.get(name) for each in pair] for name in FIGURES}})
        return found


def propose(new: Path, against: Path | None = None, *, ledger: Path | None = None) -> Proposal:
    """Compare a charter's file with that of the charter in force.

    Parameters
    ----------
    new : path
    against : path or None
        None compares with nothing: everything is added.
    ledger : path or None
        In place of ``against`` a ledger, which knows the charter in force and who has signed.

    Raises
    ------
    CharterError
        With all findings of a file that has errors.
    InputError
        C100 when a file cannot be read.

    Examples
    --------
    >>> import tempfile; from pathlib import Path
    >>> old, new = (Path(tempfile.mkdtemp()) / name for name in ("old.yaml", "new.yaml"))
    >>> text = '''
    ... equipoise: charter/v1
    ... lab: Small
    ... pools: {a: {device: A100, expect: 2 nodes of 8 gpu}}
    ... teams: {safety: {floor: 25%}, product: {floor: 50%}}
    ... '''
    >>> _ = old.write_text(text), new.write_text(text.replace("25%", "50%"))
    >>> [change.name for change in propose(new, old).changes]
    ['product', 'safety']
    """
    after, noted = _checked(read_bytes(os.fspath(new)), os.fspath(new))
    before, known = (None, ()) if against is None else _checked(read_bytes(os.fspath(against)), os.fspath(against))
    signed: Mapping[bytes, int] = {}
    if ledger is not None:
        from pathlib import Path

        from equipoise.tasks.amend import minutes_at

        before, signed = _in_minutes(minutes_at(Path(ledger)), after)
    return _proposal(after, noted, before, known, signed)


def propose_to(minutes: Minutes, data: bytes) -> Proposal:
    """Compare the text of a charter with the charter in force by the minutes of a ledger; errors are those of `propose`."""
    after, noted = _checked(data, "<charter>")
    before, signed = _in_minutes(minutes, after)
    text = minutes.texts.get(before.digest)
    known = () if text is None else _checked(text.encode(), "<in force>")[1]
    return _proposal(after, noted, before, known, signed)


def propose_beside(before: Charter, text: str | None, data: bytes) -> Proposal:
    """Compare the text of a charter with another, of which the text may be known; nobody has signed. Errors are those of `propose`."""
    after, noted = _checked(data, "<charter>")
    known = () if text is None else _checked(text.encode(), "<in force>")[1]
    return _proposal(after, noted, before, known, {})


def _proposal(
    after: Charter,
    noted: Sequence[Finding],
    before: Charter | None,
    known: Sequence[Finding],
    signed: Mapping[bytes, int],
) -> Proposal:
    told = {(finding.code, finding.message) for finding in known}
    fresh = tuple(finding for finding in noted if (finding.code, finding.message) not in told)
    needed = None if before is None else needs(before, after)
    return Proposal(before, after, differences(before, after), fresh, needed, signed)


def _in_minutes(minutes: Minutes, new: Charter) -> tuple[Charter, Mapping[bytes, int]]:
    """Return the charter in force, and who has signed a new one if it is pending."""
    docket = minutes.docket
    assert docket is not None, "a ledger that can be amended has a charter"
    held = docket.pending
    return docket.charter, held.signed if held is not None and held.charter.digest == new.digest else {}


def _checked(data: bytes, name: str) -> tuple[Charter, tuple[Finding, ...]]:
    report = check(data, name)
    if report.charter is None:
        raise CharterError(report.findings)
    return report.charter, report.warnings


def plain_plan(proposal: Proposal, both: Replayed | None = None) -> dict[str, Any]:
    """Return plain values for JSON: changes with their values, sentences, new warnings, who must sign, and figures if replayed."""
    from equipoise.charter.difference_sentences import affected, summary, written

    changes, before, after = proposal.changes, proposal.before, proposal.after
    plain: dict[str, Any] = {
        "before": None if before is None else {"revision": before.revision, "digest": before.digest},
        "after": {"revision": after.revision, "digest": after.digest},
        "order": proposal.order,
        "summary": summary(changes),
        "changes": [change.to_dict() for change in changes],
        "sentences": [str(entry) for entry in written(changes, before, after)],
        "affected": [str(entry) for entry in affected(changes)],
        "warnings": [finding.to_dict() for finding in proposal.warnings],
    }
    plain |= _amendment(proposal)
    if both is not None:
        plain["replay"] = {"one_measure": both.one_measure, "teams": both.rows()}
    return plain


def _amendment(proposal: Proposal) -> dict[str, Any]:
    """Return what the amendment does, who must sign it and when it takes force."""
    found = proposal.status(proposal.signed)
    if found is None:
        return {}
    return {
        "effect": [thing.to_dict() for thing in found.needs.effect.things],
        "constitutional": [change.field for change in found.needs.constitutional],
        "signatures": [tally.to_dict() for tally in found.tallies],
        "notice_ms": found.notice_ms,
        "not_before_ms": proposal.after.effective_ms,
    }


def replay_both(proposal: Proposal, run: Callable[..., Results | Comparison]) -> Replayed:
    """Replay a log under both charters.

    Parameters
    ----------
    proposal : Proposal
    run : callable
        Called with a charter, and what it is compared with as ``vs``: ``tasks.simulate.simulate`` with its log.

    Returns
    -------
    Replayed
        Accounted against the charter in force where both divide one machine among the same leaves.
    """
    before, after = proposal.before, proposal.after
    if before is None:
        return Replayed((_one(run(after, vs=())),), one_measure=True)
    if _machine(before) == _machine(after) and _leaves(before) == _leaves(after):
        return Replayed(tuple(_all(run(before, vs=(after,)))), one_measure=True)
    first = _one(run(before, vs=()))
    return Replayed((first,) if first.partial else (first, _one(run(after, vs=()))), one_measure=False)


def _all(found: Any) -> tuple[Results, ...]:
    return tuple(found)


def _one(found: Any) -> Results:
    return found


def _machine(charter: Charter) -> set[tuple[str, int, int]]:
    return {(pool.name, pool.nodes, pool.gpus_per_node) for pool in charter.pools}


def _leaves(charter: Charter) -> set[str]:
    return {team.path for team in charter.leaves}
