"""What one side says and the other cannot: a sentence each, with its place."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from equipoise.charter.governance import Evidence
from equipoise.charter.model import Charter, Team
from equipoise.units import DAY_MS, HOUR_MS, MINUTE_MS, amount_text, duration_text


class Loss(NamedTuple):
    """Something that is not carried over.

    Parameters
    ----------
    place : str
        Where it stands: the path of a charter's field, or the kind, name and field of an object.
    sentence : str
        What it says, and why it is not carried over.
    """

    place: str
    sentence: str


class Exchanged(NamedTuple):
    """A text for the other side, and what it does not say."""

    text: str
    lost: list[Loss]


def beyond_quotas(charter: Charter, system: str) -> Iterator[Loss]:
    """Yield what no scheduler with quotas says: promises over time, gates, who signs, and the terms of a loan."""
    for promise in charter.commitments:
        place = f"commitments.{promise.name}"
        yield Loss(place, f"{system} keeps no promise over a {promise.window}; it neither paces it nor judges it.")
    for gate in charter.release_gates:
        yield Loss(
            f"release_gates.{gate.name}", f"{system} does not hold back a release until others have attested it."
        )
    if charter.boards or charter.amendments:
        yield Loss(
            "amendments", f"Whoever may write {system}'s objects changes them; no board signs and no notice runs."
        )
    if charter.evidence != Evidence():
        yield Loss("evidence", f"{system} keeps no record that an outsider can check.")
    if charter.reclaim == "shares":
        yield Loss(
            "defaults.reclaim", f"{system} restores floors; that shares above floors are restored too is not said."
        )
    for pool in charter.pools:
        if pool.heh != 1:
            yield Loss(f"pools.{pool.name}.heh", f"{system} counts devices, not what a device is worth.")
    yield Loss("teams", f"A gang larger than its team's share saves up no turn under {system}.")
    for team in charter.teams:
        yield from _terms(team, charter.teams, system)


def _terms(team: Team, teams: tuple[Team, ...], system: str) -> Iterator[Loss]:
    """Yield the terms of a team that are not its parent's, or at the top not the language's."""
    above = next((each for each in teams if each.path == team.parent), None)
    usual = above or Team("", "", None, {}, {}, recover_ms=HOUR_MS, grace_ms=10 * MINUTE_MS)
    place = f"teams.{team.path}"
    if team.recover_ms != usual.recover_ms:
        recover = duration_text(team.recover_ms)
        yield Loss(f"{place}.recover", f"That a lent floor is back within {recover} is not promised under {system}.")
    protect = (team.grace_ms, team.min_runtime_ms, team.reclaims_per_day)
    if protect != (usual.grace_ms, usual.min_runtime_ms, usual.reclaims_per_day):
        yield Loss(
            f"{place}.protect", f"{system} gives borrowed jobs no grace, least run time or bound of reclaims a day."
        )
    if team.max_job is not None and team.max_job != usual.max_job and system != "Slurm":
        yield Loss(f"{place}.max_job", f"{system} takes jobs larger than {amount_text(team.max_job)} too.")
    if team.submit != usual.submit:
        yield Loss(
            f"{place}.submit", f"Who may submit is a matter of roles and users in {system}: {', '.join(team.submit)}."
        )
    if team.owner != usual.owner and team.owner is not None:
        yield Loss(f"{place}.owner", f"{system} knows no requests for credits, which {team.owner} would answer.")
    if team.protected_by != usual.protected_by:
        yield Loss(
            f"{place}.protected_by", f"What weakens the team needs no signature of {', '.join(team.protected_by)}."
        )


def half_life(charter: Charter, where: str) -> Iterator[Loss]:
    """Yield the half-life of usage, which the other side has elsewhere."""
    if charter.usage_half_life_ms != 7 * DAY_MS:
        yield Loss("usage_half_life", f"{duration_text(charter.usage_half_life_ms)} is to be set in {where}.")
