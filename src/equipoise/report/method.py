"""How the figures came about: what ran, what was assumed, what was left out, the charter, and how to get this again."""

from __future__ import annotations

from equipoise._version import __version__
from equipoise.charter.explanation import explain
from equipoise.policy.plan import POLICIES
from equipoise.report import modules, timeaxis
from equipoise.report.figures import count, counted, span
from equipoise.report.markup import Markup, element, joined
from equipoise.report.parts import section
from equipoise.report.view import Source, View
from equipoise.simulator.results import Results

LISTED = 10  # refused jobs that are named

_RULES = {
    "charter": "the charter: floors are restored by reclaiming, and what they leave goes by weight",
    "no-floors": "the same teams, limits and weights; floors are off and nothing is taken back",
    "product-first": "as without floors, and one team goes before all its siblings",
    "fair-tree": "the same teams, limits and weights; users are ranked as Slurm's Fair Tree does, and nothing is taken back",
    "easy": "one queue in order of submission; others start early if they cannot delay its head (EASY)",
    "fifo": "one queue, strictly in order of submission",
    "sjf": "the shortest job first, by its true run time; nothing is stopped",
    "smallest": "the smallest gang first; larger ones are stopped for it",
    "srtf": "the shortest remaining time first, by true run times; others are stopped for it",
    "srsf": "the least remaining GPU-time first, by true run times; others are stopped for it",
    "las": "two queues: first who has had less than 3,250 GPU-seconds; others are stopped for them (Tiresias)",
}
assert set(_RULES) == set(POLICIES)
_FOLLOWED = {"slurm": "nothing was decided: jobs start when Slurm's accounting says that they did"}

TERMS = (
    ("entitled", "what the charter owed a team while its work asked for it, in GPU-hours"),
    ("denied", "the part of that which it did not hold; never more than its waiting work still needs"),
    ("starved", "denied ÷ entitled"),
    ("delivered", "held, without work that was lost when jobs were stopped"),
    ("percentiles of waits", "waits that some job had; nothing is interpolated"),
)


def method_section(view: View, source: Source) -> Markup:
    """What was executed, by what it is measured, and what was assumed."""
    record = view.record
    pairs: list[tuple[str, list[str]]] = [
        ("Log", [_log(view, source)]),
        ("Measured by", [_measured(view, source)]),
        ("Executed", [_executed(run, label) for run, label in zip(view.runs, view.labels, strict=True)]),
        ("Accounts", [_accounts(view)]),
        ("Run times", [_run_times(view)]),
        ("Estimates", [_estimates(view)]),
        ("Outages", ["Nodes changed as the file of outages says." if record.outages else "None were replayed."]),
        ("Terms", [f"{name}: {text}." for name, text in TERMS]),
        ("Left out", _left_out(view)),
    ]
    notes = list(dict.fromkeys(note for run in view.runs for note in run.notes))
    if notes:
        pairs.append(("Notes", notes))
    pairs.append(("Scripts", [modules.said(modules.REPLAY)]))
    pairs.append(("Decisions", [joined(f"{label}: ", element("code", run.digest)) for run, label in
                                zip(view.runs, view.labels, strict=True)]))  # fmt: skip
    lead = (
        "A replay in virtual time: nothing was run. One deterministic policy decided at every submission and end, so the"
        " same log, charter and options give the same decisions, and the digests below name all of them."
    )
    items: list[Markup] = []
    for term, texts in pairs:
        items += [element("dt", term), element("dd", *(element("p", text) for text in texts))]
    return section("method", "Method and assumptions", lead, element("dl", *items, class_="method"))


def charter_section(view: View, source: Source) -> Markup:
    """The charter in sentences and, where there is one, as it was written."""
    sentences = element("pre", "\n".join(explain(view.record.reference.charter)), class_="wrap", tabindex=0)
    if source.charter_text is None:
        return section("charter", "The charter", "What the floors above rest on, in plain sentences.", sentences)
    written = element("pre", source.charter_text, tabindex=0)
    meant = element("details", element("summary", "What it means, in GPUs and sentences"), sentences)
    return section("charter", "The charter", "What the floors above rest on, as it was written.", written, meant)


