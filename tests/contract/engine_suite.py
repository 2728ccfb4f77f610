"""What every engine does. `EngineContract` holds of all; `QueueContract` of those to which users give jobs themselves."""

from __future__ import annotations

import random
import sys
import threading
import time

import pytest

from equipoise.engines.protocol import (
    Arrived,
    Attempt,
    Command,
    Condition,
    Ended,
    Launch,
    NodeChanged,
    Part,
    Phase,
    Refused,
    Running,
    Seen,
    Stopped,
    Withdrawn,
)
from tests.contract.engine_rig import LAST, UNENDED, Bench, Submission


class EngineContract:
    """``bench`` is an engine, newly opened over a component that has no unended job and all nodes up."""

    # ------------------------------------------------------------------------------------------ start and end

    @pytest.mark.parametrize("code", [0, 3])
    def test_a_job_starts_runs_and_ends_with_its_exit_code(self, bench: Bench, code: int) -> None:
        attempt = bench.launch("--exit", code)
        ended = bench.wait(attempt, *LAST)
        assert (type(ended), ended.exit_code) == (Ended, code)
        assert [type(seen) for seen in bench.of(attempt)] == [Running, Ended]
        seen = bench.seen(attempt)
        assert seen is not None and (seen.phase, seen.exit_code) == (Phase.ENDED, code)
        assert [note["what"] for note in bench.notes(attempt)] == ["start", "end"]

    def test_a_job_that_a_signal_ended_says_so(self, bench: Bench) -> None:
        attempt = bench.launch("--die", "SIGKILL")
        assert bench.wait(attempt, *LAST).exit_code in bench.rig.killed

    def test_a_job_has_the_arguments_the_environment_and_the_directory_it_was_given(self, bench: Bench) -> None:
        number = next(bench.rig.numbers)
        attempt = Attempt(number, 0)
        words = ("", "two words", "$HOME `id` ; rm *", "a\nb", "quote ' and \"", "größer 😀")
        given = {"PLAIN": "x", "ODD": "a=b\n$HOME 'c' \"d\"", "EMPTY": ""}
        command = Command(bench.argv(attempt, "--", *words), given, str(bench.rig.directory))
        bench.start(bench.order(attempt, command=command))
        assert bench.wait(attempt, *LAST).exit_code == 0
        [start] = bench.notes(attempt, "start")
        assert start["words"] == list(words)
        assert start["directory"] == str(bench.rig.directory)
        own = {"EQUIPOISE_JOB": str(number), "EQUIPOISE_ATTEMPT": "0", "EQUIPOISE_TEAM": bench.rig.team}
        assert start["environment"].items() >= (given | own).items()

    def test_launched_twice_it_starts_once(self, bench: Bench) -> None:
        attempt = Attempt(next(bench.rig.numbers), 0)
        order = bench.order(attempt, "--for", 1)
        bench.start(order)
        bench.start(order)
        bench.wait(attempt, Running)
        bench.start(order)
        bench.wait(attempt, Ended)
        bench.start(order)
        bench.quiet(1.0)
        assert [type(seen) for seen in bench.of(attempt)] == [Running, Ended]
        assert len(bench.notes(attempt, "start")) == 1

    def test_what_cannot_start_is_refused_and_its_devices_are_clear(self, bench: Bench) -> None:
        gang = bench.rig.pool.gpus_per_node
        refused = bench.launch(command=bench.rig.refused, gang=gang)
        found = bench.wait(refused, *LAST)
        assert isinstance(found, Refused) and found.reason
        seen = bench.seen(refused)
        assert seen is None or seen.phase not in UNENDED
        assert bench.wait(bench.launch(gang=gang), *LAST).exit_code == 0

    def test_a_gang_of_several_nodes_starts_whole(self, bench: Bench) -> None:
        pool = bench.rig.pool
        parts = [Part(node, pool.gpus_per_node) for node in range(pool.nodes)]
        attempt = bench.launch("--for", 0.5, gang=pool.capacity, parts=parts)
        assert bench.wait(attempt, *LAST).exit_code == 0
        assert [type(seen) for seen in bench.of(attempt)] == [Running, Ended]
        # All of it is free again: the same gang starts once more.
        assert bench.wait(bench.launch(gang=pool.capacity, parts=parts), *LAST).exit_code == 0

    def test_no_two_jobs_share_a_device(self, bench: Bench) -> None:
        pool = bench.rig.pool
        gangs = [1] * pool.gpus_per_node if pool.gpus_per_node < 3 else [2] + [1] * (pool.gpus_per_node - 2)
        for _ in range(2):
            jobs = [
                (bench.running(gang=gang, parts=[Part(node, gang)]), gang)
                for node in range(pool.nodes)
                for gang in gangs
            ]
            held: list[str] = []
            for attempt, gang in jobs:
                devices = bench.rig.devices(bench.notes(attempt, "start")[0]["environment"])
                assert len(devices) == gang
                held += devices
            assert len(held) == len(set(held)) == pool.capacity
            for attempt, _ in jobs:
                bench.engine.stop(attempt, grace_ms=2000, requeue=False)
            for attempt, _ in jobs:
                bench.wait(attempt, Stopped, extra_s=2)

    def test_the_output_of_a_job_is_kept_beyond_forget(self, bench: Bench) -> None:
        attempt = bench.launch("--say", "loss 0.25 größer")
        bench.wait(attempt, Ended)
        for _ in range(2):
            text = bench.rig.output(bench.engine, attempt)
            assert "loss 0.25 größer" in text and "LOSS 0.25 GRÖSSER" in text
            bench.engine.forget(attempt)

    # ------------------------------------------------------------------------------------------- warn and stop

    def test_a_job_that_obeys_is_stopped_before_its_grace_is_over(self, bench: Bench) -> None:
        attempt = bench.running()
        grace_s = bench.rig.patience_s + 20
        began = time.monotonic()
        bench.engine.stop(attempt, grace_ms=round(grace_s * 1000), requeue=True)
        bench.engine.stop(attempt, grace_ms=round(grace_s * 1000), requeue=True)
        assert isinstance(bench.wait(attempt, *LAST), Stopped)
        assert time.monotonic() - began < grace_s
        assert bench.signals(attempt)[-1:] == ["SIGTERM"]
        bench.engine.stop(attempt, grace_ms=0, requeue=True)
        bench.quiet()
        assert [type(seen) for seen in bench.of(attempt)] == [Running, Stopped]
        seen = bench.seen(attempt)
        assert seen is not None and seen.phase is Phase.STOPPED

    def test_a_job_that_does_not_obey_is_stopped_by_force_after_its_grace(self, bench: Bench) -> None:
        attempt = bench.running("--on-term", "ignore", "--beat", 0.05)
        began = time.monotonic()
        bench.engine.stop(attempt, grace_ms=2000, requeue=False)
        bench.wait(attempt, Stopped, extra_s=2)
        assert time.monotonic() - began >= 1.9
        assert "SIGTERM" in bench.signals(attempt)
        beats = len(bench.notes(attempt, "beat"))
        time.sleep(0.5)
        assert len(bench.notes(attempt, "beat")) == beats  # dead

    def test_a_job_with_savepoints_is_signalled_when_it_is_stopped_unwarned(self, bench: Bench) -> None:
        attempt = bench.running(savepoint=True)
        bench.gone(attempt, grace_ms=2000)
        heard = bench.signals(attempt)
        assert bench.rig.warning in heard and heard[-1] == "SIGTERM"

    def test_a_warning_reaches_a_job_with_savepoints_and_does_not_stop_it(self, bench: Bench) -> None:
        attempt = bench.running(savepoint=True)
        bench.engine.warn(attempt, by_ms=60_000, reason="research has its floor back")
        bench.listen(lambda: bench.rig.warning in bench.signals(attempt), "the warning arrives")
        bench.quiet()
        seen = bench.seen(attempt)
        assert seen is not None and seen.phase is Phase.RUNNING
        bench.gone(attempt, grace_ms=1000)

    def test_a_warning_does_not_disturb_a_job_without_savepoints(self, bench: Bench) -> None:
        plain = Command((sys.executable, "-S", "-c", "import time; time.sleep(2)"))  # which would die of a SIGUSR1
        attempt = bench.launch(command=plain)
        bench.wait(attempt, Running)
        bench.engine.warn(attempt, by_ms=60_000, reason="research has its floor back")
        assert bench.wait(attempt, *LAST).exit_code == 0

    def test_stopping_what_has_just_ended_changes_nothing(self, bench: Bench) -> None:
        attempt = bench.launch()
        bench.wait(attempt, Ended)
        bench.engine.warn(attempt, by_ms=1000, reason="late")
        bench.engine.stop(attempt, grace_ms=0, requeue=True)
        bench.quiet()
        assert [type(seen) for seen in bench.of(attempt)] == [Running, Ended]
        seen = bench.seen(attempt)
        assert seen is not None and (seen.phase, seen.exit_code) == (Phase.ENDED, 0)

    def test_a_stop_that_races_with_the_end_gives_one_of_the_two(self, bench: Bench) -> None:
        chance = random.Random(7)
        for _ in range(5):
            attempt = bench.launch("--for", 0.3)
            bench.wait(attempt, Running)
            bench.quiet(chance.uniform(0.2, 0.5))
            bench.engine.stop(attempt, grace_ms=1000, requeue=False)
            bench.wait(attempt, Ended, Stopped, extra_s=1)
            bench.quiet(0.1)
            seen = bench.seen(attempt)
            assert seen is not None
            assert [seen.phase is Phase.ENDED] == [
                type(found) is Ended for found in bench.of(attempt) if type(found) in LAST
            ]

    def test_a_stop_right_after_the_launch_leaves_nothing_running(self, bench: Bench) -> None:
        attempt = bench.launch("--for", 600)
        bench.engine.stop(attempt, grace_ms=0, requeue=False)
        assert isinstance(bench.wait(attempt, *LAST), Stopped)
        gang = bench.rig.pool.gpus_per_node
        assert bench.wait(bench.launch(gang=gang), *LAST).exit_code == 0

    def test_what_the_engine_does_not_know_can_be_warned_stopped_and_forgotten(self, bench: Bench) -> None:
        unknown = Attempt(next(bench.rig.numbers), 0)
        bench.engine.warn(unknown, by_ms=1000, reason="nobody there")
        bench.engine.stop(unknown, grace_ms=0, requeue=False)
        bench.engine.forget(unknown)
        bench.quiet(0.2)
        assert bench.of(unknown) == [] and bench.seen(unknown) is None

    def test_a_job_that_was_stopped_starts_again_as_its_next_attempt(self, bench: Bench) -> None:
        first = bench.running()
        bench.engine.stop(first, grace_ms=5000, requeue=True)
        bench.wait(first, Stopped, extra_s=5)
        second = bench.launch("--exit", 5, job=first.job, number=1)
        assert bench.wait(second, *LAST).exit_code == 5
        seen = {found.attempt: found.phase for found in bench.engine.attempts()}
        assert (seen[first], seen[second]) == (Phase.STOPPED, Phase.ENDED)
        assert bench.notes(second, "start")[0]["environment"]["EQUIPOISE_ATTEMPT"] == "1"

    # ------------------------------------------------------------------------------------- the controller restarts

    def test_jobs_run_on_when_the_engine_is_closed_and_are_known_when_it_is_opened_again(self, bench: Bench) -> None:
        long = bench.running()
        short = bench.launch("--for", 1, "--exit", 4)
        bench.wait(short, Running)
        stopped = bench.running("--on-term", "ignore")
        bench.engine.stop(stopped, grace_ms=500, requeue=False)
        bench.engine.close()
        bench.engine.close()
        time.sleep(2)
        bench.engine = bench.rig.open()
        bench.heard = []
        bench.listen(lambda: self.phases(bench, short, stopped) == [Phase.ENDED, Phase.STOPPED], "the ends are known")
        seen = bench.seen(short)
        assert seen is not None and seen.exit_code == 4
        seen = bench.seen(long)
        assert seen is not None and seen.phase is Phase.RUNNING
        assert len(bench.notes(long, "start")) == 1 and not bench.signals(long)
        bench.gone(long, grace_ms=2000)

    @staticmethod
    def phases(bench: Bench, *attempts: Attempt) -> list[Phase | None]:
        known = {seen.attempt: seen.phase for seen in bench.engine.attempts()}
        return [known.get(attempt) for attempt in attempts]

    def test_what_ends_after_the_engine_was_opened_again_is_reported(self, bench: Bench) -> None:
        attempt = bench.launch("--for", 2 + bench.rig.patience_s / 5, "--exit", 6)
        bench.wait(attempt, Running)
        bench.reopen()
        seen = bench.seen(attempt)
        if seen is not None and seen.phase in UNENDED:
            assert bench.wait(attempt, *LAST).exit_code == 6
        seen = bench.seen(attempt)
        assert seen is not None and (seen.phase, seen.exit_code) == (Phase.ENDED, 6)

    def test_launched_again_after_a_restart_it_does_not_start_again(self, bench: Bench) -> None:
        attempt = Attempt(next(bench.rig.numbers), 0)
        order = bench.order(attempt, "--for", 600)
        bench.start(order)
        bench.wait(attempt, Running)
        bench.listen(lambda: bench.notes(attempt, "start"), "it begins")
        bench.reopen()
        bench.start(order)
        bench.quiet(1.0)
        assert len(bench.notes(attempt, "start")) == 1
        seen = bench.seen(attempt)
        assert seen is not None and seen.phase is Phase.RUNNING

    def test_what_is_forgotten_is_known_no_more(self, bench: Bench) -> None:
        ended, runs = bench.launch(), bench.running()
        bench.wait(ended, Ended)
        for attempt in (ended, ended, runs):  # what runs is not let go of
            bench.engine.forget(attempt)
        assert bench.seen(ended) is None
        assert bench.seen(runs) == Seen(runs, Phase.RUNNING)
        bench.reopen()
        assert bench.seen(ended) is None and bench.seen(runs) is not None

    # ------------------------------------------------------------------------------------------------- nodes

    def test_the_nodes_are_those_that_the_pools_expect(self, bench: Bench) -> None:
        nodes = bench.engine.nodes()
        assert [(node.pool, node.number) for node in nodes] == [
            (pool.name, number) for pool in bench.rig.pools for number in range(pool.nodes)
        ]
        devices = {pool.name: pool.gpus_per_node for pool in bench.rig.pools}
        assert all(node.devices == devices[node.pool] and node.condition is Condition.UP for node in nodes)
        assert all(node.name for node in nodes) and len({node.name for node in nodes}) == len(nodes)

    def test_a_node_goes_into_maintenance_and_comes_back(self, bench: Bench) -> None:
        number = bench.rig.pool.nodes - 1
        for back, condition in ((False, Condition.MAINTENANCE), (True, Condition.UP)):
            for _ in range(2):  # asked for twice, done once
                bench.engine.drain(bench.rig.pool.name, number, back=back)
            bench.listen(lambda: bench.node(number).condition is condition, f"the node is {condition}")  # noqa: B023
            bench.quiet(0.3)
            changes = [seen.node for seen in bench.heard if isinstance(seen, NodeChanged)]
            assert [node.condition for node in changes] == [condition], changes
            assert (changes[0].pool, changes[0].number) == (bench.rig.pool.name, number)
            bench.reopen()
            assert bench.node(number).condition is condition  # also for the controller that comes next
        assert bench.wait(bench.launch(parts=[Part(number, 1)]), *LAST).exit_code == 0

    def test_a_job_runs_on_while_its_node_is_in_maintenance(self, bench: Bench) -> None:
        attempt = bench.running()
        bench.engine.drain(bench.rig.pool.name, 0)
        bench.listen(lambda: bench.node().condition is Condition.MAINTENANCE, "the node is in maintenance")
        bench.quiet()
        assert self.phases(bench, attempt) == [Phase.RUNNING]
        bench.gone(attempt, grace_ms=2000)

    # ------------------------------------------------------------------------------------------------ observe

    def test_observe_returns_within_its_timeout(self, bench: Bench) -> None:
        bench.quiet(0.2)
        for timeout_s in (0.0, 0.3):
            began = time.monotonic()
            assert list(bench.engine.observe(timeout_s)) == []
            assert timeout_s * 0.9 <= time.monotonic() - began < timeout_s + 2

    def test_wake_lets_observe_return(self, bench: Bench) -> None:
        bench.quiet(0.2)
        for delay_s in (0.3, 0.0):
            waker = threading.Timer(delay_s, bench.engine.wake)
            waker.start()
            if not delay_s:
                waker.join()  # woken before: it does not wait either
            began = time.monotonic()
            bench.engine.observe(20.0)
            assert time.monotonic() - began < 5
            waker.join()

    def test_the_engine_says_its_name(self, bench: Bench) -> None:
        assert bench.engine.name == bench.rig.name


