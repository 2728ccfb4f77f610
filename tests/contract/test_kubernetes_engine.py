"""What only Kubernetes can do to the engine: lost answers, versions that are gone, gangs of several Jobs, nodes that vanish, roles."""

from __future__ import annotations

import dataclasses
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from equipoise.engines.kubernetes import cluster as cluster_module
from equipoise.engines.kubernetes import open_engine
from equipoise.engines.protocol import (
    Arrived,
    Attempt,
    Condition,
    Ended,
    Launch,
    NodeChanged,
    Part,
    Phase,
    Refused,
    Running,
    Stopped,
    Withdrawn,
)
from equipoise.errors import EngineError
from tests.contract.engine_kubernetes import POOL, TEAM, KubernetesRig, cluster, user_job
from tests.contract.engine_rig import LAST, Bench
from tests.contract.kubernetes_arrivals import admit, arrival, hand_in, server

PACKAGING = Path(__file__).parents[2] / "packaging" / "kubernetes"
MANIFESTS = [each for each in yaml.safe_load_all((PACKAGING / "equipoise.yaml").read_text("utf-8")) if each]
RULES = [rule for each in MANIFESTS if each["kind"] == "ClusterRole" for rule in each["rules"]]


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[KubernetesRig]:
    with cluster(tmp_path) as made:
        made.answer = "2s"
        yield made


@pytest.fixture
def bench(rig: KubernetesRig) -> Iterator[Bench]:
    made = Bench(rig, rig.open())
    try:
        yield made
    finally:
        made.engine.close()


def hosts(bench: Bench) -> Counter[str]:
    return Counter(pod["spec"].get("nodeName", "") for pod in server(bench).objects("pods"))


# ----------------------------------------------------------------------------------------------------------------- gangs


def test_a_gang_of_jobs_arrives_when_it_is_whole_and_each_pod_runs_where_the_policy_put_it(bench: Bench) -> None:
    hand_in(bench, "trainer", "--for", 600, gang="llm", of=2, pods=3, devices=2)
    bench.quiet()
    assert not bench.heard
    hand_in(bench, "loader", "--for", 600, gang="llm", of=2, pods=1, devices=1)
    arrived = arrival(bench, "llm")
    assert arrived.gang == 7
    attempt = admit(bench, arrived, Part(2, 4), Part(1, 3))
    bench.wait(attempt, Running)
    assert hosts(bench) == {"a-2": 2, "a-1": 2}
    held = [(pod["spec"]["nodeName"], pod["spec"]["containers"][0]["resources"]["limits"]["nvidia.com/gpu"])
            for pod in server(bench).objects("pods")]  # fmt: skip
    assert Counter(held) == {("a-2", "2"): 2, ("a-1", "2"): 1, ("a-1", "1"): 1}
    bench.gone(attempt, grace_ms=1000)


def test_pods_that_leave_a_rest_of_a_node_count_it(bench: Bench) -> None:
    hand_in(bench, "odd", pods=2, devices=3)  # two nodes of four: all of the first, three of the second
    arrived = arrival(bench, "odd")
    assert arrived.gang == 7
    assert bench.wait(admit(bench, arrived, Part(0, 4), Part(2, 3)), *LAST).exit_code == 0


def test_when_a_job_of_a_gang_fails_the_others_are_stopped_and_the_gang_has_ended(bench: Bench) -> None:
    hand_in(bench, "one", "--for", 600, gang="pair", of=2)
    hand_in(bench, "two", "--for", 0.5, "--exit", 9, gang="pair", of=2)
    attempt = admit(bench, arrival(bench, "pair"), Part(0, 2))
    ended = bench.wait(attempt, *LAST)
    assert isinstance(ended, Ended) and ended.exit_code == 9
    assert "SIGTERM" in bench.signals("one")
    bench.engine.forget(attempt)
    bench.quiet()
    assert bench.seen(attempt) is None and not bench.engine.waiting()


def test_a_gang_that_loses_a_job_is_withdrawn_and_stops(bench: Bench) -> None:
    hand_in(bench, "one", "--for", 600, gang="pair", of=2)
    hand_in(bench, "two", "--for", 600, gang="pair", of=2)
    arrived = arrival(bench, "pair")
    attempt = admit(bench, arrived, Part(0, 2))
    bench.wait(attempt, Running)
    server(bench).delete("jobs", "default", "two")
    bench.wait(attempt, Ended)
    assert Withdrawn(arrived.origin) in bench.heard
    assert not [pod for pod in server(bench).objects("pods") if pod["status"]["phase"] == "Running"]


