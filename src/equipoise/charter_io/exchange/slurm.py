"""A charter as a file for ``sacctmgr load``, and a ``sacctmgr dump`` as a charter.

Slurm has no floor: an account's fair share is a target for used hours that fade, and a limit is a limit. So the export
writes as shares what each team is entitled to while all ask for everything, and says that floors are gone.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal

from equipoise.charter.entitlement import entitlements, tree
from equipoise.charter.model import Charter, Team
from equipoise.charter_io.exchange.loss import Exchanged, Loss, beyond_quotas, half_life
from equipoise.charter_io.exchange.proposal import Branch, charter_text, name_of
from equipoise.errors import InputError
from equipoise.units import nodes as read_nodes
from equipoise.units import shown

ROOT = "root"
_LINE = re.compile(r"(Cluster|Parent|Account|User) - '([^']*)'(?::(.*))?\Z")
_OPTION = re.compile(r"(\w+)=('[^']*'|[^:]*)")
_GPUS = re.compile(r"gres/gpu(?::([\w.-]+))?=([0-9]+)\Z")
_READ = {
    "Fairshare",
    "GrpTRES",
    "MaxTRESPerJob",
    "MaxTRES",
    "Description",
    "Organization",
    "DefaultAccount",
    "QOS",
    "AdminLevel",
}


def to_slurm(charter: Charter, *, cluster: str = "cluster") -> Exchanged:
    """Write a charter as accounts with shares and limits, for ``sacctmgr load FILE``.

    Raises
    ------
    InputError
        C603 if two teams would have one account.
    """
    due = {pool.name: _due(charter, pool.name, pool.capacity) for pool in charter.pools}
    limits = {pool.name: tree(charter, pool.name, pool.capacity).limit for pool in charter.pools}
    accounts: dict[str, str] = {}
    for team in charter.teams:
        if account_of(team.path) in accounts:
            other = accounts[account_of(team.path)]
            raise InputError("C603", f"{team.path} and {other} would both be the account {account_of(team.path)}")
        accounts[account_of(team.path)] = team.path
    lines = [
        f"Cluster - '{cluster}':Fairshare=1",
        f"Parent - '{ROOT}'",
        f"User - '{ROOT}':DefaultAccount='{ROOT}':AdminLevel='Administrator':Fairshare=1",
    ]
    for above in [None, *(team for team in charter.teams if not team.is_leaf)]:
        if above is not None:
            lines.append(f"Parent - '{account_of(above.path)}'")
        for team in charter.children(None if above is None else above.path):
            number = charter.id_of(team.path)
            share = sum(each[number] for each in due.values())
            lines.append(_account(charter, team, share, {pool: each[number] for pool, each in limits.items()}))
    for team in charter.leaves:
        users = [who.removeprefix("user:") for who in team.submit if who.startswith("user:")]
        if users:
            lines.append(f"Parent - '{account_of(team.path)}'")
            lines += [f"User - '{user}':Fairshare=1" for user in users]
    return Exchanged("\n".join(lines) + "\n", [*_lost(charter), *beyond_quotas(charter, "Slurm")])


def from_slurm(text: str, *, nodes: str) -> Exchanged:
    """Propose a charter from what ``sacctmgr dump CLUSTER`` wrote.

    Parameters
    ----------
    text : str
    nodes : str
        The machine, such as ``64 nodes of 8 gpu``: the dump does not say it.

    Raises
    ------
    InputError
        C605 with the number of a line that is none of a dump.
    """
    count, each = read_nodes(nodes)
    lost = [Loss("Account", "Slurm has no floors: these are none either, until you write them.")]
    below, options, cluster = _accounts(text, lost)
    if not below.get(ROOT):
        raise InputError("C605", "there is no account in it", hint="sacctmgr dump CLUSTER file=FILE")
    branches = _branches(ROOT, below, options, lost)
    pools = {"gpu": {"device": "GPU", "expect": f"{count} nodes of {each} gpu"}}
    return Exchanged(charter_text(cluster or "From Slurm", pools, branches, lost, origin="Slurm"), lost)


def account_of(path: str) -> str:
    """Return the account of a team: accounts have one name in the whole cluster."""
    return path.replace(".", "_")


def _due(charter: Charter, pool: str, capacity: int) -> list[int]:
    """Return what each team is entitled to while all ask for everything."""
    return entitlements(tree(charter, pool, capacity), capacity, [capacity] * len(charter.teams))


def _account(charter: Charter, team: Team, share: int, limits: Mapping[str, int]) -> str:
    line = f"Account - '{account_of(team.path)}':Description='{team.path}':Organization='lab':Fairshare={max(1, share)}"
    alone = len(charter.pools) == 1
    capped = [
        f"gres/gpu{'' if alone else ':' + pool.name}={limits[pool.name]}"
        for pool in charter.pools
        if limits[pool.name] < pool.capacity
    ]
    if capped:
        line += f":GrpTRES={','.join(capped)}"
    if team.max_job is not None:
        line += f":MaxTRESPerJob=gres/gpu={team.max_job}"
    return line


def _lost(charter: Charter) -> Iterator[Loss]:
    for team in charter.teams:
        place = f"teams.{team.path}"
        if any(not floor.is_zero for floor in team.floor.values()):
            text = (
                "An account has no floor: its share is a target for used hours, and nobody's jobs are stopped for it."
            )
            yield Loss(f"{place}.floor", f"{text} A QOS with GrpTRES and Preempt comes near.")
        if team.lend != 1:
            yield Loss(f"{place}.lend", "What an account does not use anyone may use; nothing is kept free.")
    if len(charter.pools) > 1:
        yield Loss(
            "pools", "An account has one share for all pools: the sum of what it is due in each, device by device."
        )
        yield Loss(
            "pools", "Limits by pool need the pool's name as the GPUs' type, in gres.conf and AccountingStorageTRES."
        )
    yield Loss(
        "teams", "Shares act with PriorityType=priority/multifactor, limits with AccountingStorageEnforce=limits."
    )
    yield from half_life(charter, "slurm.conf (PriorityDecayHalfLife)")


def _accounts(text: str, lost: list[Loss]) -> tuple[dict[str, list[str]], dict[str, dict[str, str]], str]:
    below: dict[str, list[str]] = {}
    options: dict[str, dict[str, str]] = {}
    parent, cluster = ROOT, ""
    for number, line in enumerate(text.splitlines(), start=1):
        line = line.strip()
        if not line or line.startswith("#"):
            continue
        match = _LINE.match(line)
        if match is None:
            raise InputError("C605", f"line {number} is none of a dump: {shown(line)}", hint="sacctmgr dump CLUSTER")
        kind, name = match[1], match[2]
        if kind == "Cluster":
            cluster = name
        elif kind == "Parent":
            parent = name
        elif kind == "Account":
            below.setdefault(parent, []).append(name)
            options[name] = {key: value.strip("'") for key, value in _OPTION.findall(match[3] or "")}
        elif parent != ROOT:
            lost.append(
                Loss(f"Account/{parent}", f"That user {name} may submit is to be written as submit: [user:{name}].")
            )
    return below, options, cluster


def _branches(
    parent: str, below: Mapping[str, Iterable[str]], options: Mapping[str, Mapping[str, str]], lost: list[Loss]
) -> list[Branch]:
    found: list[Branch] = []
    taken: set[str] = set()
    for account in below.get(parent, ()):
        own, place = options[account], f"Account/{account}"
        lost += [Loss(f"{place}.{key}", "A charter has nothing like it.") for key in sorted(set(own) - _READ)]
        limit = _gpus(own.get("GrpTRES", ""), f"{place}.GrpTRES", lost)
        name = name_of(account.removeprefix(f"{parent}_"), taken, lost, place)
        largest = _gpus(own.get("MaxTRESPerJob") or own.get("MaxTRES", ""), f"{place}.MaxTRESPerJob", lost)
        weight = _weight(own.get("Fairshare", "1"), place, lost)
        limits = {} if limit is None else {"gpu": limit}
        found.append(
            Branch(name, {}, limits, weight, max_job=largest or None, below=_branches(account, below, options, lost))
        )
    return found


def _weight(text: str, place: str, lost: list[Loss]) -> Decimal:
    if not text.isdecimal():
        lost.append(Loss(f"{place}.Fairshare", f"A share '{text}' is not a number; the weight is 1."))
        return Decimal(1)
    if int(text) > 1000:
        lost.append(Loss(f"{place}.Fairshare", f"Weights go up to 1000; {text} is written so. Scale those beside it."))
    return min(Decimal(text), Decimal(1000))


def _gpus(text: str, place: str, lost: list[Loss]) -> int | None:
    total: int | None = None
    for piece in filter(None, text.split(",")):
        match = _GPUS.match(piece)
        if match is None or match[1]:
            lost.append(Loss(place, f"A charter limits accelerators of a pool: {piece} is left out."))
        else:
            total = int(match[2])
    return total
