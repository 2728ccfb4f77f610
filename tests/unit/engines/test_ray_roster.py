"""A pool's number never changes its meaning, whatever Ray calls its nodes today."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from equipoise.charter.model import Pool
from equipoise.engines.protocol import Attempt, Ended, Phase, Stopped
from equipoise.engines.ray.gang import Gang
from equipoise.engines.ray.roster import Roster
from equipoise.engines.ray.settings import Settings
from equipoise.errors import EngineError

POOLS = (Pool("a", "H100", 3, 8), Pool("b", "L4", 2, 1))


def told(id: str, name: str, pool: str = "a", *, alive: bool = True, **more: Any) -> dict[str, Any]:
    labels = {"equipoise-pool": pool, "equipoise-node": name} if pool else {}
    base = {
        "id": id,
        "name": name,
        "labels": labels,
        "address": "10.0.0.1",
        "devices": 8,
        "reason": "",
        "resources": [],
    }
    return base | {"alive": alive} | more


def numbers(roster: Roster, nodes: list[dict[str, Any]]) -> dict[tuple[str, int], str]:
    return {place: node.id for place, node in roster.place(nodes).items()}


def test_a_node_keeps_its_number_when_its_raylet_starts_again_and_when_the_engine_does(tmp_path: Path) -> None:
    roster = Roster(Settings(), POOLS, tmp_path / "nodes.json")
    assert numbers(roster, [told("1", "z"), told("2", "m")]) == {("a", 0): "2", ("a", 1): "1"}
    # "b" comes before the others by name, and takes the number that is left all the same.
    later = [told("2", "m", alive=False), told("3", "m"), told("1", "z", alive=False), told("4", "b")]
    for seen in (roster, Roster(Settings(), POOLS, tmp_path / "nodes.json")):
        assert numbers(seen, later) == {("a", 0): "3", ("a", 1): "1", ("a", 2): "4"}
    # A fourth name has no place in a pool of three nodes.
    assert numbers(roster, [*later, told("5", "c")]) == numbers(roster, later)


def test_a_pool_is_told_by_label_or_by_resource_and_by_nothing_where_there_is_one(tmp_path: Path) -> None:
    nodes = [told("1", "x", "", resources=["equipoise-pool:b"]), told("2", "y", ""), told("3", "odd/name")]
    assert numbers(Roster(Settings(), POOLS, tmp_path / "two.json"), nodes) == {("b", 0): "1"}
    one = Roster(Settings(), POOLS[:1], tmp_path / "one.json")
    assert numbers(one, [told("1", "x", ""), told("2", "y", "", devices=0)]) == {("a", 0): "1"}


def test_maintenance_outlives_the_engine(tmp_path: Path) -> None:
    Roster(Settings(), POOLS, tmp_path / "nodes.json").set_maintenance(("a", 1), back=False)
    again = Roster(Settings(), POOLS, tmp_path / "nodes.json")
    assert again.in_maintenance(("a", 1)) and not again.in_maintenance(("a", 0))


@pytest.mark.parametrize("text", ["", "{", "[]", '{"numbers": {}}', '{"numbers": 3, "maintenance": []}'])
def test_a_damaged_list_stops_the_engine(tmp_path: Path, text: str) -> None:
    (tmp_path / "nodes.json").write_text(text)
    with pytest.raises(EngineError) as caught:
        Roster(Settings(), POOLS, tmp_path / "nodes.json")
    assert caught.value.code == "E124" and not caught.value.retryable


def record(exit: int | None, asked: str = "", phase: str = "over") -> dict[str, Any]:
    return {"phase": phase, "exit": exit, "asked": asked, "reason": ""}


@pytest.mark.parametrize(
    ("records", "end"),
    [
        ([record(0), record(0)], Ended(Attempt(1, 0), 0)),
        ([record(-15, "gang"), record(9)], Ended(Attempt(1, 0), 9)),  # the one that failed by itself
        ([record(None), record(0)], Ended(Attempt(1, 0), None)),
        ([record(-9, "gang"), record(None)], Ended(Attempt(1, 0), None)),
        ([record(0), record(143, "stop")], Stopped(Attempt(1, 0))),  # one part had ended already
    ],
)
def test_a_gang_ends_as_its_parts_did(records: list[dict[str, Any]], end: Ended | Stopped) -> None:
    gang = Gang(Attempt(1, 0), ("n", "m"), started=True)
    gang.records[0] = records[0]
    assert not gang.over and gang.unended == [1]
    gang.records[1] = records[1]
    assert gang.over and gang.phase in (Phase.RUNNING, Phase.STOPPING) and gang.end() == end
    gang.released = True
    assert gang.phase is (Phase.STOPPED if isinstance(end, Stopped) else Phase.ENDED)
