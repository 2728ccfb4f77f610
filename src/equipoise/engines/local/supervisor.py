"""The supervisor: one small process for each folder, which starts and watches the jobs and outlives the controller.

It ends by itself when no controller is connected and nothing runs. If it is killed, jobs run on; the next supervisor finds them again by
their process numbers and start times. Their exit codes nobody knows then.
"""

from __future__ import annotations

import fcntl
import gc
import json
import os
import secrets
import select
import signal
import socket
import struct
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from equipoise.engines.local import output, processes, wire
from equipoise.engines.local.journal import Journal, Record
from equipoise.engines.local.machine import CannotStartError, Machine
from equipoise.engines.local.orders import Customs, identity_of, recipes
from equipoise.engines.local.processes import Process
from equipoise.engines.local.roster import LAST, Roster, Run, Stop
from equipoise.engines.local.wire import Lines, Message
from equipoise.engines.protocol import Node, Phase
from equipoise.errors import EngineError

LAUNCHES_AT_ONCE = 16
"""Between them ends are seen and told of."""
SWEEP_S = 1.0
LINGER_S = 1.0
JOURNAL_BYTES = 8 << 20


class Supervisor:
    """The loop and its connection; what becomes of attempts is in `Roster`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.journal = Journal(folder / wire.JOURNAL)
        self.logs = folder / wire.LOGS
        self.machine = Machine(socket.gethostname(), (), None)
        self.customs = Customs()
        self.log_bytes = 64 << 20
        self.listener = socket.socket(socket.AF_UNIX)
        self.client: socket.socket | None = None
        self.greeted = False
        self.lines = Lines()
        self.unsent = bytearray()
        self.poll = select.epoll()
        self.woken, wakeup = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.set_wakeup_fd(wakeup, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, _hear)
        for ignored in (signal.SIGHUP, signal.SIGINT):
            signal.signal(ignored, _hear)  # unlike one that is ignored, it is as ever for jobs
        self.roster = Roster(self.journal, self.machine, self.logs, "", self.tell)
        self.idle_since = self.swept = time.monotonic()

    # --------------------------------------------------------------------------------------- beginning anew

    def recover(self) -> None:
        """Take up what an earlier supervisor has written down."""
        records = self.journal.records
        runs = self.roster.runs
        same_boot = False
        for record in records:
            kind, attempt = record["kind"], record.get("attempt", "")
            if kind == "engine":
                self.roster.engine = record["id"]
                same_boot = record["boot"] == processes.boot()
            elif kind in ("intent", "start"):
                run = Run(attempt, tuple(record["devices"]), record["savepoint"], adopted=True)
                run.processes = [Process(pid, started) for pid, started in record.get("processes", ())]
                runs[attempt] = run
            elif kind == "stop":
                runs[attempt].stop = Stop(record["by"], None)
            elif kind == "end":
                run = runs[attempt]
                run.phase = Phase.ENDED if run.stop is None else Phase.STOPPED
                run.exit_code, run.reason = record["exit_code"], record["reason"]
                run.processes.clear()
            elif kind == "forget":
                runs.pop(attempt, None)
            elif kind == "drain":
                (self.machine.drained.discard if record["back"] else self.machine.drained.add)(
                    (record["pool"], record["node"])
                )
        self.journal.records = []
        self.roster.engine = self.roster.engine or secrets.token_hex(8)
        unended = [run for run in runs.values() if run.phase not in LAST]
        self.roster.live = {run.attempt: run for run in unended}
        if same_boot and not all(run.processes for run in unended):
            self._search(unended)
        for run in unended:
            self._adopt(run, same_boot=same_boot)
        try:
            self.journal.renew(self.records())
        except OSError:
            self.journal.go_on()
        for process, attempt in processes.marked(self.roster.mark("")):
            if attempt not in runs or runs[attempt].phase in LAST:
                processes.send(process, signal.SIGKILL)

    def _search(self, runs: list[Run]) -> None:
        """Find the processes of attempts that the earlier supervisor had no time to write down: heads of marked sessions."""
        for process, attempt in processes.marked(self.roster.mark("")):
            status = processes.status_of(process.pid)
            for run in runs:
                if (
                    run.attempt == attempt
                    and not run.processes
                    and status is not None
                    and status.session == process.pid
                ):
                    run.processes.append(process)

    def _adopt(self, run: Run, *, same_boot: bool) -> None:
        run.reason = "its supervisor was killed" if same_boot else "the machine was restarted"
        self.machine.hold(run.attempt, run.devices)
        if not same_boot:
            run.processes.clear()  # numbers and times of another life of the machine
        run.alive = {process.pid for process in run.processes}
        if run.stop is not None:
            self.roster.stopping.add(run.attempt)
            run.phase = Phase.STOPPING
        if not run.alive:
            self.roster.clearing[run.attempt] = run

    def records(self) -> list[Record]:
        """Return the shortest journal that tells how things stand."""
        made: list[Record] = [{"kind": "engine", "id": self.roster.engine, "boot": processes.boot()}]
        made += [{"kind": "drain", "pool": pool, "node": node, "back": False} for pool, node in self.machine.drained]
        for run in self.roster.runs.values():
            made.append(run.start_record())
            if run.stop is not None:
                made.append({"kind": "stop", "attempt": run.attempt, "by": run.stop.by})
            if run.phase in LAST:
                made.append({"kind": "end", "attempt": run.attempt, "exit_code": run.exit_code, "reason": run.reason})
        return made

    # ------------------------------------------------------------------------------------------------ loop

    def run(self) -> None:
        """Serve until there is nothing to do and nobody connected."""
        self.poll.register(self.listener, select.EPOLLIN)
        self.poll.register(self.woken, select.EPOLLIN)
        more = False
        while not self._idle():
            for descriptor, _ in self.poll.poll(0 if more else self._timeout_s()):
                self._ready(descriptor)
            more = self._requests()
            self.roster.reap()
            self.roster.look_at_adopted()
            self.roster.clear()
            self.roster.press(time.monotonic())
            self.roster.write_ends()
            self._sweep()
            self._send()

    def _timeout_s(self) -> float:
        now = time.monotonic()
        due = self.roster.next_s(now)
        return SWEEP_S if due is None else min(due, SWEEP_S)

    def _ready(self, descriptor: int) -> None:
        if descriptor == self.listener.fileno():
            self._accept()
        elif descriptor == self.woken:
            with suppress(BlockingIOError):
                os.read(self.woken, 65536)
        elif self.client is not None and descriptor == self.client.fileno():
            self._receive()

    def _idle(self) -> bool:
        if self.client is not None or self.roster.live:
            self.idle_since = time.monotonic()
        return time.monotonic() - self.idle_since > LINGER_S

    def _sweep(self) -> None:
        now = time.monotonic()
        if now - self.swept < SWEEP_S:
            return
        self.swept = now
        for run in list(self.roster.live.values()):
            with suppress(OSError):
                output.bound(output.folder_of(self.logs, run.attempt), self.log_bytes)
        if self.journal.size > JOURNAL_BYTES:
            with suppress(OSError):
                self.journal.renew(self.records())

    # ------------------------------------------------------------------------------------------ connection

    def _accept(self) -> None:
        client, _ = self.listener.accept()
        _, uid, _ = struct.unpack("3i", client.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
        if uid not in (0, os.geteuid()):
            client.close()
            return
        self._hang_up()  # who comes later is the controller
        client.setblocking(False)
        self.client, self.lines, self.unsent, self.greeted = client, Lines(), bytearray(), False
        self.poll.register(client, select.EPOLLIN)

    def _hang_up(self) -> None:
        if self.client is not None:
            self.poll.unregister(self.client)
            self.client.close()
            self.client = None

    def _receive(self) -> None:
        assert self.client is not None
        try:
            data = self.client.recv(1 << 20)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if data:
            self.lines.add(data)
        else:
            self._hang_up()

    def tell(self, message: Message) -> None:
        """Send to the controller's side, if it is there; what happened before its greeting it learns from the answer to that."""
        if self.client is not None and (self.greeted or "event" not in message):
            self.unsent += wire.text_of(message)

    def _send(self) -> None:
        if self.client is None or not self.unsent:
            return
        try:
            del self.unsent[: self.client.send(self.unsent)]
        except BlockingIOError:
            pass
        except OSError:
            self._hang_up()
            return
        self.poll.modify(self.client, select.EPOLLIN | (select.EPOLLOUT if self.unsent else 0))

    # -------------------------------------------------------------------------------------------- requests

    def _requests(self) -> bool:
        """Do what was asked for; tells whether more was asked than is done at once."""
        launches = 0
        try:
            for message in self.lines.take():
                launches += message["do"] == "launch"
                self._request(message)
                if launches >= LAUNCHES_AT_ONCE:
                    return True
        except ValueError:
            self._hang_up()
        return False

    def _request(self, message: Message) -> None:
        try:
            answer = getattr(self, f"_do_{message['do']}")(message)
        except OSError as error:
            answer = {"failed": f"{message['do']}: {error.strerror}"}
        self.tell({"re": message["id"], **answer})

    def _do_hello(self, message: Message) -> Message:
        if message["version"] != wire.VERSION:
            return {"other": wire.VERSION}
        self.greeted = True
        settings = message["settings"]
        self.machine.arrange([tuple(pool) for pool in message["pools"]], message["devices"])
        self.customs = Customs.of(settings)
        self.log_bytes = settings["log_bytes"]
        self.roster.savepoint_signal = signal.Signals[settings["savepoint_signal"]]
        self.roster.savepoint_to_group = settings["savepoint_to"] == "group"
        self.roster.term_s = settings["term_ms"] / 1000
        return {"attempts": [run.seen() for run in self.roster.runs.values()], "trouble": self.roster.trouble}

    def _do_launch(self, message: Message) -> Message:
        attempt = message["attempt"]
        if attempt in self.roster.runs:
            return {}
        try:
            identity = identity_of(message["user"])
            places = self.machine.choose(
                message["pool"], message["gang"], [(node, count) for node, count in message["parts"]]
            )
            made = recipes(message, identity, places, self.roster.mark(attempt), self.customs)
            devices = tuple(device for place in places for device in place.devices)
            owner = None if identity is None else (identity.uid, identity.gid)
            self.roster.launch(Run(attempt, devices, message["savepoint"]), made, owner)
        except CannotStartError as refusal:
            self.tell({"event": "refused", "attempt": attempt, "reason": str(refusal)})
        return {}

    def _do_warn(self, message: Message) -> Message:
        self.roster.warn(message["attempt"])
        return {}

    def _do_stop(self, message: Message) -> Message:
        self.roster.ask_to_stop(message["attempt"], message["grace_ms"] / 1000)
        return {}

    def _do_forget(self, message: Message) -> Message:
        self.roster.forget(message["attempt"])
        return {}

    def _do_drain(self, message: Message) -> Message:
        pool, node, back = message["pool"], message["node"], message["back"]
        if ((pool, node) in self.machine.drained) is back:
            self.journal.append([{"kind": "drain", "pool": pool, "node": node, "back": back}], durable=True)
            self.machine.drain(pool, node, back=back)
            self.tell({"event": "node", "node": _told(self.machine.node(pool, node))})
        return {}

    def _do_attempts(self, _: Message) -> Message:
        return {"attempts": [run.seen() for run in self.roster.runs.values()]}

    def _do_nodes(self, _: Message) -> Message:
        return {"nodes": [_told(node) for node in self.machine.nodes()]}


