"""The Slurm engine's journal, as a controller uses it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from equipoise.engines.protocol import Attempt
from equipoise.engines.slurm.journal import Journal, Tracked


def test_another_thread_than_the_one_that_opened_it_may_write(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    journal = Journal(path)
    tracked = [Tracked(Attempt(number, 0)) for number in range(2)]

    def write() -> None:
        journal.put(tracked[0])
        journal.put(tracked[1])
        journal.drop(tracked[1].attempt)

    with ThreadPoolExecutor(1) as other:
        other.submit(write).result()
    journal.close()
    again = Journal(path)
    assert again.all == {tracked[0].attempt: tracked[0]}
    again.close()
