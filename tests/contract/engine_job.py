"""A job as the contract suite runs it: writes down what happens to it, one JSON object a line. Knows the standard library only.

    python engine_job.py FILE [--for S] [--exit N] [--on-term exit|ignore] [--die SIGNAL] [--beat S] [--say TEXT] [WORDS …]

Every line is one write to a file opened for appending, so several processes may share FILE.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import time
from typing import Any


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("file")
    parser.add_argument("--for", dest="lasts_s", type=float, default=0.0)
    parser.add_argument("--exit", type=int, default=0)
    parser.add_argument("--on-term", choices=["exit", "ignore"], default="exit")
    parser.add_argument("--die", default="")
    parser.add_argument("--beat", type=float, default=0.0)
    parser.add_argument("--say", default="")
    parser.add_argument("words", nargs="*")
    options = parser.parse_args()
    file = os.open(options.file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)

    def note(what: str, **more: Any) -> None:
        record = {"what": what, "pid": os.getpid(), "time": time.monotonic(), **more}
        os.write(file, json.dumps(record).encode() + b"\n")

    def hear(number: int, _frame: object) -> None:
        note("signal", name=signal.Signals(number).name)
        if number == signal.SIGTERM and options.on_term == "exit":
            os._exit(143)

    for number in (signal.SIGUSR1, signal.SIGUSR2, signal.SIGTERM):
        signal.signal(number, hear)
    note("start", environment=dict(os.environ), directory=os.getcwd(), words=options.words, user=os.getuid())
    if options.say:
        print(options.say, flush=True)
        print(options.say.upper(), file=sys.stderr, flush=True)
    ends = time.monotonic() + options.lasts_s
    while (left := ends - time.monotonic()) > 0:
        time.sleep(min(left, options.beat or left))
        if options.beat:
            note("beat")
    if options.die:
        os.kill(os.getpid(), signal.Signals[options.die])
    note("end")
    os._exit(options.exit)


if __name__ == "__main__":
    main()
