"""How fast Ray's engine starts and stops attempts, beside an actor for each and Ray's Jobs API; raylets of this machine.

`script/ray --rates` prints the table of docs/engine-ray.md, `--write` puts it into the page.
"""

from __future__ import annotations

import re
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks._machine import machine
from equipoise.engines.protocol import Attempt, Command, Ended, Launch, Part, Running, Stopped
from equipoise.engines.ray import RayEngine
from tests.contract.engine_ray import POOLS, PYTHON, Cluster, RayRig
from tests.contract.engine_ray import cluster as started

PAGE = Path(__file__).resolve().parents[1] / "docs" / "engine-ray.md"
ATTEMPTS, OTHERS, JOBS, HELD = 200, 40, 16, 20


def main() -> None:
    made = table()
    print(made)
    if "--write" in sys.argv[1:]:
        page = re.sub(
            r"(?s)(<!-- benchmarks\.engine_ray -->\n).*?(<!-- end -->)",
            lambda found: f"{found[1]}{made}\n{found[2]}",
            PAGE.read_text("utf-8"),
        )
        PAGE.write_text(page, "utf-8")


def table() -> str:
    before = machine()
    with tempfile.TemporaryDirectory() as folder, started("--dashboard") as cluster:
        rig = RayRig(Path(folder, "engine"), Path(folder), POOLS, cluster=cluster)
        engine = rig.open()
        try:
            rates(engine, first=0, attempts=16)  # workers of Ray begin
            rate, launch_ms = rates(engine, first=100, attempts=ATTEMPTS)
            stop_ms = stops(engine, first=10_000)
        finally:
            engine.close()
        actors = other(cluster, "actors", OTHERS)
        jobs = other(cluster, "jobs", JOBS)
    rows = [
        "what | figure",
        "---|---",
        f"attempts of `true` that came to their end, 8 devices in use | {rate:.1f}/s",
        f"from `launch` to `Running` meanwhile, median and 95 % | {_two(launch_ms)}",
        f"from `stop` of a job that obeys to `Stopped`, one at a time, median and 95 % | {_two(stop_ms)}",
        f"compared: a detached actor in a placement group for each attempt, 8 at once | {actors}/s",
        f"compared: Ray's Jobs API, 8 at once | {jobs}/s",
    ]
    return "\n".join([f"4 raylets, 9 devices; {before}.", "", *(f"| {row} |" for row in rows)])


def rates(engine: RayEngine, *, first: int, attempts: int) -> tuple[float, list[float]]:
    """Run attempts on the eight devices of pool a, each started when a device is free."""
    free = [0, 1] * 4
    begun_s = time.perf_counter()
    asked_s: dict[Attempt, float] = {}
    where: dict[Attempt, int] = {}
    took_ms: list[float] = []
    ended = 0
    waiting = list(range(first + attempts - 1, first - 1, -1))
    while ended < attempts:
        while free and waiting:
            attempt = Attempt(waiting.pop(), 0)
            where[attempt], asked_s[attempt] = free.pop(), time.perf_counter()
            engine.launch(order(attempt, where[attempt], "true"))
        for seen in engine.observe(1.0):
            if isinstance(seen, Running):
                took_ms.append((time.perf_counter() - asked_s[seen.attempt]) * 1000)
            else:
                assert isinstance(seen, Ended) and seen.exit_code == 0, seen
                ended += 1
                free.append(where[seen.attempt])
                engine.forget(seen.attempt)
    return attempts / (time.perf_counter() - begun_s), took_ms


def stops(engine: RayEngine, *, first: int) -> list[float]:
    took_ms: list[float] = []
    for number in range(first, first + HELD):
        attempt = Attempt(number, 0)
        engine.launch(order(attempt, 0, "sleep", "600"))
        _until(engine, Running)
        begun_s = time.perf_counter()
        engine.stop(attempt, grace_ms=10_000, requeue=True)
        _until(engine, Stopped)
        took_ms.append((time.perf_counter() - begun_s) * 1000)
        engine.forget(attempt)
    return took_ms


def order(attempt: Attempt, node: int, *argv: str) -> Launch:
    return Launch(attempt, f"job-{attempt.job}", "research", "a", 1, (Part(node, 1),), Command(argv))


def other(cluster: Cluster, way: str, attempts: int) -> str:
    program = [PYTHON, Path(__file__).with_name("_ray_ways.py"), way, cluster.address, cluster.dashboard, str(attempts)]
    done = subprocess.run([*cluster.network.enter, *program], capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr
    return done.stdout.split()[-1]


def _until(engine: RayEngine, kind: type) -> None:
    while not any(isinstance(seen, kind) for seen in engine.observe(1.0)):
        pass


def _two(took_ms: list[float]) -> str:
    return f"{statistics.median(took_ms):.0f} ms, {statistics.quantiles(took_ms, n=20)[-1]:.0f} ms"


if __name__ == "__main__":
    main()
