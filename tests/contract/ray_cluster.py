"""A Ray cluster of several raylets on this machine, in a network of its own that has loopback only; run by Ray's Python.

    python ray_cluster.py NODES [--dashboard]

NODES is a JSON list of objects ``name``, ``gpus``, ``pool``. Writes a line of JSON when it is up, then one for each line that it
reads: ``kill NAME`` (its raylet, by SIGKILL), ``add NAME`` (again). Ends everything when its input ends.
"""

from __future__ import annotations

import importlib
import json
import os
import signal
import sys
from typing import Any


def main() -> None:
    out = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    cluster: Any = importlib.import_module("ray.cluster_utils").Cluster()
    # A raylet that is killed is noticed after 3 s, not 15 s.
    quick = {"health_check_period_ms": 1000, "health_check_failure_threshold": 3, "health_check_initial_delay_ms": 0}
    cluster.add_node(num_cpus=2, num_gpus=0, include_dashboard="--dashboard" in sys.argv, _system_config=quick)
    specs: dict[str, dict[str, Any]] = {spec["name"]: spec for spec in json.loads(sys.argv[1])}
    nodes: dict[str, Any] = {}

    def say(**what: Any) -> None:
        out.write(json.dumps(what) + "\n")
        out.flush()

    def add(name: str) -> None:
        spec = specs[name]
        # An address each, as on machines of their own; of the ways to name pool and node each is used by some.
        address = f"127.0.0.{list(specs).index(name) + 2}"
        if spec["pool"] == "a":
            how: dict[str, Any] = {"labels": {"equipoise-pool": "a", "equipoise-node": name}}
        else:
            how = {"resources": {f"equipoise-pool:{spec['pool']}": 1}, "node_name": name}
        nodes[name] = cluster.add_node(num_cpus=2, num_gpus=spec["gpus"], node_ip_address=address, **how)

    for name in specs:
        add(name)
    say(address=cluster.address, dashboard=cluster.head_node.webui_url or "")
    for line in sys.stdin:
        do, name = line.split()
        if do == "kill":
            raylet = nodes[name].all_processes["raylet"][0].process
            os.kill(raylet.pid, signal.SIGKILL)
            raylet.wait()
        else:
            cluster.remove_node(nodes[name], allow_graceful=False)
            add(name)
        say(done=line.strip())
    cluster.shutdown()


if __name__ == "__main__":
    main()
