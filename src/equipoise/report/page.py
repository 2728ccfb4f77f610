"""The report: one HTML file that needs nothing else, from the verdict to the command that makes it again."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from equipoise.errors import InputError, Place
from equipoise.report import (
    cards,
    comparison,
    idle,
    machine,
    method,
    modules,
    promises,
    releases,
    requests,
    theme,
    waiting,
    years,
)
from equipoise.report.held_back import GatedRun
from equipoise.report.markup import Markup, element, escape, unbroken
from equipoise.report.view import Source, View, view
from equipoise.simulator.results import Results

if TYPE_CHECKING:
    from equipoise.tasks.prospect import Prospect

_PART = re.compile(r"(\d[\d.,]*\u202f%)( less| more)?")


def write_page(
    runs: Sequence[Results],
    path: str | os.PathLike[str],
    *,
    source: Source,
    verdict: str | None = None,
    prospect: Prospect | None = None,
    gated: GatedRun | None = None,
    first: Sequence[Markup] = (),
) -> Path:
    """Write the report of runs of one log; raises ``InputError`` S105 if it cannot be written."""
    target = Path(path)
    text = page(runs, source=source, verdict=verdict, prospect=prospect, gated=gated, first=first)
    try:
        target.write_text(text, "utf-8")
    except OSError as error:
        raise InputError("S105", f"cannot be written: {error.strerror or error}", place=Place(str(target))) from None
    return target


def page(
    runs: Sequence[Results],
    *,
    source: Source,
    verdict: str | None = None,
    prospect: Prospect | None = None,
    gated: GatedRun | None = None,
    first: Sequence[Markup] = (),
) -> str:
    """Return the report of runs of one log against one charter.

    Parameters
    ----------
    runs : sequence of Results
        The first is what the others are compared with.
    source : Source
    verdict : str or None
        The sentence that it begins with; None: that of the view.
    prospect : Prospect or None
        The years that follow, where they were asked for.
    gated : GatedRun or None
        A further run, in which a model waits at its release gate; None: what gates said in ``runs``.
    first : sequence of Markup
        Sections that stand before all others.
    """
    about = view(runs)
    asked = releases.told(runs if gated is None else [gated.run])
    sentence = about.sentence if verdict is None else verdict
    sections = [
        waiting.tiles(about),
        machine.held_section(about),
        promises.promises_section(about),
        cards.teams_section(about),
        waiting.waits_section(about),
        waiting.starvation_section(about),
        waiting.stops_section(about),
        waiting.services_section(about),
        releases.gates_section(asked, first="" if gated is None else gated.sentence()),
        requests.requests_section(about),
        comparison.comparison_section(about),
        *([] if prospect is None else [years.people_section(about, prospect), years.outlook_section(about, prospect)]),
        idle.idle_section(about),
        method.method_section(about, source),
        method.charter_section(about, source),
        method.again_section(about, source),
    ]
    lab = about.record.charter.lab
    title = f"{lab or source.charter or 'A lab'}: who got the machine"
    body = [
        element(
            "header",
            element("div", element("bdi", lab, class_="mark"), " · who got the machine"),
            element("button", "Dark", id="theme", type="button", hidden="", aria_label="Light or dark"),
            class_="top",
        ),
        element(
            "main",
            element("section", element("h1", headline(sentence)), element("p", unbroken(method.facts(about, source)),
                    class_="facts"), class_="first"),
            _partial(about),
            *sections[:1],
            _contents(about, years=prospect is not None, gates=bool(asked)),
            *first,
            *sections[1:],
        ),
        element("footer", "Made by Equipoise. This file needs no network and sends nothing anywhere."),
    ]  # fmt: skip
    return document(title, body, entry=modules.REPLAY)


def headline(sentence: str) -> Markup:
    """Return the verdict with its percentages set off."""
    return Markup(_PART.sub(r"<b>\1\2</b>", escape(unbroken(sentence))))


def _partial(about: View) -> Markup:
    """Say first of all that a replay was interrupted, if it was."""
    if not any(run.partial for run in about.runs):
        return Markup("")
    told = [note for run in about.runs if run.partial for note in run.notes if "interrupted" in note]
    return element("p", element("b", "Interrupted. "), *(f"{note}. " for note in told), class_="alert")


def _contents(about: View, *, years: bool, gates: bool) -> Markup:
    promised = [] if about.runs[0].promises.is_empty() else [("promises", "Promises")]
    links = [("machine", "The machine"), *promised, ("teams", "Teams"), ("waits", "Waits"), ("starvation", "Starvation"),
             ("stops", "Stops")]  # fmt: skip
    if not about.runs[0].services.is_empty():
        links.append(("services", "Services"))
    if gates:
        links.append(("gates", "Gates"))
    if not about.runs[0].requests.is_empty():
        links.append(("requests", "Requests"))
    if len(about.runs) > 1:
        links.append(("comparison", "Comparison"))
    links += [("people", "People"), ("outlook", "Outlook")] if years else []
    links += [("idle", "Idle"), ("method", "Method"), ("charter", "Charter"), ("again", "Again")]
    anchors = [element("a", text, href=f"#{anchor}") for anchor, text in links]
    return element("nav", *anchors, aria_label="Contents")


def document(title: str, body: Sequence[Markup], *, paper: bool = False, entry: str | None = None) -> str:
    """Return a whole page that fetches nothing; ``paper``: meant to be printed, on A4; ``entry``: the module that it begins with."""
    # The policy is the guarantee: nothing is fetched, and no script runs but those that it names, whatever a log is called.
    policy = (
        f"default-src 'none'; style-src 'unsafe-inline'; script-src {modules.script_policy(entry)}; img-src data:;"
        " base-uri 'none'; form-action 'none'"
    )
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", http_equiv="Content-Security-Policy", content=policy),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", name="color-scheme", content="light dark"),
        element("meta", name="generator", content="Equipoise"),
        element("link", rel="icon", href="data:,"),
        element("title", title),
        Markup(f"<style>{theme.style()}{theme.PAPER if paper else ''}{modules.style(entry)}</style>"),
    )
    script = Markup(f"<script>{theme.script()}</script>")
    root = element("html", head, element("body", *body, script, modules.scripts(entry), class_="eq page"), lang="en")
    return f"<!doctype html>\n{root}\n"
