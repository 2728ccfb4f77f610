"""Cases of ../shared/cases/fairshare_cases.json: who is due what, and who goes first.

Divisions and quotas are answered by the exact entitlement, dominant shares by floors and limits, costs and orders by
the kernel. Both reclaim modes divide alike, so each case has one answer.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from math import ceil
from typing import Any

from equipoise.charter.entitlement import entitlements, tree
from equipoise.charter.floors import quotas
from tests.contract.choices import FLOORS, SHARES, Answer, Verdict, explain
from tests.contract.peer_cases import Case, exact, parts_of_a_unit, source
from tests.contract.small_system import POOL, Terms, charter_of, held_part, order_of_start
from tests.reference.peer_division import Claim, armada_cost, armada_shares, htcondor_quotas, kai_division
from tests.reference.peer_kueue import Cohorts, Node, Share
from tests.reference.peer_usage import Account, Accounts, classic_factor, fair_tree_factors

UNLIMITED = Fraction(2**53 - 1)
DIGITS = 6  # of the factors that Slurm prints

Division = dict[str, Fraction]


def verdict(case: Case) -> Verdict:
    """Hold one case against Equipoise."""
    by, theirs, rule_gives_it, ours, reasons = _KINDS[case["kind"]](case)
    choice = None if reasons is None else explain(case["id"], reasons)
    answers = {mode: Answer(ours, choice) for mode in (FLOORS, SHARES)}
    return Verdict(case["id"], source(case), case["name"], by, theirs, rule_gives_it, answers)


Reasons = Sequence[tuple[str, Callable[[], bool]]]

Found = tuple[str, str, bool, str, Reasons | None]
"""What answers, what is expected, whether the peer's rule gives it, what Equipoise gives, and what may explain a
difference (None: there is none)."""


def entitled(claims: Sequence[Claim], total: Fraction) -> tuple[Division, Division]:
    """Return the entitlement and the floor of each queue as a team, dividing ``total`` in equal slices."""
    amounts = [amount for c in claims for amount in (c.guaranteed, c.limit or Fraction(0), c.request)]
    slices = parts_of_a_unit([total, *amounts])
    capacity = int(total * slices)
    charter = charter_of(
        [
            Terms(
                name=claim.name,
                parent=None,
                floor=int(claim.guaranteed * slices),
                limit=None if claim.limit is None else int(claim.limit * slices),
                weight_e4=int(claim.weight * 10_000),
            )
            for claim in claims
        ],
        capacity,
    )
    asked = {claim.name: int(claim.request * slices) for claim in claims}
    rows = tree(charter, POOL, capacity)
    given = entitlements(rows, capacity, [asked[team.name] for team in charter.teams])
    names = [team.name for team in charter.teams]

    def whole(counts: Sequence[int]) -> Division:
        return {name: Fraction(count, slices) for name, count in zip(names, counts, strict=True)}

    return whole(given), whole(rows.floor)


def _kai(case: Case) -> Found:
    resources = list(case["total_resources"])
    over_quota = case.get("stage") == "over_quota_only"
    told: list[str] = []
    answered: list[str] = []
    rule_gives_it = True
    differing: list[tuple[list[Claim], Fraction, Division, Division]] = []
    for resource in resources:
        claims = [_kai_claim(queue, resource) for queue in case["queues"]]
        started = {q["name"]: exact(q["initial_share"]) for q in case["queues"]} if over_quota else None
        total = exact(case["total_resources"][resource])
        wanted = {name: exact(_of(amount, resource)) for name, amount in case["expected"].items()}
        left = None if case.get("expected_remaining") is None else exact(case["expected_remaining"])
        theirs, unused = kai_division(total, claims, started=started)
        rule_gives_it &= _named(theirs, wanted) == wanted and left in (None, unused)
        total += sum((started or {}).values())
        ours, floors = entitled(claims, total)
        if _named(ours, wanted) != wanted or left not in (None, total - sum(ours.values())):
            differing.append((claims, total, ours, floors))
        of = f"{resource} " if len(resources) > 1 else ""
        told.append(of + _list(wanted))
        answered.append(of + _list(_named(ours, wanted)))

    def instead(change: Callable[[Claim, Division], Claim]) -> Callable[[], bool]:
        """Whether KAI's own rule, with one thing changed, gives what Equipoise gives, wherever the two differ."""
        return lambda: all(
            kai_division(total, [change(claim, floors) for claim in claims])[0] == ours
            for claims, total, ours, floors in differing
        )

    reasons = [
        ("floors-shrink", instead(lambda claim, floors: replace(claim, guaranteed=floors[claim.name]))),
        ("no-priority-between-teams", instead(lambda claim, _: replace(claim, priority=0))),
        ("weight-zero-last", instead(lambda claim, _: replace(claim, weight=claim.weight or Fraction(1)))),
    ]
    return "entitlement", "; ".join(told), rule_gives_it, "; ".join(answered), reasons if differing else None


