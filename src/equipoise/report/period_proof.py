"""How figures of a period came about, what the proof does not prove, and how anybody checks it."""

from __future__ import annotations

import shlex
from datetime import UTC, datetime

from equipoise._version import __version__
from equipoise.report import modules
from equipoise.report.downloads import file_link
from equipoise.report.figures import count, counted, hours
from equipoise.report.markup import Markup, element, joined, unbroken
from equipoise.report.method import TERMS
from equipoise.report.parts import section
from equipoise.report.period import LabPeriod, Proof

_EXECUTED = (
    "Every recorded event was told to the policy again, under the charter in force, and each decision, total, window and verdict was"
    " compared with what is recorded. The figures are those of this execution."
)


def method_section(of: LabPeriod) -> Markup:
    """What was executed again, over which time, what counts where, and what is not shown."""
    pairs: list[tuple[str, list[str]]] = [
        ("Ledger", [_ledger(of)]),
        ("Executed again", [_EXECUTED]),
    ]  # fmt: skip
    if of.run is not None:
        rule = (
            "the charter"
            if of.run.policy == "charter"
            else f"'{of.run.policy}', which is not the charter; accounts are against the charter"
        )
        pairs += [
            ("Rules", [f"Executed was {rule}."]),
            ("Period", _period(of)),
            ("What counts", _counted()),
            ("Terms", [f"{name}: {text}." for name, text in TERMS]),
            (
                "Not in this report",
                ["What services had of their demand: their totals are kept for the whole record only."],
            ),
        ]
    if of.notes:
        pairs.append(("Notes of the audit", list(of.notes)))
    pairs.append(("Scripts", [modules.said(modules.PERIOD)]))
    pairs.append(("What the proof does not prove", [f"{line}." for line in of.residual]))
    items: list[Markup] = []
    for term, texts in pairs:
        items += [element("dt", term), element("dd", *(element("p", text) for text in texts))]
    return section(
        "method", "Method and assumptions", "How the figures came about.", element("dl", *items, class_="method")
    )


def _ledger(of: LabPeriod) -> str:
    kind = (
        "a simulated run, not a machine"
        if of.source == "simulated"
        else "a live lab"
        if of.source == "live"
        else "an unknown source"
    )
    size = "" if of.proof is None else f", {count(of.proof.size)} entries"
    return f"{of.ledger}, of {kind}{size}."


def _period(of: LabPeriod) -> list[str]:
    begin, end = of.borders
    view = of.view
    said = [
        f"{of.name}: from {of.moment(of.within.from_ms)} up to {of.moment(of.within.to_ms)}, in the time zone {of.zone}."
    ]
    if of.asked is not None and of.origin_ms is not None:
        if of.asked.from_ms < of.origin_ms + of.within.from_ms:
            said.append(f"The ledger begins on {of.moment(of.within.from_ms)}; of what was before it says nothing.")
        if of.asked.to_ms > of.origin_ms + of.within.to_ms:
            said.append(f"The ledger goes up to {of.moment(of.within.to_ms)}; of what came after it says nothing.")
    if not (begin and end):
        said.append(
            f"Accounts are not closed at the period's borders: hours and shares are from the close of {of.moment(view.begin_ms)}"
            f" to that of {of.moment(view.begin_ms + view.until_ms)}. Windows, jobs and stops are those of the period itself."
        )
    return said


def _counted() -> list[str]:
    return [
        "Hours are totals at the last close of the period minus those at the close before its first: the quarters of a year add up.",
        "Windows of promises: those that ended in the period, and those open at its end as they stood then.",
        "Waits: of the jobs that started in the period. A loss is booked when it happens, also of earlier hours.",
        "Floors: those in force, of all expected devices; the charts draw those at the end of the period.",
        "Requests for credits: those that were made in the period, with what became of them up to the end of the ledger.",
    ]


def proof_section(of: LabPeriod) -> Markup:
    """Which ledger, under whose signatures, the commands that check it, and receipts to take along."""
    proof = of.proof
    if proof is None:
        lead = "The ledger could not be read as a whole, so there is nothing that proves it."
        return section("proof", "Proof", lead, element("pre", of.command, class_="wrap", tabindex=0))
    lead = "Nobody has to believe this page: who has the ledger executes it again, and who has a receipt checks a verdict without it."
    found = (
        "nothing that does not follow"
        if not of.findings
        else f"{counted(len(of.findings), 'finding')}, told at the top of this page"
    )
    pairs: list[tuple[str, str]] = [
        ("Ledger", element("code", proof.origin)),
        ("Entries", count(proof.size)),
        ("Root hash", element("code", proof.root)),
        ("Signed by", _signed(proof)),
        ("Witnesses", _witnesses(proof)),
        ("Audit", f"{found}."),
        ("Made by", f"Equipoise {__version__}"),
    ]
    items = [each for term, text in pairs for each in (element("dt", term), element("dd", element("p", text)))]
    note = "" if proof.checkpoint is None else element("pre", proof.checkpoint.strip(), class_="wrap", tabindex=0)
    commands = "\n".join([proof.audit, proof.verify] if of.receipts else [proof.audit])
    return section(
        "proof", "Proof", lead, element("dl", *items, class_="method"),
        element("h3", "Checkpoint"), note or element("p", "The ledger has no signed checkpoint.", class_="soft"),
        element("h3", "Check it"), element("pre", commands, class_="wrap", tabindex=0),
        element("h3", "This report again"), element("pre", of.command, class_="wrap", tabindex=0), _receipts(of),
    )  # fmt: skip


def _signed(proof: Proof) -> str:
    if proof.signed_by is None:
        return "Nobody's signature was asked for (--key): anybody may have written these entries."
    unsigned = f"; the {count(proof.unsigned)} entries after it nobody signed yet" if proof.unsigned else ""
    return f"{proof.signed_by}{unsigned}"


def _witnesses(proof: Proof) -> str:
    if not proof.witnesses:
        return "None was asked for: others may have been shown another ledger (split view not excluded)."
    seen = ", ".join(
        f"{name} on {datetime.fromtimestamp(at_s, UTC):%Y-%m-%d %H:%M} UTC"
        for name, at_s in sorted(proof.witnesses.items())
    )
    return f"{seen}; quorum: {proof.quorum or 'none'}."


def _receipts(of: LabPeriod) -> Markup:
    if not of.ended:
        return Markup("")
    judged = [row for row in of.ended if row["kind"] != "starts"]
    some = (
        ""
        if len(of.receipts) == len(judged)
        else f" {count(len(of.receipts))} of {count(len(judged))} have room in this file; `equipoise receipt` gives all."
    )
    text = f"Receipts of windows that ended in the period, as files in this page.{some}"
    links = [
        element("li", file_link(f"{one.promise}, until {of.moment(one.to_ms)}", one.name, one.data, kind="application/json"),
                element("span", unbroken(f" {hours(len(one.data) / 1000)} kB"), class_="soft"))
        for one in of.receipts
    ]  # fmt: skip
    return joined(
        element("h3", "Receipts"),
        element("p", text, class_="soft"),
        element("ul", *links, class_="filelist") if links else "",
    )


def audit_command(ledger: str, trusted: list[str]) -> str:
    """Return the command that executes a ledger again; ``trusted`` are its options of keys."""
    return shlex.join(["equipoise", "audit", ledger, *(trusted or ["--key", "KEY"])])


def verify_command(receipt: str, trusted: list[str]) -> str:
    """Return the command that checks a receipt."""
    return shlex.join(["equipoise", "verify", receipt, *(trusted or ["--key", "KEY"])])
