"""Metrics in the text format of Prometheus: everything that a scrape asks for is read at one instant.

Names follow https://prometheus.io/docs/practices/naming/: base units end names (``_seconds``, ``_bytes``), counts that only grow end in
``_total``. A registry of our own, so that nothing of the process is in it; the library is imported at the first call.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from equipoise.controller.alerts.alert import Kind
from equipoise.controller.alerts.service import Alerts
from equipoise.controller.controller import Controller
from equipoise.controller.meters import BOUNDS_MS
from equipoise.controller.standing import Standing
from equipoise.controller.vitals import Vitals
from equipoise.errors import InputError

PATIENCE_S = 10.0
POOL_STATES = ("held", "starting", "draining", "idle", "down", "maintenance")
TEAM_NUMBERS = {
    "floor": "Devices that a team is guaranteed when it asks, by pacing too",
    "entitlement": "Devices that a team is due now",
    "held": "Devices that a team holds, from the decision on",
    "waiting": "Devices that a team asks for and does not hold",
    "borrowed": "Devices that a team holds above its floor",
}
HOURS = {
    "owed": "owed since the window began",
    "delivered": "delivered since the window began",
    "unclaimed": "owed while the team did not ask",
    "denied": "denied since the window began",
}


def metrics_text(controller: Controller, alerts: Alerts | None = None) -> bytes:
    """Return all metrics, as ``text/plain; version=0.0.4``; from any thread but the controller's.

    Parameters
    ----------
    controller : Controller
    alerts : Alerts or None
        None where none are raised.

    Raises
    ------
    InputError
        R134 without the extra ``metrics``.
    TimeoutError
        Where the controller does not answer in ten seconds.
    StoreError
        R116 where it has ended.
    """
    try:
        from prometheus_client import CollectorRegistry, generate_latest
    except ImportError:
        raise InputError("R134", "metrics need prometheus_client", hint="pip install 'equipoise[metrics]'") from None
    standing, vitals = controller.standing(), controller.vitals()
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Read(standing.result(PATIENCE_S), vitals.result(PATIENCE_S), alerts))  # pyright: ignore[reportArgumentType]
    return generate_latest(registry)


class _Read:
    """What was read, as families of metrics."""

    def __init__(self, standing: Standing, vitals: Vitals, alerts: Alerts | None) -> None:
        self._standing, self._vitals, self._alerts = standing, vitals, alerts

    def collect(self) -> Iterator[Any]:
        """Yield the families."""
        yield from _machine(self._standing)
        yield from _promises(self._vitals)
        yield from _controller(self._vitals)
        yield from _engine(self._vitals)
        if self._alerts is not None:
            yield from _alerts(self._alerts)


def _machine(standing: Standing) -> Iterator[Any]:
    pools, teams = standing.pools, standing.teams
    capacity = [((pool.name,), pool.capacity) for pool in pools]
    yield _gauge("equipoise_pool_capacity_devices", "Devices of a pool that are up", ("pool",), capacity)
    states = [((pool.name, state), getattr(pool, state)) for pool in pools for state in POOL_STATES]
    said = "Devices of a pool by state; down and maintenance are not part of its capacity"
    yield _gauge("equipoise_pool_devices", said, ("pool", "state"), states)
    for name, said in TEAM_NUMBERS.items():
        values = [((team.path, team.pool), getattr(team, name)) for team in teams]
        yield _gauge(f"equipoise_team_{name}_devices", said, ("team", "pool"), values)
    limits = [((team.path, team.pool), team.limit) for team in teams if team.limit is not None]
    yield _gauge("equipoise_team_limit_devices", "Most devices that a team may hold", ("team", "pool"), limits)
    jobs: dict[tuple[str, ...], int] = {}
    for job in standing.jobs:
        key = (job.team, job.pool, "starting" if job.starting else job.state)
        jobs[key] = jobs.get(key, 0) + 1
    yield _gauge("equipoise_jobs", "Jobs that wait or run, by state", ("team", "pool", "state"), jobs.items())


def _promises(vitals: Vitals) -> Iterator[Any]:
    """Of each promise the open window that ends first."""
    windows = {window.number: window for window in reversed(vitals.windows)}.values()
    for name, said in HOURS.items():
        values = [((window.promise, window.team), getattr(window, f"{name}_heh_h") * 3_600) for window in windows]
        told = f"H100-equivalent device-seconds {said}"
        yield _gauge(f"equipoise_promise_{name}_heh_seconds", told, ("promise", "team"), values)
    ends = [((window.promise, window.team), (vitals.origin_ms + window.to_ms) / 1000) for window in windows]
    yield _gauge("equipoise_promise_window_end_timestamp_seconds", "When the window ends", ("promise", "team"), ends)
    lost = [((window.promise, window.team), int(window.lost_ms is not None)) for window in windows]
    yield _gauge("equipoise_promise_past_saving", "1 after the point of no return", ("promise", "team"), lost)


def _controller(vitals: Vitals) -> Iterator[Any]:
    ledger = vitals.ledger
    yield _counter("equipoise_passes", "Passes of this controller", (), [((), vitals.passes)])
    decisions = [((kind,), count) for kind, count in sorted(vitals.decisions.items())]
    yield _counter("equipoise_decisions", "Decisions of this controller, by kind", ("kind",), decisions)
    at_s = (vitals.origin_ms + vitals.at_ms) / 1000
    for name, said, value in (
        ("event_timestamp_seconds", "Event time", at_s),
        ("ledger_entries", "Entries in ledger and spool", ledger.entries),
        ("ledger_stopped", "1 while the ledger is not written", int(bool(ledger.trouble))),
        ("ledger_blocked", "1 while nothing can be recorded, so that nothing is decided", int(ledger.is_blocked)),
        ("spool_records", "Records that wait in the spool", ledger.spooled),
        ("spool_bytes", "Size of the spool", ledger.spool_bytes),
        ("spool_limit_bytes", "How large the spool may grow", ledger.spool_most_bytes),
        ("checkpoint_wait_seconds", "How long the oldest entry has waited for a checkpoint", ledger.unsigned_ms / 1000),
        ("clock_ahead_seconds", "By how much event time is ahead of the clock", ledger.clock_ahead_ms / 1000),
    ):
        yield _gauge(f"equipoise_{name}", said, (), [((), value)])


def _engine(vitals: Vitals) -> Iterator[Any]:
    from prometheus_client.core import HistogramMetricFamily

    family = HistogramMetricFamily(
        "equipoise_engine_call_duration_seconds", "How long calls of the engine took", labels=("engine", "call")
    )
    for call, times in sorted(vitals.engine_calls.items()):
        below, buckets = 0, list[tuple[str, float]]()
        for bound, count in zip([*(str(ms / 1000) for ms in BOUNDS_MS), "+Inf"], times.counts, strict=True):
            below += count
            buckets.append((bound, below))
        family.add_metric((vitals.engine, call), buckets, times.sum_ms / 1000)
    yield family
    errors = [
        ((vitals.engine, call, str(retryable).lower()), count)
        for (call, retryable), count in sorted(vitals.engine_errors.items())
    ]
    labels = ("engine", "call", "retryable")
    yield _counter("equipoise_engine_errors", "Calls of the engine that failed", labels, errors)


def _alerts(alerts: Alerts) -> Iterator[Any]:
    status = alerts.status
    count = [((kind.value,), sum(one.condition.kind is kind for one in status.open)) for kind in Kind]
    yield _gauge("equipoise_alerts_open", "Alerts that are not over", ("kind",), count)
    said = "Messages of the last 30 days by receiver and state, and all that wait"
    yield _gauge("equipoise_messages", said, ("receiver", "state"), sorted(status.messages.items()))
    yield _gauge("equipoise_alerts_up", "1 while alerts are raised", (), [((), int(alerts.failure is None))])


def _gauge(name: str, said: str, labels: tuple[str, ...], values: Iterable[tuple[tuple[str, ...], float]]) -> Any:
    from prometheus_client.core import GaugeMetricFamily

    return _filled(GaugeMetricFamily(name, said, labels=labels), values)


def _counter(name: str, said: str, labels: tuple[str, ...], values: Iterable[tuple[tuple[str, ...], float]]) -> Any:
    from prometheus_client.core import CounterMetricFamily

    return _filled(CounterMetricFamily(name, said, labels=labels), values)


def _filled(family: Any, values: Iterable[tuple[tuple[str, ...], float]]) -> Any:
    for labels, value in values:
        family.add_metric(labels, value)
    return family
