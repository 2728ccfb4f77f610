"""Drawn systems whose charters ask for heartbeats, or are re-founded, as ledgers that an operator may rewrite."""

from __future__ import annotations

import copy
import json
from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from hashlib import sha256
from random import Random
from typing import Any

from equipoise.charter.governance import Evidence
from equipoise.charter.model import Charter
from equipoise.policy.course import Enactment
from equipoise.simulator.bookkeeping import entries, judged
from equipoise.simulator.record import Record
from tests.property.amended_systems import with_enactments
from tests.property.latency_cases import promised_case
from tests.property.policy_systems import System, draw_closes, draw_system
from tests.property.promised_systems import PROMISED, with_promises
from tests.unit.audit.ledgers import as_live

Values = dict[str, Any]


def watched(seed: int) -> list[Values]:
    """A run under a charter that asks for a heartbeat about ten times in it; new entries at each call."""
    return json.loads(_watched(seed))


@cache
def _watched(seed: int) -> str:
    system, closes_ms = promised_case(seed)
    every_ms = max(1_000, closes_ms[-1] // 10)
    return json.dumps(_told(_asking(system, every_ms), closes_ms))


def refounded(seed: int) -> list[Values]:
    """A run whose changes of charter are re-foundings, in a ledger that says it is live and demands no verdict for them yet."""
    return json.loads(_refounded(seed))


@cache
def _refounded(seed: int) -> str:
    chance = Random(seed)
    system = with_promises(draw_system(chance, PROMISED), chance)
    system = with_enactments(system, chance, shape=PROMISED, promised=True)
    told: list[Values] = []
    for values in _told(_asking(system, 1 << 50), draw_closes(chance, system), live=True):
        if values["kind"] == "charter" and values["how"] == "amended":
            values["how"] = "re-founded"
            same = {name: values[name] for name in ("at_ms", "digest", "text", "canonical")}
            told.append({"kind": "refounding", **same, "reason": "a board lost its keys"})
        told.append(values)
    return json.dumps(told)


def settles_ms(told: Sequence[Values], verdict: Values) -> int:
    """How long after its window's end a gap makes a verdict broken."""
    return _promise(told, verdict)["settle_ms"]


def every_ms(told: Sequence[Values], verdict: Values) -> int:
    return _charter(told, verdict)["canonical"]["evidence"]["checkpoint_every_ms"]


def answered(verdict: Values, answer: str, **more: object) -> Values:
    """The same numbers under another answer, by the text of PACING 4: broken by what was denied, of a ceiling by what was above."""
    made: Values = copy.deepcopy(verdict) | more
    for name in ("verdict", "made_good"):
        if name in made:
            said = made[name]
            said["answer"] = answer
            said["broken_by"] = (said["denied"] or said["broken_by"]) if answer == "broken" else 0
    return made


def _charter(told: Sequence[Values], verdict: Values) -> Values:
    window = next(
        one for one in told
        if one["kind"] == "window" and all(one[name] == verdict[name] for name in ("promise", "from_ms", "to_ms"))
    )  # fmt: skip
    return next(one for one in told if one["kind"] == "charter" and one["digest"] == window["text"])


def _promise(told: Sequence[Values], verdict: Values) -> Values:
    commitments = _charter(told, verdict)["canonical"]["commitments"]
    return next(one for one in commitments if one["name"] == verdict["promise"])


def _asking(system: System, every_ms: int) -> System:
    """The same under charters that ask for a heartbeat so often, each with the digest of a text of its own."""
    known: list[Charter] = []

    def asking(charter: Charter) -> Charter:
        if charter not in known:
            known.append(charter)
        name = f"sha256:{sha256(text_of(known.index(charter)).encode()).hexdigest()}"
        return replace(charter, digest=name, evidence=Evidence(every_ms, 0))

    first = asking(system.charter)
    return replace(system, charter=first, enact=tuple((at_ms, asking(charter)) for at_ms, charter in system.enact))


def text_of(number: int) -> str:
    return f"the text of charter {number}\n"


def _told(system: System, closes_ms: list[int], *, live: bool = False) -> list[Values]:
    run = system.run("charter", closes_ms=closes_ms, record=True)
    (plan, reference), *later = system.ways("charter")
    enacted = tuple(Enactment(at_ms, *ways) for (at_ms, _), ways in zip(system.enact, later, strict=True))
    record = Record(run, system.workload, system.charter, plan, reference, options=system.options, enacted=enacted)
    names = {f"sha256:{sha256(text_of(n).encode()).hexdigest()}": text_of(n) for n in range(1 + len(enacted))}
    texts = [names[charter.digest] for charter in record.charters]
    told = list(entries(record, texts))
    if live:  # whose totals do not know what teams there will be
        known = {_close_of(values): values for _, _, values in judged(record, as_known=True)}
        told = [known.get(_close_of(one), {}) if one["kind"] in ("totals", "teams") else one for one in as_live(told)]
    return json.loads(json.dumps([one for one in told if one]))


def _close_of(values: Values) -> tuple[object, ...]:
    return values["kind"], values.get("at_ms"), values.get("part")
