"""A Slurm cluster of its own for the tests: the real daemons on loopback, one slurmd for each simulated node, fake devices.

Needs root (munge, device files, `--uid`) and Debian's packages: slurmctld slurmd slurmdbd slurm-client
slurm-wlm-mysql-plugin mariadb-server munge.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

STARTS_WITHIN_S = 60
PROGRAMS = ("munged", "mariadbd", "slurmdbd", "slurmctld", "slurmd", "scontrol", "sacctmgr", "setpriv")
SEARCHED = os.environ["PATH"] + ":/usr/sbin:/sbin"
ACCOUNTS = ("safety", "alignment", "nextgen", "product")
USERS = ("root", "nobody")


def missing() -> str:
    """Why no cluster can be had here; empty if it can."""
    if os.getuid() != 0:
        return "a Slurm cluster for tests needs root"
    lacking = [name for name in PROGRAMS if shutil.which(name, path=SEARCHED) is None]
    return f"not installed: {', '.join(lacking)}" if lacking else ""


@dataclass
class Cluster:
    """A running cluster; ``environment`` is what its commands need."""

    folder: Path
    nodes: tuple[str, ...]
    devices: int
    ports: Sequence[int]
    extra: str = ""
    partitions: str = ""
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict[str, "subprocess.Popen[bytes]"])

    @property
    def environment(self) -> dict[str, str]:
        return {"PATH": SEARCHED, "SLURM_CONF": str(self.conf), "LC_ALL": "C.UTF-8", "HOME": "/root"}

    @property
    def conf(self) -> Path:
        return self.folder / "etc" / "slurm.conf"

    def run(self, *argv: str, check: bool = True, environment: Mapping[str, str] | None = None) -> str:
        """What a Slurm command prints."""
        env = self.environment | dict(environment or {})
        done = subprocess.run(argv, capture_output=True, text=True, env=env, timeout=120, check=False)
        if check and done.returncode:
            raise AssertionError(f"{' '.join(argv)}: {done.stderr.strip()}")
        return done.stdout.strip()

    def start(self, name: str, *argv: str) -> None:
        """Start a daemon in the foreground as a child, which ends when this process ends."""
        log = (self.folder / "log" / f"{name}.out").open("ab")
        line = ["setpriv", "--pdeathsig", "KILL", *argv]
        with log:
            self.processes[name] = subprocess.Popen(
                line, stdout=log, stderr=log, stdin=subprocess.DEVNULL, env=self.environment, start_new_session=True
            )

    def start_controller(self) -> None:
        self.start("slurmctld", "slurmctld", "-D")

    def start_node(self, name: str) -> None:
        (self.folder / "spool" / name).mkdir(exist_ok=True)
        self.start(name, "slurmd", "-D", "-N", name)

    def kill(self, name: str, number: int = signal.SIGKILL) -> None:
        """Signal a daemon, and wait until it is gone."""
        process = self.processes.pop(name)
        process.send_signal(number)
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def wait(self, what: str, ready: Callable[[], bool], within_s: float = STARTS_WITHIN_S) -> None:
        deadline = time.monotonic() + within_s
        while not ready():
            dead = [name for name, process in self.processes.items() if process.poll() is not None]
            if dead or time.monotonic() > deadline:
                logs = "".join(_tail(self.folder / "log", name) for name in dead or [what])
                raise AssertionError(f"{what} is not there after {within_s} s; ended: {dead}\n{logs}")
            time.sleep(0.05)

    def answers(self, *argv: str) -> bool:
        with contextlib.suppress(subprocess.TimeoutExpired):
            done = subprocess.run(argv, capture_output=True, env=self.environment, timeout=20, check=False)
            return done.returncode == 0
        return False

    def up_nodes(self) -> int:
        names = self.run("sinfo", "-h", "-N", "-t", "idle,mixed,allocated", "-o", "%N", check=False).split()
        return len(set(names))

    def freeze(self, name: str) -> None:
        """Let a daemon answer nothing while its connections stay open."""
        self.processes[name].send_signal(signal.SIGSTOP)

    def thaw(self, name: str) -> None:
        self.processes[name].send_signal(signal.SIGCONT)

    def clear(self) -> None:
        """Cancel every job and wait until none is left."""
        cancel_all(self)
        self.wait("an empty queue", lambda: not self.run("squeue", "-h", "-o", "%i"))


@contextmanager
def cluster(*, nodes: int = 8, devices: int = 8, extra: str = "", partitions: str = "") -> Generator[Cluster]:
    """Start a cluster and end it."""
    folder = Path(tempfile.mkdtemp(prefix="equipoise-slurm-"))
    folder.chmod(0o755)
    names = tuple(f"n{number:04d}" for number in range(1, nodes + 1))
    here = Cluster(folder, names, devices, free_ports(nodes + 3), extra, partitions)
    try:
        write_files(here)
        start_accounting(here)
        here.start_controller()
        here.wait("slurmctld", lambda: here.answers("scontrol", "ping"))
        for name in names:
            here.start_node(name)
        here.wait("all nodes", lambda: here.up_nodes() == nodes)
        yield here
    finally:
        end(here)


def free_ports(count: int) -> list[int]:
    """Ports of loopback that nobody listens to."""
    sockets = [socket.socket() for _ in range(count)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


def start_accounting(here: Cluster) -> None:
    folder = here.folder
    munge, base = folder / "munge", folder / "db"
    here.start(
        "munged", "munged", "--foreground", "--force", f"--key-file={munge}/key", f"--socket={munge}/sock",
        f"--pid-file={munge}/pid", f"--log-file={folder}/log/munged.log", f"--seed-file={munge}/seed",
    )  # fmt: skip
    here.wait("munged", lambda: here.answers("munge", "-S", f"{munge}/sock", "-n"))
    install = ["mariadb-install-db", "--no-defaults", "--user=root", f"--datadir={base}", "--skip-test-db"]
    here.run(*install, "--auth-root-authentication-method=normal")
    here.start(
        "mariadbd", "mariadbd", "--no-defaults", "--user=root", f"--datadir={base}", f"--socket={base}/sock",
        "--bind-address=127.0.0.1", f"--port={here.ports[2]}", "--innodb-buffer-pool-size=64M",
        "--innodb-lock-wait-timeout=900", "--innodb-flush-log-at-trx-commit=2",
    )  # fmt: skip
    client = ["mariadb", "--no-defaults", f"--socket={base}/sock", "--user=root"]
    here.wait("mariadbd", lambda: here.answers(*client, "-e", "select 1"))
    here.run(*client, "-e", "create database slurm_acct_db; create user slurm@'127.0.0.1' identified by 'slurm';")
    here.run(*client, "-e", "grant all on slurm_acct_db.* to slurm@'127.0.0.1';")
    here.start("slurmdbd", "slurmdbd", "-D")
    here.wait("slurmdbd", lambda: here.answers("sacctmgr", "-n", "-i", "show", "cluster"))
    here.run("sacctmgr", "-i", "add", "cluster", "equipoise")
    here.run("sacctmgr", "-i", "add", "account", "lab", "Description=lab", "Organization=lab")
    here.run("sacctmgr", "-i", "add", "account", ",".join(ACCOUNTS), "parent=lab")
    here.run("sacctmgr", "-i", "add", "user", ",".join(USERS), f"account={','.join(ACCOUNTS)}")


def write_files(here: Cluster) -> None:
    folder = here.folder
    for name in ("log", "state", "spool", "munge", "db", "etc", "dev"):
        (folder / name).mkdir(mode=0o755)
    (folder / "munge" / "key").write_bytes(os.urandom(1024))
    (folder / "munge" / "key").chmod(0o400)
    for number in range(here.devices):  # copies of /dev/null: a device by count only is read as none
        os.mknod(folder / "dev" / f"gpu{number}", 0o20666, os.makedev(1, 3))
    lines = f"AutoDetect=off\nName=gpu File={folder}/dev/gpu[0-{here.devices - 1}]\n"
    (folder / "etc" / "gres.conf").write_text(lines, "utf-8")
    dbd = folder / "etc" / "slurmdbd.conf"
    dbd.write_text(_DBD.format(folder=folder, port=here.ports[1], base=here.ports[2]), "utf-8")
    dbd.chmod(0o600)
    text = _CONF.format(
        folder=folder, host=socket.gethostname().split(".")[0], port=here.ports[0], dbd=here.ports[1], extra=here.extra
    )
    for name, port in zip(here.nodes, here.ports[3:], strict=True):
        text += f"NodeName={name} NodeHostName={name} NodeAddr=127.0.0.1 Port={port} CPUs=64 Boards=1 SocketsPerBoard=1"
        text += f" CoresPerSocket=64 ThreadsPerCore=1 RealMemory=64000 Gres=gpu:{here.devices} State=UNKNOWN\n"
    text += "PartitionName=main Nodes=ALL Default=YES MaxTime=INFINITE State=UP DefMemPerCPU=10\n"
    text += "PartitionName=submit Nodes=ALL MaxTime=INFINITE State=DOWN DefMemPerCPU=10\n" + here.partitions
    here.conf.write_text(text, "utf-8")


def end(here: Cluster) -> None:
    """End what runs here, jobs first, and remove the folder."""
    if "slurmctld" in here.processes:
        with contextlib.suppress(AssertionError, subprocess.TimeoutExpired):
            cancel_all(here)
    processes = jobs_of(here)
    for name in [*here.nodes, "slurmctld", "slurmdbd", "mariadbd", "munged"]:
        if name in here.processes:
            here.processes[name].send_signal(signal.SIGTERM)
    for name in list(here.processes):
        here.kill(name, signal.SIGTERM)
    for process in {*processes, *jobs_of(here)}:
        with contextlib.suppress(ProcessLookupError):
            os.kill(process, signal.SIGKILL)
    shutil.rmtree(here.folder, ignore_errors=True)


def cancel_all(here: Cluster) -> None:
    for user in USERS:
        here.run("scancel", f"--user={user}", check=False)


def jobs_of(here: Cluster) -> list[int]:
    """The processes of jobs: those that Slurm gave this cluster's settings, but for its daemons and this process."""
    wanted = b"SLURM_CONF=" + os.fsencode(here.conf) + b"\0"
    own = {os.getpid(), *(process.pid for process in here.processes.values())}
    found: list[int] = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) not in own:
            with contextlib.suppress(OSError):
                if wanted in (entry / "environ").read_bytes():
                    found.append(int(entry.name))
    return found


