"""What Kueue and Slurm say that a charter does not, and the reverse; and the commands around it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from equipoise.charter_io import loads
from equipoise.charter_io.exchange import Loss, from_kueue, from_slurm, to_kueue, to_slurm
from equipoise.cli import main
from equipoise.errors import InputError

CHARTER = """
equipoise: charter/v1
lab: Small
pools: {h100: {device: H100, expect: 4 nodes of 8 gpu, heh: 1.5}}
usage_half_life: 14d
teams:
  research: {floor: 50%, limit: 75%, max_job: 16 gpu, submit: [user:ada, group:r]}
  safety: {floor: 25%, lend: 50%, recover: 5m, protect: {grace: 2m}, owner: group:s}
commitments:
  safety-month: {team: safety, at_least: 20%, window: month}
"""
KUEUE = """
apiVersion: v1
kind: List
items:
- apiVersion: kueue.x-k8s.io/v1beta1
  kind: ClusterQueue
  metadata: {name: Team_A}
  spec:
    cohort: all-teams
    stopPolicy: None
    admissionChecks: [budget]
    preemption: {reclaimWithinCohort: LowerPriority, borrowWithinCohort: {policy: LowerPriority}}
    fairSharing: {weight: 500m}
    resourceGroups:
    - coveredResources: [cpu, nvidia.com/gpu]
      flavors:
      - name: a100-80gb
        resources:
        - {name: cpu, nominalQuota: 40}
        - {name: nvidia.com/gpu, nominalQuota: 9, borrowingLimit: 3, lendingLimit: 4}
- apiVersion: kueue.x-k8s.io/v1beta1
  kind: ClusterQueue
  metadata: {name: team-b}
  spec:
    cohort: all-teams
    resourceGroups:
    - coveredResources: [nvidia.com/gpu]
      flavors: [{name: a100-80gb, resources: [{name: nvidia.com/gpu, nominalQuota: "11"}]}]
"""
DUMP = """# Cluster - 'old'
Cluster - 'old':Fairshare=1:QOS='normal'
Parent - 'root'
User - 'root':DefaultAccount='root':AdminLevel='Administrator':Fairshare=1
Account - 'physics':Description='physics':Organization='uni':Fairshare=30:GrpTRES=cpu=100,gres/gpu=16:MaxWallDurationPerJob=60
Account - 'bio':Description='bio':Organization='uni':Fairshare=parent
Parent - 'physics'
Account - 'physics_theory':Description='t':Organization='uni':Fairshare=2:MaxTRESPerJob=gres/gpu=8
User - 'ada':DefaultAccount='physics':Fairshare=1
"""

# What `sacctmgr dump` of Slurm 22.05 wrote after `sacctmgr load` of our export of SMALL; comments left out.
SMALL = """
equipoise: charter/v1
lab: Small
pools: {gpu: {device: H100, expect: 4 nodes of 8 gpu}}
teams:
  research: {floor: 50%, limit: 75%, max_job: 16 gpu, submit: [user:root]}
  safety: {floor: 25%, lend: 50%, teams: {alignment: {floor: 60%, limit: 50%}, interp: {weight: 2.5}}}