def _kai_claim(queue: Mapping[str, Any], resource: str) -> Claim:
    limit = _of(queue["limit"], resource)
    return Claim(
        name=queue["name"],
        guaranteed=exact(_of(queue["guaranteed"], resource)),
        limit=None if limit is None else exact(limit),
        weight=exact(_of(queue["weight"], resource)),
        request=exact(_of(queue["request"], resource)),
        priority=queue.get("priority", 0),
        created=queue.get("created", 0),
    )


def _armada_shares(case: Case) -> Found:
    total = exact(case["total_resources"]["cpu"])
    weight = {queue["name"]: exact(queue["weight"]) for queue in case["queues"]}
    asked = {queue["name"]: exact(queue["request"]) for queue in case["queues"]}
    everything = UNLIMITED if total else Fraction(1)
    part = {name: amount / total if total else everything for name, amount in asked.items()}
    keys = ("expected", "expected_fair_share", "expected_uncapped")
    wanted = [{name: float(case[key][name]) for name in asked} for key in keys]

    def three(divide: Callable[[Division], Division], demand: Division) -> list[dict[str, float]]:
        """Demand as it is; everybody asks for everything; one asks for everything."""
        all_of_it = divide(dict.fromkeys(demand, everything))
        alone = {name: divide({**demand, name: everything})[name] for name in demand}
        return [{name: float(one[name]) for name in demand} for one in (divide(demand), all_of_it, alone)]

    def ours_of(demand: Division) -> Division:
        claims = [Claim(name, Fraction(0), None, weight[name], amount) for name, amount in demand.items()]
        given, _ = entitled(claims, total)
        return {name: amount / total if total else Fraction(0) for name, amount in given.items()}

    theirs, ours = three(lambda demand: armada_shares(demand, weight), part), three(ours_of, asked)
    reasons = [("empty-pool", lambda: total == 0 and not any(ours[0].values()))] if ours != wanted else None
    return "entitlement", _list(wanted[0]), theirs == wanted, _list(ours[0]), reasons


def _armada_cost(case: Case) -> Found:
    (queue,) = case["queues"]
    total = {r: exact(amount) for r, amount in case["total_resources"].items()}
    held = {r: exact(amount) for r, amount in queue["allocated"].items()}
    multiplier = {r: exact(amount) for r, amount in case["multipliers"].items()}
    wanted, weight = exact(case["expected"][queue["name"]]), exact(queue["weight"])
    parts: Division = {}
    for resource, amount in held.items():
        slices = parts_of_a_unit([total[resource], amount])
        if amount:
            parts[resource] = held_part(int(total[resource] * slices), int(amount * slices)) / weight
    theirs = armada_cost(held, total, multiplier, weight)
    weighed = max(multiplier.get(r, Fraction(0)) * part for r, part in parts.items())
    reasons = (
        [("pools-apart", lambda: len(parts) > 1 and weighed == wanted)] if list(parts.values()) != [wanted] else None
    )
    return "kernel", _list({queue["name"]: wanted}), theirs == wanted, _list(parts), reasons


