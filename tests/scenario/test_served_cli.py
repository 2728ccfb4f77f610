"""The command line against a real server: from the first job to an audit, through a kill of the server."""

from __future__ import annotations

import json
import signal
import stat
from pathlib import Path

import pytest

from tests.scenario.live_server import Served, end, served, start

pytestmark = pytest.mark.slow


def ok(done: object) -> str:
    assert getattr(done, "returncode", None) == 0, done
    return str(getattr(done, "stdout", ""))


def test_a_lab_by_the_command_line_from_serve_to_audit(tmp_path: Path) -> None:
    with served(tmp_path) as lab:
        _jobs(lab)
        _requests(lab)
        _charter(lab)
        _nodes(lab)
        _survives(lab)
        for text in lab.tokens.values():
            assert text not in lab.log()
        assert end(lab.process) == 0
        done = lab.cli("", "audit", "lab/ledger.db", "--json")
        assert json.loads(ok(done))["holds"] is True


def _jobs(lab: Served) -> None:
    done = lab.cli(
        "ada",
        "run",
        "-t",
        "safety.alignment",
        "-g",
        "2",
        "--env",
        "WORD=a b",
        "--wait",
        "--",
        "sh",
        "-c",
        'test "$WORD" = "a b" && exit 7',
    )
    assert (done.returncode, done.stdout.strip(), "failed" in done.stderr) == (7, "0", True), done
    assert (
        lab.cli("ada", "run", "-t", "safety.alignment", "-g", "1", "--wait", "--", "sh", "-c", "kill -9 $$").returncode
        == 137
    )
    done = lab.cli("ada", "run", "-t", "safety.alignment", "-g", "1", "--follow", "--", "true")
    assert (done.returncode, "ended" in done.stderr) == (0, True)
    done = lab.cli("ada", "run", "-t", "safety.alignment", "-g", "9", "--wait", "--", "true")
    assert (done.returncode, "refused" in done.stderr) == (1, True), done
    job = int(ok(lab.cli("ada", "run", "-t", "safety.alignment", "-g", "6", "-n", "holds", "--", "sleep", "300")))
    waits = int(ok(lab.cli("ada", "run", "-t", "safety.alignment", "-g", "6", "-n", "waits", "--", "sleep", "300")))
    told = json.loads(ok(lab.cli("viewer", "top", "--json")))
    assert {(one["job"], one["state"]) for one in told["jobs"]} == {(job, "running"), (waits, "waiting")}
    shown = ok(lab.cli("viewer", "top", "--once"))
    assert "safety.alignment" in shown and "waits" in shown and "ENTITLED" in shown
    assert f"Job {waits} of safety.alignment" in ok(lab.cli("viewer", "why", str(waits)))
    assert json.loads(ok(lab.cli("viewer", "why", str(waits), "--json")))["state"] == "waiting"
    done = lab.cli("ben", "cancel", str(waits))
    assert (done.returncode, "N134" in done.stderr) == (1, True)
    assert ok(lab.cli("ada", "cancel", str(waits), str(job), "0")).count("is cancelled") == 2
    done = lab.cli("ada", "run", "-t", "product", "-g", "1", "--", "true")
    assert (done.returncode, "N134" in done.stderr, "may" in done.stderr) == (1, True, True)
    done = lab.cli("", "top", "--once")
    assert (done.returncode, "N146" in done.stderr) == (1, True)


def _requests(lab: Served) -> None:
    first = ok(lab.cli("ada", "request", "safety.alignment", "12", "--within", "1d", "--purpose", "probes")).strip()
    second = ok(lab.cli("ada", "request", "safety.alignment", "5", "--name", "probe-2")).strip()
    assert second == "probe-2"
    assert "N135" in lab.cli("ben", "grant", first).stderr
    assert "12 GPU-hours granted" in ok(lab.cli("lea", "grant", first))
    ok(lab.cli("lea", "refuse", second, "--reason", "no room this week"))
    rows = {row["name"]: row for row in json.loads(ok(lab.cli("ben", "requests", "--json")))}
    assert (rows[first]["left_gpu_ms"], rows[second]["granted_gpu_ms"], rows[second]["reason"]) == (
        43_200_000,
        0,
        "no room this week",
    )
    assert "refused: no room this week" in ok(lab.cli("ben", "requests"))
    ok(
        lab.cli(
            "ada", "run", "-t", "safety.alignment", "-g", "1", "-r", first, "--walltime", "1m", "--wait", "--", "true"
        )
    )


def _charter(lab: Served) -> None:
    told = json.loads(ok(lab.cli("signer", "apply", "--live", "--json")))
    text = (lab.folder / "charter.yaml").read_text("utf-8")
    text = text.replace("lab: Served Lab", f"lab: Served Lab\nrevision: 2\nparent: {told['in_force']['digest']}")
    (lab.folder / "second.yaml").write_text(text.replace("product: {floor: 25%", "product: {floor: 40%"), "utf-8")
    assert "product" in ok(lab.cli("viewer", "plan", "second.yaml", "--live"))
    assert "N133" in lab.cli("ada", "apply", "second.yaml", "--live").stderr
    assert "Would be entered: proposal" in ok(lab.cli("signer", "apply", "second.yaml", "--live", "--plan"))
    assert "In force: revision 2" in ok(lab.cli("signer", "apply", "second.yaml", "--live"))


def _nodes(lab: Served) -> None:
    assert "N133" in lab.cli("ada", "drain", "slots/1").stderr
    ok(lab.cli("operator", "drain", "1"))
    ok(lab.cli("operator", "drain", "slots/1", "--back"))
    made = ok(lab.cli("operator", "token", "new", "kim", "--role", "viewer", "--lasts", "1d")).strip()
    assert lab.cli("", "token", "use", lab.address, stdin=made + "\n").returncode == 0
    kept = lab.folder / "config" / "equipoise" / "credentials.json"
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert "POOL" in ok(lab.cli("", "top", "--once", "--jobs", "0"))
    ok(lab.cli("operator", "token", "revoke", made.split("_")[1]))
    assert "N132" in lab.cli("", "top", "--once").stderr
    kept.chmod(0o644)
    assert "N146" in lab.cli("", "top", "--once").stderr


def _survives(lab: Served) -> None:
    job = ok(lab.cli("ada", "run", "-t", "safety.alignment", "-g", "1", "--", "sleep", "6")).strip()
    lab.process.send_signal(signal.SIGKILL)
    lab.process.wait()
    lab.process, lab.address = start(lab.folder)
    with lab.client("ada") as ada:
        found = ada.get(f"/jobs/{job}", params={"wait_s": 60}).json()
    assert (found["outcome"]["what"], found["outcome"]["exit_code"], found["attempt"]) == ("ended", 0, 0)
    assert "revision 2" in ok(lab.cli("viewer", "apply", "--live"))
