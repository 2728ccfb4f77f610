"""The charter as a screen shows it: the text in force, what it means, who signs what, what came before, and where gates stand.

`document` is the main path. What amendments a live ledger knows comes in its `Minutes`; a replay has only the charters it was
run under, which nobody signed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction

from equipoise.audit.minutes import Minutes
from equipoise.charter.difference import differences
from equipoise.charter.difference_sentences import summary, written
from equipoise.charter.explanation import rules, share_text, team_sentences
from equipoise.charter.floors import quotas
from equipoise.charter.model import Charter, Team
from equipoise.report.gate import plain_gate
from equipoise.screens.lab_run import LabRun, Plain

MOST_TEXT = 65_536
"""The longest text, in characters, that is part of an answer; longer ones have an address of their own."""
TEAM_COLUMNS = ("path", "depth", "is_leaf", "floors_gpus", "limits_gpus", "floor_ppm", "written", "sentences")


@dataclass(frozen=True, slots=True)
class Version:
    """A charter that came into force.

    Parameters
    ----------
    charter : Charter
    at_ms : int
        Unix time.
    how : str
        ``founded``, ``amended``, ``emergency``, ``restored`` or ``re-founded``.
    text : str or None
        As it was written; None where it is not known.
    signed : tuple of (str, str)
        Board and member.
    """

    charter: Charter
    at_ms: int
    how: str
    text: str | None
    signed: tuple[tuple[str, str], ...] = ()


def versions(run: LabRun, at_ms: int | None, minutes: Minutes | None) -> list[Version]:
    """Return the charters that were in force up to a Unix time, in order."""
    until_ms = run.origin_ms + run.own_ms(at_ms)
    if minutes is not None:
        found = [
            Version(minutes.charters[one.digest], minutes.origin_ms + one.at_ms, one.how,
                    minutes.texts.get(one.digest), tuple((seat.board, seat.member) for seat in one.signed))
            for one in minutes.forces
            if one.digest in minutes.charters and one.how != "announced"
        ]  # fmt: skip
        return [one for one in found if at_ms is None or one.at_ms <= at_ms] or found[:1]
    record = run.record
    times = (0, *record.enact_ms)
    return [
        Version(charter, run.origin_ms + own_ms, "amended" if number else "founded", _text_of(run, charter))
        for number, (own_ms, charter) in enumerate(zip(times, record.charters, strict=True))
        if number == 0 or run.origin_ms + own_ms <= until_ms
    ]


def _text_of(run: LabRun, charter: Charter) -> str | None:
    return run.text if charter.digest == run.record.charters[-1].digest else None


def text(run: LabRun, digest: str, minutes: Minutes | None) -> str | None:
    """Return the text of a charter that was in force, or is pending; None where it is not known."""
    if minutes is not None:
        return minutes.texts.get(digest)
    return next((one.text for one in versions(run, None, None) if one.charter.digest == digest), None)


def document(
    run: LabRun, at_ms: int | None = None, minutes: Minutes | None = None, *, first: int = 0, limit: int = 200
) -> Plain:
    """Return the charter in force at a Unix time.

    Parameters
    ----------
    run : LabRun
    at_ms : int or None
        None is now, or the end of the run.
    minutes : Minutes or None
        Of a live ledger.
    first, limit : int
        Which teams.
    """
    known = versions(run, at_ms, minutes)
    held = known[-1]
    before = known[-2] if len(known) > 1 else None
    charter = held.charter
    return {
        "run": run.name,
        "at_ms": run.origin_ms + run.own_ms(at_ms),
        "sentence": _sentence(held, minutes, at_ms),
        "lab": charter.lab,
        "revision": charter.revision,
        "digest": charter.digest,
        "parent": charter.parent,
        "timezone": charter.timezone,
        "effective_ms": charter.effective_ms,
        "since_ms": held.at_ms,
        "how": held.how,
        **_texts(held, before),
        "pools": [
            {"pool": one.name, "device": one.device, "nodes": one.nodes, "gpus": one.capacity, "heh": float(one.heh)}
            for one in charter.pools
        ],
        "teams": teams(charter, first, limit),
        "rules": [{"title": title, "sentences": sentences} for title, sentences in rules(charter)],
        "boards": [{"board": one.name, "quorum": one.quorum, "members": list(one.members)} for one in charter.boards],
        "signed": [{"board": board, "member": member} for board, member in held.signed],
        "signatures_asked": minutes is not None and minutes.asked,
        "pending": None if minutes is None or at_ms is not None else pending(minutes),
        "history": [_brief(one) for one in reversed(known[-100:])],
        "gates": list(gates(run, at_ms)),
    }


def teams(charter: Charter, first: int, limit: int) -> Plain:
    """Return teams with their floors and limits in GPUs of every pool, and of the machine; parents stand before their children."""
    found = {pool.name: quotas(charter, pool.name, pool.capacity) for pool in charter.pools}
    whole = sum(pool.capacity for pool in charter.pools)
    rows: list[list[object]] = []
    for number, team in enumerate(charter.teams[first : first + limit], start=first):
        floors = [found[pool.name][number].floor for pool in charter.pools]
        limits = [found[pool.name][number].limit for pool in charter.pools]
        part = round(1_000_000 * sum(floors) / whole) if whole else 0
        said = [line.strip() for line in team_sentences(charter, team)]
        rows.append([team.path, team.depth, team.is_leaf, floors, limits, part, _written(charter, team), said])
    later = first + limit
    return {"columns": list(TEAM_COLUMNS), "rows": rows, "next": later if later < len(charter.teams) else None}


def pending(minutes: Minutes) -> Plain | None:
    """Return the amendment that is under way: what it changes, who has signed, who must still, and from when it is in force."""
    docket = minutes.docket
    if docket is None or docket.pending is None:
        return None
    held, status = docket.pending, docket.status
    assert status is not None, "what is pending has a status"
    changes = differences(docket.charter, held.charter)
    given = minutes.texts.get(held.charter.digest)
    return {
        "revision": held.charter.revision,
        "digest": held.charter.digest,
        "entered_ms": held.entered_ms,
        "summary": summary(changes),
        "changes": entries(changes, docket.charter, held.charter),
        "signatures": [tally.to_dict() for tally in status.tallies],
        "notice_ms": status.notice_ms,
        "force_ms": status.force_ms,
        "text": given if given is not None and len(given) <= MOST_TEXT else None,
    }


def entries(changes: object, before: Charter | None, after: Charter, most: int = 200) -> list[Plain]:
    """Return what people changed: a sign, a title, sentences."""
    told = list(written(changes, before, after))  # pyright: ignore[reportArgumentType]
    return [{"mark": one.mark, "title": one.title, "sentences": list(one.sentences)} for one in told[:most]]


def gates(run: LabRun, at_ms: int | None = None) -> Iterator[Plain]:
    """Yield what each gate says of each release at a Unix time, with what is lacking and who may attest it."""
    until_ms = run.origin_ms + run.own_ms(at_ms)
    ruling = next((one for one in reversed(run.record.rulings) if one.at_ms <= until_ms), None)
    if ruling is None:
        return
    for decision in ruling.decisions:
        services = [
            service.name
            for service in ruling.services
            if service.release == decision.release
            and any(gate.name == decision.gate for gate, _ in ruling.holding(service.name))
        ]
        gate = next(one for one in ruling.charter.release_gates if one.name == decision.gate)
        stages = [{"stage": stage.name, "quota_ppm": _ppm(stage.quota)} for stage in gate.stages]
        yield {
            **plain_gate(decision, ruling.charter),
            "quota_ppm": _ppm(decision.quota),
            "stages": stages,
            "services": [{"service": name, "replicas": ruling.replicas.get(name)} for name in services],
        }


def _sentence(held: Version, minutes: Minutes | None, at_ms: int | None) -> str:
    charter = held.charter
    count = len(charter.teams)
    said = f"Revision {charter.revision} of the charter of {charter.lab} is in force"
    said += f": {count:,} team{'' if count == 1 else 's'}, {_count(len(charter.commitments), 'promise')}"
    said += f", {_count(len(charter.release_gates), 'release gate')}." if charter.release_gates else "."
    under_way = None if minutes is None or at_ms is not None else pending(minutes)
    if under_way is not None:
        missing = sum(one["missing"] for one in under_way["signatures"])
        waits = f"{_count(missing, 'signature')} missing" if missing else "all have signed"
        said += f" Revision {under_way['revision']} is proposed: {waits}."
    elif charter.amendments is None:
        said += " Nobody has to sign a change."
    return said


def _texts(held: Version, before: Version | None) -> Plain:
    given, parent = held.text, None if before is None else before.text
    found: Plain = {
        "text": given if given is not None and len(given) <= MOST_TEXT else None,
        "text_characters": None if given is None else len(given),
        "parent_text": parent if parent is not None and len(parent) <= MOST_TEXT else None,
    }
    if before is None:
        return found | {"changes": [], "summary": None}
    changes = differences(before.charter, held.charter)
    return found | {"changes": entries(changes, before.charter, held.charter), "summary": summary(changes)}


def _brief(one: Version) -> Mapping[str, object]:
    return {
        "revision": one.charter.revision,
        "digest": one.charter.digest,
        "at_ms": one.at_ms,
        "how": one.how,
        "has_text": one.text is not None,
        "signed": [f"{member} ({board})" for board, member in one.signed],
    }


def _written(charter: Charter, team: Team) -> list[str]:
    """Floors as they are written, pool by pool."""
    return [share_text(team.floor[pool.name]) for pool in charter.pools]


def _ppm(part: Fraction) -> int:
    return round(float(part) * 1_000_000)


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"
