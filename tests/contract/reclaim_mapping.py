"""Cases of ../shared/cases/reclaim_cases.json as small systems, and what is expected of them in the same words.

Queues are teams, guarantees are floors (of a cohort: what its subtree has), cohorts and departments are teams that
have teams. Devices are KAI's GPUs and Kueue's CPU cores; where a case has parts of one, all are cut into equal slices.
Workloads that need no device are not seen by a pool of devices and stay as they are. Peers name ties by order of creation or name, so KAI's
jobs start in the order given, and Kueue's, which are of one age, in the reverse order of their names.
"""

from __future__ import annotations

from typing import Any

from tests.contract.peer_cases import Case, exact, parts_of_a_unit
from tests.contract.small_system import Asking, Outcome, Small, Terms
from tests.reference.peer_kai_reclaim import Cluster, Job, Queue
from tests.reference.peer_kueue import Admitted, Cohorts, Node
from tests.reference.peer_kueue_victims import Policy

CPU = "default/cpu"
FIELDS = ("victims", "started", "kept", "waiting")

Sets = dict[str, frozenset[str]]


def small_of(case: Case) -> Small:
    """Return the system of a case."""
    return _kai_small(case) if case["kind"] == "kai_reclaim" else _kueue_small(case)


def expected(case: Case) -> Sets:
    """Return what the peer does: whose work is stopped, which work starts, stays and waits."""
    wanted = case["expected"]
    if case["kind"] != "kai_reclaim":
        evicted_before = {job["name"] for job in case["running"] if job.get("already_evicted")}
        incoming, running = case["incoming"]["name"], {job["name"] for job in case["running"]}
        return {
            "victims": frozenset(set(wanted["victims"]) - evicted_before),
            "started": frozenset({incoming} if wanted["victims"] else ()),
            "kept": frozenset(running - set(wanted["victims"])),
            "waiting": frozenset(() if wanted["victims"] else {incoming}),
        }
    if "tasks" not in wanted:
        keys = ("victims", "started", "kept_running", "still_pending")
        return {field: frozenset(wanted[key]) for field, key in zip(FIELDS, keys, strict=True)}
    before, after = case["initial_tasks"], wanted["tasks"]

    def moved(first: str, last: str) -> frozenset[str]:
        return frozenset(task for task in before if (before[task], after[task]) == (first, last))

    return {
        "victims": frozenset(wanted["victim_tasks"]),
        "started": moved("Pending", "Running"),
        "kept": moved("Running", "Running"),
        "waiting": moved("Pending", "Pending"),
    }


def sets_of(case: Case, outcome: Outcome) -> Sets:
    """Return an outcome in the words of `expected`; what is refused neither started nor waits."""
    found = {field: frozenset[str](getattr(outcome, field)) for field in FIELDS}
    for job in case.get("jobs", ()):
        if not job["gpus_per_task"]:
            found["kept" if job["states"] == ["Running"] else "waiting"] |= {job["name"]}
    return found


def cohorts_of(case: Case) -> tuple[Cohorts, list[Admitted], Admitted, Policy]:
    """Return a case of Kueue in its own words: tree, what runs, what asks, and what it may evict."""
    nodes = [
        Node(
            name=queue["name"],
            parent=queue["parent"],
            queue=queue["kind"] == "queue",
            weight=exact(queue["weight"]),
            quota={resource: exact(amount) for resource, amount in queue["guaranteed"].items()},
            borrowing={resource: exact(amount) for resource, amount in queue["borrowing_limit"].items()},
            lending={resource: exact(amount) for resource, amount in queue["lending_limit"].items()},
        )
        for queue in case["queues"]
    ]
    running, incoming = [_admitted(job) for job in case["running"]], _admitted(case["incoming"])
    asking = next(queue for queue in case["queues"] if queue["name"] == incoming.queue)
    rules = asking.get("preemption") or {}
    borrowing = rules.get("BorrowWithinCohort") or {}
    policy = Policy(
        own=_policy(rules.get("WithinClusterQueue")),
        cohort=_policy(rules.get("ReclaimWithinCohort")),
        borrowing=_policy(borrowing.get("Policy")),
        threshold=borrowing.get("MaxPriorityThreshold"),
    )
    return Cohorts(nodes, running), running, incoming, policy


def resources_asked_for(case: Case) -> set[str]:
    """Return the resources that some workload of a case asks for; those that the test builder adds are not told."""
    if case["kind"] != "kai_reclaim":
        return {resource for job in (*case["running"], case["incoming"]) for resource in job["request"]}
    keys = {"gpu": "gpus_per_task", "cpu": "cpus_per_task", "memory": "mem_per_task"}
    return {name for name, key in keys.items() if any(job.get(key) for job in case["jobs"])}