def test_a_gang_half_let_go_is_taken_as_not_launched_and_made_whole_when_told_again(bench: Bench) -> None:
    for name in ("one", "two"):
        hand_in(bench, name, "--for", 600, gang="pair", of=2)
    arrived = arrival(bench, "pair")
    attempt = Attempt(next(bench.rig.numbers), 0)
    order = Launch(attempt, "pair", "research", "a", 2, (Part(0, 2),), None, origin=arrived.origin)
    server(bench).fault("error", method="PATCH", path="jobs/two")
    with pytest.raises(EngineError) as caught:
        bench.engine.launch(order)
    assert caught.value.retryable
    assert bench.seen(attempt) is None
    bench.reopen()
    assert bench.seen(attempt) is None
    bench.engine.launch(order)
    bench.wait(attempt, Running)
    bench.listen(lambda: bench.notes("two", "start"), "both begin")
    assert len(bench.notes("one", "start")) == len(bench.notes("two", "start")) == 1
    bench.gone(attempt, grace_ms=1000)


def test_a_command_on_unequal_parts_is_a_gang_of_two_jobs_with_ranks(bench: Bench) -> None:
    attempt = bench.launch("--for", 1, gang=7, parts=[Part(0, 4), Part(1, 3)])
    assert bench.wait(attempt, *LAST).exit_code == 0
    starts = [note["environment"] for note in bench.notes(attempt, "start")]
    assert sorted((len(each["NVIDIA_VISIBLE_DEVICES"].split(",")), each["EQUIPOISE_FIRST_RANK"]) for each in starts) == [
        (3, "1"), (4, "0"),
    ]  # fmt: skip


# --------------------------------------------------------------------------------------------------- again, elsewhere


def test_a_job_that_was_reclaimed_starts_again_on_another_node(bench: Bench) -> None:
    hand_in(bench, "moves", "--for", 600)
    arrived = arrival(bench, "moves")
    first = admit(bench, arrived, Part(0, 1))
    bench.wait(first, Running)
    assert hosts(bench) == {"a-0": 1}
    bench.engine.stop(first, grace_ms=1000, requeue=True)
    bench.wait(first, Stopped)
    second = admit(bench, arrived, Part(2, 1), job=first.job, number=1)
    bench.wait(second, Running)
    assert hosts(bench) == {"a-2": 1}
    assert {seen.attempt: seen.phase for seen in bench.engine.attempts()} == {
        first: Phase.STOPPED,
        second: Phase.RUNNING,
    }
    bench.engine.forget(first)
    bench.quiet(0.2)
    assert [seen.attempt for seen in bench.engine.attempts()] == [second]
    bench.gone(second, grace_ms=1000)


def test_what_a_user_suspends_by_hand_has_ended_and_waits_again_when_forgotten(bench: Bench) -> None:
    hand_in(bench, "held", "--for", 600)
    attempt = admit(bench, arrival(bench, "held"))
    bench.wait(attempt, Running)
    server(bench).patch("jobs", "default", "held", {"spec": {"suspend": True}})
    ended = bench.wait(attempt, *LAST)
    assert isinstance(ended, Ended) and ended.exit_code is None and "not by Equipoise" in ended.reason
    bench.engine.forget(attempt)
    bench.quiet(0.2)
    assert [found.name for found in bench.engine.waiting()] == ["held"]


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"labels": {TEAM: "research"}}, "pool"),
        ({"devices": 0}, "accelerators"),
        ({"notes": {"equipoise.dev/walltime": "soon"}}, "durations"),
        ({"suspend": False}, "suspended"),
    ],
)
def test_what_cannot_be_admitted_tells_its_user_why(bench: Bench, change: dict[str, Any], word: str) -> None:
    given: dict[str, Any] = {"labels": {TEAM: "research", POOL: "a"}, **change}
    job = user_job("wrong", ("true",), **given)
    server(bench).create("jobs", job)

    def problem() -> str:
        return (
            server(bench).object("jobs", "default", "wrong")["metadata"]["annotations"].get("equipoise.dev/problem", "")
        )

    bench.listen(lambda: word in problem(), "its user is told")
    assert not bench.heard and not bench.engine.waiting()


