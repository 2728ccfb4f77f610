"""What a charter means, in plain sentences and GPUs: the text that people read before they sign."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from fractions import Fraction

from equipoise.charter import pacing
from equipoise.charter.admission import asked_in
from equipoise.charter.floors import Quota, quotas
from equipoise.charter.governance import Amendments, Board, Gate, Requirement
from equipoise.charter.model import Charter, Pool, Share, Team
from equipoise.charter.promise import Commitment
from equipoise.units import HOUR_MS, amount_text, decimal_text, duration_text, percent_text


def explain(charter: Charter) -> list[str]:
    """Say every line of a charter as a sentence, and every share as GPUs at the planning capacity.

    Parameters
    ----------
    charter : Charter

    Returns
    -------
    list of str
        Lines of text; an empty one between parts.

    Examples
    --------
    >>> from equipoise.charter.model import EVERYTHING, Pool, Share, Team
    >>> half = Team("safety", "safety", None, {"h100": Share(fraction=Fraction(1, 2))}, {"h100": EVERYTHING})
    >>> lines = explain(Charter("Small", (Pool("h100", "H100", 2, 8),), (half,)))
    >>> lines[5].split()
    ['safety', '8', '16', '0']
    """
    lines = list(_head(charter))
    for pool in charter.pools:
        lines += ["", *_pool(charter, pool)]
    lines += ["", "Teams"]
    for team in charter.teams:
        lines += team_sentences(charter, team)
    for title, sentences in rules(charter):
        lines += ["", title, *(f"  {sentence}" for sentence in sentences)]
    return lines


def _head(charter: Charter) -> Iterator[str]:
    start = "as soon as it may" if charter.effective_ms is None else f"on {instant_text(charter.effective_ms)} or later"
    yield f"{charter.lab}: charter, revision {charter.revision}. It takes force {start}."
    fade = duration_text(charter.usage_half_life_ms)
    restores = "fair shares" if charter.reclaim == "shares" else "floors"
    yield f"Past use counts half after {fade}. Reclaim restores {restores}. Calendar windows follow {charter.timezone}."


def _pool(charter: Charter, pool: Pool) -> Iterator[str]:
    yield (
        f"Pool {pool.name}: {pool.nodes:,} nodes of {pool.gpus_per_node} {pool.device}, {amount_text(pool.capacity)};"
        f" one device-hour counts {decimal_text(pool.heh)} H100-equivalent hours."
    )
    found = quotas(charter, pool.name, pool.capacity)
    rows = [("team", "floor", "limit", "kept free")]
    for team, quota in zip(charter.teams, found, strict=True):
        name = "  " * (team.depth - 1) + team.name
        rows.append((name, f"{quota.floor:,}", f"{quota.limit:,}", f"{quota.reserve:,}"))
    rows.append(("(promised to nobody)", f"{_unpromised(charter, pool, found):,}", "", ""))
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    for row in rows:
        numbers = (cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True))
        yield "  ".join((row[0].ljust(widths[0]), *numbers)).rstrip()


def _unpromised(charter: Charter, pool: Pool, found: Sequence[Quota]) -> int:
    top = (quota.floor for team, quota in zip(charter.teams, found, strict=True) if team.parent is None)
    return pool.capacity - sum(top)


def team_sentences(charter: Charter, team: Team) -> Iterator[str]:
    """Say what a team has and may do, indented as below a title."""
    whose = "the machine" if team.parent is None else f"the floor of {team.parent}"
    floors = _shares(charter, team.floor, whose)
    has = f"has {floors} at once when it asks" if floors else "has no floor: it lives on what others leave"
    limits = _limits(charter, team)
    yield f"  {team.path} {has}{f', and never more than {limits}' if limits else ''}."
    if any(not share.is_zero for share in team.floor.values()):
        back = duration_text(team.recover_ms)
        if team.lend == 0:
            yield "    It lends nothing: its floor stays free even when idle."
        elif team.lend == 1:
            yield f"    It lends its whole floor while idle, and has it back within {back}."
        else:
            yield f"    It lends {percent_text(team.lend)} of its floor while idle, and has it back within {back}."
    if team.is_leaf:
        yield from _leaf(team)
    if team.protected_by:
        yield f"    What weakens it must also be signed by {listed(team.protected_by)}."


def _leaf(team: Team) -> Iterator[str]:
    yield f"    Above floors its claim has weight {decimal_text(Fraction(team.weight_e4, 10_000))} among its siblings."
    yield (
        f"    A job it runs on borrowed GPUs runs at least {duration_text(team.min_runtime_ms)} and is warned"
        f" {duration_text(team.grace_ms)} before a stop, unless the lender must have its floor back sooner;"
        f" after {team.reclaims_per_day} reclaims in a day, others are chosen first."
    )
    size = "of any size" if team.max_job is None else f"of up to {amount_text(team.max_job)}"
    owner = f" {team.owner} answers requests for credits." if team.owner else ""
    yield f"    Jobs {size} may be submitted by {listed(team.submit)}.{owner}"


def _shares(charter: Charter, by_pool: Mapping[str, Share], whose: str) -> str:
    """Say floors: once if they are alike in all pools, else pool by pool."""
    texts = {pool.name: share_text(by_pool[pool.name]) for pool in charter.pools if not by_pool[pool.name].is_zero}
    if not texts:
        return ""
    if len(set(texts.values())) == 1 and len(texts) == len(charter.pools):
        text = next(iter(texts.values()))
        return f"{text} of {whose}" if text.endswith("%") else text
    return " and ".join(f"{text}{f' of {whose}' if text.endswith('%') else ''} in {p}" for p, text in texts.items())


def _limits(charter: Charter, team: Team) -> str:
    whose = "the machine" if team.parent is None else f"what {team.parent} may hold"
    texts = {
        pool.name: share_text(team.limit[pool.name]) for pool in charter.pools if team.limit[pool.name].fraction != 1
    }
    if not texts:
        return ""
    if len(set(texts.values())) == 1 and len(texts) == len(charter.pools):
        text = next(iter(texts.values()))
        return f"{text} of {whose}" if text.endswith("%") else text
    return " and ".join(f"{text}{f' of {whose}' if text.endswith('%') else ''} in {p}" for p, text in texts.items())


def share_text(share: Share) -> str:
    """Write a share for people: ``20%`` or ``512 GPUs``."""
    return percent_text(share.fraction) if share.fraction is not None else amount_text(share.gpus or 0)


def rules(charter: Charter) -> Iterator[tuple[str, list[str]]]:
    """Yield what a charter says beside pools and teams: a title, and its sentences."""
    if charter.commitments:
        yield "Promises", [line for promise in charter.commitments for line in promise_sentences(charter, promise)]
    if charter.release_gates:
        yield "Release gates", [line for gate in charter.release_gates for line in gate_sentences(gate)]
    watch = charter.evidence
    yield (
        "Evidence and people",
        [
            f"A window with a gap of more than {duration_text(watch.checkpoint_every_ms)} between signed checkpoints,"
            f" or fewer than {watch.witnesses} witnesses, is undecided.",
            f"Nothing is shown about fewer than {charter.min_group} people.",
        ],
    )
    if charter.boards:
        yield "Boards", [board_sentence(board) for board in charter.boards]
    if charter.amendments is not None:
        yield "Amendments", list(amendment_sentences(charter.amendments))
    else:
        yield "Amendments", ["Nobody signs: anyone who can run `eq apply` changes this charter, and receipts say so."]


def promise_sentences(charter: Charter, promise: Commitment) -> Iterator[str]:
    """Say what is promised to whom, and how it is judged."""
    where = "all pools" if promise.all_pools else listed(promise.pools)
    span = str(promise.window) if promise.window.calendar is None else f"each {promise.window.calendar}"
    span = f"over {span}" if promise.window.calendar is None else span
    of = {"delivered": "everything delivered", "capacity": "the capacity"}.get(promise.of)
    if of is None:
        assert promise.capacity_at_ms is not None
        of = f"the capacity of {instant_text(promise.capacity_at_ms)}"
    if promise.starts is not None:
        starts = promise.starts
        yield (
            f"{promise.name}: of the jobs of {promise.team} of up to {amount_text(starts.jobs_up_to)},"
            f" {percent_text(starts.at_least)} start within {duration_text(starts.within_ms)}, {span}."
        )
    elif promise.at_most is not None:
        yield f"{promise.name}: {promise.team} gets at most {percent_text(promise.at_most)} of {of} in {where}, {span}."
    elif promise.at_least is not None:
        yield (
            f"{promise.name}: {promise.team} gets at least {percent_text(promise.at_least)} of {of} in {where}, {span}"
            f" ({_in_gpus(charter, promise)} on average at the planning capacity)."
        )
        unused = "stay owed until the window ends" if promise.unused == "carry" else "lapse at once"
        good = f"; {percent_text(promise.make_good)} of broken hours are made good" if promise.make_good else ""
        pace = percent_text(promise.pace_max or Fraction(0))
        yield f"  Hours it does not ask for {unused}{good}. Pacing may ask for {pace} of the capacity."
        yield from _paced(charter, promise)
    told = f"; {listed(promise.protected_by)} hear of it and sign what weakens it" if promise.protected_by else ""
    shown = "published" if promise.public else "not published"
    yield (
        f"  The record is complete {duration_text(promise.settle_ms)} after a window; a warning goes out below"
        f" {percent_text(promise.warn_below)} probability{told}; verdicts are {shown}."
    )


def _paced(charter: Charter, promise: Commitment) -> Iterator[str]:
    """Say what pacing computes with, in GPUs: φC, B, P_max and R pool by pool, then τ, δ and the grace of a verdict."""
    notices = pacing.notices_ms(charter)
    team = charter.id_of(promise.team)
    declared = pacing.largest_gangs(charter)[team]
    gang = pacing.counted_gang(declared)
    weighted = gang * max(charter.pool(name).heh for name in promise.pools)
    for name in promise.pools:
        pool = charter.pool(name)
        asked = asked_in(charter, promise, pool, notices)
        weighted += pool.heh * asked.most
        yield (
            f"  In {name} it is owed {average_text(asked.share)} on average; pacing asks for up to {asked.level:,} before others'"
            f" promises are cut, for {asked.most:,} at most, and for whole gangs may hold"
            f" {pacing.rounded_floor(asked.level, gang):,}."
        )
    size = (
        f"Gangs count up to {amount_text(gang)}" if declared is not None else "Without max_job only single GPUs count"
    )
    notice_ms = notices[team]
    grace = average_text(weighted * notice_ms / HOUR_MS)
    yield (
        f"  {size}; a reclaim takes {duration_text(notice_ms)} at most, so pacing aims {duration_text(2 * notice_ms)} before"
        f" a window ends. {grace} H100-equivalent hours that are short are within grace."
    )


def _in_gpus(charter: Charter, promise: Commitment) -> str:
    parts: list[str] = []
    for name in promise.pools:
        owed = (promise.at_least or Fraction(0)) * charter.pool(name).capacity
        parts.append(f"{average_text(owed)} GPUs of {name}")
    return listed(parts)


def average_text(gpus: Fraction) -> str:
    """Write an average number of GPUs: ``3,276.8``."""
    return f"{float(gpus):,.1f}".removesuffix(".0")


def gate_sentences(gate: Gate) -> Iterator[str]:
    """Say which services a gate holds, and what its stages ask."""
    yield f"{gate.name}: services of {listed(gate.teams)} run releases that pass these stages in order:"
    for stage in gate.stages:
        needs = listed([f"{kind} signed by {board}" for kind, board in stage.needs.items()])
        after = f", {duration_text(stage.after_ms)} after the stage before" if stage.after_ms else ""
        yield f"  {stage.name}: up to {percent_text(stage.quota)} of the team's limit, with {needs}{after}."
    drain = f"falls to nothing over {duration_text(gate.drain_ms)}" if gate.drain_ms else "falls to nothing at once"
    yield f"  Attestations older than {duration_text(gate.max_age_ms)} do not count: no growth, and the quota {drain}."
    if gate.protected_by:
        yield f"  What weakens the gate must also be signed by {listed(gate.protected_by)}."


def board_sentence(board: Board) -> str:
    """Say who sits on a board and how many of them sign."""
    return f"{board.name}: any {board.quorum} of {len(board.members)} ({', '.join(board.members)})."


def amendment_sentences(rules: Amendments) -> Iterator[str]:
    """Say who signs which changes."""

    def signed(rule: Requirement) -> str:
        notice = f", announced {duration_text(rule.notice_ms)} before" if rule.notice_ms else ", without notice"
        return f"{listed(rule.needs)}{notice}"

    yield f"Every change is signed by {signed(rules.ordinary)}."
    yield f"What weakens a team, promise or gate: also by {signed(rules.weakening)}, and by those that protect it."
    yield f"Boards, amendments, evidence, people and protection: also by {signed(rules.constitution)}."
    if rules.emergency is not None:
        rule = rules.emergency
        yield (
            f"In an emergency {rule.by} may act without notice for {duration_text(rule.lasts_ms)}, keeping"
            f" {percent_text(rule.keep)} of every floor and sure share, {rule.per_quarter} times a quarter."
        )


def instant_text(unix_ms: int) -> str:
    """Write an instant in UTC: ``2027-01-01T00:00:00Z``."""
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=unix_ms)
    return moment.isoformat(timespec="seconds").replace("+00:00", "Z")


def listed(words: Sequence[str]) -> str:
    """Join words: ``a, b and c``."""
    words = list(words)
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}" if words else "nobody"
