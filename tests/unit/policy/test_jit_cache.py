"""Cached machine code and the source that it was made from."""

from __future__ import annotations

from pathlib import Path

from equipoise.outlook.kernel import month
from equipoise.policy.kernel.pointer import fingerprint


def test_cache_of_an_entry_hangs_on_every_module_of_its_package_and_of_the_policy(tmp_path: Path) -> None:
    file = tmp_path / "one.py"
    file.write_text("a = 1", "utf-8")
    before = fingerprint(str(tmp_path))
    fingerprint.cache_clear()
    file.write_text("a = 2", "utf-8")
    assert fingerprint(str(tmp_path)) != before
    own = fingerprint(str(Path(month.__file__).parent))
    assert own != fingerprint()
    assert month.run_all._cache._cache_file._source_stamp[1] == own