def test_what_a_job_says_of_itself_arrives(bench: Bench) -> None:
    hand_in(bench, "first")
    notes = {
        "walltime": "6h",
        "savepoint": "30m",
        "priority": "7",
        "preemptible": "false",
        "after": "first",
        "user": "ada",
    }
    hand_in(bench, "second", notes={f"equipoise.dev/{key}": value for key, value in notes.items()})
    arrived, first = arrival(bench, "second"), arrival(bench, "first")
    assert dataclasses.replace(arrived, origin="") == Arrived(
        "", "second", "research", "ada", "a", 1, 6 * 3_600_000, 7, 1_800_000, preemptible=False, after=first.origin
    )


# ------------------------------------------------------------------------------------------------------------- faults


@pytest.mark.parametrize("what", ["error", "lost", "twice", "late"])
@pytest.mark.parametrize("order", ["launch", "handed in", "warn", "stop", "forget", "drain"])
def test_an_order_whose_answer_fails_is_told_again_and_done_once(bench: Bench, what: str, order: str) -> None:
    made = bench.order(Attempt(next(bench.rig.numbers), 0), "--for", 600)
    attempt, orders = made.attempt, dict[str, Callable[[], None]]()
    if order == "handed in":
        hand_in(bench, "theirs", "--for", 600)
        arrived = arrival(bench, "theirs")
        made = Launch(attempt, "theirs", "research", "a", 1, (Part(0, 1),), None, origin=arrived.origin)
    elif order != "launch":
        bench.engine.launch(made)
        bench.wait(attempt, Running)
    if order == "forget":
        bench.gone(attempt)
    orders["launch"] = orders["handed in"] = lambda: bench.engine.launch(made)
    orders["warn"] = lambda: bench.engine.warn(attempt, by_ms=9000, reason="floor")
    orders["stop"] = lambda: bench.engine.stop(attempt, grace_ms=1000, requeue=True)
    orders["forget"] = lambda: bench.engine.forget(attempt)
    orders["drain"] = lambda: bench.engine.drain("a", 1)
    method = {"launch": "POST", "forget": "DELETE"}.get(order, "PATCH")
    seconds = 2.5 if what == "late" else 0.0
    server(bench).fault(what if what != "late" else "twice", method=method, seconds=seconds)
    with pytest.raises(EngineError) as caught:
        orders[order]()
    assert caught.value.retryable and caught.value.code == "E163"
    if what == "late":
        bench.quiet(1.0)  # by now the first one is done, unheard
    orders[order]()
    if order in ("launch", "handed in"):
        bench.wait(attempt, Running)
        key: Any = attempt if order == "launch" else "theirs"
        bench.listen(lambda: bench.notes(key, "start"), "it begins")
        bench.quiet(0.3)
        assert len(bench.notes(key, "start")) == len(server(bench).objects("jobs")) == 1
    if order == "stop":
        bench.wait(attempt, Stopped)
    if order == "forget":
        bench.quiet(0.3)
        assert bench.seen(attempt) is None
    if order == "drain":
        bench.listen(lambda: bench.node(1).condition is Condition.MAINTENANCE, "it is cordoned")
    bench.finish()


def test_nothing_is_missed_while_watches_close_and_versions_are_forgotten(bench: Bench) -> None:
    uids = {}
    for number in range(20):
        uids[f"job-{number}"] = hand_in(bench, f"job-{number}", "--for", 0.2)
        if number % 5 == 4:
            server(bench).close_watches()
            server(bench).delete("jobs", "default", f"job-{number}")
            server(bench).compact()
        bench.quiet(0.05)
    there = {f"default/{name}@{uid}" for name, uid in uids.items() if int(name[4:]) % 5 != 4}
    bench.listen(lambda: {seen.origin for seen in bench.heard if isinstance(seen, Arrived)} >= there, "all arrive")
    origins = [seen.origin for seen in bench.heard if isinstance(seen, Arrived)]
    assert len(origins) == len(set(origins))
    bench.listen(
        lambda: {found.origin for found in bench.engine.waiting()} == there, "those that were deleted are gone"
    )
    gone = {seen.origin for seen in bench.heard if isinstance(seen, Withdrawn)}
    assert gone == set(origins) - there