def _tail(folder: Path, name: str) -> str:
    path = folder / f"{name}.out"
    return f"--- {name}\n{path.read_text('utf-8', errors='replace')[-2000:]}\n" if path.exists() else ""


_DBD = """\
AuthType=auth/munge
AuthInfo=socket={folder}/munge/sock
DbdHost=localhost
DbdAddr=127.0.0.1
DbdPort={port}
SlurmUser=root
StorageType=accounting_storage/mysql
StorageHost=127.0.0.1
StoragePort={base}
StorageUser=slurm
StoragePass=slurm
StorageLoc=slurm_acct_db
LogFile={folder}/log/slurmdbd.log
PidFile={folder}/slurmdbd.pid
DebugLevel=info
"""

_CONF = """\
ClusterName=equipoise
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={port}
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge/sock,cred_expire=5
CredType=cred/munge
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool/%n
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd-%n.pid
SlurmctldLogFile={folder}/log/slurmctld.log
SlurmdLogFile={folder}/log/slurmd-%n.log
SlurmctldDebug=info
SlurmdDebug=info
SlurmdParameters=config_overrides
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
MpiDefault=none
MailProg=/bin/true
ReturnToService=1
SlurmdTimeout=300
KillWait=30
MinJobAge=300
MaxJobCount=50000
MessageTimeout=30
TreeWidth=65000
GresTypes=gpu
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SchedulerType=sched/backfill
SchedulerParameters=sched_interval=5,sched_min_interval=20000,batch_sched_delay=0,bf_interval=5,default_queue_depth=1000
PriorityType=priority/multifactor
JobRequeue=1
AccountingStorageType=accounting_storage/slurmdbd
AccountingStorageHost=127.0.0.1
AccountingStoragePort={dbd}
AccountingStoragePass={folder}/munge/sock
AccountingStorageEnforce=associations,limits,qos
AccountingStorageTRES=gres/gpu
{extra}
"""


if __name__ == "__main__":  # a cluster to try things on: python -m tests.contract.slurm_cluster [NODES]
    with cluster(nodes=int(sys.argv[1]) if len(sys.argv) > 1 else 8) as running:
        print(f"export SLURM_CONF={running.conf}", flush=True)
        signal.pause()
