"""A lab's report of a period as one HTML file: for a board, from the verdict to what proves it; made to be printed, too."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from equipoise.report import idle, machine, modules, releases, requests, waiting, years
from equipoise.report import period_sections as own
from equipoise.report.figures import count
from equipoise.report.markup import Markup, element, unbroken
from equipoise.report.page import document, headline
from equipoise.report.period import LabPeriod
from equipoise.report.period_proof import method_section, proof_section
from equipoise.report.view import view

SIZE_MAX = 950_000
"""Bytes of a page: receipts are left out from where it would be larger."""


def period_page(of: LabPeriod) -> str:
    """Return the page, with as many of the receipts as have room."""
    kept, size = 0, len(_page(replace(of, receipts=())).encode())
    for one in of.receipts:
        size += 4 * len(one.data) // 3 + 400
        if size > SIZE_MAX:
            break
        kept += 1
    return _page(replace(of, receipts=of.receipts[:kept]))


def _page(of: LabPeriod) -> str:
    parts = _figures(of) if of.run is not None else []
    parts += [own.charters_section(of)]
    if of.run is not None:
        parts += [releases.gates_section(releases.told([of.run]), sheet=of.view.sheet("gates"))]
    parts += [own.corrections_section(of)]
    if of.run is not None:
        parts += [requests.requests_section(of.view), own.answers_section(of), idle.idle_section(of.view), *_years(of)]
    parts += [method_section(of), proof_section(of)]
    sections = [each for each in parts if each]
    title = f"{of.lab or 'A lab'}: {of.name}"
    body = [
        element(
            "header",
            element("div", element("bdi", of.lab, class_="mark"), f" · {of.name}"),
            element("button", "Dark", id="theme", type="button", hidden="", aria_label="Light or dark"),
            class_="top",
        ),
        element(
            "main",
            element("section", own.alert(of), element("h1", headline(of.sentence)), element("p", unbroken(_facts(of)), class_="facts"),
                    class_="first"),
            own.tiles(of) if of.run is not None else "",
            _contents(sections),
            *sections,
        ),
        element("footer", "Made by Equipoise. This file needs no network and sends nothing anywhere."),
    ]  # fmt: skip
    return document(title, body, paper=True, entry=modules.PERIOD)


def _figures(of: LabPeriod) -> list[Markup]:
    about = of.view
    made: list[Callable[[], Markup]] = [
        lambda: own.promises_section(of),
        lambda: own.shares_section(of),
        lambda: machine.held_section(about),
        lambda: waiting.waits_section(about),
        lambda: own.reclaims_section(of),
    ]
    return [each() for each in made]


def _years(of: LabPeriod) -> list[Markup]:
    if of.years is None or of.ends is None:
        return []
    about = view([of.ends])
    return [years.people_section(about, of.years), years.outlook_section(about, of.years)]


_TITLES = {
    "promises": "Promises", "shares": "Shares", "machine": "The machine", "waits": "Waits", "stops": "Stops", "charters": "Charters",
    "gates": "Gates", "corrections": "Corrections", "requests": "Requests", "answers": "Answers", "idle": "Idle", "people": "People",
    "outlook": "Outlook", "method": "Method", "proof": "Proof",
}  # fmt: skip


def _contents(sections: list[Markup]) -> Markup:
    there = [name for name in _TITLES if any(f'id="{name}"' in each[:-1] for each in sections)]
    return element("nav", *(element("a", _TITLES[name], href=f"#{name}") for name in there), aria_label="Contents")


def _facts(of: LabPeriod) -> str:
    said = [of.ledger]
    if of.run is not None:
        pools = of.run.record.charter.pools
        machine_of = f"{count(sum(pool.capacity for pool in pools))} GPUs" + (
            f" in {len(pools)} pools" if len(pools) > 1 else ""
        )
        said += [
            f"{of.moment(of.within.from_ms)} to {of.moment(of.within.to_ms)}",
            machine_of,
            f"{count(of.run.n_started)} jobs started",
        ]
    if of.source == "simulated":
        said.append("of a simulation")
    return " · ".join(said)
