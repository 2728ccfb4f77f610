"""Days of a live controller in which everything goes wrong, one after the other: ``python -m benchmarks.live_faults [--seeds N]``.

Ends with 1 at the first day after which something is lost, done twice, given twice, or found by an audit.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections import Counter
from pathlib import Path

from tests.scenario.live_days import HARDSHIPS, Day


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=320)
    parser.add_argument("--first", type=int, default=0)
    given = parser.parse_args()
    names, total = [*HARDSHIPS], Counter[str]()
    for seed in range(given.first, given.first + given.seeds):
        name = names[seed % len(names)]
        with tempfile.TemporaryDirectory() as folder:
            day = Day(seed, Path(folder), **HARDSHIPS[name]).run()
            found = list(day.faults_found())
            if found:
                print(f"seed {seed}, {name}: {found}")
                return 1
            audited = day.audit()
            total += Counter(
                days=1, jobs=day.jobs, launches=len(day.world.launched_ms), kills=day.lives, passes=audited.passes,
                decisions=audited.decisions,
            )  # fmt: skip
    print(", ".join(f"{count:,} {what}" for what, count in total.items()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
