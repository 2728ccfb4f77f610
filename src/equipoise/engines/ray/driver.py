"""The driver: a process of its own that talks to Ray for the controller, run by the Python of the cluster.

Ray ends a process whose cluster goes away, and wants the very Python and Ray of the cluster; neither may happen to the
controller. So this is a program of the standard library and Ray only. It reads requests from its standard input, one JSON
object a line (``id``, ``do`` and what that takes), and writes replies (``id``, ``ok`` or ``error``) and news (``news``). It ends
when its input does. It decides nothing and remembers nothing that a later driver needs.
"""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import json
import os
import re
import sys
import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from types import ModuleType
from typing import Any

_UNKNOWN_DEVICES = "Ray did not tell in time which devices it has"
_LOOK_S = 0.1
_WAIT_S = 1.0
_WATCH_S = 20.0
_WORKERS = 32


class RefusedError(Exception):
    """Ray cannot start an attempt, and this is why."""


class DoubtfulError(RefusedError):
    """An attempt did not start, and that one of its nodes has just gone may be why."""


class Driver:
    """Carries out requests, several at a time."""

    def __init__(self, output: int) -> None:
        self._output = os.fdopen(output, "w", encoding="utf-8")
        self._writing = threading.Lock()
        self._workers = ThreadPoolExecutor(_WORKERS)
        self._keepers: dict[str, Any] = {}
        self._names: dict[str, str] = {}
        self._groups: dict[str, Any] = {}
        self._starting: set[str] = set()
        self._let_go: set[str] = set()
        self._answer_s = 30.0

    def run(self) -> None:
        """Carry out what is asked until the input ends."""
        for line in sys.stdin:
            asked = json.loads(line)
            if asked["do"] == "launch":
                self._starting.add(asked["attempt"])  # so that `let_go` finds it, whichever worker comes first
            self._workers.submit(self._carry_out, asked)

    def _carry_out(self, asked: dict[str, Any]) -> None:
        try:
            reply = {"ok": getattr(self, f"do_{asked['do']}")(asked)}
        except RefusedError as refusal:
            reply = {"ok": {"refused": str(refusal)}}
        except ImportError as error:
            reply = {"error": str(error), "missing": True}
        except Exception as error:  # noqa: BLE001 - whatever Ray raises is told to the controller, without the values it was given
            reply = {"error": f"{type(error).__name__}: {_first_line(error)}"}
        self._write({"id": asked["id"], **reply})

    def _write(self, message: dict[str, Any]) -> None:
        with self._writing:
            try:
                self._output.write(json.dumps(message) + "\n")
                self._output.flush()
            except (BrokenPipeError, ValueError):
                os._exit(0)  # nobody listens any more

    # ------------------------------------------------------------------------------------------------------- requests

    def do_connect(self, asked: dict[str, Any]) -> dict[str, Any]:
        """Connect to the cluster, and watch its nodes from now on."""
        self._ray: Any = importlib.import_module("ray")
        self._errors: Any = importlib.import_module("ray.exceptions")
        self._groups_of: Any = importlib.import_module("ray.util.placement_group")
        self._strategies: Any = importlib.import_module("ray.util.scheduling_strategies")
        self._namespace, self._directory = asked["namespace"], asked["directory"]
        self._answer_s, self._poll_s = asked["answer_s"], asked["poll_s"]
        self._ray.init(
            address=asked["address"], namespace=self._namespace, log_to_driver=False, configure_logging=False
        )
        self._by_labels = _selects_by_labels(self._ray.__version__, self._groups_of.placement_group)
        self._probe: Any = self._ray.remote(num_cpus=0, max_calls=0, max_retries=0)(devices_here)
        self._keeper: Any = self._ray.remote(_shipped("keeper").Keeper)
        self._nodes = self._nodes_now()
        threading.Thread(target=self._watch_nodes, daemon=True).start()
        return {
            "ray": self._ray.__version__,
            "nodes": self._nodes,
            "address": self._ray.get_runtime_context().gcs_address,
        }

    def do_keep(self, asked: dict[str, Any]) -> dict[str, Any]:
        """Have a keeper on a node, started now or long ago; return its records, and tell of every later change."""
        node, name = asked["node"], asked["name"]
        self._names[node] = name
        seen = self._ask(self._keeper_of(node).changes.remote("", 0, 0.0))
        self._watch(node, seen["life"], seen["turn"])
        return {"records": seen["records"]}

    def do_launch(self, asked: dict[str, Any]) -> dict[str, Any]:
        """Reserve the devices of an attempt on its nodes, all or none, and start its parts there."""
        attempt: str = asked["attempt"]
        try:
            nodes = [part["node"] for part in asked["parts"]]
            try:
                group = self._reserve(attempt, nodes, [part["bundle"] for part in asked["parts"]], asked["reserve_s"])
                return {"records": self._start(asked, nodes, group)}
            except DoubtfulError:
                self._settle(attempt, nodes)
                raise
        finally:
            self._starting.discard(attempt)
            self._let_go.discard(attempt)

    def _start(self, asked: dict[str, Any], nodes: list[str], group: Any) -> list[Any]:
        attempt: str = asked["attempt"]
        try:
            devices = self._devices(attempt, group, [part["devices"] for part in asked["parts"]])
            started: list[Any] = []
            for rank, (node, indexes) in enumerate(zip(nodes, devices, strict=True)):
                environment = asked["parts"][rank]["environment"] | {"CUDA_VISIBLE_DEVICES": ",".join(indexes)}
                part = asked["part"] | {"attempt": attempt, "rank": rank, "environment": environment}
                started.append(self._keeper_of(node).start.remote(part))
            return self._answers(started)
        except Exception as error:
            undone = [self._keeper_of(node).undo.remote(f"{attempt}.{rank}") for rank, node in enumerate(nodes)]
            self._ray.wait(undone, num_returns=len(undone), timeout=self._answer_s)
            self._remove(attempt, group)
            is_sure = isinstance(error, (RefusedError, self._errors.RayTaskError))  # of a keeper that runs
            raise (RefusedError if is_sure else DoubtfulError)(_first_line(error)) from error

    def do_warn(self, asked: dict[str, Any]) -> None:
        """Warn a part."""
        self._ask(self._keeper_of(asked["node"]).warn.remote(asked["key"]))

    def do_stop(self, asked: dict[str, Any]) -> None:
        """Stop a part: ask, wait, force."""
        self._ask(self._keeper_of(asked["node"]).stop.remote(asked["key"], asked["grace_ms"], asked["asked"]))

    def do_forget(self, asked: dict[str, Any]) -> None:
        """Drop the record of a part."""
        self._ask(self._keeper_of(asked["node"]).forget.remote(asked["key"]))

    def do_let_go(self, asked: dict[str, Any]) -> None:
        """Let an attempt whose parts do not begin yet give up; its devices stay its own until it is known that none began."""
        if asked["attempt"] in self._starting:
            self._let_go.add(asked["attempt"])

    def do_release(self, asked: dict[str, Any]) -> None:
        """Give the devices of an attempt that is over back; whoever of Ray's own workers is still on them is killed."""
        group = self._groups.get(asked["attempt"])
        if group is None:
            try:
                group = self._groups_of.get_placement_group(self._name(asked["attempt"]))
            except ValueError:
                return
        self._remove(asked["attempt"], group)

    def do_reservations(self, asked: dict[str, Any]) -> list[str]:
        """Return the attempts whose devices are reserved, or wait to be."""
        table: dict[str, Any] = self._groups_of.placement_group_table()
        own = re.compile(re.escape(self._name("")) + r"(\d+\.\d+)")
        held = [entry["name"] for entry in table.values() if entry["state"] != "REMOVED"]
        return sorted(found[1] for name in held if (found := own.fullmatch(name)))

    # --------------------------------------------------------------------------------------------------- reservations

    def _reserve(self, attempt: str, nodes: list[str], bundles: list[dict[str, float]], wait_s: float) -> Any:
        addresses = {node["id"]: node["address"] for node in self._nodes}
        pinned: dict[str, Any] = {}
        if self._by_labels:
            pinned = {"bundle_label_selector": [{"ray.io/node-id": node} for node in nodes]}
        else:
            bundles = [bundle | {f"node:{addresses[node]}": 0.001} for bundle, node in zip(bundles, nodes, strict=True)]
        try:
            group = self._groups_of.placement_group(
                bundles, strategy="PACK", name=self._name(attempt), lifetime="detached", **pinned
            )
        except ValueError as error:
            raise RefusedError(_first_line(error)) from error
        self._groups[attempt] = group
        try:
            until_s = time.monotonic() + wait_s
            while not group.wait(min(_WAIT_S, wait_s)):
                self._check_wanted(attempt)
                if time.monotonic() > until_s:
                    raise DoubtfulError(f"Ray did not have the devices free within {wait_s:g} s")
            placed = self._groups_of.placement_group_table(group)["bundles_to_node_id"]
            if [placed[rank] for rank in range(len(nodes))] != nodes:
                raise RefusedError("Ray reserved devices on other nodes than asked")
        except BaseException:
            self._remove(attempt, group)
            raise
        return group

    def _devices(self, attempt: str, group: Any, counts: list[int]) -> list[list[str]]:
        """Return which devices each bundle has: Ray chose them, and tells only a task within."""
        within = self._strategies.PlacementGroupSchedulingStrategy
        asked = [
            self._probe.options(num_gpus=count, scheduling_strategy=within(group, rank)).remote()
            for rank, count in enumerate(counts)
        ]
        try:
            for _ in range(max(1, round(self._answer_s / _LOOK_S))):
                ready, _ = self._ray.wait(asked, num_returns=len(asked), timeout=_LOOK_S)
                self._check_wanted(attempt)
                if len(ready) == len(asked):
                    return self._answers(asked)
            raise DoubtfulError(_UNKNOWN_DEVICES)
        except RefusedError:
            for task in asked:
                self._ray.cancel(task, force=True)
            raise

    def _check_wanted(self, attempt: str) -> None:
        if attempt in self._let_go:
            raise RefusedError("it was told to stop before it began")

    def _remove(self, attempt: str, group: Any) -> None:
        self._groups_of.remove_placement_group(group)
        self._groups.pop(attempt, None)

    def _name(self, what: str) -> str:
        """Of a placement group (``equipoise-12.0``) or a keeper (``equipoise-keeper-…``) among all that the cluster has."""
        return f"{self._namespace}-{what}"

    # -------------------------------------------------------------------------------------------------------- keepers

    def _keeper_of(self, node: str) -> Any:
        keeper = self._keepers.get(node)
        if keeper is None:
            sweep = _shipped("sweep")
            place = f"{self._namespace}/{self._names[node]}/"
            keeper = self._keeper.options(
                name=self._name(f"keeper-{node}"),
                namespace=self._namespace,
                lifetime="detached",
                get_if_exists=True,
                max_restarts=-1,
                max_concurrency=16,
                num_cpus=0,
                scheduling_strategy=self._strategies.NodeAffinitySchedulingStrategy(node, soft=False),
            ).remote(place, node, f"{self._directory}/{place}", sweep.sweep, inspect.getsource(sweep))
            self._keepers[node] = keeper
        return keeper

    def _watch(self, node: str, life: str, turn: int) -> None:
        """Tell of what changes on a node, for as long as it is there."""
        waiting = self._keeper_of(node).changes.remote(life, turn, _WATCH_S)

        def told(answer: Future[dict[str, Any]]) -> None:
            self._workers.submit(self._changed, node, life, turn, answer)

        waiting.future().add_done_callback(told)

    def _changed(self, node: str, life: str, turn: int, answer: Future[dict[str, Any]]) -> None:
        try:
            seen = answer.result()
            life, turn = seen["life"], seen["turn"]
            if seen["records"]:
                self._write({"news": "parts", "node": node, "records": seen["records"]})
        except self._errors.RayError:
            # The keeper was killed, and Ray starts another; or its node is gone, and nobody asks for its keeper any more.
            time.sleep(0.1)
        if any(each["id"] == node and each["alive"] for each in self._nodes):
            self._watch(node, life, turn)

    # ---------------------------------------------------------------------------------------------------------- nodes

    def _nodes_now(self) -> list[dict[str, Any]]:
        return [
            {
                "id": node["NodeID"],
                "alive": node["Alive"],
                "address": node["NodeManagerAddress"],
                "name": node.get("NodeName") or node["NodeManagerAddress"],
                "labels": node.get("Labels") or {},
                "resources": sorted(node["Resources"]),
                "devices": int(node["Resources"].get("GPU", 0)),
                "reason": node.get("DeathReasonMessage") or "",
            }
            for node in self._ray.nodes()
        ]

    def _watch_nodes(self) -> None:
        while True:
            time.sleep(self._poll_s)
            nodes = self._nodes_now()
            if nodes != self._nodes:
                self._write({"news": "nodes", "nodes": nodes})
                self._nodes = (
                    nodes  # after the news of it: what is answered because a node is gone comes later than that
                )

    def _settle(self, attempt: str, nodes: list[str]) -> None:
        """Wait until every node has run a task since, or one is known to be gone, which Ray takes seconds to notice.

        Not the keepers are asked, for they may outlive their raylet for a moment.
        """
        until_s = time.monotonic() + self._answer_s

        def is_open() -> bool:
            alive = {node["id"] for node in self._nodes if node["alive"]}
            return time.monotonic() < until_s and alive.issuperset(nodes) and attempt not in self._let_go

        unproven = list(dict.fromkeys(nodes))
        while unproven and is_open():
            there = self._strategies.NodeAffinitySchedulingStrategy(unproven[0], soft=False)
            task = self._probe.options(num_gpus=0, scheduling_strategy=there).remote()
            while is_open() and not self._ray.wait([task], timeout=_LOOK_S)[0]:
                pass
            if self._has_run(task):
                del unproven[0]

    def _has_run(self, task: Any) -> bool:
        """Whether a task came to its end; one that did not is called off."""
        try:
            self._ray.get(task, timeout=0)
        except self._errors.RayError:  # it has not come to its end, too
            self._ray.cancel(task, force=True)
            time.sleep(_LOOK_S)
            return False
        return True

    def _ask(self, waiting: Any) -> Any:
        return self._ray.get(waiting, timeout=self._answer_s)

    def _answers(self, waiting: list[Any]) -> list[Any]:
        return self._ray.get(waiting, timeout=self._answer_s)