def _told(node: Node) -> list[Any]:
    return [node.pool, node.number, node.name, node.condition, node.devices, node.reason]


def _hear(_number: int, _frame: object) -> None:
    """Do nothing: the loop is woken by the signal's arrival."""


def main(folder: Path) -> None:
    """Start the supervisor of a folder, unless there is one; returns when it may be connected to, and prints why it may not."""
    ready, say = os.pipe2(os.O_CLOEXEC)
    if os.fork():
        os.close(say)
        with open(ready, "rb") as answer:
            sys.stdout.buffer.write(answer.read())
        return
    os.setsid()
    os.close(ready)
    os.dup2(2, 1)  # whoever started it waits for the end of its output
    try:
        _serve(folder, say)
    except EngineError as error:
        os.write(say, json.dumps([error.code, error.message, error.hint, error.retryable]).encode())


def _serve(folder: Path, say: int) -> None:
    try:
        lock = os.open(folder / wire.LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return  # there is a supervisor
        _set_up_process()
        supervisor = Supervisor(folder)
        supervisor.recover()
        with suppress(FileNotFoundError):
            os.unlink(folder / wire.SOCKET)
        wire.reach(folder, supervisor.listener, listen=True)
        os.chmod(folder / wire.SOCKET, 0o600)
        supervisor.listener.listen(8)
        supervisor.listener.setblocking(False)
    except OSError as error:
        raise EngineError(
            "E105", f"there can be no supervisor in {folder}: {error.strerror}", retryable=True
        ) from error
    os.close(say)
    gc.collect()
    gc.freeze()
    supervisor.run()
    os.unlink(folder / wire.SOCKET)


def _set_up_process() -> None:
    """Be a process whose children begin as from a plain shell, whoever started it."""
    for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP, signal.SIGPIPE, signal.SIGXFSZ}:
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    os.umask(0o022)
    processes.inherit_orphans()
