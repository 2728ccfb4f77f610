"""The local engine as the contract suite opens it."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from equipoise.charter.model import Pool
from equipoise.engines.local import LocalEngine, Settings, open_engine
from equipoise.engines.protocol import Attempt, Engine
from tests.contract.engine_rig import Rig

POOLS = (Pool("a", "slot", 3, 4), Pool("b", "slot", 4, 1))


@dataclass
class LocalRig(Rig):
    """Processes of this machine; the supervisor ends with the last opening."""

    name = "local"
    patience_s = 10.0

    def open(self) -> LocalEngine:
        return open_engine(Settings(devices="slots"), self.pools, self.folder)

    def devices(self, environment: Mapping[str, str]) -> frozenset[str]:
        return frozenset(environment["EQUIPOISE_DEVICES"].split(","))

    def output(self, engine: Engine, attempt: Attempt) -> str:
        assert isinstance(engine, LocalEngine)
        return "".join(path.read_text("utf-8") for path in engine.output(attempt))


@contextmanager
def rig(folder: Path) -> Generator[LocalRig]:
    (folder / "jobs").mkdir()
    yield LocalRig(folder / "engine", folder / "jobs", POOLS)
