"""Kubernetes as the engine of a fleet: its objects by the published schemas, and kubectl by a stand-in."""

import json
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg
import pytest
import yaml
from jsonschema import Draft202012Validator

from tests.processes.row_world import RowWorld, clocked_url
from tests.support.deployment import DEPLOY, run, tool
from themis.core.errors import EngineError, FleetError
from themis.core.monitor.places.in_store import queue_in_store
from themis.core.queue.model.queue_place import RowsPlace
from themis.core.queue.rows.this_host import FOLDER_VARIABLE
from themis.fleet.kubernetes.engine import KubernetesEngine
from themis.fleet.kubernetes.query import workers_wanted
from themis.fleet.sizing import demand_of, wanted
from themis.fleet.spec import FleetSpec

PLACE = RowsPlace("env:THEMIS_DATABASE_URL")
EXAMPLE = DEPLOY / "kubernetes/keda/workers.yaml"
SCHEMAS_VARIABLE = "THEMIS_KEDA_SCHEMAS"

STAND_IN = f"""#!{sys.executable}
import pathlib, sys
here = pathlib.Path(__file__).parent
words = sys.argv[1:]
with (here / "calls").open("a") as calls:
    calls.write(" ".join(words) + "\\n")
if "apply" in words:
    (here / "applied").write_text(sys.stdin.read())
    print("deployment.apps/themis-big")
if "get" in words and "pods" in words:
    print((here / "pods").read_text())
if "scaledjob.keda.sh" in words:
    if not (here / "keda").exists():
        sys.exit('error: the server doesn\\'t have a resource type "scaledjob"')
    if "get" in words:
        print((here / "keda").read_text())
"""


def spec(**facts: Any) -> FleetSpec:
    return FleetSpec(**{"name": "big", "place": PLACE, "maximum": 16, **facts})


def objects(text: str) -> dict[str, Any]:
    return {document["kind"]: document for document in yaml.safe_load_all(text)}


@pytest.fixture
def kubectl(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "kubectl").write_text(STAND_IN)
    (tmp_path / "kubectl").chmod(0o755)
    (tmp_path / "pods").write_text('{"items": []}')
    monkeypatch.setenv("PATH", str(tmp_path))
    return tmp_path


# --- what is applied


def test_a_fleet_that_keda_sizes_does_not_leave_jobs_which_keda_counts() -> None:
    with pytest.raises(FleetError, match="KEDA cannot compare versions"):
        KubernetesEngine().text(spec(version_mismatch="refuse"))
    steady = KubernetesEngine().text(spec(version_mismatch="refuse", minimum=16))
    assert "--version-mismatch" in steady


def test_the_example_is_what_the_command_in_it_prints() -> None:
    text = EXAMPLE.read_text("utf-8")
    example = spec(name="gpu", minimum=1, tags=("gpu",), gpus=1)
    told = "".join(line for line in text.splitlines(keepends=True) if not line.startswith("#"))
    assert yaml.safe_load_all(told) is not None
    image = objects(told)["Deployment"]["spec"]["template"]["spec"]["containers"][0]["image"]
    assert KubernetesEngine(image=image).text(example) == told


@pytest.mark.slow
def test_the_objects_of_kubernetes_agree_with_its_published_schemas(tmp_path: Path) -> None:
    found = objects(EXAMPLE.read_text("utf-8"))
    job = {"apiVersion": "batch/v1", "kind": "Job", "metadata": found["ScaledJob"]["metadata"]}
    job["spec"] = found["ScaledJob"]["spec"]["jobTargetRef"]
    (tmp_path / "objects.yaml").write_text(yaml.safe_dump_all([found["Deployment"], job]))
    for version in ("1.31.0", "1.37.0"):
        words = ("--strict", "-k", version, tmp_path / "objects.yaml")
        checked = run(tool("kubernetes-validate", "the dev extra"), *words)
        assert checked.returncode == 0, checked.stdout + checked.stderr


