"""What follows a server's runs: a film brings it along, of a lab that runs it is worked out beside, and both are played anew on a wish.

A lab's controller never waits for it: it is worked out in a thread that gives way to all others, one thing at a time.
"""

from __future__ import annotations

import json
import logging
import os
import sys
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from equipoise.errors import EquipoiseError, InputError, InternalError
from equipoise.outlook.parameters import Beliefs
from equipoise.outlook.run import in_turn
from equipoise.screens.lab_run import LabRun, Plain
from equipoise.screens.outlook import FRONTIER, frontier, missing, movable, outlook, plain_choices
from equipoise.tasks.foresight import OWN, choices, chosen, parameters
from equipoise.tasks.prospect import Ground, Prospect, foretell, ground

LOG = logging.getLogger("equipoise.api")
PEOPLE = "people.yaml"
EVERY_S = 3_600.0
AGAIN_S = 60.0
"""At the soonest, where the file of people has changed or did not do."""
WAITS_S = 5.0
EARLY = "Nothing is recorded of this lab yet; its years begin with its first job."
KEPT = 32
NICE = 15
MOST_BYTES = 4 << 20


@dataclass(frozen=True, slots=True)
class Wish:
    """Years that are to be played: in which scenario, by which settings of parameters, how many times."""

    scenario: str
    moved: tuple[str, ...]
    draws: int


