"""Who may do what on a Kubernetes cluster: roles, tokens, settings and the manifests that come with the engine."""

from __future__ import annotations

import dataclasses
import importlib
import json
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from equipoise.engines.kubernetes import Settings, open_engine
from equipoise.engines.kubernetes.access import find_access
from equipoise.engines.kubernetes.api import told
from equipoise.engines.protocol import (
    Command,
    Part,
    Running,
    Stopped,
)
from equipoise.errors import EngineError, InputError
from tests.contract.engine_kubernetes import TEAM, KubernetesRig, cluster
from tests.contract.engine_rig import Bench
from tests.contract.kubernetes_arrivals import admit, arrival, hand_in, server

PACKAGING = Path(__file__).parents[2] / "packaging" / "kubernetes"
MANIFESTS = [each for each in yaml.safe_load_all((PACKAGING / "equipoise.yaml").read_text("utf-8")) if each]
RULES = [rule for each in MANIFESTS if each["kind"] == "ClusterRole" for rule in each["rules"]]


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[KubernetesRig]:
    with cluster(tmp_path) as made:
        made.answer = "2s"
        yield made


@pytest.fixture
def bench(rig: KubernetesRig) -> Iterator[Bench]:
    made = Bench(rig, rig.open())
    try:
        yield made
    finally:
        made.engine.close()


def test_the_roles_grant_what_the_engine_asks_for_and_nothing_else(tmp_path: Path) -> None:
    granted = {
        (verb, group, resource)
        for rule in RULES
        for verb in rule["verbs"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
    }
    with cluster(tmp_path, rules=RULES) as rig:
        bench = Bench(rig, rig.open())
        hand_in(bench, "theirs", "--for", 600, "--on-term", "ignore")
        arrived = arrival(bench, "theirs")
        first = admit(bench, arrived)
        bench.wait(first, Running)
        bench.engine.warn(first, by_ms=1000, reason="floor")
        bench.engine.stop(first, grace_ms=1000, requeue=True)
        bench.wait(first, Stopped)
        rig.server.patch("jobs", "default", "theirs", {"metadata": {"annotations": {"note": "1"}}})
        second = admit(bench, arrived, Part(1, 1), job=first.job, number=1)
        bench.wait(second, Running)
        mine = bench.launch("--for", 600, gang=8, parts=[Part(1, 1), Part(2, 4), Part(0, 3)])
        bench.engine.drain("a", 0)
        bench.wait(mine, Running)
        bench.gone(mine)
        bench.engine.forget(mine)
        bench.finish()
        assert rig.server.asked == granted


def test_what_it_has_no_right_to_do_is_said_and_not_tried_for_ever(tmp_path: Path) -> None:
    rules = [
        {**rule, "verbs": [verb for verb in rule["verbs"] if rule["resources"] != ["pods"] or verb != "patch"]}
        for rule in RULES
    ]
    with cluster(tmp_path, rules=rules) as rig:
        bench = Bench(rig, rig.open())
        bench.launch(gang=8, parts=[Part(0, 4), Part(1, 4)])
        with pytest.raises(EngineError, match='cannot patch resource "pods"') as caught:
            bench.quiet(5)
        assert caught.value.code == "E164" and not caught.value.retryable
        bench.engine.close()
        rig.server.rules = []
        with pytest.raises(EngineError) as caught:
            rig.open()
        assert caught.value.code == "E164"


def test_a_token_that_was_renewed_is_read_again(bench: Bench, tmp_path: Path) -> None:
    rig = bench.rig
    assert isinstance(rig, KubernetesRig)
    token, config = tmp_path / "token", rig.server.kubeconfig(tmp_path / "config")
    token.write_text("secret-token\n")
    plain: Any = json.loads(config.read_text())
    plain["users"][0]["user"] = {"tokenFile": "token"}
    config.write_text(json.dumps(plain))
    engine = open_engine(dataclasses.replace(rig.settings, kubeconfig=str(config)), rig.pools, tmp_path / "own")
    rig.server.tokens = {"renewed", "secret-token"}
    token.write_text("renewed")
    rig.server.tokens = {"renewed"}
    engine.drain("a", 1)  # answered 401 first
    assert rig.server.object("nodes", "", "a-1")["spec"]["unschedulable"]
    engine.close()
    rig.server.tokens.add("secret-token")


def test_a_credential_plugin_is_run_without_a_shell(rig: KubernetesRig, tmp_path: Path) -> None:
    said = {"status": {"token": "secret-token", "expirationTimestamp": "2999-01-01T00:00:00Z"}}
    config = rig.server.kubeconfig(tmp_path / "config")
    plain: Any = json.loads(config.read_text())
    argv = ["-S", "-c", "import sys; print(sys.argv[1])", json.dumps(said)]
    plain["users"][0]["user"] = {
        "exec": {"apiVersion": "client.authentication.k8s.io/v1", "command": sys.executable, "args": argv}
    }
    config.write_text(json.dumps(plain))
    access = find_access(Settings.of({"kubeconfig": str(config)}))
    assert access.bearer(False) == "secret-token"


def test_values_of_a_refused_object_are_not_told() -> None:
    status = {
        "code": 422,
        "message": "Invalid value: {env: hunter2}",
        "details": {"causes": [{"field": "spec", "reason": "x"}]},
    }
    assert told(status) == "spec (x)"
    assert "hunter2" not in told({"code": 422, "message": "hunter2"})


def test_a_command_in_the_environment_reaches_no_error(bench: Bench) -> None:
    server(bench).fault("error", method="POST")
    with pytest.raises(EngineError) as caught:
        bench.launch(command=Command(("true",), {"PASSWORD": "hunter2"}))
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("table", "word"),
    [
        ({"namespaces": ["Bad_Name"]}, "Bad_Name"),
        ({"namespaces": []}, "namespaces"),
        ({"pools": {"a": "gpu"}}, "pools.a"),
        ({"answer": "soon"}, "answer"),
        ({"tolerations": [{"keys": "x"}]}, "tolerations"),
        ({"imgae": "x"}, "did you mean 'image'"),
    ],
)
def test_a_setting_that_is_wrong_is_named(table: dict[str, Any], word: str) -> None:
    with pytest.raises(InputError, match="E161") as caught:
        Settings.of(table)
    assert word in str(caught.value)


