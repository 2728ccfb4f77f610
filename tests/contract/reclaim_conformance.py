"""Cases of ../shared/cases/reclaim_cases.json: whose work is stopped, by the kernel, under both reclaim modes."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cached_property

from equipoise.charter.entitlement import entitlements, tree
from equipoise.charter.model import Reclaim
from tests.contract.choices import Answer, Verdict, explain
from tests.contract.peer_cases import Case, exact, source
from tests.contract.reclaim_mapping import (
    cluster_of,
    cohorts_of,
    expected,
    resources_asked_for,
    sets_of,
    small_of,
)
from tests.contract.small_system import POOL, Asking, Outcome, Small, charter_of, run
from tests.reference.peer_kai_reclaim import Cluster, Job, with_guarantees, without_priorities
from tests.reference.peer_kueue import Admitted, Cohorts
from tests.reference.peer_kueue_victims import Targets, classic_victims, fair_victims
from tests.reference.policy_reclaim import legal_sets
from tests.reference.policy_secure import secure_sets
from tests.reference.policy_tree import Gang, Tree, View

MODES: tuple[Reclaim, Reclaim] = ("floors", "shares")


def verdict(case: Case) -> Verdict:
    """Hold one case against Equipoise, under both modes."""
    wanted = expected(case)
    answers: dict[str, Answer] = {}
    for mode in MODES:
        outcome = run(small_of(case), reclaim=mode)
        choice = None
        if sets_of(case, outcome) != wanted:
            choice = explain(f"{case['id']} under {mode}", Difference(case, mode, outcome).reasons())
        answers[mode] = Answer(_told(outcome.victims, outcome.started, outcome.refused, outcome.restarted), choice)
    theirs = _told(wanted["victims"], wanted["started"])
    return Verdict(case["id"], source(case), case["name"], "kernel", theirs, rule_gives(case), answers)


def rule_gives(case: Case) -> bool:
    """Return whether the peer's rule gives (KAI: permits, in the end) what is expected."""
    if case["kind"] == "kai_reclaim":
        wanted = expected(case)
        return (wanted["victims"], wanted["started"]) in cluster_of(case).finals()
    return kueue_victims(case) == case["expected"]["victims"]


def kueue_victims(
    case: Case, change: Callable[[Admitted, Admitted], Admitted] | None = None, *, cohort: str | None = None
) -> Targets:
    """Return whom Kueue evicts, with running workloads changed or another policy towards the cohort, if asked."""
    cohorts, running, incoming, policy = cohorts_of(case)
    if change is not None:
        running, incoming = [change(job, incoming) for job in running], change(incoming, incoming)
        cohorts = Cohorts(cohorts.nodes.values(), running)
    policy = policy if cohort is None else replace(policy, cohort=cohort)
    if case["kind"] == "kueue_fair_preemption":
        return fair_victims(cohorts, running, incoming, policy, case["strategies"])
    return classic_victims(cohorts, running, incoming, policy)