def devices_here() -> list[str]:
    """Return the devices of the task that runs this."""
    context: Any = importlib.import_module("ray").get_runtime_context()
    return [str(index) for index in context.get_accelerator_ids().get("GPU", [])]


def _selects_by_labels(version: str, placement_group: Any) -> bool:
    """Whether bundles can be pinned by the label of a node; Ray heeds it from 2.50 on, and takes it silently before."""
    release = tuple(int(number) for number in version.split(".")[:2])
    return release >= (2, 50) and "bundle_label_selector" in inspect.signature(placement_group).parameters


def _shipped(name: str) -> ModuleType:
    """Load a module that lies beside this one, so that Ray carries it to nodes by value."""
    full_name = f"equipoise_ray_{name}"
    if full_name not in sys.modules:
        spec = importlib.util.spec_from_file_location(full_name, Path(__file__).with_name(f"{name}.py"))
        assert spec is not None and spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[full_name] = module
        spec.loader.exec_module(module)
        pickling: Any = importlib.import_module("ray.cloudpickle")
        pickling.register_pickle_by_value(module)
    return sys.modules[full_name]


def _first_line(error: BaseException) -> str:
    cause = getattr(error, "cause", None) or error
    lines = str(cause).strip().splitlines() or [type(cause).__name__]
    return lines[-1] if lines[0].startswith("\x1b") else lines[0]


def main() -> None:
    """Answer on what was standard output; whatever Ray prints goes where errors go."""
    answers = os.dup(1)
    os.dup2(2, 1)
    here = str(Path(__file__).parent)
    sys.path[:] = [path for path in sys.path if path != here]
    Driver(answers).run()
    os._exit(0)  # without waiting for threads that wait for Ray


if __name__ == "__main__":
    main()
