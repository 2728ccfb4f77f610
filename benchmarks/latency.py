"""Record, replay as events, compare: ``python -m benchmarks.latency [SEEDS]`` (default 10,000)."""

from __future__ import annotations

import sys
import time

from tests.property.latency_cases import check
from tests.property.policy_systems import POLICIES


def main() -> None:
    seeds = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    check(1, "charter")  # compiles
    begun_s = time.perf_counter()
    for seed in range(seeds):
        check(seed, POLICIES[seed % len(POLICIES)] if seed % 2 else "charter")
    print(f"{seeds:,} seeds: equal digests and closes, in {time.perf_counter() - begun_s:.0f} s")


if __name__ == "__main__":
    main()
