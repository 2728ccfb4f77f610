"""The state of the policy: structured arrays, one room for each thing.

Times are integer milliseconds since the run's origin, amounts whole accelerators, indices 32-bit; -1 means "none" for an
index (a user never sees it). Rows of the team tree exist once per pool, so a row is a (pool, team) pair.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

I8, I4, F8, U1 = np.int64, np.int32, np.float64, np.uint8

NEVER = 1 << 60  # a time that does not come, and "no bound" of an amount
UNKNOWN = 1 << 50  # how long a job runs of which only an end will tell

# Classes of waiting jobs: 15 sizes (from a power of two to below the next, the last open-ended) x 4 lengths = 60 bits of a mask.
SIZES = 15
LENGTHS = 4
CLASSES = SIZES * LENGTHS
ALL_CLASSES = (1 << CLASSES) - 1
EVERY_FOURTH = 0x111111111111111  # bit 0 of each size
LENGTH_1_MS = 900_000
LENGTH_2_MS = 7_200_000
LENGTH_3_MS = 43_200_000

# The calendar of expected releases: a ring of buckets with sums over 64 and 4096 of them.
RING = 65536

INDEX_BITS = 24
INDEX_MASK = (1 << INDEX_BITS) - 1

# Job states
FUTURE, DEPENDENT, PENDING, CLAIMED, RUNNING, DONE, REFUSED, CANCELLED = 0, 1, 2, 3, 4, 5, 6, 7

# Decisions (imperative) of the stream
START, CLAIM, WARN, STOP, WITHDRAW, REFUSE, RELEASE, END, MARK, LOST = 1, 2, 3, 4, 5, 6, 7, 8, 9, 10

# Reasons of a refusal at submission
OVER_MAX_JOB, OVER_LIMIT, OVER_POOL, OVER_FLOOR, NO_TEAM = 1, 2, 3, 4, 5

# Rules of a run (bits of GLOB.rules)
BACKFILL, RECLAIM, SHARES, SECURE_START, PREEMPT, TURNS, TRACE = 1, 2, 4, 8, 16, 32, 64
CONFIRM = 128  # starts and stops await the confirmation of the engine
OUTSIDE = 256  # ends and confirmations are told by events, not foreseen by a simulated engine

# Events, in the order in which those of one instant are taken; deadlines of warnings come before changes of demand
DAY_BEGAN, WINDOW_BEGAN, START_CONFIRMED, STOP_CONFIRMED, ENDED, NODE_CHANGED = 1, 2, 3, 4, 5, 6
CHARTER_ENACTED, CAP_SET, DEMAND_CHANGED, JOB_CANCELLED, SUBMITTED, PASS = 7, 8, 9, 10, 11, 12

# Promises: what they are a share of, and which way
BY_DELIVERED, BY_CAPACITY, BY_RECORD = 0, 1, 2
AT_LEAST, AT_MOST = 0, 1

# Why an event is refused
(
    NO_SUCH_KIND, NO_SUCH_JOB, NOT_RUNNING, SUPERSEDED, NOT_CONFIRMED, CONFIRMED_BEFORE, NOT_STOPPED, SUBMITTED_BEFORE,
    NOT_ASKED_FOR, NO_SUCH_SERVICE, NO_SUCH_NODE, NO_SUCH_PROMISE, NO_SUCH_CHARTER,
) = range(1, 14)  # fmt: skip

ORDERED, FAIR_TREE = 512, 1024  # baselines with a pass of their own: one order of all jobs; users ranked as Slurm does

# What an ordered run goes by (bits of GLOB.rules from ORDER_SHIFT on)
ORDER_SHIFT = 11
BY_LENGTH, BY_GANG, BY_REMAINING, BY_SERVICE, BY_ATTAINED = 0, 1, 2, 3, 4

GLOB = np.dtype(
    [
        ("now", I8), ("rules", I8), ("inflation", F8), ("half_life_ms", I8), ("half_begins_ms", I8),
        ("half_lives", I8), ("per_half_life", F8), ("decay_base", I8), ("day", I8), ("heap_n", I8), ("timer_n", I8),
        ("slot_free", I4), ("claim_free", I4), ("warn_free", I4), ("n_pools", I4), ("n_rows", I4), ("n_refs", I4),
        ("n_arrivals", I4), ("arrived", I4), ("n_demands", I4), ("demanded", I4), ("out_n", I8), ("stamp", I8),
        ("events", I8), ("passes", I8), ("starts", I8), ("ends", I8), ("stops", I8), ("n_jobs", I8),
        ("n_slots", I8), ("same_tree", I4), ("n_users", I4), ("savepoint_cost_ms", I8), ("claims", I8),
        ("failed", I8), ("n_services", I4), ("n_bonds", I4),
        ("heap_room", I8), ("timer_room", I8), ("out_room", I8),
        ("confirm_n", I8), ("confirm_room", I8), ("drain_free", I8), ("n_nodes", I8), ("seed", I8), ("startup_ms", I8),
        ("startup_span_ms", I8), ("drain_ms", I8), ("drain_span_ms", I8), ("recorded", I8), ("record_room", I8),
        ("n_promises", I8), ("n_acting", I8), ("wake_ms", I8), ("n_refusals", I8), ("refused_n", I8),
        ("booked_stops", I8), ("unforeseen", I8),
        ("n_starts", I8), ("n_budgets", I8), ("charter", I8),
    ],
    align=True,
)  # fmt: skip

POOL = np.dtype(
    [
        ("root", I4), ("ref_root", I4), ("per_node", I4), ("n_nodes", I4), ("node_off", I4), ("bucket_off", I4),
        ("cell_off", I8), ("capacity", I8), ("free", I8), ("whole", I8), ("held", I8), ("claim_held", I8),
        ("pending", I8), ("quantum_ms", I8), ("swept", I8), ("claim_head", I4), ("claim_tail", I4), ("dirty", I4),
        ("reserved", I4), ("shadow_ms", I8), ("spare", I8), ("reserved_node", I4), ("turns", I4), ("ends", I8),
        ("expected", I8), ("largest", I8), ("n_rows", I4), ("head", I4), ("fresh", I4), ("reserving", I4),
        ("turn_check_ms", I8), ("crossed", I8), ("last_ms", I8), ("idle_unused", I8), ("idle_blocked", I8), ("down", I8),
        ("maintenance", I8), ("acc_capacity", I8), ("acc_held", I8), ("acc_down", I8), ("acc_maintenance", I8),
        ("stranded", I8), ("hungry", I4), ("hungry_n", I4), ("turning", I4), ("found", I4), ("n_refs", I4), ("crossed_row", I4),
        ("parts", I8), ("starting", I8), ("draining", I8), ("acc_starting", I8), ("acc_draining", I8), ("repace", I4), ("roomy", I4),
    ],
    align=True,
)  # fmt: skip

# Rows that are read together lie in one cache line: 64 bytes, the first fields of a record.
ROW = np.dtype(
    [
        ("alloc", I8), ("claimed", I8), ("warned", I8), ("floor", I8), ("limit", I8), ("usage", F8), ("per_weight", F8),
        ("excluded", I8),
        ("soft_mask", I8), ("solid_mask", I8), ("mask", I8), ("parent", I4), ("n", I4), ("open", I4), ("leading", I4),
        ("act", I4), ("act_n", I4), ("solid", I8), ("waiting", I4), ("at", I4),
        ("entered", I8), ("freed", I8), ("tried_entered", I8), ("tried_freed", I8), ("soft", I8), ("hungry_at", I4),
        ("pool", I4), ("first", I4), ("share", I4), ("run_head", I4), ("run_tail", I4),
        ("tried_ends", I8), ("reserve", I8), ("unfilled", I8), ("below_unfilled", I8), ("history_ms", I8),
        ("history_n", I4), ("secured", I4),
        ("open_n", I4), ("turn_job", I4), ("max_job", I8),
        ("grace_ms", I8), ("min_runtime_ms", I8), ("recover_ms", I8), ("reclaims_per_day", I8), ("turn", F8),
        ("turn_level", F8), ("weight", F8), ("day", I4), ("reclaims_today", I4),
        ("turn_ms", I8), ("crossed_ms", I8), ("left", I8), ("left_stamp", I8), ("pick", I4), ("pick_n", I4),
        ("marked", I8), ("nominal_floor", I8),
        ("nominal_limit", I8),
        ("firm", I8), ("rounded", I8), ("still_reserve", I8), ("still_limit", I8), ("full", I8),
        ("pad", I8, (3,)),
    ],
    align=True,
)  # fmt: skip

# The tree of the reference charter (and, where it differs, of the executing one) for entitlement and the account.
SHARE = np.dtype(
    [
        ("floor", I8), ("weight", I8), ("ask", I8), ("low", I8), ("extra", I8), ("due", I8), ("n", I4), ("parent", I4),
        ("first", I4), ("stacked", U1), ("open", U1),
        ("full", U1), ("queued", U1),
        ("demand", I8), ("held", I8), ("last_ms", I8), ("acc_held", I8), ("acc_entitled", I8), ("acc_denied", I8),
        ("charge_head", I4), ("charge_tail", I4), ("limit", I8),
        ("reserve", I8), ("sum_ask", I8), ("rest", I8), ("weights", I8), ("acc_level", F8), ("level_ms", I8),
        ("acc_lost", I8), ("acc_reclaims", I4), ("delta", I4),
    ],
    align=True,
)  # fmt: skip

JOB = np.dtype(
    [
        ("eligible_ms", I8), ("estimate_ms", I8), ("duration_ms", I8), ("charge_next", I4), ("charge_prev", I4), ("queue", I4), ("ref", I4),
        ("gang", I4), ("next", I4), ("prev", I4), ("slot", I4), ("stops", I4), ("klass", U1), ("state", U1),
        ("listed", U1), ("reason", U1),
        ("done_ms", I8), ("charged", I8), ("savepoint_ms", I8), ("start_ms", I8), ("first_ms", I8), ("end_ms", I8),
        ("since_ms", I8), ("lost", I8),
    ],
    align=True,
)  # fmt: skip
# A promise of hours (see `promises`). ``live``: its charter is in force, or a window of it is open.
# ``foreign``: of the executing charter where another one is accounted against; it only paces.
PROMISE = np.dtype(
    [
        # What every instant reads comes first.
        ("steady_ms", I8), ("settled_ms", I8), ("demand", I8), ("held", I8), ("asked", I8), ("whole", I8), ("refused", I8), ("safe_ms", I8),
        ("member", I4), ("members", I4), ("of", I4), ("kind", I4), ("foreign", I4), ("acting", I4), ("forfeit", I4), ("head", I4),
        ("p", I8), ("q", I8), ("capacity", I8), ("last_ms", I8),
        ("owed", I8), ("delivered", I8), ("gross", I8), ("unclaimed", I8), ("surplus", I8), ("balance", I8), ("rise", I8), ("charge", I8),
        ("pace", I8), ("binding", I8), ("any", I8), ("calm_ms", I8), ("lost_safe_ms", I8),
        ("span", I4), ("spans", I4), ("tail", I4), ("peak", I4),
        ("margin_ms", I8), ("largest", I8), ("most", I8), ("lost", I8), ("lost_by_all", I8), ("live", I8), ("pad", I8, (3,)),
    ],
    align=True,
)  # fmt: skip
# A pool of a promise: ``num`` / ``den`` of the promise's capacity are in it; ``most``, ``level`` and ``share`` are GPUs there: the most
# that it asks for, B, and B rounded (of a ceiling: what the floors below it may come to).
MEMBER = np.dtype(
    [
        ("weight", I8), ("spent", I8), ("most", I8), ("pool", I4), ("row", I4), ("wanted", I8), ("pace", I8), ("level", I8), ("still", I8),
        ("full", I4), ("fits", I4), ("top", I4), ("moved", I4), ("promise", I4), ("done", I4),
        ("num", I8), ("den", I8), ("share", I8), ("next_pace", I8), ("limit", I8), ("still_limit", I8), ("pad", I8, (7,)),
    ],
    align=True,
)  # fmt: skip
SPAN = np.dtype(
    [
        ("from_ms", I8), ("to_ms", I8), ("balance", I8), ("make_good", I8), ("denied", I8), ("denied_both", I8),
        ("lost_ms", I8), ("pad", I8),
    ],
    align=True,
)  # fmt: skip
# ``still`` is the floor without promises; ``asked`` what promises ask for, ``granted`` how much of a rounded floor they have.
LIFT = np.dtype(
    [
        ("still", I8), ("asked", I8), ("granted", I8), ("floor", I8), ("rounded", I8), ("below", I8), ("below_rounded", I8),
        ("full", I4), ("on_path", I4),
    ],
    align=True,
)  # fmt: skip
# ``gang`` devices of a pool (a member of the promise); of a refused request, which is no job, the size that it had over its window.
# ``listed``: 1 while it may be charged, 2 once its budget is empty (then its devices are among the member's ``spent``).
BUDGET = np.dtype(
    [("left", I8), ("entered_ms", I8), ("next", I4), ("prev", I4), ("listed", I4), ("gang", I4), ("member", I4), ("pad", I4)], align=True
)  # fmt: skip
# A refused request, at a reference row; its budgets come after those of the jobs.
REFUSAL = np.dtype([("at_ms", I8), ("amount", I8), ("row", I4), ("gang", I4)], align=True)
# A promise of starts, in one pool: which jobs it counts is a bit of ``counted``.
STARTS_RULE = np.dtype([("row", I4), ("up_to", I4), ("bit", I4), ("pad", I4)], align=True)
BOND = np.dtype([("waits_for", I4), ("dependents", I4)], align=True)

SLOT = np.dtype(
    [
        ("job", I4), ("row", I4), ("gang", I4), ("node", I4), ("part_node", I4), ("part", I4), ("prev", I4), ("next", I4),
        ("start_ms", I8), ("end_ms", I8), ("expected_ms", I8), ("claim", I4), ("solid", I4),
        ("warn", I4), ("order", I4), ("secure", I8), ("picked", I8), ("lost", I8), ("began_ms", I8),
        ("confirm_ms", I8), ("clear_ms", I8), ("pad", I8),
    ],
    align=True,
)  # fmt: skip

QUEUE = np.dtype(
    [("row", I4), ("user", I4), ("priority", I4), ("solid", I4), ("mask", I8), ("at", I4), ("pool", I4)], align=True
)
LIST = np.dtype([("head", I4), ("tail", I4), ("least_ms", I8), ("most", I4), ("pad", I4)], align=True)
TALLY = np.dtype([("soft", I4), ("solid", I4), ("soft_least_ms", I8), ("solid_least_ms", I8), ("pad", I8)], align=True)
USER = np.dtype([("alloc", I8), ("usage", F8)], align=True)
NODE = np.dtype(
    [("free_ms", I8), ("free", I4), ("prev", I4), ("next", I4), ("claim", I4), ("part_claim", I4), ("down", I4),
     ("stamp", I8), ("gain", I4), ("calendared", I4), ("loose", I4), ("pad", I4, (3,))],
    align=True,
)  # fmt: skip
CLAIM_ = np.dtype(
    [
        ("job", I4), ("pool", I4), ("row", I4), ("gang", I4), ("nodes", I4), ("need", I4), ("ready", I4),
        ("part_node", I4), ("part", I4), ("part_missing", I4), ("held", I8), ("missing", I8), ("warn_head", I4),
        ("open", I4), ("prev", I4), ("next", I4), ("since_ms", I8),
    ],
    align=True,
)  # fmt: skip
WARN_ = np.dtype(
    [("slot", I4), ("job", I4), ("claim", I4), ("next", I4), ("warn_ms", I8), ("stop_ms", I8), ("state", I4), ("pad", I4)],
    align=True,
)  # fmt: skip
# ``sought`` replicas are demanded until ``until_ms`` as far as is known; at most ``cap`` of them are ``asked`` for.
SERVICE = np.dtype(
    [
        ("first_job", I4), ("most", I4), ("wanted", I4), ("asked", I4), ("running", I4), ("gang", I4),
        ("carry", I4), ("ring_n", I4), ("last_ms", I8), ("demanded", I8), ("served", I8), ("shed", I8),
        ("carried", I8), ("short_ms", I8), ("over_ms", I8),
        ("cap", I8), ("until_ms", I8), ("sought", I4), ("pad", I4, (3,)),
    ],
    align=True,
)  # fmt: skip
DEMAND = np.dtype([("at_ms", I8), ("service", I4), ("replicas", I4), ("next_ms", I8)], align=True)
TICK = np.dtype([("weight", I4), ("first", I4)], align=True)
ITEM = np.dtype([("ms", I8), ("weight", I4), ("next", I4), ("prev", I4), ("pad", I4, (3,))], align=True)
# Of ordered runs and of Fair Tree; otherwise there is one record of each.
ORDER = np.dtype(
    [
        ("grades", I4), ("grades_n", I4), ("line", I4), ("line_n", I4), ("chosen_n", I4), ("picked_n", I4),
        ("users", I4), ("users_n", I4), ("left", I8), ("pad", I8, (3,)),
    ],
    align=True,
)  # fmt: skip
GRADE = np.dtype([("gang", I4), ("first", I4), ("n", I4), ("pad", I4)], align=True)
SPOT = np.dtype([("key", I8), ("grade", I4), ("spot", I4)], align=True)
CHOICE = np.dtype([("job", I4), ("part_node", I4), ("first", I4), ("nodes", I4)], align=True)
STANDING = np.dtype([("level", F8), ("row", I4), ("place", I4)], align=True)
CALENDAR = np.dtype([("total", I8), ("known_ms", I8), ("before", I8), ("by", I8)], align=True)
# Where devices of stopped jobs drain: lists by place (a node, or after all nodes a pool that is only counted) and by job.
DRAIN = np.dtype(
    [
        ("job", I4), ("attempt", I4), ("pool", I4), ("place", I4), ("left", I4), ("prev", I4), ("next", I4), ("up", I4),
        ("down", I4), ("pad", I4), ("until_ms", I8),
    ],
    align=True,
)  # fmt: skip
PLACE = np.dtype([("draining", I8), ("head", I4), ("tail", I4)], align=True)
STARTUP = np.dtype([("starting", I8), ("acc_starting", I8), ("last_ms", I8)], align=True)
# `subject` is a job, service or node; `detail` an attempt, a number of replicas, a state of a node, or 1 for a job that takes no time;
# `until_ms` is how long a demand holds, as far as is known; `amount` what a window makes good, or a cap's accelerators; `refused` is
# the answer.
EVENT = np.dtype(
    [
        ("time_ms", I8), ("until_ms", I8), ("amount", I8), ("kind", I4), ("subject", I4), ("detail", I4), ("pool", I4), ("refused", I4),
        ("pad", I4),
    ],
    align=True,
)  # fmt: skip
DECISION = np.dtype([("time_ms", I8), ("kind", I4), ("job", I4), ("other", I4), ("detail", I4)], align=True)


class State(NamedTuple):
    """All that the policy knows. Every member is an array; plain execution holds the same as lists.

    Kernels never ask an array for its length (see `pointer`): sizes stand in ``glob``.
    """

    glob: Any
    pools: Any
    rows: Any
    refs: Any
    shares: Any
    jobs: Any
    slots: Any
    queues: Any
    users: Any
    arrivals: Any  # when each job of the workload is submitted
    bonds: Any  # which jobs wait for others; empty where none does
    serves: Any  # replica -> service
    lists: Any  # queue x class: first and last waiting job, a lower bound of their estimates, an upper bound of their gangs
    head_ms: Any  # queue x class: when the first waiting job became eligible
    tallies: Any  # row x class: waiting jobs, preemptible and not, and lower bounds of their estimates
    active: Any  # per row: its children (of a leaf: its queues) that have waiting jobs
    nodes: Any
    cells: Any  # device -> slot
    buckets: Any  # per pool: first node with that many free devices
    latest_ms: Any  # the same: an upper bound of when one of them is whole again
    calendars: Any  # two per pool: what they hold, and how much of it until the time that was found last
    ticks: Any
    sums1: Any
    sums2: Any
    items: Any
    heap: Any  # ends: time << 24 | slot
    timers: Any  # deadlines: time << 24 | warning
    claims: Any
    warns: Any
    services: Any
    carried: Any  # per service: ring of (time, replica-ms) that wait to be made up
    demands: Any
    edges: Any  # dependents: target, next edge
    scratch: Any
    scratch2: Any
    orders: Any  # per pool: where its parts of the following begin, and how long they are
    grades: Any  # pool x size of gang: a heap of those that wait
    ranked: Any  # the heaps
    spots: Any  # per job: its key in the order, its heap, its place there
    lineup: Any  # per pool: running slots in the order
    vacant: Any  # as buckets: how many nodes have so many devices left for those who come later in the order
    choices: Any  # who is to start, in the order
    picked: Any  # the whole nodes that they are to get
    standings: Any  # per user: level fairshare, leaf, rank
    levels: Any  # per row: level fairshare
    ladder: Any  # users by rank, and room to sort them
    powers: Any  # the decay table
    out: Any
    confirms: Any  # confirmations of the simulated engine: time << 24 | slot, or slots + drain
    drains: Any
    drained: Any  # job -> one of its drains
    places: Any
    startups: Any  # per reference row; these five are empty where nothing is confirmed
    events: Any  # told from outside, or recorded
    promises: Any
    members: Any  # pools of promises
    spans: Any  # open windows of promises
    covers: Any  # reference row -> where in ``covering`` its promises are listed
    covering: Any
    budgets: Any  # promise x (job, then refused request): what waiting work may still claim
    refusals: Any  # in order of time
    starts_rules: Any
    counted: Any  # job -> mask of the promises of starts that count it
    lifts: Any  # per reference row, then (where it differs) per executing row: its floor as promises move it


def member_types() -> dict[str, np.dtype[Any]]:
    """Element type of every member of `State`, in order."""
    records = {
        "glob": GLOB, "pools": POOL, "rows": ROW, "refs": SHARE, "shares": SHARE, "jobs": JOB, "slots": SLOT, "queues": QUEUE,
        "users": USER, "nodes": NODE, "claims": CLAIM_, "warns": WARN_, "services": SERVICE, "demands": DEMAND, "out": DECISION,
        "calendars": CALENDAR, "bonds": BOND, "lists": LIST, "tallies": TALLY, "ticks": TICK, "items": ITEM,
        "drains": DRAIN, "places": PLACE, "startups": STARTUP, "events": EVENT,
        "promises": PROMISE, "members": MEMBER, "spans": SPAN, "budgets": BUDGET,
        "refusals": REFUSAL, "starts_rules": STARTS_RULE, "lifts": LIFT,
        "orders": ORDER, "grades": GRADE, "spots": SPOT, "choices": CHOICE, "standings": STANDING,
    }  # fmt: skip
    wide = {"head_ms", "latest_ms", "arrivals", "heap", "timers", "confirms", "carried", "scratch2"}
    return {
        name: records.get(name, np.dtype(I8 if name in wide else F8 if name in ("powers", "levels") else I4))
        for name in State._fields
    }
