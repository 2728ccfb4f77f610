"""Metrics and spans of a real controller: against its standing, its ledger, and Prometheus' own parser and rules of names."""

from __future__ import annotations

import re
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from equipoise.controller.metrics import metrics_text
from equipoise.controller.spans import otel_spans
from equipoise.ledger.entry import parse_entry
from equipoise.store import open_sqlite
from tests.scenario.alert_lab import DAY_MS, Lab

UNITS = (
    "devices",
    "seconds",
    "bytes",
    "records",
    "entries",
    "jobs",
    "saving",
    "stopped",
    "blocked",
    "open",
    "messages",
    "up",
)
Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]


def read(lab: Lab) -> tuple[Samples, bytes]:
    """Scrape from another thread while the lab goes on."""
    with ThreadPoolExecutor(1) as other:
        assert lab.controller is not None
        done = other.submit(metrics_text, lab.controller, lab.alerts)
        lab.until(done.done)
        text = done.result()
    found: Samples = {}
    for family in text_string_to_metric_families(text.decode()):
        for sample in family.samples:
            key = sample.name, tuple(sorted(sample.labels.items()))
            assert key not in found, key
            found[key] = sample.value
    return found, text


def test_metrics_say_what_the_standing_and_the_ledger_say(tmp_path: Path) -> None:
    lab = Lab(tmp_path).begin({})
    try:
        lab.submit("product", 16)
        lab.submit("safety", 4)
        lab.pass_by(DAY_MS // 4)
        samples, text = read(lab)
        assert lab.controller is not None
        future, vitals = lab.controller.standing(), lab.controller.vitals()
        lab.until(lambda: future.done() and vitals.done())
        standing, windows = future.result(), vitals.result().windows
    finally:
        lab.end()
    [pool] = standing.pools
    capacity = samples["equipoise_pool_capacity_devices", (("pool", "big"),)]
    states = {state: samples["equipoise_pool_devices", (("pool", "big"), ("state", state))] for state in
              ("held", "starting", "draining", "idle", "down", "maintenance")}  # fmt: skip
    assert capacity == pool.capacity == states["held"] + states["starting"] + states["draining"] + states["idle"] == 16
    for team in standing.teams:
        labels = (("pool", "big"), ("team", team.path))
        for name in ("floor", "entitlement", "held", "waiting", "borrowed"):
            assert samples[f"equipoise_team_{name}_devices", labels] == getattr(team, name)
    assert samples["equipoise_team_waiting_devices", (("pool", "big"), ("team", "safety"))] == 4
    for window in windows:
        labels = (("promise", window.promise), ("team", "safety"))
        # Time went on between the two readings by the steps that answered them.
        assert samples["equipoise_promise_owed_heh_seconds", labels] == pytest.approx(
            window.owed_heh_h * 3_600, rel=0.01
        )
        assert samples["equipoise_promise_delivered_heh_seconds", labels] == 0
    assert samples["equipoise_promise_past_saving", (("promise", "safety-day"), ("team", "safety"))] == 1
    assert samples["equipoise_alerts_open", (("kind", "no_return"),)] == 1
    with open_sqlite(tmp_path / "ledger.db", read_only=True) as store:
        entries = [parse_entry(data) for data in store.entries()]
    made = Counter(str(row[0]) for one in entries for row in one.get("decisions", ()))  # type: ignore[union-attr, index]
    assert {key[1][0][1]: value for key, value in samples.items() if key[0] == "equipoise_decisions_total"} == made
    assert samples["equipoise_passes_total", ()] == sum(one["kind"] == "pass" for one in entries)
    assert samples["equipoise_ledger_entries", ()] == len(entries)
    launches = (("call", "launch"), ("engine", "scripted"))
    assert samples["equipoise_engine_call_duration_seconds_count", launches] == made["start"] == 1
    inner = sorted(key for key in samples if key[0].startswith("equipoise_engine_call_duration_seconds_bucket"))
    assert len(inner) >= 11
    # Names: https://prometheus.io/docs/practices/naming/
    for family in text_string_to_metric_families(text.decode()):
        assert re.fullmatch(r"equipoise_[a-z_]+", family.name) and family.documentation
        assert family.type in ("gauge", "counter", "histogram")
        if family.type == "counter":
            assert all(sample.name.endswith("_total") for sample in family.samples)
        else:
            assert family.name.rsplit("_", 1)[1] in UNITS, family.name


def test_errors_of_the_engine_are_counted(tmp_path: Path) -> None:
    lab = Lab(tmp_path)
    lab.world.faults.__dict__["failing_call"] = 0.5  # pyright: ignore
    lab.begin({})
    try:
        lab.submit("product", 4)
        lab.pass_by(DAY_MS // 4)
        samples, _ = read(lab)
        assert lab.controller is not None
        errors = lab.controller._loop.meters.errors
    finally:
        lab.end()
    counted = {key[1][0][1]: value for key, value in samples.items() if key[0] == "equipoise_engine_errors_total"}
    assert counted and counted == {call: float(count) for (call, _), count in errors.items()}


def test_a_controller_that_does_not_answer_fails_the_scrape_in_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("equipoise.controller.metrics.PATIENCE_S", 0.2)
    lab = Lab(tmp_path).begin()
    try:
        began = time.monotonic()
        assert lab.controller is not None
        with pytest.raises(TimeoutError):
            metrics_text(lab.controller)
        assert time.monotonic() - began < 2
    finally:
        lab.end()


@pytest.fixture
def exported() -> Iterator[tuple[object, object]]:
    """A provider that keeps spans in memory."""
    sdk = pytest.importorskip("opentelemetry.sdk.trace", reason="opentelemetry-sdk is not installed")
    export = pytest.importorskip("opentelemetry.sdk.trace.export")
    memory = pytest.importorskip("opentelemetry.sdk.trace.export.in_memory_span_exporter").InMemorySpanExporter()
    provider = sdk.TracerProvider()
    provider.add_span_processor(export.SimpleSpanProcessor(memory))
    yield provider, memory
    provider.shutdown()


def test_spans_of_a_pass_nest_and_hold_no_names(tmp_path: Path, exported: tuple[object, object]) -> None:
    provider, memory = exported
    lab = Lab(tmp_path).begin(spans=otel_spans(provider))
    try:
        lab.submit("product", 16)
        lab.submit("safety", 4)
        lab.pass_by(3_600_000)
    finally:
        lab.end()
    spans = memory.get_finished_spans()  # type: ignore[attr-defined]
    passes = {span.context.span_id: span for span in spans if span.name == "equipoise.pass"}
    with open_sqlite(tmp_path / "ledger.db", read_only=True) as store:
        recorded = [parse_entry(data) for data in store.entries()]
    founding = 3  # entries that `open_controller` writes before the loop begins
    entries = [span.attributes["equipoise.entries"] for span in passes.values()]
    assert founding - 1 <= len(recorded) - sum(entries) <= founding
    for span in spans:
        if span.name != "equipoise.pass":
            parent = passes[span.parent.span_id]
            assert parent.start_time <= span.start_time <= span.end_time <= parent.end_time
    inside = Counter((span.parent.span_id, span.name) for span in spans if span.parent is not None)
    for number, span in passes.items():
        assert inside[number, "equipoise.decide"] == 1
        expected = 1 if span.attributes["equipoise.entries"] else 0
        assert inside[number, "equipoise.record"] == inside[number, "equipoise.act"] == expected
    told = repr([(span.name, dict(span.attributes)) for span in spans])
    assert not [word for word in ("ada", "train", "API_KEY", "value-of", "safety") if word in told]
    assert threading.active_count() < 20
