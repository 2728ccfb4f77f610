"""The other ways to run commands on Ray, for comparison: an actor for each attempt, and the Jobs API. Run by Ray's Python.

    python _ray_ways.py actors|jobs ADDRESS DASHBOARD ATTEMPTS

Prints how many attempts of `true` came to their end in a second, 8 at a time.
"""

from __future__ import annotations

import importlib
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

AT_ONCE = 8


def main() -> None:
    way, address, dashboard, attempts = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])
    one = through_an_actor(address) if way == "actors" else through_the_jobs_api(dashboard)
    begun_s = time.perf_counter()
    with ThreadPoolExecutor(AT_ONCE) as workers:
        assert list(workers.map(one, range(attempts))) == [0] * attempts
    print(f"{attempts / (time.perf_counter() - begun_s):.2f}")


def through_an_actor(address: str) -> Any:
    """A placement group of one device, and in it a detached actor that runs the command."""
    ray: Any = importlib.import_module("ray")
    groups: Any = importlib.import_module("ray.util.placement_group")
    strategies: Any = importlib.import_module("ray.util.scheduling_strategies")
    ray.init(address=address, namespace="compared", log_to_driver=False, configure_logging=False)

    class Runner:
        def run(self) -> int:
            return subprocess.run(["true"], check=False).returncode

    remote: Any = ray.remote(num_cpus=0, num_gpus=1)(Runner)

    def one(number: int) -> int:
        group = groups.placement_group([{"GPU": 1}], lifetime="detached", name=f"compared-{number}")
        within = strategies.PlacementGroupSchedulingStrategy(group, 0)
        actor = remote.options(scheduling_strategy=within, lifetime="detached", name=f"compared-{number}").remote()
        code = ray.get(actor.run.remote())
        groups.remove_placement_group(group)
        return code

    return one


def through_the_jobs_api(dashboard: str) -> Any:
    """A job of the Jobs API with one device, watched until it has ended."""
    submission: Any = importlib.import_module("ray.job_submission")
    client: Any = submission.JobSubmissionClient(f"http://{dashboard}")

    def one(_number: int) -> int:
        job = client.submit_job(entrypoint="true", entrypoint_num_gpus=1)
        while not (status := client.get_job_status(job)).is_terminal():
            time.sleep(0.1)
        return 0 if status == "SUCCEEDED" else 1

    return one


if __name__ == "__main__":
    main()