def keda_schema(kind: str) -> Mapping[str, Any]:
    """KEDA's own definition of a kind; the test is skipped where nobody has put it."""
    shared = Path(__file__).parents[4] / "shared" / "data" / "keda"
    folder = Path(os.environ.get(SCHEMAS_VARIABLE, shared))
    file = folder / f"keda.sh_{kind.lower()}s.yaml"
    if not file.exists():
        pytest.skip(f"KEDA's definitions are not here: set {SCHEMAS_VARIABLE} to a copy of its config/crd/bases")
    definition = yaml.safe_load(file.read_text("utf-8"))
    (version,) = (one for one in definition["spec"]["versions"] if one["name"] == "v1alpha1")
    schema: Mapping[str, Any] = version["schema"]["openAPIV3Schema"]
    return schema


def unknown(schema: Mapping[str, Any], value: Any, where: str) -> Iterator[str]:
    """Fields that a definition does not have, which the server would drop."""
    if isinstance(value, dict) and "properties" in schema:
        for name, part in value.items():
            if name not in schema["properties"]:
                yield f"{where}.{name}"
            elif where or name != "metadata":
                yield from unknown(schema["properties"][name], part, f"{where}.{name}")
    elif isinstance(value, list):
        for part in value:
            yield from unknown(schema["items"], part, where)


@pytest.mark.parametrize("kind", ["ScaledJob", "TriggerAuthentication"])
def test_the_objects_of_keda_agree_with_its_published_schemas(kind: str) -> None:
    schema = keda_schema(kind)
    found = objects(EXAMPLE.read_text("utf-8"))[kind]
    Draft202012Validator(schema).validate(found)
    assert list(unknown(schema, found, "")) == []
    broken = found | {"spec": {"triggers": "many", "secretTargetRef": "many"}}
    assert not Draft202012Validator(schema).is_valid(broken)
    assert list(unknown(schema, found | {"specs": {}}, "")) == [".specs"]


def test_a_secret_is_a_reference_for_pods_and_for_keda() -> None:
    text = KubernetesEngine(secret="mine").text(spec(minimum=1))  # noqa: S106  # the name of one
    found = objects(text)
    assert found["TriggerAuthentication"]["spec"]["secretTargetRef"] == [
        {"parameter": "connection", "name": "mine", "key": "THEMIS_DATABASE_URL"}
    ]
    of_file = objects(KubernetesEngine().text(spec(place=RowsPlace("secret://database"))))
    assert of_file["TriggerAuthentication"]["spec"]["secretTargetRef"][0]["key"] == "database"
    assert "secretKeyRef" not in str(of_file["ScaledJob"])


def test_those_that_stay_are_a_deployment_and_the_others_jobs_that_are_not_tried_again() -> None:
    found = objects(KubernetesEngine().text(spec(minimum=2, maximum=5)))
    assert (found["Deployment"]["spec"]["replicas"], found["ScaledJob"]["spec"]["maxReplicaCount"]) == (2, 3)
    assert found["ScaledJob"]["spec"]["jobTargetRef"]["backoffLimit"] == 0
    assert set(objects(KubernetesEngine().text(spec(minimum=2, maximum=2)))) == {"Deployment"}
    assert set(objects(KubernetesEngine().text(spec()))) == {"ScaledJob", "TriggerAuthentication"}


@pytest.mark.parametrize("place", [Path("/srv/queue"), RowsPlace("postgresql://themis@db/themis")], ids=str)
def test_a_queue_that_pods_cannot_reach_by_a_secret_is_refused(place: Path | RowsPlace) -> None:
    with pytest.raises(FleetError, match="store:env:"):
        KubernetesEngine().text(spec(place=place))


# --- what KEDA asks the database