class QueueContract:
    """Jobs that users give to the engine itself: they wait, held, until `launch` names them by their origin."""

    def test_a_job_of_the_queue_arrives_waits_and_runs_when_it_is_launched(self, bench: Bench) -> None:
        arrived = self.arrives(bench, "queue-plain", "--exit", 2)
        assert (arrived.name, arrived.team, arrived.pool, arrived.gang) == (
            "queue-plain", bench.rig.team, bench.rig.pool.name, 1,
        )  # fmt: skip
        assert arrived.user
        bench.quiet(1.0)
        assert not bench.notes("queue-plain")  # held
        attempt = self.launch(bench, arrived)
        assert bench.wait(attempt, *LAST).exit_code == 2
        assert len(bench.notes("queue-plain", "start")) == 1
        assert bench.rig.devices(bench.notes("queue-plain", "start")[0]["environment"])
        assert arrived.origin not in {found.origin for found in bench.engine.waiting()}

    def test_a_job_waits_on_when_the_engine_is_opened_again(self, bench: Bench) -> None:
        arrived = self.arrives(bench, "queue-waits")
        bench.reopen(closed_s=1.0)
        assert [found for found in bench.engine.waiting() if found.origin == arrived.origin] == [arrived]
        assert bench.wait(self.launch(bench, arrived), *LAST).exit_code == 0

    def test_a_job_that_is_stopped_waits_for_its_next_attempt(self, bench: Bench) -> None:
        arrived = self.arrives(bench, "queue-again", "--for", 600)
        first = self.launch(bench, arrived)
        bench.wait(first, Running)
        bench.engine.stop(first, grace_ms=2000, requeue=True)
        bench.wait(first, Stopped, extra_s=2)
        bench.quiet(1.0)
        starts = len(bench.notes("queue-again", "start"))
        assert arrived.origin in {found.origin for found in bench.engine.waiting()}
        second = self.launch(bench, arrived, job=first.job, number=1)
        bench.wait(second, Running)
        bench.listen(lambda: len(bench.notes("queue-again", "start")) > starts, "it runs again")
        bench.gone(second, grace_ms=2000)
        bench.listen(
            lambda: arrived.origin not in {found.origin for found in bench.engine.waiting()}, "cancelled for good"
        )

    def test_a_job_that_its_user_withdraws_is_reported(self, bench: Bench) -> None:
        waits, runs = self.arrives(bench, "queue-cancelled"), self.arrives(bench, "queue-killed", "--for", 600)
        attempt = self.launch(bench, runs)
        bench.wait(attempt, Running)
        for arrived in (waits, runs):
            bench.rig.withdraw(arrived.origin)
            bench.listen(lambda: Withdrawn(arrived.origin) in bench.heard, f"{arrived.name} is withdrawn")  # noqa: B023
        bench.listen(lambda: not [seen for seen in bench.engine.attempts() if seen.phase in UNENDED], "nothing runs")
        assert not {waits.origin, runs.origin} & {found.origin for found in bench.engine.waiting()}
        assert not bench.notes("queue-cancelled")

    def test_jobs_of_the_queue_and_of_the_controller_share_no_device(self, bench: Bench) -> None:
        mine = bench.running()
        arrived = self.arrives(bench, "queue-beside", "--for", 600)
        theirs = self.launch(bench, arrived)
        bench.wait(theirs, Running)
        bench.listen(lambda: bench.notes("queue-beside", "start"), "it begins")
        held = [bench.rig.devices(bench.notes(key, "start")[0]["environment"]) for key in (mine, "queue-beside")]
        assert not held[0] & held[1]

    # ------------------------------------------------------------------------------------------------ as users do

    @staticmethod
    def arrives(bench: Bench, name: str, *options: str | float) -> Arrived:
        argv = bench.argv(name, *options)
        origin = bench.rig.submit(Submission(name, bench.rig.team, bench.rig.pool.name, 1, argv))

        def found() -> list[Arrived]:
            return [seen for seen in bench.heard if isinstance(seen, Arrived) and seen.origin == origin]

        bench.listen(found, f"{name} arrives")
        assert [seen for seen in bench.engine.waiting() if seen.origin == origin] == found()[:1]
        return found()[0]

    @staticmethod
    def launch(bench: Bench, arrived: Arrived, *, job: int | None = None, number: int = 0) -> Attempt:
        attempt = Attempt(next(bench.rig.numbers) if job is None else job, number)
        where = (Part(0, arrived.gang),)
        bench.start(
            Launch(attempt, arrived.name, arrived.team, arrived.pool, arrived.gang, where, None, origin=arrived.origin)
        )
        return attempt
