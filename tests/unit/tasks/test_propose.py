"""A charter proposed from a log: it passes the check, and says of every team what it used."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from equipoise import charter_io, traces
from equipoise.errors import InputError
from equipoise.tasks.propose import propose
from equipoise.workload import Jobs, Workload

DATA = Path(__file__).parents[4] / "shared" / "data"


def read(folder: Path, rows: str, *, header: str = "vc,submit_s,num_gpu,duration_s\n", rules: str = "") -> Workload:
    log = folder / "log.csv"
    log.write_text(header + rows)
    if not rules:
        return traces.read(log)
    mapping = folder / "map.csv"
    mapping.write_text("field,value,team\n" + rules)
    return traces.read(log, map=mapping)


def fields(text: str) -> dict[str, Any]:
    report = charter_io.check(text.encode(), "proposed.yaml")
    assert report.charter is not None, report.findings
    assert list(report.findings) == []
    return yaml.load(text, yaml.BaseLoader)  # like a charter: every scalar is text


def test_floors_are_the_shares_of_use(tmp_path: Path) -> None:
    rows = "NLP,0,8,3600\ncv,0,4,3600\n7x,0,4,3600\n"
    proposed = fields(propose(read(tmp_path, rows)))
    assert {name: team["floor"] for name, team in proposed["teams"].items()} == {
        "nlp": "50%",
        "cv": "25%",
        "t-7x": "25%",
    }
    assert proposed["pools"] == {"gpu": {"device": "GPU", "expect": "2 nodes of 8 gpu"}}


def test_the_machine_is_as_large_as_the_peak_or_as_given(tmp_path: Path) -> None:
    workload = read(tmp_path, "a,0,3,10\na,5,4,10\nb,10,6,10\n")  # at once: 3, 7, then 4 + 6
    assert fields(propose(workload))["pools"]["gpu"]["expect"] == "2 nodes of 8 gpu"
    assert fields(propose(read(tmp_path, "a,0,3,10\na,10,4,10\n")))["pools"]["gpu"]["expect"] == "4 nodes of 1 gpu"
    assert fields(propose(workload, nodes=(7, 4)))["pools"]["gpu"]["expect"] == "7 nodes of 4 gpu"


def test_a_share_below_a_gpu_is_no_floor(tmp_path: Path) -> None:
    proposed = fields(propose(read(tmp_path, "big,0,8,10000\nsmall,0,1,100\n"), nodes=(1, 8)))
    assert proposed["teams"]["small"]["floor"] == "0%"


def test_mapped_teams_make_a_tree(tmp_path: Path) -> None:
    rows = "a,0,6,3600\nb,0,2,3600\nc,0,8,3600\n"
    rules = "vc,a,safety.evals\nvc,b,safety.alignment\nvc,c,product\n"
    proposed = fields(propose(read(tmp_path, rows, rules=rules), nodes=(4, 8), mapped=True))
    assert proposed["teams"]["safety"] == {
        "floor": "50%",
        "teams": {"evals": {"floor": "75%"}, "alignment": {"floor": "25%"}},
    }
    assert proposed["teams"]["product"] == {"floor": "50%"}


def test_several_pools_have_their_own_shares(tmp_path: Path) -> None:
    header = "vc,pool,submit_s,num_gpu,duration_s\n"
    proposed = fields(propose(read(tmp_path, "a,H100,0,8,10\na,L40,0,4,10\nb,L40,0,12,10\n", header=header)))
    assert proposed["teams"]["a"]["floor"] == {"h100": "100%", "l40": "25%"}
    assert proposed["teams"]["b"]["floor"] == {"h100": "0%", "l40": "75%"}
    with pytest.raises(InputError) as caught:
        propose(read(tmp_path, "a,H100,0,8,10\na,L40,0,4,10\n", header=header), nodes=(2, 8))
    assert caught.value.code == "T117"


def test_names_that_would_be_one_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="T116 'A b' and 'a-b' would both be the team 'a-b'"):
        propose(read(tmp_path, "A b,0,1,1\na-b,0,1,1\n"))


def test_a_team_of_jobs_and_teams_is_refused(tmp_path: Path) -> None:
    rows = "a,0,6,3600\nb,0,2,3600\n"
    with pytest.raises(InputError, match="T116 the team 'safety' would hold jobs"):
        propose(read(tmp_path, rows, rules="vc,a,safety.evals\nvc,b,safety\n"), mapped=True)


names = st.text(min_size=1, max_size=12).filter(lambda name: name.strip() == name and '"' not in name)
uses = st.dictionaries(names, st.tuples(st.integers(1, 300), st.integers(0, 10**6)), min_size=1, max_size=12)


@given(uses, st.none() | st.tuples(st.integers(1, 500), st.sampled_from([1, 4, 8])))
def test_any_log_gives_a_charter_that_passes(uses: dict[str, tuple[int, int]], nodes: tuple[int, int] | None) -> None:
    """Whatever the names and amounts: it passes the check, and no floor is above what was used."""
    assigned = {traces.team_name(name): name for name in uses}
    teams = tuple(assigned.values())
    gang = np.array([uses[team][0] for team in teams], np.int32)
    duration_ms = np.array([uses[team][1] for team in teams], np.int64)
    zero, wide = np.zeros(len(teams), np.int32), np.zeros(len(teams), np.int64)
    team = np.arange(len(teams), dtype=np.int32)
    jobs = Jobs(wide, duration_ms, gang, wide, team, zero, zero, zero, np.ones(len(teams), np.bool_), wide, zero - 1)
    text = propose(Workload(jobs, teams), nodes=nodes, log="x\ny: 'z'")
    report = charter_io.check(text.encode(), "proposed.yaml")
    assert report.charter is not None
    assert list(report.findings) == []
    assert {team.path for team in report.charter.teams} == set(assigned)
    capacity = report.charter.pools[0].capacity
    total = sum(length * count for count, length in (uses[name] for name in teams))
    for leaf in report.charter.teams:
        count, length = uses[assigned[leaf.path]]
        share = Fraction(count * length, total) if total else Fraction(0)
        floor = Fraction(fields(text)["teams"][leaf.path]["floor"].removesuffix("%")) / 100
        step = Fraction(1, 100 if share >= Fraction(1, 10) else 1000)
        # Rounded down by less than a step, or left out because it is no whole GPU.
        assert share - step < floor <= share + Fraction(1, 10**8) or (floor == 0 and (share - step) * capacity < 1)


@pytest.mark.skipif(not DATA.is_dir(), reason="the real logs (../shared/data) are not here")
@pytest.mark.parametrize(
    "file",
    [
        "philly_5vc/philly_5vc.csv",
        "swf_pwa/NASA-iPSC-1993-3.1-cln.swf.gz",
        "helios_earth",
        "openb_v2023/openb_pod_list_default.csv.gz",
    ],
)
def test_real_logs_give_charters_that_they_can_be_read_for(file: str) -> None:
    workload = traces.read(DATA / file)
    report = charter_io.check(propose(workload, log=file).encode(), "proposed.yaml")
    assert report.charter is not None
    assert list(report.findings) == []
    leaves = [team.path for team in report.charter.leaves]
    again = traces.read(DATA / file, leaves=leaves)
    assert sorted(again.teams) == sorted(leaves)
    assert len(again.jobs) == len(workload.jobs)
