"""What a lab's report of a period is about: its figures, what was changed, corrected and answered in it, and what proves it.

A period is of a ledger; everything was executed again before it came here. ``period_page`` shows it, ``to_dict`` is the same for a program.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from equipoise.account import Correction, Span
from equipoise.audit import Finding
from equipoise.audit.finding import FOUND
from equipoise.report.figures import NOTHING, count, counted, hours, part
from equipoise.report.timeaxis import moment
from equipoise.report.verdict import most_denied
from equipoise.report.view import View, view
from equipoise.simulator.accounts import floor_gpu_h
from equipoise.simulator.reclaims import reclaims_frame
from equipoise.simulator.results import Results

if TYPE_CHECKING:
    from equipoise.tasks.prospect import Prospect

KEPT = ("kept", "kept, unused", "kept within grace")
ENDED = (*KEPT, "broken", "undecided")
Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class CharterChange:
    """What became of a charter at a time.

    Parameters
    ----------
    at_ms : int
        Since the ledger's origin.
    how : str
        ``founded``, ``amended``, ``emergency``, ``restored``, ``re-founded``; ``withdrawal`` or ``lapse`` of one that was pending.
    revision : int or None
    digest : str
    signed : tuple of str
        ``member (board)``.
    sentences : tuple of str
        What differs from the charter before.
    """

    at_ms: int
    how: str
    revision: int | None
    digest: str
    signed: tuple[str, ...]
    sentences: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Receipted:
    """A receipt of a window: its promise, when the window ended, the file's name, and its bytes."""

    promise: str
    to_ms: int
    name: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Proof:
    """Which ledger this is, and how anybody checks it.

    Parameters
    ----------
    origin : str
        What the ledger is called.
    size : int
    root : str
        Base64, of the tree over all entries.
    checkpoint : str or None
        The latest signed one.
    signed_by : str or None
        Whose signature was asked for, and is good.
    unsigned : int
        Entries after those that were signed; all, where nobody's signature was asked for.
    witnesses : mapping
        Who cosigned, and when (seconds since 1970).
    quorum : str or None
    audit, verify : str
        Commands.
    """

    origin: str
    size: int
    root: str
    checkpoint: str | None
    signed_by: str | None
    unsigned: int
    witnesses: Mapping[str, int]
    quorum: str | None
    audit: str
    verify: str


