"""The settings of a server: what cannot be is told with its line, and nothing listens where tokens would pass unencrypted."""

from __future__ import annotations

from pathlib import Path

import pytest

from equipoise.errors import EquipoiseError
from equipoise.tasks.serving import read_settings


def test_without_a_file_everything_has_its_default() -> None:
    found = read_settings(None)
    assert (found.engine, found.server.bind, found.server.run_as, found.store.postgres) == (
        "local",
        "127.0.0.1",
        "",
        False,
    )


def test_what_is_set_is_read(tmp_path: Path) -> None:
    path = tmp_path / "equipoise.toml"
    text = '[engines]\nuse = "local"\n[engines.local]\nnice = 5\n[controller]\nburst = 7\n[store]\nspool = "x"\n[server]\nport = 80\n'
    path.write_text(text, "utf-8")
    found = read_settings(path)
    assert (found.engine_settings.nice, found.controller.burst, found.store.spool, found.server.port) == (5, 7, "x", 80)


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("[server]\n\nprot = 80\n", 3, "server.prot is no setting"),
        ('[server]\nport = "80"\n', 2, "server.port cannot be '80'"),
        ("[server]\nport = true\n", 2, "server.port cannot be 'True'"),
        ('[server]\nbind = "0.0.0.0"\n', 2, "tokens would pass unencrypted"),
        ('[server]\nbind = "lab.example"\n', 2, "tokens would pass unencrypted"),
        ('[server]\ntls_key = "k"\n', 0, "come together"),
        ('[server]\nrun_as = "root"\n', 2, "server.run_as cannot be 'root'"),
        ("[server]\nport = 70000\n", 1, "out of range"),
        ("[sever]\nport = 1\n", 1, "sever is no table"),
        ("server = 1\n", 1, "server is no table"),
        ('[engines]\nuse = "pbs"\n', 2, "no engine: 'pbs'"),
        ("[engines.pbs]\nx = 1\n", 1, "engines.pbs is no engine"),
        ("[engines.local]\n\n\nnicer = 5\n", 4, "no setting 'nicer'"),
        ("[controller]\nburst = 0\n", 2, "burst"),
        ("[server\n", 1, "not TOML"),
    ],
)
def test_what_cannot_be_is_told_with_its_line(text: str, line: int, said: str, tmp_path: Path) -> None:
    path = tmp_path / "equipoise.toml"
    path.write_text(text, "utf-8")
    with pytest.raises(EquipoiseError) as caught:
        read_settings(path)
    assert said in caught.value.message
    assert caught.value.place is not None and (caught.value.place.file, caught.value.place.line) == (str(path), line)


@pytest.mark.parametrize("more", ['tls_certificate = "c"\ntls_key = "k"\n', "proxied = true\n"])
def test_another_address_needs_tls_or_a_proxy_that_does_it(more: str, tmp_path: Path) -> None:
    path = tmp_path / "equipoise.toml"
    path.write_text('[server]\nbind = "0.0.0.0"\n' + more, "utf-8")
    assert read_settings(path).server.bind == "0.0.0.0"


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    path = tmp_path / "equipoise.toml"
    path.write_bytes(b"\xff\xfe")
    for one in (path, tmp_path, tmp_path / "none"):
        with pytest.raises(EquipoiseError, match="N140"):
            read_settings(one)
