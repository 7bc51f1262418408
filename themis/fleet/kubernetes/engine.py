"""Kubernetes as an engine: `kubectl` applies the objects, and KEDA starts pods for the jobs that wait."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

import yaml

from themis.core.components.provenance import themis_version
from themis.core.errors import EngineError
from themis.fleet.engine import Ended, FleetStatus, PlacedWorker, Started
from themis.fleet.kubernetes.manifests import POLLED_EVERY_S, labels_of, object_name, objects
from themis.fleet.programs import run
from themis.fleet.spec import FleetSpec

SECRET = "themis-credentials"  # noqa: S105  # the name of one

_ADVICE = "install kubectl, and have it know the cluster"
_NO_CLUSTER = "kubectl config get-contexts says which clusters it knows, and which one it asks"
_ACTIVE = frozenset({"pending", "running", "unknown"})
_SCALED = ("scaledjob.keda.sh", "triggerauthentication.keda.sh")


class KubernetesEngine:
    """Kubernetes, by the context of `kubectl`.

    Args:
        namespace: namespace of the objects; None for that of the context.
        image: image of the workers; None for `themis:` with the version of this library.
        secret: Secret with the address of the database and the credentials of experiments.
    """

    name = "kubernetes"

    def __init__(self, namespace: str | None = None, image: str | None = None, secret: str = SECRET) -> None:
        """Note where and with what."""
        self._where = [] if namespace is None else ["--namespace", namespace]
        self._image = image or f"themis:{themis_version()}"
        self._secret = secret

    def text(self, spec: FleetSpec) -> str:
        """Return the objects as YAML."""
        return yaml.dump_all(objects(spec, self._image, self._secret), Dumper=_Readable, sort_keys=False, width=120)

    def up(self, spec: FleetSpec) -> Started:
        """Apply the objects, and remove those that the fleet needs no longer."""
        applied = self._kubectl("apply", "--filename", "-", "--output", "name", text=self.text(spec)).split()
        if not spec.minimum:
            self._delete("deployment", spec.name)
        if spec.maximum == spec.minimum:
            for kind in _SCALED:
                self._delete(kind, spec.name)
            return Started(tuple(applied), spec.minimum)
        hint = f"KEDA looks at the queue every {POLLED_EVERY_S} s and starts a pod for each worker that jobs call for"
        return Started(tuple(applied), spec.minimum, (hint,))

    def status(self, name: str) -> FleetStatus:
        """Return the pods of a fleet, and what KEDA says of it."""
        found = json.loads(self._kubectl("get", "pods", "--selector", _selector(name), "--output", "json"))
        workers = tuple(_workers(found["items"]))
        try:
            printed = self._kubectl("get", _SCALED[0], object_name(name), "--ignore-not-found", "--output", "json")
        except EngineError:
            return FleetStatus(workers, notes=("KEDA is not installed in this cluster",))
        if not printed.strip():
            return FleetStatus(workers)
        scaled = json.loads(printed)
        notes = [
            f"KEDA: {one.get('message')}"
            for one in scaled.get("status", {}).get("conditions", ())
            if one.get("type") == "Ready" and one.get("status") != "True"
        ]
        return FleetStatus(workers, f"KEDA, {scaled['spec']['maxReplicaCount']} pods at most", tuple(notes))

    def down(self, name: str, *, now: bool) -> Ended:
        """Delete the objects; their pods have the workers' grace to end."""
        workers = [worker for worker in self.status(name).workers if worker.active]
        running = tuple(worker.id for worker in workers if worker.state == "running")
        for kind in (*_SCALED, "deployment"):
            self._delete(kind, name)
        if now:
            for pod in running:
                self._signal(pod)
        return Ended(tuple(worker.id for worker in workers if worker.id not in running), running)

    def _signal(self, pod: str) -> None:
        """Send a worker a second signal, beside that of its pod's end: it gives its jobs back at once."""
        try:
            self._kubectl("exec", pod, "--", "/bin/sh", "-c", "kill -TERM 1; sleep 1; kill -TERM 1")
        except EngineError:
            return  # it has ended in the meantime

    def _delete(self, kind: str, name: str) -> None:
        try:
            self._kubectl("delete", kind, object_name(name), "--ignore-not-found", "--wait=false")
        except EngineError as error:
            if kind not in _SCALED or "resource type" not in str(error):
                raise

    def _kubectl(self, *words: str, text: str | None = None) -> str:
        return run("Kubernetes", ["kubectl", *self._where, *words], advice=_ADVICE, no_cluster=_NO_CLUSTER, text=text)


class _Readable(yaml.SafeDumper):
    """Writes texts of several lines as people do, and nothing as a reference to something above."""

    def ignore_aliases(self, data: Any) -> bool:
        """Write every value in its place."""
        del data
        return True


def _text(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style="|" if "\n" in value else None)


_Readable.add_representer(str, _text)


def _selector(name: str) -> str:
    return ",".join(f"{key}={value}" for key, value in labels_of(name).items())


def _workers(pods: list[Mapping[str, Any]]) -> Iterator[PlacedWorker]:
    for pod in pods:
        metadata, status = pod["metadata"], pod.get("status", {})
        state = str(status.get("phase", "unknown")).lower()
        active = state in _ACTIVE
        if active and metadata.get("deletionTimestamp"):
            state = "terminating"
        node = pod.get("spec", {}).get("nodeName")
        yield PlacedWorker(metadata["name"], state, active, node, _why(status), status.get("startTime"))


def _why(status: Mapping[str, Any]) -> str | None:
    """Return the reason that Kubernetes gives for the state of a pod; None without one."""
    waiting = [one.get("state", {}).get("waiting", {}) for one in status.get("containerStatuses", ())]
    unmet = [one for one in status.get("conditions", ()) if one.get("status") == "False"]
    for one in (status, *waiting, *unmet):
        if one.get("reason"):
            return ": ".join(str(one[key]) for key in ("reason", "message") if one.get(key))
    return None
