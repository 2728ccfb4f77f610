"""A real server in a process of its own, over the real local engine, with a token of every role; everything ends with the test."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from equipoise.api.roles import Role
from equipoise.api.tokens import Tokens
from equipoise.charter_io import loads
from equipoise.engines.local import Settings, open_engine
from equipoise.errors import EngineError
from tests.docs.pages import ROOT

CHARTER = """\
equipoise: charter/v1
lab: Served Lab
pools:
  slots: {device: slot, expect: 2 nodes of 4 gpu}
defaults:
  recover: 1m
  protect: {grace: 1s, min_runtime: 1s, reclaims_per_day: 1000}
teams:
  safety:
    floor: 50%
    owner: group:safety-leads
    teams:
      alignment: {floor: 60%, submit: [group:staff]}
      evals: {floor: 40%}
  product: {floor: 25%, owner: group:product-leads}
"""
SETTINGS = """\
[engines]
use = "local"
[engines.local]
devices = "slots"
[server]
run_as = "server"
most_body_bytes = 65536
most_per_minute = 60000
[controller]
checkpoint_every_ms = 1000
"""
ENVIRONMENT = {
    "PYTHONPATH": os.pathsep.join([str(ROOT / "src"), str(ROOT)]),
    "COLUMNS": "120",
    "NO_COLOR": "1",
    "TERM": "dumb",
}
MEMBERS = {
    "ada": ("safety.alignment", ("staff",)),
    "ben": ("product", ()),
    "lea": ("safety", ("safety-leads", "staff")),
}


@dataclass
class Served:
    """A server that runs; ``tokens`` are texts by role (a member is of safety.alignment) and by the names of `MEMBERS`."""

    folder: Path
    address: str
    tokens: dict[str, str]
    process: subprocess.Popen[str]

    @property
    def lab(self) -> Path:
        return self.folder / "lab"

    def client(self, who: str) -> httpx.Client:
        return httpx.Client(
            base_url=f"{self.address}/api/v1", headers={"Authorization": f"Bearer {self.tokens[who]}"}, timeout=90
        )

    def cli(self, who: str, *arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        environment = os.environ | ENVIRONMENT | {
            "EQUIPOISE_SERVER": self.address, "EQUIPOISE_TOKEN": self.tokens.get(who, ""), "XDG_CONFIG_HOME": str(self.folder / "config"),
        }  # fmt: skip
        command = [sys.executable, "-m", "equipoise.cli", *arguments]
        return subprocess.run(
            command,
            cwd=self.folder,
            env=environment,
            text=True,
            capture_output=True,
            check=False,
            timeout=200,
            input=stdin,
        )

    def log(self) -> str:
        return (self.folder / "serve.log").read_text("utf-8")


def start(folder: Path, *extra: str) -> tuple[subprocess.Popen[str], str]:
    """Start a server in a folder; returns it and its address once it answers."""
    log = folder / "serve.log"
    before = log.stat().st_size if log.exists() else 0
    with log.open("a") as out:
        command = [
            sys.executable,
            "-m",
            "equipoise.cli",
            "serve",
            "--charter",
            "charter.yaml",
            "--settings",
            "settings.toml",
            "--port",
            "0",
            *extra,
        ]
        process = subprocess.Popen(command, cwd=folder, env=os.environ | ENVIRONMENT, stdout=out, stderr=out, text=True)
    until_s = time.monotonic() + 300
    while time.monotonic() < until_s and process.poll() is None:
        if found := re.search(r"Serving at (\S+)", log.read_text("utf-8")[before:]):
            return process, found[1]
        time.sleep(0.1)
    process.kill()
    raise AssertionError(log.read_text("utf-8")[-3000:])


def make_tokens(lab: Path) -> dict[str, str]:
    tokens = Tokens(lab / "tokens.json", lambda: time.time_ns() // 1_000_000)
    found = {role.value: tokens.new(f"{role}-1", role) for role in Role if role is not Role.MEMBER}
    for person, (team, groups) in MEMBERS.items():
        found[person] = tokens.new(person, Role.MEMBER, team=team, groups=groups)
    return found | {"member": found["ada"]}


@contextmanager
def served(folder: Path, charter: str = CHARTER, settings: str = SETTINGS) -> Generator[Served]:
    """Give a server over a new lab."""
    (folder / "charter.yaml").write_text(charter, "utf-8")
    (folder / "settings.toml").write_text(settings, "utf-8")
    process, address = start(folder)
    one = Served(folder, address, make_tokens(folder / "lab"), process)
    try:
        yield one
    finally:
        end(one.process)  # a test may have started another
        clear(folder, charter)


def end(process: subprocess.Popen[str]) -> int:
    """End a server as an operator does; returns its exit code."""
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
    try:
        return process.wait(40)
    except subprocess.TimeoutExpired:
        process.kill()
        return process.wait()


def clear(folder: Path, charter: str = CHARTER) -> None:
    """Stop the jobs that run on without the server."""
    for left in range(4, -1, -1):  # a supervisor without jobs may be ending just now
        engine = open_engine(
            Settings(devices="slots"), loads(charter.encode()).pools, folder / "lab" / "engines" / "local"
        )
        try:
            for seen in engine.attempts():
                engine.stop(seen.attempt, grace_ms=0, requeue=False)
            return
        except EngineError as error:
            if not error.retryable or not left:
                raise
            time.sleep(0.5)
        finally:
            engine.close()