def test_a_job_changed_meanwhile_is_read_again(bench: Bench) -> None:
    hand_in(bench, "busy", "--exit", 3)
    arrived = arrival(bench, "busy")
    for number in range(50):  # the engine's copy is older for some of these
        server(bench).patch("jobs", "default", "busy", {"metadata": {"annotations": {"note": str(number)}}})
    attempt = admit(bench, arrived)
    assert bench.wait(attempt, *LAST).exit_code == 3
    assert server(bench).object("jobs", "default", "busy")["metadata"]["annotations"]["note"] == "49"


def test_a_server_that_is_silent_is_reported_and_returns(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster_module, "SILENT_S", 0.5)
    tokens, server(bench).tokens = server(bench).tokens, set()
    server(bench).close_watches()
    with pytest.raises(EngineError) as caught:
        bench.quiet(5)
    assert caught.value.retryable
    server(bench).tokens = tokens
    hand_in(bench, "after")
    deadline = time.monotonic() + 10
    while not bench.heard and time.monotonic() < deadline:
        try:
            bench.heard += bench.engine.observe(0.2)
        except EngineError as error:
            assert error.retryable
    assert [seen.name for seen in bench.heard if isinstance(seen, Arrived)] == ["after"]


def test_lists_longer_than_a_page_are_read_whole(bench: Bench) -> None:
    for number in range(1200):
        hand_in(bench, f"job-{number:04}")
    bench.reopen()
    assert [found.name for found in bench.engine.waiting()] == [f"job-{number:04}" for number in range(1200)]


# ------------------------------------------------------------------------------------------------------- nodes and pods


def test_a_node_that_is_not_ready_is_down_and_its_pods_do_not_keep_a_job_from_stopping(rig: KubernetesRig) -> None:
    settings = dataclasses.replace(rig.settings, lost_after_ms=500)
    bench = Bench(rig, open_engine(settings, rig.pools, rig.folder))
    attempt = bench.running()
    rig.server.set_ready("a-0", ready=False)
    bench.listen(lambda: bench.node().condition is Condition.DOWN, "the node is down")
    bench.engine.stop(attempt, grace_ms=0, requeue=True)
    bench.wait(attempt, Stopped)
    rig.server.set_ready("a-0", ready=True)
    bench.listen(lambda: bench.node().condition is Condition.UP, "the node is back")
    bench.listen(lambda: not rig.server.objects("pods"), "its kubelet ends what was left")
    changes = [seen.node.condition for seen in bench.heard if isinstance(seen, NodeChanged)]
    assert changes == [Condition.DOWN, Condition.UP]
    bench.engine.close()


def test_a_node_that_is_replaced_gives_its_number_to_the_new_one_and_no_other_moves(bench: Bench) -> None:
    before = {node.number: node.name for node in bench.engine.nodes() if node.pool == "a"}
    server(bench).delete("nodes", "", "a-1")
    bench.listen(lambda: bench.node(1).condition is Condition.DOWN, "it is gone")
    server(bench).add_node("a-0-new", 4, {"pool": "a"})  # sorts before others
    bench.listen(lambda: bench.node(1).condition is Condition.UP, "another has its place")
    bench.reopen()
    assert {node.number: node.name for node in bench.engine.nodes() if node.pool == "a"} == before | {1: "a-0-new"}


def test_a_gang_whose_pods_find_no_node_is_refused_with_the_reason(rig: KubernetesRig) -> None:
    settings = dataclasses.replace(rig.settings, start_within_ms=700)
    bench = Bench(rig, open_engine(settings, rig.pools, rig.folder))
    rig.server.patch("nodes", "", "a-0", {"spec": {"unschedulable": True}})
    attempt = bench.launch("--for", 600)
    refused = bench.wait(attempt, *LAST)
    assert isinstance(refused, Refused) and "Unschedulable" in refused.reason
    assert not rig.server.objects("pods")
    bench.finish()


def test_a_pod_larger_than_a_node_is_refused(bench: Bench) -> None:
    hand_in(bench, "huge", devices=6)
    refused = bench.wait(admit(bench, arrival(bench, "huge"), Part(0, 4), Part(1, 2)), *LAST)
    assert isinstance(refused, Refused) and "do not fit" in refused.reason


# --------------------------------------------------------------------------------------------------------- who may what