@dataclass(frozen=True)
class Difference:
    """One outcome that is not the expected one, and the tests of each choice that could explain it."""

    case: Case
    mode: Reclaim
    outcome: Outcome

    def reasons(self) -> Iterable[tuple[str, Callable[[], bool]]]:
        """Return the choices with their tests, the most particular first."""
        return (
            ("known-fault", self.expectation_breaks_the_rule),
            ("stop-is-decided", self.somebody_does_not_let_go),
            ("refused-at-once", self.only_a_refusal_differs),
            ("accelerators-only", self.rule_agrees_on_accelerators_alone),
            ("floors-shrink", self.rule_agrees_with_these_floors),
            ("no-migration", self.free_devices_lie_apart),
            ("floors-only", self.floors_give_nothing_and_shares_do),
            ("no-priority-between-teams", self.rule_agrees_without_priorities),
            ("straddling-gang", self.their_victims_are_secure),
            ("to-the-entitlement", self.ends_at_the_entitlement),
        )

    @property
    def kai(self) -> bool:
        """Whether the case is one of KAI's."""
        return self.case["kind"] == "kai_reclaim"

    @cached_property
    def final(self) -> tuple[frozenset[str], frozenset[str]]:
        """Victims and started work, as the rules of the peers put it."""
        return frozenset(self.outcome.victims), frozenset(self.outcome.started)

    def expectation_breaks_the_rule(self) -> bool:
        """KAI's rule does not lead to what is expected, and it does lead to what Equipoise does."""
        return self.kai and not rule_gives(self.case) and self.final in cluster_of(self.case).finals()

    def somebody_does_not_let_go(self) -> bool:
        """Some job is being stopped already, and nobody else is a victim."""
        stuck = any("StuckInReleasing" in job["states"] for job in self.case.get("jobs", ()))
        return stuck and not self.outcome.victims

    def rule_agrees_on_accelerators_alone(self) -> bool:
        """Work asks for several resources; the peer's rule, seeing the divided one alone, does what Equipoise does."""
        if len(resources_asked_for(self.case)) == 1:
            return False
        if not self.kai:
            found = kueue_victims(
                self.case, lambda job, _: replace(job, amounts={r: job.amounts[r] for r in self._cpu(job)})
            )
            return set(found) == self.final[0]
        cluster = cluster_of(self.case)
        jobs = [Job(j.name, j.queue, {"gpu": j.amounts["gpu"]}, j.preemptible, j.running) for j in cluster.jobs]
        alone = Cluster(cluster.total, cluster.queues, [job for job in jobs if job.amounts["gpu"]])
        return self.final in alone.finals()

    @staticmethod
    def _cpu(job: Admitted) -> list[str]:
        return [resource for resource in job.amounts if resource.endswith("/cpu")]

    def only_a_refusal_differs(self) -> bool:
        """What the peer leaves waiting is refused; everything else is the same."""
        wanted, found = expected(self.case), sets_of(self.case, self.outcome)
        refused = frozenset(self.outcome.refused)
        return bool(refused) and {**found, "waiting": found["waiting"] | refused} == wanted

    def rule_agrees_with_these_floors(self) -> bool:
        """KAI's rule, were the shrunken floors its guarantees, would do what Equipoise does."""
        if not self.kai:
            return False
        charter = charter_of(self.small.teams, self.small.nodes, self.small.per_node)
        slices = self.capacity / exact(self.case["total_resources"]["gpu"])
        floors = {team.name: Fraction(self.tree.floor[row]) / slices for row, team in enumerate(charter.teams)}
        return {self.final} == with_guarantees(cluster_of(self.case), "gpu", floors).finals()

    def free_devices_lie_apart(self) -> bool:
        """Enough devices are free, but not on one node; whoever was stopped started again, and nobody else was."""
        held = sum(job.gang for job in self.small.running)
        fits = any(job.gang <= min(self.capacity - held, self.small.per_node) for job in self.small.waiting)
        return self.small.per_node > 1 and fits and set(self.outcome.victims) == set(self.outcome.restarted)

    def floors_give_nothing_and_shares_do(self) -> bool:
        """Nobody is stopped; by exhaustive search with the twin no victims are legal under floors, some under shares."""
        if self.mode != "floors" or self.outcome.victims:
            return False
        claims = [self.gang(job) for job in self.small.waiting]
        by_floors, by_shares = (
            [any(True for _ in legal_sets(self.view, claim, reclaim=mode)) for claim in claims] for mode in MODES
        )
        return not any(by_floors) and any(by_shares)

    def rule_agrees_without_priorities(self) -> bool:
        """The peer's rule, were no team and no other team's work above another, would do what Equipoise does."""
        if self.kai:
            return {self.final} == without_priorities(cluster_of(self.case)).finals()

        def level(job: Admitted, incoming: Admitted) -> Admitted:
            return job if job.queue == incoming.queue else replace(job, priority=incoming.priority)

        original, levelled = kueue_victims(self.case), kueue_victims(self.case, level, cohort="Any")
        return set(levelled) == self.final[0] != set(original)

    def their_victims_are_secure(self) -> bool:
        """Whom the peer stops and Equipoise does not is secure at its leaf, and the reverse is insecure."""
        secure = {self.jobs[job].name for jobs in self._secure_at_leaves for job in jobs}
        theirs, ours = expected(self.case)["victims"], self.final[0]
        return bool(theirs - ours) and theirs - ours <= secure and not (ours - theirs) & secure

    @property
    def _secure_at_leaves(self) -> list[set[int]]:
        secure = secure_sets(self.tree, self.view.gangs)
        return [secure[leaf] for leaf in self.tree.leaves()]

    def ends_at_the_entitlement(self) -> bool:
        """Every top team ends at what it is entitled to; where the peer stops, some team still holds more."""
        top = self.tree.children(-1)
        wanted = expected(self.case)
        ours = self.held({*self.outcome.kept, *self.outcome.started, *self.outcome.restarted})
        theirs = self.held(wanted["kept"] | wanted["started"])
        due = self.view.entitlement
        return all(ours[row] == due[row] for row in top) and any(theirs[row] > due[row] for row in top)

    @cached_property
    def small(self) -> Small:
        """The system that was run."""
        return small_of(self.case)

    @property
    def capacity(self) -> int:
        """Devices of the pool."""
        return self.small.nodes * self.small.per_node

    @cached_property
    def jobs(self) -> list[Asking]:
        """All work; the position is the id in the twin."""
        return [*self.small.running, *self.small.waiting]

    @cached_property
    def tree(self) -> Tree:
        """The teams as the twin sees them."""
        rows = tree(charter_of(self.small.teams, self.small.nodes, self.small.per_node), POOL, self.capacity)
        return Tree(*map(tuple, rows))

    def gang(self, job: Asking) -> Gang:
        """Return a job as the twin sees it; its place in the order of starts is its age."""
        charter = charter_of(self.small.teams, self.small.nodes, self.small.per_node)
        leaf = next(row for row, team in enumerate(charter.teams) if team.name == job.team)
        number = self.jobs.index(job)
        return Gang(number, leaf, job.gang, number, job.preemptible, job.priority)

    @cached_property
    def view(self) -> View:
        """What runs before the instant, with the entitlements of all that runs and waits."""
        demand = [0] * len(self.tree)
        for gang in map(self.gang, self.jobs):
            demand[gang.leaf] += gang.size
        rows = tree(charter_of(self.small.teams, self.small.nodes, self.small.per_node), POOL, self.capacity)
        due = entitlements(rows, self.capacity, demand)
        return View(self.tree, tuple(map(self.gang, self.small.running)), self.capacity, tuple(due))

    def held(self, names: Iterable[str]) -> list[int]:
        """Return what each row holds while the named work runs."""
        wanted = set(names)
        gangs = tuple(self.gang(job) for job in self.jobs if job.name in wanted)
        return View(self.tree, gangs, self.capacity).allocation()


def _told(
    victims: Iterable[str], started: Iterable[str], refused: Iterable[str] = (), restarted: Iterable[str] = ()
) -> str:
    """Return an outcome in words, names in alphabetical order."""
    again = set(restarted)
    stopped = [f"{name} (and starts it again)" if name in again else name for name in sorted(victims)]
    done = {"stops": stopped, "starts": sorted(started), "refuses": sorted(refused)}
    return "; ".join(f"{verb} {', '.join(names)}" for verb, names in done.items() if names) or "nothing"
