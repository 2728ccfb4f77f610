"""Replay jobs in AccaSim: EASY backfilling, first fit. Run by the Python of AccaSim's own environment (see `_rival`).

    python _accasim.py JOBS.csv NODES

The rows are submit_s, gang, duration_s, without a heading. The last line printed is JSON: the processor seconds from the
first event to the last, the jobs that ran, and the seconds that they waited in all.
"""

# pyright: basic, reportMissingImports=false, reportAttributeAccessIssue=false

from __future__ import annotations

import collections
import collections.abc
import csv
import json
import logging
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

WARM = 1_000  # jobs replayed before the clock is read


def main() -> None:
    # Gone since Python 3.10, and AccaSim still imports it.
    collections.Mapping = collections.abc.Mapping
    logging.disable(logging.CRITICAL)
    with open(sys.argv[1], encoding="utf-8") as file:
        rows = [(number, *map(int, row)) for number, row in enumerate(csv.reader(file))]
    with tempfile.TemporaryDirectory() as folder:
        replay(rows[:WARM], int(sys.argv[2]), folder)
        print(json.dumps(replay(rows, int(sys.argv[2]), folder)))


def replay(rows: list[Any], nodes: int, folder: str) -> dict[str, float]:
    from accasim.base.allocator_class import FirstFit
    from accasim.base.scheduler_class import EASYBackfilling
    from accasim.base.simulator_class import Simulator

    system, unread = Path(folder) / "system.json", Path(folder) / "unread.swf"
    system.write_text(json.dumps({"groups": {"node": {"core": 1}}, "resources": {"node": nodes}}), "utf-8")
    unread.write_text("", "utf-8")
    simulator = Simulator(
        str(unread),
        str(system),
        EASYBackfilling(FirstFit()),
        scheduling_output=False,
        statistics_output=False,
        show_statistics=False,
        RESULTS_FOLDER_PATH=folder,
    )
    simulator.reader = reader(rows, simulator.job_factory)
    begun_s = time.process_time()
    simulator.start_simulation()
    seconds = time.process_time() - begun_s
    return {"seconds": seconds, "jobs": simulator.dispatched_jobs, "waited_s": sum(simulator.mapper.wtimes)}


def reader(rows: list[Any], factory: Any) -> Any:
    """Return a reader that takes jobs from memory, under the names that AccaSim's own reader of SWF uses."""
    from accasim.utils.reader_class import Reader

    class Memory(Reader):
        def __init__(self) -> None:
            super().__init__(factory)
            self._rows = iter(rows)

        def _read(self, current_time: int) -> dict[str, Any] | None:
            number, submit_s, gang, duration_s = next(self._rows, (None, 0, 0, 0))
            if number is None:
                self.stop_submission()
                return None
            return {
                "job_number": number,
                "queued_time": submit_s + 10,  # it takes a time of 0 for none
                "duration": duration_s,
                "requested_time": duration_s,
                "core": gang,
                "requested_nodes": gang,
                "requested_resources": {"core": 1},
                "queue": 0,
                "user_id": 0,
                "executable_number": 0,
                "partition_number": 0,
            }

    return Memory()


if __name__ == "__main__":
    main()
