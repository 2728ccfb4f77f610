"""Deliveries to receivers that answer late, twice, wrongly, with anything at all or not; and to programs that hang or say too much."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import stat
import sys
import time
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import Any

import pytest

from equipoise.controller.alerts.book import AlertBook, Message
from equipoise.controller.alerts.delivery import receiver
from equipoise.controller.alerts.settings import Program, Webhook
from equipoise.controller.log_lines import JsonLines
from equipoise.engines.protocol import Condition
from tests.scenario.alert_lab import DAY_MS, SECRET, Lab, hook, receiving

BAD = ("late", "drip", "closes", "garbage", "huge headers", "301", "307", "404", "500", "204", "large", "well")
BODY = json.dumps({"id": "one", "sentence": "a promise · kept"}).encode()
MESSAGE = Message(1, "pager", "one", "a", BODY, 0, 0)


def tell(sink: Webhook | Program, message: Message = MESSAGE) -> str:
    async def told() -> str:
        made = receiver(sink)
        try:
            return await made.tell(message, int(time.time()))
        finally:
            await made.close()

    return asyncio.run(told())


@pytest.mark.parametrize("how", BAD)
def test_only_a_good_answer_in_time_counts(tmp_path: Path, how: str) -> None:
    with receiving(how) as found:
        began = time.monotonic()
        trouble = tell(Webhook.of(hook(tmp_path, found)))
        assert time.monotonic() - began < 3
        assert bool(trouble) == (how not in ("204", "large", "well")), trouble
        assert "secret" not in trouble and len(trouble) < 80 and trouble.isprintable()
        [post] = found.posts  # no redirect was followed, and nothing was tried again by the library
        assert post.is_ours and post.path == "/hooks/path-that-is-secret"


def test_nobody_there_is_a_trouble_like_any_other(tmp_path: Path) -> None:
    with receiving() as found:
        table = hook(tmp_path, found)
    assert tell(Webhook.of(table))


def test_http_to_another_machine_is_not_possible_and_https_checks_the_certificate(tmp_path: Path) -> None:
    with receiving() as found:
        table = hook(tmp_path, found) | {"url": f"https://127.0.0.1:{found.port}/"}
        assert tell(Webhook.of(table))
        assert found.posts == []


def test_messages_arrive_in_the_end_and_each_thread_in_order(tmp_path: Path) -> None:
    """Forty alerts come and go while the receiver does everything wrong; then each message was taken, and raised before resolved."""
    chance = Random(3)
    script = [chance.choice(("late", "closes", "500", "garbage", "well", "301")) for _ in range(60)]
    with receiving(*script) as found:
        lab = Lab(tmp_path)
        lab.begin({"webhook": [hook(tmp_path, found)], "at_once": 3})
        try:
            lab.submit("safety", 4)
            for _ in range(20):
                lab.clock.wall_ms -= 3_600_000
                lab.pass_by(1_000)
                lab.clock.wall_ms += 3_600_000
                lab.pass_by(1_000)
            assert lab.alerts is not None
            lab.until(lambda: lab.alerts is not None and ("pager", "waits") not in lab.alerts.status.messages)
            counts = lab.alerts.status.messages
        finally:
            lab.end()
    assert counts == {("pager", "delivered"): 40}
    assert len(set(found.ids)) == 40
    assert len(found.ids) > 60  # some came more than once, under the same name
    assert all(post.is_ours for post in found.posts)
    for name in set(found.ids):
        if name.endswith("resolved"):
            raised = name.replace("resolved", "raised")
            assert max(n for n, one in enumerate(found.ids) if one == raised) < found.ids.index(name)


def test_at_most_so_many_are_on_their_way_at_once(tmp_path: Path) -> None:
    with receiving(*["slow"] * 1_000) as found:
        table = hook(tmp_path, found)
        del table["name"]
        lab = Lab(tmp_path, policy="charter").begin({"at_once": 3}, {"webhook": table})
        try:
            for _ in range(12):
                lab.submit("safety", 1)
            lab.pass_by(60_000)
            for node in range(4):
                lab.world.change_node("big", node, Condition.DOWN)
            lab.pass_by(120_000)
            lab.until(lambda: len(found.posts) >= 12)
        finally:
            lab.end()
    assert found.most_at_once == 3


def test_a_receiver_that_hangs_holds_up_no_other_and_not_the_lab(tmp_path: Path) -> None:
    with receiving(*["late"] * 100) as slow, receiving() as quick:
        tables = [hook(tmp_path, slow) | {"name": "slow"}, hook(tmp_path, quick) | {"name": "quick"}]
        lab = Lab(tmp_path).begin({"webhook": tables})
        try:
            lab.submit("safety", 4)
            lab.clock.wall_ms -= 3_600_000
            lab.pass_by(1_000)
            began = time.monotonic()
            lab.until(lambda: len(quick.posts) == 1)
            assert time.monotonic() - began < 2
            steps = [time.monotonic()]
            while len(slow.posts) < 2:
                lab.controller._loop.engine.wake()  # type: ignore[union-attr]
                lab.controller.step()  # type: ignore[union-attr]
                steps.append(time.monotonic())
                time.sleep(0.002)
            assert max(b - a for a, b in pairwise(steps)) < 0.4
        finally:
            lab.end()


def test_a_message_is_given_up_after_its_time(tmp_path: Path) -> None:
    with receiving(*["500"] * 1_000) as found:
        lab = Lab(tmp_path).begin({"webhook": [hook(tmp_path, found)], "retry_for_ms": 500})
        try:
            lab.submit("safety", 4)
            lab.clock.wall_ms -= 3_600_000
            lab.pass_by(1_000)
            lab.until(lambda: lab.alerts is not None and ("pager", "given up") in lab.alerts.status.messages)
        finally:
            lab.end()
        assert len(found.posts) >= 3


# -------------------------------------------------------------------------------------------------------------- programs


def program(source: str, *words: str, **more: Any) -> Program:
    return Program.of({"argv": [sys.executable, "-S", "-c", source, *words]} | more)


def test_a_program_gets_the_message_and_nothing_of_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("API_TOKEN", "value-of-the-environment")
    source = (
        "import json, os, sys; json.dump([sys.stdin.read(), dict(os.environ), sys.argv[1]], open(sys.argv[2], 'w'))"
    )
    words = "; touch $(pwd)/shell `id` '\""
    assert tell(program(source, words, str(tmp_path / "got"))) == ""
    said, environment, word = json.loads((tmp_path / "got").read_text())
    assert said.encode() == BODY + b"\n"
    assert set(environment) <= {"PATH", "LANG", "EQUIPOISE_ID", "LC_CTYPE"} and environment["EQUIPOISE_ID"] == "one"
    assert word == words  # no shell saw it


def test_a_program_that_hangs_is_ended_with_all_that_it_started(tmp_path: Path) -> None:
    source = (
        "import subprocess, sys, time\n"
        "child = subprocess.Popen([sys.executable, '-S', '-c', 'import time; time.sleep(60)'])\n"
        "open(sys.argv[1], 'w').write(str(child.pid)); time.sleep(60)"
    )
    began = time.monotonic()
    assert tell(program(source, str(tmp_path / "pid"), timeout_ms=3_000)) == "it did not end in 3000 ms"
    assert time.monotonic() - began < 10
    pid = int((tmp_path / "pid").read_text())
    deadline = time.monotonic() + 5
    while _is_alive(pid) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not _is_alive(pid)


def _is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] not in "ZX"
    except OSError:
        return False


def test_a_program_may_say_anything_and_fail_anyhow() -> None:
    much = program(
        "import sys; sys.stderr.buffer.write(b'\\xff\\x1b[31m' * 10_000_000); sys.exit(3)", timeout_ms=30_000
    )
    said = tell(much)
    assert said.startswith("it ended with 3 and said ") and len(said) < 400 and said.isprintable()
    assert tell(program("import os; os.close(0); os._exit(0)")) == ""
    assert tell(program("import os, signal; os.kill(os.getpid(), signal.SIGTERM)")) == "it ended with -15"
    assert tell(Program.of({"argv": ["/nowhere/at-all"]})) == "it cannot be started: FileNotFoundError"


# --------------------------------------------------------------------------------------------------------------- secrets


def test_no_secret_is_ever_logged_or_kept(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Everything at the lowest level, in JSON lines, over a lab whose jobs, webhooks and answers hold secrets."""
    caplog.set_level(logging.DEBUG)
    with receiving("500", "garbage", "closes", "301") as found:
        table = hook(tmp_path, found)
        lab = Lab(tmp_path).begin({"webhook": [table]}, {"webhook": {k: v for k, v in table.items() if k != "name"}})
        try:
            lab.submit("product", 16)
            lab.submit("safety", 4)
            lab.pass_by(DAY_MS // 4)
            lab.until(lambda: len(found.posts) >= 5)
            lab.looked()
        finally:
            lab.end()
    lines = [JsonLines().format(record) for record in caplog.records]
    assert len(lines) > 5 and all(isinstance(json.loads(line), dict) for line in lines)
    told = "\n".join(lines) + json.dumps([post.body for post in found.posts])
    kept = (tmp_path / "alerts.db").read_bytes()
    for secret in (SECRET.decode(), "path-that-is-secret", "value-of-the-environment", "API_KEY"):
        assert secret not in told
        assert secret.encode() not in kept
    assert stat.S_IMODE(os.stat(tmp_path / "alerts.db").st_mode) == 0o600
    assert any('"alert_kind":"no_return"' in line for line in lines)


def test_a_receiver_that_is_no_more_gets_nothing_more(tmp_path: Path) -> None:
    with receiving(*["500"] * 1_000) as found:
        for settings in ({"webhook": [hook(tmp_path, found)]}, {}):
            lab = Lab(tmp_path).begin(settings)
            try:
                lab.submit("safety", 4)
                lab.clock.wall_ms -= 3_600_000
                lab.pass_by(1_000)
                lab.looked()
            finally:
                lab.end()
    book = AlertBook(tmp_path / "alerts.db")
    assert set(book.counts()) == {("pager", "given up")}
    book.close()
