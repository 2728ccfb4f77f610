"""Every engine passes the contract of `engine_suite`, each over its real component."""

from __future__ import annotations

import importlib
from collections.abc import Iterator

import pytest

pytest.register_assert_rewrite("tests.contract.engine_suite", "tests.contract.engine_rig")

from tests.contract.engine_rig import Bench, Rig  # noqa: E402
from tests.contract.engine_suite import EngineContract, QueueContract  # noqa: E402

# For each a module `engine_NAME` with a context manager `rig(folder)`: it starts the component, gives its `Rig`, and ends all that it
# started; it skips where the component cannot be had.
ENGINES = [
    "local",
]
# Of these users give jobs to the engine itself (`Rig.submit`).
WITH_QUEUE: list[str] = []


@pytest.fixture(scope="module", params=ENGINES)
def rig(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    module = importlib.import_module(f"tests.contract.engine_{request.param}")
    with module.rig(tmp_path_factory.mktemp(request.param)) as made:
        yield made


@pytest.fixture
def bench(rig: Rig) -> Iterator[Bench]:
    made = Bench(rig, rig.open())
    try:
        yield made
    finally:
        made.finish()


class TestEngine(EngineContract):
    """All of it, of every engine."""


if WITH_QUEUE:

    @pytest.mark.parametrize("rig", WITH_QUEUE, indirect=True)
    class TestQueue(QueueContract):
        """Of the engines that have a queue of their own."""