def _kueue(case: Case) -> Found:
    cohorts = Cohorts(
        Node(
            name=queue["name"],
            parent=queue["parent"],
            queue=queue["kind"] == "queue",
            weight=exact(queue["weight"]),
            quota=_amounts(queue["guaranteed"]),
            borrowing=_amounts(queue["limit"]),
            lending=_amounts(queue["lending_limit"]),
        )
        for queue in case["queues"]
    )
    for queue in case["queues"]:
        if queue.get("usage"):
            cohorts.charge(queue["name"], _amounts(queue["usage"]), 1)
            cohorts.charge(queue["name"], _amounts(case["incoming"] or {}), 1)
    theirs = {name: _told(cohorts.share(name)) for name in cohorts.nodes}
    wanted: dict[str, dict[str, Any]] = case["expected"]
    excess = {name: _beyond_floors(cohorts, name) for name in cohorts.nodes}
    ours = {name: _one_pool(found, cohorts.nodes[name].weight) for name, found in excess.items()}

    def together() -> bool:
        """Whether adding up the pools of one resource, and taking the largest resource, gives the peer's share."""
        return all(_largest(found, cohorts.nodes[name].weight) == wanted[name] for name, found in excess.items())

    reasons = [("pools-apart", together)] if ours != wanted else None
    shown = {name: _per_pool(found, cohorts.nodes[name].weight) for name, found in excess.items()}
    shown = {name: text for name, text in shown.items() if text}
    told = {name: f"{row['share_x1000']} of {row['dominant']}" for name, row in wanted.items() if row["borrowing"]}
    return "floors and limits", _list(told), theirs == wanted, _list(shown), reasons


Excess = dict[str, tuple[Fraction, Fraction]]
"""By pool: devices beyond the floor, and what the teams above allow."""


def _beyond_floors(cohorts: Cohorts, name: str) -> Excess:
    """Return what a node holds beyond its floor, were every flavor a pool of its own; nothing for the whole tree."""
    root = cohorts.path(name)[-1]
    if name == root and not cohorts.nodes[name].queue:
        return {}
    return {resource: _beyond_floor(cohorts, name, root, resource) for resource in cohorts.resources()}


def _beyond_floor(cohorts: Cohorts, name: str, root: str, resource: str) -> tuple[Fraction, Fraction]:
    def devices(at: str) -> int:
        own = cohorts.nodes[at].quota.get(resource, Fraction(0))
        return int(own) + sum(devices(child) for child in cohorts.below[at])

    def limit(node: Node) -> int | None:
        beyond = node.borrowing.get(resource)
        return None if beyond is None else devices(node.name) + int(beyond)

    teams = [
        Terms(
            name=node.name,
            parent=None if node.parent == root else node.parent,
            floor=devices(node.name),
            limit=limit(node),
            weight_e4=int(node.weight * 10_000),
        )
        for node in cohorts.nodes.values()
        if node.name != root or node.queue
    ]
    capacity, parent = devices(root), cohorts.nodes[name].parent
    charter = charter_of(teams, capacity)
    resolved = dict(zip([team.name for team in charter.teams], quotas(charter, POOL, capacity), strict=True))
    above = resolved[parent].limit if parent in resolved else capacity
    return max(Fraction(0), cohorts.used(name, resource) - resolved[name].floor), Fraction(above)


def _one_pool(found: Excess, weight: Fraction) -> dict[str, Any] | None:
    """Return the share in the words of the case; None where there are several."""
    over = {resource: amounts for resource, amounts in found.items() if amounts[0]}
    return None if len(over) > 1 else _largest(over, weight)


def _largest(found: Excess, weight: Fraction) -> dict[str, Any]:
    """Return the share in the words of the case: pools of one resource added up, the largest resource taken."""
    over: dict[str, Fraction] = {}
    above: dict[str, Fraction] = {}
    for resource, (amount, allowed) in found.items():
        kind = resource.split("/", 1)[1]
        over[kind], above[kind] = over.get(kind, Fraction(0)) + amount, above.get(kind, Fraction(0)) + allowed
    parts = {kind: amount / above[kind] for kind, amount in sorted(over.items()) if amount}
    if not parts:
        return _told(Share(Fraction(0), "", borrowing=False, endless=False))
    kind = max(parts, key=lambda kind: parts[kind])
    return _told(Share(parts[kind] / weight, kind, borrowing=True, endless=False))