@pytest.mark.slow
@pytest.mark.parametrize(("minimum", "maximum", "slots"), [(0, 16, 1), (1, 3, 2), (0, 2, 1)])
def test_keda_s_query_says_what_the_rule_of_sizes_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, minimum: int, maximum: int, slots: int
) -> None:
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path / "queues"))
    queue_in_store.cache_clear()
    url = clocked_url()
    with closing(RowWorld(url)) as here, psycopg.connect(url, autocommit=True) as connection:
        described = spec(place=here.queue.place, tags=("gpu",), minimum=minimum, maximum=maximum, slots=slots)

        def agree() -> int:
            (found,) = connection.execute(workers_wanted(described).encode()).fetchone() or ()
            assert found == wanted(described, demand_of(described)) - minimum
            return int(found)

        def submit(run_id: str, *tags: str) -> None:
            here.queue.submit(here.job(run_id, tags=tags), prepare=lambda: here._make_run(run_id))

        submit("first", "other")
        assert agree() == 0
        seen = []
        for number in range(6):
            submit(f"run-{number}", *(["gpu"] if number % 2 else []))
            seen.append(agree())
        assert seen == sorted(seen)
        assert seen[-1] == min(-(-6 // slots), maximum) - minimum
        here.queue.admin.pause()
        assert agree() == 0
    queue_in_store.cache_clear()


# --- kubectl


def test_a_fleet_is_applied_and_what_it_needs_no_longer_is_removed(kubectl: Path) -> None:
    started = KubernetesEngine(namespace="evals").up(spec(minimum=2, maximum=2))
    assert (started.submitted, started.workers) == (("deployment.apps/themis-big",), 2)
    assert set(objects((kubectl / "applied").read_text())) == {"Deployment"}
    calls = (kubectl / "calls").read_text().splitlines()
    assert calls[0] == "--namespace evals apply --filename - --output name"
    assert "--namespace evals delete scaledjob.keda.sh themis-big --ignore-not-found --wait=false" in calls


def test_the_status_tells_pods_with_reasons_and_whether_keda_is_there(kubectl: Path) -> None:
    waiting = {"conditions": [{"status": "False", "reason": "Unschedulable", "message": "0/3 nodes have a GPU"}]}
    pods = [
        {"metadata": {"name": "a"}, "spec": {"nodeName": "n1"}, "status": {"phase": "Running"}},
        {"metadata": {"name": "b"}, "spec": {}, "status": {"phase": "Pending", **waiting}},
        {"metadata": {"name": "c"}, "spec": {"nodeName": "n2"}, "status": {"phase": "Failed", "reason": "Evicted"}},
    ]
    (kubectl / "pods").write_text(json.dumps({"items": pods}))
    found = KubernetesEngine().status("big")
    assert (found.active, found.counts, found.scaler) == (2, {"running": 1, "pending": 1, "failed": 1}, None)
    assert [worker.why for worker in found.workers] == [None, "Unschedulable: 0/3 nodes have a GPU", "Evicted"]
    assert found.notes == ("KEDA is not installed in this cluster",)
    conditions = [{"type": "Ready", "status": "False", "message": "no connection"}]
    (kubectl / "keda").write_text(json.dumps({"spec": {"maxReplicaCount": 16}, "status": {"conditions": conditions}}))
    found = KubernetesEngine().status("big")
    assert (found.scaler, found.notes) == ("KEDA, 16 pods at most", ("KEDA: no connection",))


def test_the_end_of_a_fleet_deletes_its_objects_and_with_now_signals_its_workers_first(kubectl: Path) -> None:
    pods = [{"metadata": {"name": "a"}, "spec": {"nodeName": "n1"}, "status": {"phase": "Running"}}]
    (kubectl / "pods").write_text(json.dumps({"items": pods}))
    assert KubernetesEngine().down("big", now=True).asked == ("a",)
    calls = (kubectl / "calls").read_text().splitlines()
    deleted = [line.split()[1] for line in calls if line.startswith("delete")]
    assert deleted == ["scaledjob.keda.sh", "triggerauthentication.keda.sh", "deployment"]
    assert calls[-1].startswith("exec a -- /bin/sh -c kill -TERM 1")


def test_what_kubectl_refuses_is_said_in_its_words(kubectl: Path) -> None:
    (kubectl / "kubectl").write_text("#!/bin/sh\necho 'The connection to the server was refused' >&2\nexit 1\n")
    with pytest.raises(EngineError, match=r"Kubernetes: kubectl .*connection to the server was refused"):
        KubernetesEngine().up(spec())
