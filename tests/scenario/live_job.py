"""A job that bears witness: ``python live_job.py FOLDER LENGTH_S EXIT_CODE``. Knows the standard library only.

It locks a file for itself and one for each of its devices, which the kernel frees when it dies however it dies: who finds one
taken says so in ``FOLDER/notes``, and goes on. There it also writes its devices, and when it begins and ends, each in one write.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import signal
import sys
import time


def main() -> None:
    folder, length_s, code = sys.argv[1], float(sys.argv[2]), int(sys.argv[3])
    signal.signal(signal.SIGUSR1, signal.SIG_IGN)  # it has no savepoint to write
    told = os.environ
    job, rank, devices = int(told["EQUIPOISE_JOB"]), int(told.get("EQUIPOISE_RANK", "0")), _devices()
    notes = os.open(f"{folder}/notes", os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)

    def note(what: str, **more: object) -> None:
        own = {"what": what, "job": job, "attempt": int(told["EQUIPOISE_ATTEMPT"]), "rank": rank, "pid": os.getpid()}
        os.write(notes, json.dumps(own | {"at_ms": time.time_ns() / 1e6} | more).encode() + b"\n")

    for name in [f"job-{job}-{rank}", *(f"device-{device.replace('/', '-')}" for device in devices)]:
        lock = os.open(f"{folder}/{name}", os.O_WRONLY | os.O_CREAT, 0o666)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            note("taken", file=name)
    note("begin", devices=devices)
    time.sleep(length_s)
    note("end")
    sys.exit(code)


def _devices() -> list[str]:
    told = os.environ
    if "SLURM_JOB_GPUS" in told:  # of its own node, where a gang has several
        return [f"{told['SLURMD_NODENAME']}/{device}" for device in told["SLURM_JOB_GPUS"].split(",")]
    if "EQUIPOISE_NODE" in told:
        return [f"{told['EQUIPOISE_NODE']}/{device}" for device in told["CUDA_VISIBLE_DEVICES"].split(",")]
    return [f"{told['EQUIPOISE_POOL']}/{device}" for device in told["EQUIPOISE_DEVICES"].split(",")]


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        main()