def test_without_a_way_to_a_server_it_says_what_to_set(
    rig: KubernetesRig, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    for settings in (Settings(), Settings(kubeconfig=str(tmp_path / "none"))):
        with pytest.raises(InputError, match="E162"):
            find_access(settings)
    with pytest.raises(InputError, match="E161"):
        open_engine(dataclasses.replace(rig.settings, pools={"a": {"x": "y"}}), rig.pools, rig.folder)
    monkeypatch.setitem(sys.modules, "httpx", None)
    with pytest.raises(InputError, match="equipoise\\[kubernetes\\]"):
        rig.open()


# ------------------------------------------------------------------------------------------------------------ packaging


def test_the_manifests_are_what_a_restricted_namespace_takes() -> None:
    kinds = Counter(each["kind"] for each in MANIFESTS)
    assert kinds["ClusterRoleBinding"] == 1 and kinds["NetworkPolicy"] == kinds["PersistentVolumeClaim"] == 1
    [pod] = [each["spec"]["template"]["spec"] for each in MANIFESTS if each["kind"] == "Deployment"]
    assert (
        pod["securityContext"]["runAsNonRoot"] and pod["securityContext"]["seccompProfile"]["type"] == "RuntimeDefault"
    )
    for container in pod["containers"]:
        security = container["securityContext"]
        assert not security["allowPrivilegeEscalation"] and security["capabilities"] == {"drop": ["ALL"]}
        assert security["readOnlyRootFilesystem"]
        assert {mount["name"] for mount in container["volumeMounts"]} == {volume["name"] for volume in pod["volumes"]}
    [settings] = [each["data"]["equipoise.toml"] for each in MANIFESTS if each["kind"] == "ConfigMap"]
    table = importlib.import_module("tomllib").loads(settings)["engines"]["kubernetes"]
    namespaces = {each["metadata"]["name"] for each in MANIFESTS if each["kind"] == "Namespace"}
    assert set(Settings.of(table).namespaces) <= namespaces
    # Only nodes are bound cluster-wide.
    [wide] = [each["roleRef"]["name"] for each in MANIFESTS if each["kind"] == "ClusterRoleBinding"]
    [role] = [each for each in MANIFESTS if each["kind"] == "ClusterRole" and each["metadata"]["name"] == wide]
    assert [rule["resources"] for rule in role["rules"]] == [["nodes"]]


def test_the_admission_policy_knows_the_controllers_account_and_labels() -> None:
    policy, binding = yaml.safe_load_all((PACKAGING / "admission.yaml").read_text("utf-8"))
    assert binding["spec"]["policyName"] == policy["metadata"]["name"]
    account = next(each["metadata"] for each in MANIFESTS if each["kind"] == "ServiceAccount")
    conditions = json.dumps(policy["spec"]["matchConditions"])
    assert f"system:serviceaccount:{account['namespace']}:{account['name']}" in conditions and TEAM in conditions