"""
LOADED = """\
Cluster - 'kubetest':Fairshare=1:QOS='normal'
Parent - 'root'
User - 'root':DefaultAccount='root':AdminLevel='Administrator':Fairshare=1
Account - 'research':Description='research':Organization='lab':Fairshare=20:GrpTRES=gres/gpu=24:MaxTRESPerJob=gres/gpu=16
Account - 'safety':Description='safety':Organization='lab':Fairshare=12
Parent - 'research'
User - 'root':DefaultAccount='root':AdminLevel='Administrator':Fairshare=1
Parent - 'safety'
Account - 'safety_alignment':Description='safety.alignment':Organization='lab':Fairshare=7:GrpTRES=gres/gpu=16
Account - 'safety_interp':Description='safety.interp':Organization='lab':Fairshare=5
"""


def places(lost: list[Loss]) -> set[str]:
    return {place for place, _ in lost}


def test_what_kueue_cannot_say_is_said() -> None:
    assert places(to_kueue(loads(CHARTER)).lost) >= {
        "commitments.safety-month", "teams.safety.recover", "teams.safety.protect", "teams.safety.owner",
        "teams.research.max_job", "teams.research.submit", "pools.h100.heh", "usage_half_life", "pools",
    }  # fmt: skip
    quiet = loads(CHARTER.partition("commitments")[0].replace("heh: 1.5", "heh: 1").replace("recover: 5m, ", ""))
    assert not places(to_kueue(quiet).lost) & {"commitments.safety-month", "teams.safety.recover", "pools.h100.heh"}


def test_what_slurm_cannot_say_is_said_and_the_rest_is_there() -> None:
    text, lost = to_slurm(loads(CHARTER), cluster="big")
    assert places(lost) >= {
        "teams.research.floor",
        "teams.safety.floor",
        "teams.safety.lend",
        "commitments.safety-month",
    }
    assert "teams.research.max_job" not in places(lost)
    lines = text.splitlines()
    assert lines[0].startswith("Cluster - 'big'")
    assert any(
        line.startswith("Account - 'research'")
        and line.endswith(":Fairshare=20:GrpTRES=gres/gpu=24:MaxTRESPerJob=gres/gpu=16")
        for line in lines
    )
    assert lines[-2:] == ["Parent - 'research'", "User - 'ada':Fairshare=1"]


def test_what_kueue_says_beyond_a_charter_is_said() -> None:
    text, lost = from_kueue([KUEUE])
    charter = loads(text)
    a, b = charter.team("team-a"), charter.team("team-b")
    assert (a.floor["a100-80gb"].gpus, a.limit["a100-80gb"].gpus, a.weight_e4) == (9, 12, 5000)
    assert 9 * a.lend // 1 == 4 and (b.floor["a100-80gb"].gpus, b.lend) == (11, 1)
    assert charter.pools[0].capacity == 20
    assert places(lost) >= {
        "ClusterQueue/Team_A", "ClusterQueue/Team_A.stopPolicy", "ClusterQueue/Team_A.admissionChecks",
        "ClusterQueue/Team_A.resourceGroups", "ClusterQueue/Team_A.preemption.reclaimWithinCohort",
        "ClusterQueue/Team_A.preemption.borrowWithinCohort", "ResourceFlavor/a100-80gb",
    }  # fmt: skip
    for place, sentence in lost:
        assert f"# Not carried over: {place}: {sentence}" in text


def test_queues_without_a_cohort_keep_to_their_quota() -> None:
    charter = loads(from_kueue([KUEUE.replace("    cohort: all-teams\n", "")]).text)
    assert [team.limit["a100-80gb"].gpus for team in charter.teams] == [9, 11]


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("a: [", "C600"),
        ("kind: Pod\napiVersion: v1\n", "C600"),
        (KUEUE.replace("nvidia.com/gpu", "amd.com/gpu"), "C601"),
        (KUEUE.replace('"11"', "many"), "C604"),
        (
            KUEUE
            + "---\n{apiVersion: kueue.x-k8s.io/v1beta1, kind: Cohort, metadata: {name: all-teams}, spec: {parentName: up}}"
            + "\n---\n{apiVersion: kueue.x-k8s.io/v1beta1, kind: Cohort, metadata: {name: up}, spec: {parentName: all-teams}}",
            "C602",
        ),
    ],
)
def test_what_cannot_be_read_says_why(text: str, code: str) -> None:
    with pytest.raises(InputError, match=code):
        from_kueue([text])


def test_two_teams_of_one_namespace_are_refused() -> None:
    teams = "{a: {teams: {b-c: {}}}, a-b: {teams: {c: {}}}}"
    charter = loads(
        f"equipoise: charter/v1\nlab: X\npools: {{p: {{device: X, expect: 1 nodes of 8 gpu}}}}\nteams: {teams}\n"
    )
    with pytest.raises(InputError, match="C603"):
        to_kueue(charter)


def test_a_dump_of_accounts_becomes_a_tree_with_limits_and_weights() -> None:
    text, lost = from_slurm(DUMP, nodes="8 nodes of 8 gpu")
    charter = loads(text)
    assert [(team.path, team.weight_e4, team.max_job) for team in charter.teams] == [
        ("bio", 10_000, None), ("physics", 300_000, None), ("physics.theory", 20_000, 8),
    ]  # fmt: skip
    assert charter.team("physics").limit["gpu"].gpus == 16
    assert places(lost) >= {
        "Account",
        "Account/bio.Fairshare",
        "Account/physics.GrpTRES",
        "Account/physics.MaxWallDurationPerJob",
        "Account/physics",
    }
    with pytest.raises(InputError, match="C605"):
        from_slurm("hello", nodes="1 nodes of 1 gpu")


def test_slurm_keeps_every_account_that_is_loaded_into_it() -> None:
    written = to_slurm(loads(SMALL), cluster="kubetest").text.splitlines()
    accounts = [line for line in written if line.startswith("Account")]
    assert accounts == [line for line in LOADED.splitlines() if line.startswith("Account")]
    back = loads(from_slurm(LOADED, nodes="4 nodes of 8 gpu").text)
    assert [(team.path, team.weight_e4 // 10_000, team.max_job, team.limit["gpu"].gpus) for team in back.teams] == [
        ("research", 20, 16, 24), ("safety", 12, None, None), ("safety.alignment", 7, None, 16), ("safety.interp", 5, None, None),
    ]  # fmt: skip


def run(*words: str) -> int:
    with pytest.raises(SystemExit) as caught:
        main(words)
    code = caught.value.code
    assert isinstance(code, int)
    return code


def test_the_commands_there_and_back(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    charter, objects, back = tmp_path / "charter.yaml", tmp_path / "kueue.yaml", tmp_path / "back.yaml"
    charter.write_text(CHARTER)
    assert run("export", "kueue", str(charter), "-o", str(objects)) == 0
    assert "commitments.safety-month: Kueue keeps no promise" in capsys.readouterr().err
    assert run("init", "--from", "kueue", str(objects), "-o", str(back)) == 0
    assert run("check", str(back)) == 0
    capsys.readouterr()
    assert run("init", "--from", "kueue", str(objects), "-o", str(back)) == 1  # it exists
    capsys.readouterr()
    assert run("export", "slurm", str(charter), "--json") == 0
    plain = json.loads(capsys.readouterr().out)
    assert plain["text"].startswith("Cluster") and {"place", "sentence"} == set(plain["lost"][0])


@pytest.mark.parametrize(
    "words",
    [
        ["export", "pbs", "x"],
        ["export", "kueue", "x", "--api", "v2"],
        ["export", "slurm", "x", "--cluster", "a'b"],
        ["init", "--from", "pbs", "x"],
        ["init", "--from", "kueue"],
        ["init", "--from", "slurm", "x"],
        ["init", "--from", "kueue", "x", "--pool", "p"],
        ["init", "-o", "x"],
        ["init", "x", "y"],
    ],
)
def test_what_makes_no_sense_is_wrong_usage(words: list[str]) -> None:
    assert run(*words) == 2