@dataclass(frozen=True, eq=False)
class LabPeriod:
    """A lab's report of a period.

    Parameters
    ----------
    name : str
        ``Q3 2026``.
    lab, ledger, command : str
        The lab's name, the ledger's file, and what makes the report again.
    asked : Span or None
        Unix milliseconds of the period that was asked for; None: all that is recorded.
    origin_ms : int or None
        Unix time of the ledger's beginning.
    zone : str
    source : str
        ``live`` or ``simulated``.
    run : Results or None
        Of the period; None where there are no figures.
    refused : str
        Why there are none.
    findings : tuple of Finding
        Of the audit, of the whole ledger.
    notes, residual : tuple of str
        As the audit says them.
    changes : tuple of CharterChange
    corrections : tuple of Correction
    proof : Proof or None
        None for a ledger that could not be read.
    receipts : tuple of Receipted
        The most wanted first: of what was broken, then of the latest windows.
    years : Prospect or None
        What follows the end of the ledger.
    ends : Results or None
        The whole run, which those years go on from.
    """

    name: str
    lab: str
    ledger: str
    command: str
    asked: Span | None
    origin_ms: int | None
    zone: str
    source: str
    run: Results | None
    refused: str
    findings: tuple[Finding, ...]
    notes: tuple[str, ...]
    residual: tuple[str, ...]
    changes: tuple[CharterChange, ...]
    corrections: tuple[Correction, ...]
    proof: Proof | None
    receipts: tuple[Receipted, ...] = ()
    years: Prospect | None = None
    ends: Results | None = None

    @cached_property
    def view(self) -> View:
        """The figures; only where there are some."""
        assert self.run is not None
        return view([self.run], period=self.name)

    @property
    def within(self) -> Span:
        """Of which time the figures are, since the ledger's origin."""
        assert self.run is not None and self.run.within is not None
        return self.run.within

    def moment(self, at_ms: int) -> str:
        """Write a time since the ledger's origin."""
        return moment(at_ms, origin_ms=self.origin_ms, zone=self.zone)

    @property
    def during(self) -> str:
        """When, as part of a sentence: ``in Q3 2026``, ``from 1 Mar 2027 to 3 May 2027``."""
        when = "from" if " to " in self.name else "of" if self.origin_ms is None else "in" if self.asked else "on"
        return f"{when} {self.name}"

    @cached_property
    def windows(self) -> list[Row]:
        """Every window that ended in the period, and those open at its end, by promise and end."""
        return [] if self.run is None else self.run.promises.sort("promise", "to_s", maintain_order=True).to_dicts()

    @property
    def ended(self) -> list[Row]:
        """The windows that ended in the period."""
        return [row for row in self.windows if round(row["to_s"] * 1000) <= self.within.to_ms]

    @property
    def open(self) -> list[Row]:
        """The windows that were open at its end."""
        return [row for row in self.windows if round(row["to_s"] * 1000) > self.within.to_ms]

    @property
    def borders(self) -> tuple[bool, bool]:
        """Whether accounts were closed at the beginning and at the end of the period."""
        begin_ms = self.view.begin_ms
        return begin_ms == self.within.from_ms, begin_ms + self.view.until_ms == self.within.to_ms

    @cached_property
    def shares(self) -> list[Row]:
        """One row per team, each under its parent: what it had of the machine against its floor."""
        assert self.run is not None
        rows = {row["team"]: row for row in self.run.teams.to_dicts()}
        account, floors = self.view.accounts[0], floor_gpu_h(self.run.record, self.within)
        capacity_h = sum(self.view.pools[0]["capacity_gpu_ms"].to_list()) / 3_600_000
        return [
            {
                "team": path,
                "floor_gpus": rows[path]["floor_gpus"],
                "floor_gpu_h": floors[path],
                "floor_share": floors[path] / capacity_h if capacity_h else None,
                "held_share": rows[path]["held_gpu_h"] / capacity_h if capacity_h else None,
                "held_gpu_h": rows[path]["held_gpu_h"],
                "lost_gpu_h": account[path]["lost_gpu_h"],
                "delivered_gpu_h": account[path]["delivered_gpu_h"],
                "entitled_gpu_h": account[path]["entitled_gpu_h"],
                "denied_gpu_h": account[path]["denied_gpu_h"],
                "starvation": account[path]["starvation"],
            }
            for path in self.view.order
        ]

    @cached_property
    def reclaims(self) -> list[Row]:
        """Who was stopped for whom."""
        return [] if self.run is None else reclaims_frame(self.run.record, self.within).to_dicts()

    @cached_property
    def answers(self) -> list[Row]:
        """The requests for credits that were answered in the period, by time."""
        if self.run is None:
            return []
        workload = self.run.record.workload
        of, found = workload.requests, list[Row]()
        for n, name in enumerate(of.name):
            at_ms, asked, granted = (int(each[n]) for each in (of.answered_ms, of.amount_gpu_ms, of.granted_gpu_ms))
            if granted >= 0 and self.within.from_ms <= at_ms < self.within.to_ms:
                outcome = "refused" if granted == 0 else "cut" if granted < asked else "granted"
                found.append(
                    {
                        "at_ms": at_ms, "name": name, "team": workload.teams[int(of.team[n])], "avenue": of.avenue[n],
                        "outcome": outcome, "asked_gpu_h": asked / 3_600_000, "granted_gpu_h": granted / 3_600_000,
                        "reason": of.reason[n],
                    }
                )  # fmt: skip
        return sorted(found, key=lambda row: row["at_ms"])

    @cached_property
    def sentence(self) -> str:
        """The verdict: what became of promises, and who was starved most."""
        if self.run is None:
            return f"Of {self.name} there are no figures: {self.refused}."
        return f"{self.during[:1].upper()}{self.during[1:]}, {self._promised()}; {self._starved()}."

    def _promised(self) -> str:
        ended = self.ended
        if not self.windows:
            return "no promise had a window"
        if not ended:
            return f"no window of a promise ended, and {_are(len(self.open))} open"
        tally = Counter("kept" if row["verdict"] in KEPT else str(row["verdict"]) for row in ended)
        broken = Counter(row["promise"] for row in ended if row["verdict"] == "broken")
        names = ", ".join(f"{name} {count(number)}×" if number > 1 else name for name, number in broken.items())
        of = f"{counted(len(ended), 'window')} of promises ended: {count(tally['kept'])} kept, {count(tally['broken'])} broken"
        undecided = f", {count(tally['undecided'])} undecided" if tally["undecided"] else ""
        return f"{of}{f' ({names})' if names else ''}{undecided}"

    def _starved(self) -> str:
        if self.denied is None:
            return "nobody asked for anything that the charter entitles them to"
        if self.denied <= 0:
            return "every team got all that the charter entitled it to while it asked"
        name, worst = most_denied(self._tops)
        return (
            f"of what the charter entitled teams to while they asked, {part(self.denied)} was denied: most to {name},"
            f" {part(worst)} of its own"
        )

    @property
    def _tops(self) -> dict[str, Row]:
        return {path: self.view.accounts[0][path] for path in self.view.top}

    @property
    def denied(self) -> float | None:
        """Denied ÷ entitled, of the teams at the top together; None where they were entitled to nothing."""
        entitled, denied = (
            sum(row[name] for row in self._tops.values()) for name in ("entitled_gpu_h", "denied_gpu_h")
        )
        return denied / entitled if entitled > 0 else None

    def to_dict(self) -> dict[str, Any]:
        """Return every figure as plain values."""
        proof = None if self.proof is None else asdict(self.proof) | {"witnesses": dict(self.proof.witnesses)}
        found: dict[str, Any] = {
            "period": self.name,
            "lab": self.lab,
            "sentence": self.sentence,
            "source": self.source,
            "timezone": self.zone,
            "origin_ms": self.origin_ms,
            "figures": self.run is not None,
            "findings": [
                {"code": one.code, "means": FOUND.get(one.code, ""), "entry": one.entry, "at_ms": one.at_ms,
                 "recorded": one.recorded, "required": one.required} for one in self.findings
            ],
            "charters": [asdict(one) for one in self.changes],
            "corrections": [one.to_json() | {"number": one.number} for one in self.corrections],
            "notes": list(self.notes),
            "residual": list(self.residual),
            "proof": proof,
            "receipts": [{"promise": one.promise, "to_ms": one.to_ms, "name": one.name} for one in self.receipts],
        }  # fmt: skip
        return found | (self._figures() if self.run is not None else {})

    def _figures(self) -> dict[str, Any]:
        assert self.run is not None
        begin_ms = self.view.begin_ms
        plain = self.run.to_dict()
        return {
            "from_ms": self.within.from_ms,
            "to_ms": self.within.to_ms,
            "accounts_from_ms": begin_ms,
            "accounts_to_ms": begin_ms + self.view.until_ms,
            "policy": self.run.policy,
            "promises": {"ended": self.ended, "open": self.open},
            "shares": {row["team"]: row for row in self.shares},
            "reclaims": self.reclaims,
            "answers": self.answers,
            "outlook": None if self.years is None else self.years.to_dict(),
            **{name: plain[name] for name in ("teams", "pools", "waits_by_gang", "requests", "gates", "jobs", "started", "finished")},
        }  # fmt: skip


def amount(row: Row, name: str) -> str:
    """Write hours of a window; nothing of a promise that is not of hours."""
    return hours(row[name]) if row[name] is not None else NOTHING


def _are(number: int) -> str:
    return f"{count(number)} {'is' if number == 1 else 'are'}"