def again_section(view: View, source: Source) -> Markup:
    """The command that makes this report again."""
    if source.command is None:
        lead = "This report was made from Python. The digests under “Method” tell whether another run decided the same."
        return section("again", "To get this again", lead, element("p", f"Equipoise {__version__}", class_="soft"))
    lead = "The same command on the same files makes the same report, byte for byte."
    return section(
        "again", "To get this again", lead, element("pre", source.command, class_="wrap", tabindex=0),
        element("p", f"Equipoise {__version__}", class_="soft"),
    )  # fmt: skip


def facts(view: View, source: Source) -> str:
    """Say in a line what was replayed."""
    record = view.record
    workload, pools = record.workload, record.charter.pools
    services = len(workload.services)
    what = f"{count(len(workload.jobs))} jobs"
    if services:
        what += f" and {count(services)} service{'s' if services > 1 else ''}"
    machine = f"{count(sum(pool.capacity for pool in pools))} GPUs"
    if len(pools) > 1:
        machine += f" in {len(pools)} pools"
    parts = [part for part in (source.log, what, machine, _dates(view)) if part]
    return " · ".join(parts)


def _dates(view: View) -> str:
    workload, zone = view.record.workload, view.record.charter.timezone
    if workload.origin_ms is None:
        return f"submitted within {span(workload.asked_ms / 1000)}"
    begin, end = (
        timeaxis.moment(at, origin_ms=workload.origin_ms, zone=zone).split(",")[0]
        for at in (0, max(0, workload.asked_ms - 1))
    )
    return f"{begin} to {end}" if begin != end else begin


def _log(view: View, source: Source) -> str:
    return f"{facts(view, source)}." if source.log else f"A workload made in Python: {facts(view, source)}."


def _measured(view: View, source: Source) -> Markup:
    charter = view.record.charter
    name = source.charter or charter.lab
    digest = joined(", ", element("code", charter.digest)) if charter.digest else Markup("")
    return joined(
        "The reference charter ", element("bdi", name), f", revision {charter.revision}", digest, ". What teams are"
        " entitled to, denied and starved of is always what this charter says, whatever rules were executed."
    )  # fmt: skip


def _executed(run: Results, label: str) -> str:
    rules = _RULES | _FOLLOWED
    rule = rules.get(run.policy, f"the rules of another charter, {run.policy}")
    return f"{label} ({run.policy}): {rule}." if run.policy in rules else f"{label}: {rule}."


def _accounts(view: View) -> str:
    end = view.over.removeprefix("over ").removeprefix("the ")
    closes = (
        f"They were closed {count(len(view.runs[0].record.run.closes_ms))} times; pictures show means between closes."
    )
    if view.windowed:
        return (
            f"GPU-hours and starvation are those of the first {end}, in which work was submitted. A run goes on until all"
            " work is done, and in the end everybody has had what they asked for: only a window tells who had it in"
            f" time. Waits and stops are of whole runs. {closes}"
        )
    return f"All figures are of whole runs; the longest takes {span(view.end_ms / 1000)}. {closes}"


def _run_times(view: View) -> str:
    if view.record.options.enforce_walltime:
        return "As the log says, but no job outlives its declared walltime: it is ended there."
    return (
        "As the log says. Declared walltimes are not enforced, so gangs larger than their team’s share take no turns."
    )


def _estimates(view: View) -> str:
    if view.record.options.estimates == "actual":
        return "Backfill knows the true run times."
    return (
        "Backfill rests on declared walltimes; a job without one is expected to take as long as its team’s latest did."
    )


def _left_out(view: View) -> list[str]:
    found = [
        f"{counted(item.rows, 'row')} of the log: {item.reason}"
        + (f" ({', '.join(item.examples)})." if item.examples else ".")
        for item in view.runs[0].skipped
    ]
    for run, label in zip(view.runs, view.labels, strict=True):
        before = f"{label}: " if len(view.runs) > 1 else ""
        for (reason,), jobs in sorted(run.refused.group_by("reason"), key=lambda group: str(group[0][0])):
            named = ", ".join(
                f"{row['name']} ({row['team']}, {counted(row['gang'], 'GPU')})" for row in jobs.head(LISTED).to_dicts()
            )
            more = " …" if jobs.height > LISTED else ""
            found.append(f"{before}{counted(jobs.height, 'job')} never to run, {reason}: {named}{more}.")
        if run.n_never_started:
            found.append(
                f"{before}{counted(run.n_never_started, 'job')} never started: something they need never came free."
            )
    return found or ["Nothing: every row of the log was replayed."]
