"""The supervisor: one small process for each folder, which starts and watches the jobs and outlives the controller.

It ends by itself when no controller is connected and nothing runs. If it is killed, jobs run on; the next supervisor finds them again by
their process numbers and start times. Their exit codes nobody knows then.
"""

from __future__ import annotations

import fcntl
import gc
import os
import resource
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
from equipoise.engines.local.launcher import Child
from equipoise.engines.local.machine import Machine, Refusal
from equipoise.engines.local.orders import Customs, identity_of, recipes
from equipoise.engines.local.processes import Process
from equipoise.engines.local.roster import LAST, Roster, Run, Stop
from equipoise.engines.local.wire import Lines, Message
from equipoise.engines.protocol import Node, Phase

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
        self.lines = Lines()
        self.unsent = bytearray()
        self.poll = select.epoll()
        self.watched: dict[int, tuple[str, int]] = {}
        """By descriptor the attempt whose gate it is (0), or whose adopted process (its number)."""
        self.woken, wakeup = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.set_wakeup_fd(wakeup, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        self.open_files = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        self.roster = Roster(self.journal, self.machine, self.logs, "", self.tell)
        self.asked: dict[str, int] = {}
        """By attempt the request that its start answers."""
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
            elif kind == "start":
                run = Run(attempt, tuple(record["devices"]), record["savepoint"], adopted=True, phase=Phase.RUNNING)
                run.children = [Child(Process(pid, started), None) for pid, started in record["processes"]]
                runs[attempt] = run
            elif kind == "stop":
                runs[attempt].stop = Stop(record["by"], None)
            elif kind == "end":
                run = runs[attempt]
                run.phase = Phase.ENDED if run.stop is None else Phase.STOPPED
                run.exit_code, run.reason = record["exit_code"], record["reason"]
                run.children.clear()
            elif kind == "forget":
                runs.pop(attempt, None)
            elif kind == "drain":
                (self.machine.drained.discard if record["back"] else self.machine.drained.add)(
                    (record["pool"], record["node"])
                )
        self.journal.records = []
        self.roster.engine = self.roster.engine or secrets.token_hex(8)
        for run in self.roster.unended():
            self._adopt(run, same_boot=same_boot)
        try:
            self.journal.renew(self.records())
        except OSError:
            self.journal.go_on()
        for process, attempt in processes.marked(self.roster.mark("")):
            if attempt not in runs or runs[attempt].phase in LAST:
                processes.send(process, signal.SIGKILL)

    def _adopt(self, run: Run, *, same_boot: bool) -> None:
        run.reason = "its supervisor was killed" if same_boot else "the machine was restarted"
        self.machine.hold(run.attempt, run.devices)
        for child in run.children:
            descriptor = processes.open_process(child.process) if same_boot else None
            if descriptor is not None:
                run.alive.add(child.process.pid)
                self.watched[descriptor] = (run.attempt, child.process.pid)
                self.poll.register(descriptor, select.EPOLLIN)
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
            pids = [[child.process.pid, child.process.started] for child in run.children]
            made.append(
                {
                    "kind": "start",
                    "attempt": run.attempt,
                    "devices": run.devices,
                    "processes": pids,
                    "savepoint": run.savepoint,
                }
            )
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
            self._settle()
            self.roster.reap()
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
        elif descriptor in self.watched:
            attempt, pid = self.watched[descriptor]
            if pid:
                self._unwatch(descriptor)
                os.close(descriptor)
                self.roster.ended(self.roster.runs[attempt], pid, None)
            else:
                self._unwatch(descriptor)  # what it says is read now, and closes it
                self.roster.hear_gates(attempt)

    def _unwatch(self, descriptor: int) -> None:
        del self.watched[descriptor]
        with suppress(OSError):
            self.poll.unregister(descriptor)

    def _idle(self) -> bool:
        if self.client is not None or self.roster.unended():
            self.idle_since = time.monotonic()
        return time.monotonic() - self.idle_since > LINGER_S

    def _sweep(self) -> None:
        now = time.monotonic()
        if now - self.swept < SWEEP_S:
            return
        self.swept = now
        for run in self.roster.unended():
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
        self.client, self.lines, self.unsent = client, Lines(), bytearray()
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
        """Send to the controller's side, if it is there."""
        if self.client is not None:
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
        if message["do"] != "launch":
            self._settle()  # what was launched before exists now
        try:
            answer = getattr(self, f"_do_{message['do']}")(message)
        except OSError as error:
            answer = {"failed": f"{message['do']}: {error.strerror}"}
        if answer is not None:
            self.tell({"re": message["id"], **answer})

    def _settle(self) -> None:
        begun = list(self.roster.begun)
        failed = {run.attempt: error for run, error in self.roster.settle()}
        for run in begun:
            number = self.asked.pop(run.attempt)
            if run.attempt in failed:
                self.tell({"re": number, "failed": f"launch: {failed[run.attempt].strerror}"})
                continue
            self.tell({"re": number})
            for child in run.children:
                assert child.gate is not None
                self.watched[child.gate.fileno()] = (run.attempt, 0)
                self.poll.register(child.gate.fileno(), select.EPOLLIN)

    def _do_hello(self, message: Message) -> Message:
        if message["version"] != wire.VERSION:
            return {"other": wire.VERSION}
        settings = message["settings"]
        self.machine.arrange([tuple(pool) for pool in message["pools"]], message["devices"])
        self.customs = Customs.of(settings, self.open_files)
        self.log_bytes = settings["log_bytes"]
        self.roster.savepoint_signal = signal.Signals[settings["savepoint_signal"]]
        self.roster.savepoint_to_group = settings["savepoint_to"] == "group"
        self.roster.term_s = settings["term_ms"] / 1000
        return {"attempts": [run.seen() for run in self.roster.runs.values()], "trouble": self.roster.trouble}

    def _do_launch(self, message: Message) -> Message | None:
        attempt = message["attempt"]
        if attempt in self.roster.runs or attempt in self.asked:
            return {}
        try:
            identity = identity_of(message["user"])
            places = self.machine.choose(
                message["pool"], message["gang"], [(node, count) for node, count in message["parts"]]
            )
            made = recipes(message, identity, places, self.roster.mark(attempt), self.customs)
        except Refusal as refusal:
            self.tell({"event": "refused", "attempt": attempt, "reason": str(refusal)})
            return {}
        devices = tuple(device for place in places for device in place.devices)
        run = Run(attempt, devices, message["savepoint"])
        self.roster.launch(run, made, None if identity is None else (identity.uid, identity.gid))
        self.asked[attempt] = message["id"]
        return None

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


def main(folder: Path) -> None:
    """Become the supervisor of a folder, unless there is one. Returns in the caller once it may be connected to."""
    if os.fork():
        os.wait()  # the one between, which ends when the supervisor listens
        return
    os.setsid()
    ready, say_ready = os.pipe2(os.O_CLOEXEC)
    if os.fork():
        os.close(say_ready)
        os.read(ready, 1)
        os._exit(0)
    os.close(ready)
    _serve(folder, say_ready)
    os._exit(0)


def _serve(folder: Path, say_ready: int) -> None:
    lock = os.open(folder / wire.LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    for _ in range(50):  # children of one that was killed hold its lock for a moment
        with suppress(BlockingIOError):
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            break
        time.sleep(0.02)
    else:
        return  # there is a supervisor
    processes.inherit_orphans()
    supervisor = Supervisor(folder)
    supervisor.recover()
    with suppress(FileNotFoundError):
        os.unlink(folder / wire.SOCKET)
    wire.reach(folder, supervisor.listener, listen=True)
    os.chmod(folder / wire.SOCKET, 0o600)
    supervisor.listener.listen(8)
    supervisor.listener.setblocking(False)
    os.close(say_ready)
    gc.collect()
    gc.freeze()  # forked children share all of it
    supervisor.run()
    os.unlink(folder / wire.SOCKET)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