class Outlooks:
    """The outlooks of a server's runs.

    Parameters
    ----------
    found : Prospect or None
        What a film brings along.
    folder : Path or None
        Of a lab that runs: its file of people is looked for there.
    frontier : Path or None
        What ``equipoise tune --json`` wrote; of a lab that runs it is in its folder.
    clock_s : callable
        Never goes back.
    """

    def __init__(
        self,
        found: Prospect | None = None,
        *,
        folder: Path | None = None,
        frontier: Path | None = None,
        clock_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._found, self._folder, self._clock_s = found, folder, clock_s
        self._frontier = frontier if folder is None else folder / FRONTIER
        self._turn = threading.Condition()
        self._work: Work | None = None
        self._played: OrderedDict[tuple[int, Wish], Plain | EquipoiseError] = OrderedDict()
        self._number = 0  # of what was found last: what was played from another is old
        self._begun_s = float("-inf")
        self._seen_ns = 0
        self._at_ms: int | None = None
        self._trouble: Plain | None = None

    def now(self, runs: Callable[[], LabRun | None] = lambda: None, teams: Sequence[str] = ()) -> Plain:
        """Return what follows; of a lab that runs, what was last worked out, and begins anew where that is an hour old.

        Parameters
        ----------
        runs : callable
            Returns the run that the years follow, or None where nothing is recorded yet.
        teams : sequence of str
            Those at the top of the charter.
        """
        if self._folder is None:
            return (
                missing((), file=PEOPLE, sentence="No years follow these runs.")
                if self._found is None
                else outlook(self._found)
            )
        path = self._folder / PEOPLE
        try:
            changed_ns = path.stat().st_mtime_ns
        except OSError:
            return missing(teams, file=PEOPLE)
        run = None
        with self._turn:
            age_s, is_other = self._clock_s() - self._begun_s, changed_ns != self._seen_ns
            is_due = self._work is None and age_s > (AGAIN_S if is_other or self._trouble else EVERY_S)
        if is_due:
            try:
                run = runs()
            except EquipoiseError as error:  # a ledger that cannot be followed
                self._trouble = _told(error)
            if run is None and self._found is None and self._trouble is None:
                return {"state": "early", "sentence": EARLY}
        with self._turn:
            if run is not None and self._work is None:
                latest = run
                self._begun_s, self._seen_ns = self._clock_s(), changed_ns
                self._begin(None, lambda work: self._follow(latest, path, work))
            told = outlook(self._found) if self._found is not None else None
            if told is None:
                return {"state": "failed", "problem": self._trouble} if self._trouble else self._running()
            return {**told, "at_ms": self._at_ms, "problem": self._trouble}

    def scenarios(self) -> Plain:
        """Return the scenarios that can be chosen, and the parameters that can be moved in each."""
        own = self._own()
        base = chosen(OWN if own is not None else "charter-kept", own)
        return {"scenarios": plain_choices(choices(own)), "parameters": movable(parameters(base))}

    def play(self, wish: Wish) -> Plain:
        """Play years anew, or say how far that is: whoever asks the same again gets what came of it.

        Raises
        ------
        InputError
            N101, N102 for what is moved; N180 for the scenario.
        """
        begun = chosen(wish.scenario, self._own())
        Beliefs().with_set(wish.moved)  # what is wrong is told now
        with self._turn:
            key = (self._number, wish)
            until_s = time.monotonic() + WAITS_S
            while key not in self._played and (left_s := until_s - time.monotonic()) > 0:
                if self._work is None:
                    self._begin(key, lambda work: self._play(begun, wish, work))
                self._turn.wait(left_s)
            if key not in self._played:
                return self._running()
            self._played.move_to_end(key)
            told = self._played[key]
        if isinstance(told, EquipoiseError):
            raise told
        return told

    def frontier(self) -> Plain:
        """Return what a search for charters found, or which command searches.

        Raises
        ------
        InputError
            N179 where the file holds something else.
        """
        if self._frontier is None or not self._frontier.exists():
            given = "--demo 20" if self._folder is None else "charter.yaml jobs.csv"
            command, where = f"equipoise tune {given} --json > {FRONTIER}", None if self._folder is None else FRONTIER
            return {"state": "missing", "command": command, "file": where}
        return frontier(_read(self._frontier), name=self._frontier.name)

    def _own(self) -> Ground | None:
        return None if self._found is None else self._found.ground

    def _begin(self, key: tuple[int, Wish] | None, do: Callable[[Work], Plain | None]) -> None:
        """Begin to work something out; what comes of a wish is kept under its key, trouble with a lab's own years by itself."""
        work = self._work = Work()

        def live() -> None:
            if self._folder is not None:
                _give_way()
            told: Plain | EquipoiseError | None
            try:
                told = do(work)
            except EquipoiseError as error:
                told = error
            except Exception as error:
                LOG.exception("an outlook could not be worked out")
                told = InternalError("N148", f"a bug of ours: {type(error).__name__}", hint="please report it")
            with self._turn:
                if key is not None and told is not None:
                    self._played[key] = told
                    while len(self._played) > KEPT:
                        self._played.popitem(last=False)
                elif isinstance(told, EquipoiseError):
                    self._trouble = _told(told)
                self._work = None
                self._turn.notify_all()

        threading.Thread(target=live, name="outlook", daemon=True).start()

    def _follow(self, run: LabRun, path: Path, work: Work) -> None:
        """Work out what follows a run."""
        begun = ground((run.results,), path, is_live=True)
        found = foretell(begun, execute=work.execute)
        with self._turn:
            self._found, self._number, self._trouble = found, self._number + 1, None
            self._at_ms = time.time_ns() // 1_000_000

    def _play(self, begun: Ground, wish: Wish, work: Work) -> Plain:
        work.total = wish.draws * len(begun.worlds)
        return outlook(
            foretell(begun, moved=wish.moved, runs=wish.draws, in_full=False, execute=work.execute),
            moved=wish.moved,
            scenario=wish.scenario,
        )

    def _running(self) -> Plain:
        work = self._work
        return {"state": "running", "done_ppm": 0 if work is None else work.done_ppm}


class Work:
    """Something that is worked out, and how far it is."""

    def __init__(self) -> None:
        self.total, self.done = 0, 0

    @property
    def done_ppm(self) -> int:
        """Part that is done, as far as that is known."""
        return min(1_000_000, self.done * 1_000_000 // self.total) if self.total else 0

    def execute(self, calls: Iterable[Callable[[], int]], /) -> Iterator[int]:
        """Carry out calls one after the other, and count."""
        for done in in_turn(calls):
            self.done += done
            yield done


def _told(error: EquipoiseError) -> Plain:
    return {"code": error.code, "title": error.message, "hint": error.hint}


def _read(path: Path) -> object:
    """Return what a file holds; N179 where that is no JSON, or too much."""
    try:
        with path.open("rb") as file:
            data = file.read(MOST_BYTES + 1)
        if len(data) > MOST_BYTES:
            raise ValueError(f"larger than {MOST_BYTES >> 20} MiB")
        return json.loads(data)
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(
            "N179", f"{path.name} cannot be read: {error}", hint="write it by `equipoise tune … --json`"
        ) from None


def _give_way() -> None:
    """Let all other threads go before this one, where the system knows of such a thing."""
    if sys.platform == "linux":
        try:
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICE)
        except OSError as error:
            LOG.debug("the outlook does not give way: %s", error)