def _per_pool(found: Excess, weight: Fraction) -> str:
    return ", ".join(f"{ceil(1000 * over / above / weight)} of {r}" for r, (over, above) in found.items() if over)


def _told(share: Share) -> dict[str, Any]:
    return {"share_x1000": share.per_mille, "dominant": share.dominant, "borrowing": share.borrowing}


def _htcondor(case: Case) -> Found:
    total = exact(case["total_resources"]["slots"])
    quota = {queue["name"]: exact(queue["guaranteed"]) for queue in case["queues"]}
    wanted = {name: exact(amount) for name, amount in case["expected"].items()}
    claims = [  # accept_surplus = false: the quota is the limit as well
        Claim(
            queue["name"], quota[queue["name"]], quota[queue["name"]], exact(queue["weight"]), exact(queue["request"])
        )
        for queue in case["queues"]
    ]
    ours, _ = entitled(claims, total)
    reasons = () if ours != wanted else None
    return "entitlement", _list(wanted), htcondor_quotas(total, quota) == wanted, _list(ours), reasons


def _slurm(case: Case) -> Found:
    accounts = Accounts(
        [
            Account(q["name"], q["parent"], exact(q["weight"] or 0), None if q["usage"] is None else exact(q["usage"]))
            for q in case["queues"]
        ]
    )
    wanted: dict[str, float] = case["expected"]
    order = _order(accounts)
    rank = {name: Fraction(len(order) - place, len(order)) for place, name in enumerate(order)}
    if case["kind"] == "slurm_fair_tree":
        ours = {name: round(float(rank[name]), DIGITS) for name in wanted}
        theirs = {name: round(float(part), DIGITS) for name, part in fair_tree_factors(accounts).items()}
        return "kernel", _list(wanted), theirs == wanted, _list(ours), () if ours != wanted else None
    theirs = {name: round(classic_factor(accounts, name), DIGITS) for name in wanted}
    best_first = sorted(wanted, key=lambda name: -wanted[name])
    ours = [name for name in order if name in wanted]
    reasons = [("order-not-factor", lambda: ours == best_first)]
    return "kernel", _list(wanted), theirs == wanted, " before ".join(ours), reasons


def _order(accounts: Accounts) -> list[str]:
    """Return the users in the order in which the kernel starts their work, everybody having used what is told."""
    shares = {name: row.shares for name, row in accounts.rows.items() if name != accounts.root}
    scale = min(10_000, 10_000_000 // int(max(shares.values())))  # weights end at 1000; only ratios count
    teams = [
        Terms(
            name=name.replace(".", "-"),  # a dot separates the names of a path
            parent=None if row.parent == accounts.root else str(row.parent).replace(".", "-"),
            floor=0,
            limit=None,
            weight_e4=int(row.shares * scale),
        )
        for name, row in accounts.rows.items()
        if name != accounts.root
    ]
    used = {name.replace(".", "-"): int(accounts.used(name)) for name in accounts.users}
    return [
        next(name for name in accounts.users if name.replace(".", "-") == team) for team in order_of_start(teams, used)
    ]


def _of(value: Any, resource: str) -> Any:
    return value[resource] if isinstance(value, dict) else value


def _amounts(amounts: Mapping[str, Any]) -> Division:
    return {r: UNLIMITED if amount == "unlimited" else exact(amount) for r, amount in amounts.items()}


def _named(division: Division, wanted: Mapping[str, Any]) -> Division:
    return {name: division[name] for name in wanted}


def _list(values: Mapping[str, Any]) -> str:
    """Return ``a: 1, b: 2``."""
    return ", ".join(f"{name}: {_number(value)}" for name, value in values.items()) or "nobody"


def _number(value: Any) -> str:
    return f"{float(value):.6g}" if isinstance(value, Fraction | float) else str(value)


_KINDS: dict[str, Callable[[Case], Found]] = {
    "kai_division": _kai,
    "armada_adjusted_fair_share": _armada_shares,
    "armada_drf_cost": _armada_cost,
    "kueue_dominant_share": _kueue,
    "htcondor_group_quota": _htcondor,
    "slurm_classic_fs": _slurm,
    "slurm_fair_tree": _slurm,
}
