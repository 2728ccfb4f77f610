"""The settings of the local engine as a file gives them."""

from __future__ import annotations

from typing import Any

import pytest

from equipoise.engines.local import Settings
from equipoise.errors import InputError


def test_a_table_becomes_settings() -> None:
    made = Settings.of({"devices": ["GPU-1", "GPU-2"], "nice": 5, "answer_s": 3, "memory_bytes": 1 << 30})
    assert made == Settings(devices=("GPU-1", "GPU-2"), nice=5, answer_s=3, memory_bytes=1 << 30)
    assert Settings.of({}) == Settings()


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ({"device": "auto"}, "no setting 'device'"),
        ({"devices": "gpus"}, "devices cannot be 'gpus'"),
        ({"devices": ["a", "a"]}, "devices cannot be"),
        ({"devices": ["a,b"]}, "devices cannot be"),
        ({"devices": [1]}, "devices cannot be"),
        ({"pass_environment": "PATH"}, "pass_environment cannot be 'PATH'"),
        ({"processes": "many"}, "processes cannot be 'many'"),
        ({"savepoint_signal": "SIGKILL"}, "savepoint_signal cannot be 'SIGKILL'"),
        ({"savepoint_signal": 10}, "savepoint_signal cannot be 10"),
        ({"term_ms": -1}, "term_ms cannot be -1"),
        ({"log_bytes": 1}, "log_bytes cannot be 1"),
        ({"memory_bytes": True}, "memory_bytes cannot be True"),
        ({"nice": 20}, "nice cannot be 20"),
        ({"answer_s": "soon"}, "answer_s cannot be 'soon'"),
    ],
)
def test_what_makes_no_sense_is_named(table: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError) as found:
        Settings.of(table)
    assert found.value.code == "E101" and said in found.value.message
