"""A charter that goes to Kueue and comes back has the same floors, limits, reserves and weights; Kueue's own sums say the same."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import yaml
from hypothesis import given
from hypothesis import strategies as st

from equipoise.charter.floors import quotas
from equipoise.charter.model import Charter
from equipoise.charter_io import loads
from equipoise.charter_io.exchange import from_kueue, to_kueue, to_slurm

WORDS = st.sampled_from(["research", "safety", "product", "x1", "a-b", "alignment", "ops"])


@st.composite
def charters(draw: st.DrawFn) -> Charter:
    pools = [("h100", draw(st.integers(1, 40)), draw(st.sampled_from([1, 4, 8]))), ("l4", draw(st.integers(1, 9)), 2)]
    pools = pools[: draw(st.integers(1, 2))]
    lines = ["equipoise: charter/v1", "lab: Drawn", "pools:"]
    lines += [f"  {name}: {{device: X, expect: {nodes} nodes of {each} gpu}}" for name, nodes, each in pools]
    lines.append("teams:")

    def level(indent: str, depth: int, *, floored: bool) -> None:
        below = draw(st.lists(WORDS, min_size=1, max_size=3, unique=True))
        room = 1_000_000 if floored else 0
        for name in below:
            floor = draw(st.integers(0, room))
            room -= floor
            limit = draw(st.one_of(st.just(1_000_000), st.integers(floor, 1_000_000)))
            lend = draw(st.one_of(st.none(), st.integers(0, 1_000_000)))
            weight = draw(st.integers(0, 10_000_000))
            lines.append(f"{indent}{name}:")
            lines.append(f"{indent}  floor: {floor // 10_000}.{floor % 10_000:04d}%")
            lines.append(f"{indent}  limit: {limit // 10_000}.{limit % 10_000:04d}%")
            lines.append(f"{indent}  weight: {weight // 10_000}.{weight % 10_000:04d}")
            if lend is not None:
                lines.append(f"{indent}  lend: {lend // 10_000}.{lend % 10_000:04d}%")
            if depth < 2 and draw(st.booleans()):
                lines.append(f"{indent}  teams:")
                level(indent + "    ", depth + 1, floored=floor > 0)

    level("  ", 0, floored=True)
    return loads("\n".join(lines))


@given(charters(), st.sampled_from(["v1beta1", "v1beta2"]))
def test_a_charter_comes_back_from_kueue_with_the_same_quotas(charter: Charter, version: str) -> None:
    text, _ = from_kueue([to_kueue(charter, version=version).text])
    back = loads(text)
    assert [(pool.name, pool.nodes, pool.gpus_per_node) for pool in back.pools] == [
        (pool.name, pool.nodes, pool.gpus_per_node) for pool in charter.pools
    ]
    assert [(team.path, team.weight_e4) for team in back.teams] == [
        (team.path, team.weight_e4) for team in charter.teams
    ]
    for pool in charter.pools:
        assert quotas(back, pool.name, pool.capacity) == quotas(charter, pool.name, pool.capacity)


@given(charters())
def test_kueue_adds_up_to_the_floors_and_the_capacity(charter: Charter) -> None:
    """By Kueue's rule: what a Cohort has is its own quota and that of all below it."""
    objects: list[Any] = list(yaml.safe_load_all(to_kueue(charter).text))
    sums: defaultdict[tuple[str, str], int] = defaultdict(int)
    parent = {each["metadata"]["name"]: each["spec"].get("parentName") for each in objects if each["kind"] == "Cohort"}
    for each in objects:
        if each["kind"] not in ("Cohort", "ClusterQueue"):
            continue
        for flavor in each["spec"]["resourceGroups"][0]["flavors"]:
            quota = flavor["resources"][0]
            assert all(value >= 0 for key, value in quota.items() if key != "name")
            assert quota.get("lendingLimit", 0) <= charter.pool(flavor["name"]).capacity
            above = each["metadata"]["name"]
            while above is not None:
                sums[above, flavor["name"]] += quota["nominalQuota"]
                queue = above == each["metadata"]["name"] and each["kind"] == "ClusterQueue"
                above = each["spec"]["cohortName"] if queue else parent[above]
    for pool in charter.pools:
        assert sums["lab", pool.name] == pool.capacity
        for team, quota in zip(charter.teams, quotas(charter, pool.name, pool.capacity), strict=True):
            assert sums[team.path, pool.name] == quota.floor


@given(charters())
def test_slurm_shares_are_what_the_lab_divides(charter: Charter) -> None:
    shares = {}
    for line in to_slurm(charter).text.splitlines():
        if line.startswith("Account"):
            name = line.split("'")[1]
            shares[name] = int(line.rpartition("Fairshare=")[2].partition(":")[0])
    total = sum(pool.capacity for pool in charter.pools)
    tops = [shares[team.path] for team in charter.children(None)]
    assert sum(tops) <= total + len(tops)  # an account has one share at least
    assert set(shares) == {team.path.replace(".", "_") for team in charter.teams}
