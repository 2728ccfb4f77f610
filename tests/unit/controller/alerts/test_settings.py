"""Tables of alerts: what is read, what is refused, and that no refusal shows what may be a secret."""

from __future__ import annotations

import tomllib
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from equipoise.controller.alerts import Kind, Notices, Settings
from equipoise.errors import InputError

TEXT = """
[alerts]
at_risk_below = "40%"
[[alerts.webhook]]
name = "pager"
url = "https://pager.example/hooks/s3cret-path"
secret_file = "/etc/equipoise/pager.secret"
kinds = ["no_return", "ledger"]
[[alerts.webhook]]
name = "chat"
url = "http://[::1]:8065/hook"
secret_file = "/etc/equipoise/chat.secret"
timeout_ms = 2000
[alerts.command]
argv = ["/usr/local/bin/page-us", "--now"]
[notices.webhook]
url = "https://mail.example/hook"
secret_file = "/etc/equipoise/mail.secret"
"""
HOOK = {"name": "a", "url": "https://a.example/s3cret", "secret_file": "/x"}


def test_tables_are_read_as_written() -> None:
    told = tomllib.loads(TEXT)
    found, notices = Settings.of(told["alerts"]), Notices.of(told["notices"])
    assert found.at_risk_below == Fraction(2, 5)
    assert [(sink.name, sink.timeout_ms) for sink in found.sinks] == [
        ("pager", 10_000),
        ("chat", 2_000),
        ("command", 10_000),
    ]
    assert found.webhook[0].kinds == {Kind.NO_RETURN, Kind.LEDGER} and found.webhook[1].kinds == set(Kind)
    assert [sink.name for sink in notices.sinks] == ["notices-webhook"]
    assert "s3cret" not in repr(found) + repr(notices)
    assert Settings.of({}).sinks == Notices.of({}).sinks == ()


@pytest.mark.parametrize(
    "table",
    [
        {"at_risk": "40%"},
        {"look_every_ms": 0},
        {"look_every_ms": True},
        {"look_every_ms": "s3cret"},
        {"at_once": 1 << 50},
        {"webhook": {"url": "s3cret"}},
        {"webhook": ["s3cret"]},
        {"webhook": [{"name": "a", "url": "https://a.example/s3cret"}]},
        {"webhook": [HOOK | {"secret": "s3cret"}]},
        {"webhook": [HOOK, HOOK]},
        {"webhook": [HOOK | {"name": "A B"}]},
        {"webhook": [HOOK | {"kinds": ["gates"]}]},
        {"webhook": [HOOK | {"kinds": [["gate"]]}]},
        {"webhook": [HOOK | {"kinds": []}]},
        {"webhook": [HOOK | {"url": "http://a.example/s3cret"}]},
        {"webhook": [HOOK | {"url": "http://127.0.0.1.example/s3cret"}]},
        {"webhook": [HOOK | {"url": "https://ada:s3cret@a.example/"}]},
        {"webhook": [HOOK | {"url": "https://a.example:99999/s3cret"}]},
        {"webhook": [HOOK | {"url": "https://a.example/\ns3cret"}]},
        {"webhook": [HOOK | {"url": "file:///s3cret"}]},
        {"webhook": [HOOK | {"url": "https:///s3cret"}]},
        {"command": {"argv": "page-us s3cret"}},
        {"command": {"argv": ["page-us", "s3cret"]}},
        {"command": {"argv": []}},
        {"command": {"argv": ["/bin/x", "s3cret\0"]}},
        {"command": 3},
    ],
)
def test_what_cannot_be_is_refused_without_showing_it(table: dict[str, Any]) -> None:
    with pytest.raises(InputError) as caught:
        Settings.of(table)
    assert caught.value.code == "R130"
    assert "s3cret" not in str(caught.value)


def test_loopback_may_go_without_encryption() -> None:
    for url in (
        "http://127.0.0.1:1/",
        "http://127.9.9.9/",
        "http://[::1]/",
        "http://localhost:8080/x",
        "https://a.example",
    ):
        assert Settings.of({"webhook": [HOOK | {"url": url}]}).webhook[0].url == url


def test_a_secret_is_a_file_of_its_owner(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    hook = Settings.of({"webhook": [HOOK | {"secret_file": str(path)}]}).webhook[0]
    cases = [(None, 0), (b"short", 0o600), (b"x" * 5_000, 0o600), (b"long enough to be a secret", 0o604)]
    for data, mode in cases:
        if data is not None:
            path.write_bytes(data)
            path.chmod(mode)
        with pytest.raises(InputError) as caught:
            assert hook.secret
        assert caught.value.code == "R131" and "long enough" not in str(caught.value)
    path.chmod(0o640)
    assert hook.secret == b"long enough to be a secret"
    path.unlink()
    path.mkdir()
    with pytest.raises(InputError):
        assert hook.secret
