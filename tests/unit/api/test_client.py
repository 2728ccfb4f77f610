"""Where commands call, and which token they show: never over the net unencrypted, never from a file that others may read."""

from __future__ import annotations

from pathlib import Path

import pytest

from equipoise.api.client import connection, credentials_path, keep
from equipoise.errors import InputError


@pytest.fixture(autouse=True)
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    for name in ("EQUIPOISE_SERVER", "EQUIPOISE_TOKEN"):
        monkeypatch.delenv(name, raising=False)


def test_the_environment_comes_before_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputError, match="N146 no token"):
        connection()
    assert keep("https://lab.example/", "eq_kept").stat().st_mode & 0o777 == 0o600
    assert (connection().server, connection().token) == ("https://lab.example", "eq_kept")
    monkeypatch.setenv("EQUIPOISE_TOKEN", "eq_set")
    assert (connection().server, connection().token) == ("https://lab.example", "eq_set")
    monkeypatch.setenv("EQUIPOISE_SERVER", "http://127.0.0.1:9")
    credentials_path().chmod(0o644)
    assert connection().server == "http://127.0.0.1:9", "a file that is not needed is not looked at"
    assert "eq_set" not in repr(connection())
    monkeypatch.delenv("EQUIPOISE_TOKEN")
    with pytest.raises(InputError, match="others than its owner"):
        connection()


@pytest.mark.parametrize(
    "address", ["http://lab.example", "http://10.0.0.1:7878", "lab.example", "ftp://127.0.0.1", "", "http://"]
)
def test_no_token_goes_unencrypted_to_another_machine(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputError, match="N146"):
        keep(address, "eq_x")
    monkeypatch.setenv("EQUIPOISE_TOKEN", "eq_x")
    if address:
        with pytest.raises(InputError, match="N146"):
            connection(server=address)


@pytest.mark.parametrize("data", [b"{", b"[]", b"\xff", b'"x"'])
def test_a_damaged_file_is_told(data: bytes) -> None:
    keep("https://lab.example", "eq_kept").write_bytes(data)
    with pytest.raises(InputError, match="N146"):
        connection()