def _policy(text: str | None) -> str | None:
    return None if text is None else text.removeprefix("PreemptionPolicy").removeprefix("BorrowWithinCohortPolicy")


def _admitted(job: dict[str, Any]) -> Admitted:
    amounts = {f"{job['flavor']}/{resource}": exact(amount) for resource, amount in job["request"].items()}
    return Admitted(job["name"], job["queue"], job["priority"], amounts, evicted=bool(job.get("already_evicted")))


def _kueue_small(case: Case) -> Small:
    cohorts, running, incoming, _ = cohorts_of(case)
    root = cohorts.path(incoming.queue)[-1]
    quota = {name: cohorts.quota(name, CPU) for name in cohorts.nodes}
    slices = parts_of_a_unit([*quota.values(), *(job.amounts[CPU] for job in (*running, incoming))])

    def asking(job: Admitted) -> Asking:
        return Asking(job.name, job.queue, int(job.amounts[CPU] * slices), job.priority)

    teams = [
        Terms(
            name=node.name,
            parent=None if node.parent == root else node.parent,
            floor=int(quota[node.name] * slices),
            limit=None,
            weight_e4=int(node.weight * 10_000),
        )
        for node in cohorts.nodes.values()
        if node.name != root or node.queue
    ]
    held = [job for job in sorted(running, key=lambda job: job.name, reverse=True) if not job.evicted]
    return Small(
        teams=tuple(teams),
        nodes=int(quota[root] * slices),
        per_node=1,
        running=tuple(asking(job) for job in held),
        waiting=(asking(incoming),),
    )


def _kai_small(case: Case) -> Small:
    queues, jobs = case["queues"], [job for job in case["jobs"] if job["gpus_per_task"]]
    slices = parts_of_a_unit([exact(job["gpus_per_task"]) for job in jobs])
    per_node = {node["GPUs"] * slices for node in case["nodes"].values()}
    assert len(per_node) == 1, "nodes of one size"
    tasks = "tasks" in case["expected"]

    def of(job: dict[str, Any], state: str) -> list[Asking]:
        places = job.get("nodes") or [None] * job["tasks"]
        return [
            Asking(
                name=f"{job['name']}-{number}" if tasks else job["name"],
                team=job["queue"],
                gang=int(exact(job["gpus_per_task"]) * slices),
                priority=job["priority"],
                preemptible=job["preemptible"],
                node=places[number] if state == "Running" else None,
            )
            for number in range(job["tasks"])
            if job["states"][number] == state
        ]

    return Small(
        teams=tuple(
            Terms(
                name=queue["name"],
                parent=queue["parent"],
                floor=queue["guaranteed"] * slices,
                limit=None if queue["limit"] is None else queue["limit"] * slices,
                weight_e4=queue["weight"] * 10_000,
            )
            for queue in queues
        ),
        nodes=len(case["nodes"]),
        per_node=per_node.pop(),
        running=tuple(asking for job in jobs for asking in of(job, "Running")),
        waiting=tuple(asking for job in jobs for asking in of(job, "Pending")),
    )


def cluster_of(case: Case) -> Cluster:
    """Return a case of KAI in its own words; elastic work is one job per task."""
    amounts = {"gpu": "gpus_per_task", "cpu": "cpus_per_task", "memory": "mem_per_task"}
    memory = [node["CPUMemory"] for node in case["nodes"].values() if "CPUMemory" in node]
    total = {"gpu": exact(case["total_resources"]["gpu"]), **({"memory": exact(sum(memory))} if memory else {})}
    queues = [
        Queue(
            name=queue["name"],
            parent=queue["parent"],
            guaranteed={"gpu": exact(queue["guaranteed"])}
            | ({"cpu": exact(queue["guaranteed_cpus"])} if "guaranteed_cpus" in queue else {}),
            limit={} if queue["limit"] is None else {"gpu": exact(queue["limit"])},
            weight=exact(queue["weight"]),
            priority=queue["priority"],
        )
        for queue in case["queues"]
    ]
    jobs = [
        Job(
            name=f"{job['name']}-{number}" if "tasks" in case["expected"] else job["name"],
            queue=job["queue"],
            amounts={r: exact(job.get(key) or 0) for r, key in amounts.items()},
            preemptible=job["preemptible"],
            running=state == "Running",
            stuck=state == "StuckInReleasing",
        )
        for job in case["jobs"]
        for number, state in enumerate(job["states"])
    ]
    return Cluster(total, queues, jobs)
