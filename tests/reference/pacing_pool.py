"""One pool of a lab at work: what runs, what waits, who claims, and one scheduling pass after another."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import TYPE_CHECKING

from tests.reference.pacing_account import ceil_div
from tests.reference.pacing_floors import Floors, Paced, floors_of, rounded_of
from tests.reference.pacing_lab import Job, Lab, Rules
from tests.reference.pacing_nodes import free_nodes, nodes_of, place, with_places
from tests.reference.policy_reclaim import choose
from tests.reference.policy_tree import Gang, Tree, View

if TYPE_CHECKING:
    from tests.reference.pacing_window import Ledger


@dataclass(slots=True)
class Running:
    """A gang that holds GPUs. Once warned it has an instant at which it is stopped."""

    ident: int
    leaf: int
    job: Job
    start_ms: int
    end_ms: int
    nodes: dict[int, int]
    stop_ms: int | None = None

    def gang(self) -> Gang:
        """Return it as reclaim sees it."""
        return Gang(self.ident, self.leaf, self.job.size, self.start_ms, self.job.preemptible)


@dataclass(slots=True)
class Claim:
    """A gang that waits for the stop of others; ``size`` may be more than it needs itself (``Rules.ahead``)."""

    ident: int
    leaf: int
    job: Job
    since_ms: int
    size: int
    nodes: dict[int, int]
    victims: list[int]

    def gang(self) -> Gang:
        """Return it as reclaim sees it: as if it held its GPUs."""
        return Gang(self.ident, self.leaf, self.size, self.since_ms, self.job.preemptible)


class PoolRun:
    """The state of one pool."""

    def __init__(self, lab: Lab, rules: Rules, number: int, ids: Iterator[int]) -> None:
        self.lab, self.rules, self.number = lab, rules, number
        self.capacity = lab.capacity[number]
        self.running: dict[int, Running] = {}
        self.waiting: dict[int, list[tuple[int, Job]]] = {leaf: [] for leaf in lab.below_any()}
        self.submitted = dict.fromkeys(self.waiting, 0)
        self.claims: list[Claim] = []
        self.paces: dict[int, int] = {}
        self.rooms: dict[int, int] = {}
        self.floors = Floors((), (), frozenset())
        self.tree = self.floored = self.static_tree()
        self.losses: list[tuple[int, int]] = []
        self.reclaims = 0
        self.ids = ids

    # ------------------------------------------------------------------------------------------- what is so

    def held(self, leaves: Collection[int] | None = None) -> int:
        """Return the GPUs held by some leaves, or by all."""
        return sum(one.job.size for one in self.running.values() if leaves is None or one.leaf in leaves)

    def tell(self) -> str:
        """Return what is so in a line: pace and rounded floor, the gangs of each leaf (! stopped at), who claims."""
        parts = [f"P {pace}, R {self.floors.rounded[row]}" for row, pace in self.paces.items()]
        for leaf in self.waiting:
            gangs = [
                f"{one.job.size}" + ("" if one.stop_ms is None else f"!{one.stop_ms}")
                for one in self.running.values()
                if one.leaf == leaf
            ]
            claims = [f"claims {claim.size}" for claim in self.claims if claim.leaf == leaf]
            parts.append(f"team {leaf}: " + " ".join([*gangs, *claims]) if gangs or claims else f"team {leaf}: -")
        return "; ".join(parts)

    def demand_of(self, leaves: Collection[int]) -> int:
        """Return the GPUs that run or wait, claims included."""
        waiting = sum(job.size for leaf in leaves for _, job in self.waiting[leaf])
        claimed = sum(claim.job.size for claim in self.claims if claim.leaf in leaves)
        return self.held(leaves) + waiting + claimed

    def allocated(self, row: int) -> int:
        """Return what a row holds or claims."""
        leaves = self.lab.below(row)
        held = sum(one.job.size for one in self.running.values() if one.stop_ms is None and one.leaf in leaves)
        return held + sum(claim.size for claim in self.claims if claim.leaf in leaves)

    def static_tree(self) -> Tree:
        """Return the tree with static floors, which follow the capacity."""
        full, now, k = self.lab.capacity[self.number], self.capacity, self.number
        teams = self.lab.teams
        return Tree(
            parent=tuple(team.parent for team in teams),
            floor=tuple(team.floor[k] * now // full for team in teams),
            limit=tuple(min(self.lab.teams[row].limit[k] for row in self.lab.path(r)) for r in range(len(teams))),
            weight=tuple(team.weight for team in teams),
        )

    def view(self) -> View:
        """Return who is counted as holding what: all that is not warned, and all claims."""
        gangs = [one.gang() for one in self.running.values() if one.stop_ms is None]
        gangs += [claim.gang() for claim in self.claims]
        return View(self.floored, tuple(gangs), self.capacity, self.floored.floor)

    def view_of(self, leaf: int, view: View) -> View:
        """Return a view as a leaf sees it, who must not touch what is kept for others."""
        return view.replace((), *self.keeps(view, leaf))

    def keeps(self, view: View, leaf: int) -> list[Gang]:
        """Return the free GPUs that are kept for rows at P_max, as gangs; none for rows above ``leaf``."""
        free, kept = view.free(), list[Gang]()
        if not self.rules.ahead or not self.floors.full:
            return kept
        held = view.allocation()
        for row in sorted(self.floors.full - set(self.tree.path(leaf))):
            size = min(free, max(0, self.floors.rounded[row] - held[row]))
            if size > 0:
                kept.append(Gang(-1 - row, self.lab.below(row)[0], size, 1 << 60))
                free -= size
        return kept

    def free_nodes(self, *, counted: bool = True) -> list[int]:
        """Return what is free per node, once warned gangs are gone (``counted``) or now."""
        taken = [one.nodes for one in self.running.values() if one.stop_ms is None or not counted]
        taken += [claim.nodes for claim in self.claims] if counted else []
        return free_nodes(nodes_of(self.capacity, self.lab.node[self.number]), taken)

    # ------------------------------------------------------------------------------------------- the instant

    def settle(self, now_ms: int) -> None:
        """Let everything happen that is due now, before the pass: ends, stops, capacity, submissions."""
        for one in [one for one in self.running.values() if one.end_ms == now_ms]:
            del self.running[one.ident]
        for one in [one for one in self.running.values() if one.stop_ms == now_ms]:
            self.stop(one, now_ms, reclaimed=True)
        for outage in self.lab.outages:
            if outage.pool == self.number and outage.from_ms == now_ms:
                self.capacity = outage.capacity
                self.tree = self.floored = self.static_tree()
                self.floors = Floors(self.tree.floor, self.tree.floor, frozenset())
                self.shed(now_ms)
        for leaf in self.waiting:
            self.submit(leaf, now_ms)

    def stop(self, one: Running, now_ms: int, *, reclaimed: bool) -> None:
        """Put a gang back into its queue, with what it still has to run and what it lost."""
        del self.running[one.ident]
        every_ms = self.lab.teams[one.leaf].savepoint_ms
        lost_ms = (now_ms - one.start_ms) % every_ms if every_ms else 0
        self.losses.append((one.leaf, self.lab.heh[self.number] * one.job.size * lost_ms))
        self.reclaims += reclaimed
        left = replace(one.job, run_ms=one.end_ms - now_ms + lost_ms)
        self.wait(one.leaf, one.ident, left)

    def shed(self, now_ms: int) -> None:
        """Requeue gangs on nodes that went down, the newest first where only GPUs are counted; claims are made anew."""
        for claim in list(self.claims):
            self.withdraw(claim)
        count = len(nodes_of(self.capacity, self.lab.node[self.number]))
        for one in sorted(self.running.values(), key=lambda one: (-one.start_ms, -one.ident)):
            if any(number >= count for number in one.nodes) or min(self.free_nodes(counted=False)) < 0:
                self.stop(one, now_ms, reclaimed=False)

    def submit(self, leaf: int, now_ms: int) -> None:
        """Submit jobs of the list until the team's level is reached; at level 0 withdraw what waits."""
        team = self.lab.teams[leaf]
        level, jobs = team.level_at(now_ms, self.number), team.jobs[self.number]
        if level == 0:
            self.waiting[leaf] = []
            for claim in [claim for claim in self.claims if claim.leaf == leaf]:
                self.withdraw(claim)
            self.waiting[leaf] = []
        while jobs and self.demand_of([leaf]) < level:
            job = jobs[self.submitted[leaf] % len(jobs)]
            self.submitted[leaf] += 1
            self.waiting[leaf].append((next(self.ids), job))

    def take_losses(self) -> list[tuple[int, int]]:
        """Return (leaf, weighted GPU-ms) of work lost since the last call."""
        losses, self.losses = self.losses, []
        return losses

    def instants(self, now_ms: int) -> Iterator[int]:
        """Yield when something of this pool happens next."""
        for one in self.running.values():
            yield one.end_ms
            if one.stop_ms is not None:
                yield one.stop_ms
        yield from (outage.from_ms for outage in self.lab.outages if outage.from_ms > now_ms)
        for leaf in self.waiting:
            yield from (level.from_ms for level in self.lab.teams[leaf].levels if level.from_ms > now_ms)

    # ------------------------------------------------------------------------------------------- the pass

    def schedule(self, now_ms: int, ledgers: Sequence[Ledger], pools: Sequence[PoolRun]) -> None:
        """Compute floors, carry out what claims are ready, start and claim below floors, then give out the rest."""
        self.refloor(now_ms, ledgers, pools)
        for claim in list(self.claims):
            self.review(claim, now_ms)
        while self.one_below_floor(now_ms):
            pass
        while self.one_above_floor(now_ms):
            pass

    def refloor(self, now_ms: int, ledgers: Sequence[Ledger], pools: Sequence[PoolRun]) -> None:
        """Compute paces, ceilings, effective and rounded floors."""
        paced = [ledger.paced(now_ms, self, pools) for ledger in ledgers if not ledger.promise.at_most]
        self.paces = {one.row: one.pace for one in paced}
        self.rooms = {one.row: self.room(one) for one in paced}
        tree = self.static_tree()
        limit = list(tree.limit)
        for ledger in ledgers:
            if ledger.promise.at_most:
                row = ledger.promise.row
                limit[row] = max(tree.floor[row], min(limit[row], ledger.ceiling(now_ms, pools)))
        self.tree = replace(tree, limit=tuple(min(limit[r] for r in tree.path(row)) for row in range(len(tree))))
        demand = [self.demand_of(self.lab.below(row)) for row in range(len(tree))]
        self.floors = floors_of(
            self.tree, self.capacity, demand, paced, rounding=self.rules.rounding, whole=self.rules.whole,
            first=self.rules.level,
        )  # fmt: skip
        self.floored = replace(self.tree, floor=self.floors.floor, rounded=self.floors.rounded)

    def begin(self, leaf: int, ident: int, job: Job, now_ms: int) -> None:
        """Start a gang on GPUs that are free now."""
        found = place(job.size, self.free_now(), self.lab.node[self.number])
        assert found is not None
        self.running[ident] = Running(ident, leaf, job, now_ms, now_ms + job.run_ms, found)

    def one_below_floor(self, now_ms: int) -> bool:
        """Start or claim one gang for a team that a floor on its path asks for; return whether one was found."""
        now = self.view()
        held = now.allocation()
        for leaf in self.in_order(held):
            if all(held[row] >= self.floors.floor[row] for row in self.tree.path(leaf)):
                continue
            view, tried = self.view_of(leaf, now), set[Job]()
            for item in self.waiting[leaf]:
                new = item[1] not in tried and self.may_run(leaf, item[1], held)
                if new and (self.start_if_free(leaf, item, view, now_ms) or self.claim(leaf, item, view, now_ms)):
                    return True
                tried.add(item[1])
        return False

    def one_above_floor(self, now_ms: int) -> bool:
        """Start one gang on GPUs that nobody claims or keeps; return whether one was found."""
        now = self.view()
        if now.free() <= 0:
            return False
        held = now.allocation()
        for leaf in self.in_order(held):
            view, tried = self.view_of(leaf, now), set[Job]()
            for item in self.waiting[leaf]:
                new = item[1] not in tried and self.may_run(leaf, item[1], held)
                if new and self.start_if_free(leaf, item, view, now_ms):
                    return True
                tried.add(item[1])
        return False

    def in_order(self, held: Sequence[int]) -> list[int]:
        """Return the leaves in the order of admission: from the top down, furthest below its floor, then by weight."""
        floor, weight = self.floors.floor, self.tree.weight

        def key(leaf: int) -> list[tuple[int, Fraction, int]]:
            return [
                (0, Fraction(held[row], floor[row]), row)
                if held[row] < floor[row]
                else (1 if weight[row] else 2, Fraction(held[row], weight[row] or 1), row)
                for row in reversed(self.tree.path(leaf))
            ]

        return sorted((leaf for leaf in self.waiting if self.waiting[leaf]), key=key)

    def may_run(self, leaf: int, job: Job, held: Sequence[int]) -> bool:
        """Return whether limits allow the gang, and its team's floor if it cannot be stopped."""
        if any(held[row] + job.size > self.tree.limit[row] for row in self.tree.path(leaf)):
            return False
        if job.preemptible:
            return True
        bound = sum(one.job.size for one in self.running.values() if one.leaf == leaf and not one.job.preemptible)
        bound += sum(claim.job.size for claim in self.claims if claim.leaf == leaf and not claim.job.preemptible)
        room = max(self.tree.floor[leaf], self.rooms.get(leaf, 0))
        return not self.rules.binding or bound + job.size <= room

    def room(self, one: Paced) -> int:
        """Return the GPUs that jobs which cannot be stopped may take for a promise."""
        if self.rules.level:
            return rounded_of(one.level, one.sizes, self.rules.rounding)
        return ceil_div(one.share.numerator, one.share.denominator)

    def start_if_free(self, leaf: int, item: tuple[int, Job], view: View, now_ms: int) -> bool:
        """Start a gang that fits what is free."""
        if (
            min(view.free(), self.spare_now(leaf)) < item[1].size
            or place(item[1].size, self.free_now(), self.lab.node[self.number]) is None
        ):
            return False
        self.waiting[leaf].remove(item)
        self.begin(leaf, *item, now_ms)
        return True

    def free_now(self) -> list[int]:
        """Return what is free per node now, less what claims will not get from their own victims."""
        free = free_nodes(nodes_of(self.capacity, self.lab.node[self.number]), [o.nodes for o in self.running.values()])
        for claim in self.claims:
            coming = [self.running[ident].nodes for ident in claim.victims if ident in self.running]
            for number, gpus in claim.nodes.items():
                if number < len(free):
                    free[number] -= max(0, gpus - sum(nodes.get(number, 0) for nodes in coming))
        return free

    def spare_now(self, leaf: int) -> int:
        """Return the GPUs that are free now and neither claimed nor kept for rows that ``leaf`` is not below."""
        return sum(self.free_now()) - sum(gang.size for gang in self.keeps(self.view(), leaf))

    # ------------------------------------------------------------------------------------------- claims

    def claim(self, leaf: int, item: tuple[int, Job], view: View, now_ms: int) -> bool:
        """Claim GPUs for a gang by rule S, at P_max for the whole rounded floor; return whether anybody can give them."""
        ident, job = item
        held = view.allocation()
        extra = 0
        if self.rules.ahead:
            full = [row for row in self.tree.path(leaf) if row in self.floors.full]
            extra = max([0, *(self.floors.rounded[row] - held[row] - job.size for row in full)])
        for size in sorted({job.size + extra, job.size}, reverse=True):
            asker = Gang(ident, leaf, size, now_ms, job.preemptible)
            chosen = choose(view, asker, fits=lambda chosen, size=size: self.place_with(chosen, size) is not None)
            if chosen is not None and all(victim > 0 for victim in chosen):
                break
        else:
            return False
        mine = [claim for claim in self.claims if claim.ident in chosen]
        for claim in mine:
            self.withdraw(claim)
        if mine:
            return self.claim(leaf, item, self.view_of(leaf, self.view()), now_ms)
        nodes = self.place_with(chosen, size)
        assert nodes is not None
        self.waiting[leaf].remove(item)
        claim = Claim(ident, leaf, job, now_ms, size, nodes, list(chosen))
        self.claims.append(claim)
        for victim in chosen:
            self.warn(self.running[victim], claim, now_ms)
        self.review(claim, now_ms)
        return True

    def place_with(self, victims: Collection[int], size: int) -> dict[int, int] | None:
        """Return where a gang fits once some victims are gone, warned gangs being gone already."""
        places = [self.running[victim].nodes for victim in victims if victim in self.running]
        places += [claim.nodes for claim in self.claims if claim.ident in victims]
        return place(size, with_places(self.free_nodes(), places), self.lab.node[self.number])

    def warn(self, victim: Running, claim: Claim, now_ms: int) -> None:
        """Set the instant at which a victim is stopped (FAIRNESS 5)."""
        terms, recover_ms = self.lab.teams[victim.leaf], self.lab.teams[claim.leaf].recover_ms
        safe_ms = min(victim.start_ms + terms.min_runtime_ms, claim.since_ms + recover_ms - terms.grace_ms)
        warned_ms = max(claim.since_ms, safe_ms)
        victim.stop_ms = min(warned_ms + terms.grace_ms, claim.since_ms + recover_ms)
        if victim.stop_ms <= now_ms:
            self.stop(victim, now_ms, reclaimed=True)

    def review(self, claim: Claim, now_ms: int) -> None:
        """Withdraw a claim that no floor asks for; spare victims that it does not need; start it once it can."""
        others = self.view().allocation([claim.ident])
        asked = any(others[row] < self.floors.floor[row] for row in self.tree.path(claim.leaf))
        claim.victims = [ident for ident in claim.victims if ident in self.running]
        if not asked or (not claim.victims and self.view().free() < 0):
            self.withdraw(claim)
            return
        self.claims.remove(claim)
        for ident in reversed(list(claim.victims)):
            # The view counts all its victims as gone. What is kept for others must be free without the coming ones.
            rest = [self.running[other].nodes for other in claim.victims if other != ident]
            enough = self.view_of(claim.leaf, self.view()).free() - self.running[ident].job.size
            found = place(claim.size, with_places(self.free_now(), rest), self.lab.node[self.number])
            now = self.spare_now(claim.leaf) + sum(sum(nodes.values()) for nodes in rest)
            if found is not None and min(enough, now) >= claim.size:
                claim.victims.remove(ident)
                claim.nodes = found
                self.running[ident].stop_ms = None
        found = place(claim.size, self.free_now(), self.lab.node[self.number])
        if not claim.victims and found is not None and self.spare_now(claim.leaf) >= claim.size:
            self.begin(claim.leaf, claim.ident, claim.job, now_ms)
        else:
            self.claims.append(claim)

    def withdraw(self, claim: Claim) -> None:
        """Take a claim back: its victims run on, its job waits again."""
        self.claims.remove(claim)
        for ident in claim.victims:
            if ident in self.running:
                self.running[ident].stop_ms = None
        self.wait(claim.leaf, claim.ident, claim.job)

    def wait(self, leaf: int, ident: int, job: Job) -> None:
        """Put a job into its team's queue, in the order of submission."""
        self.waiting[leaf] = sorted([*self.waiting[leaf], (ident, job)], key=lambda item: item[0])
