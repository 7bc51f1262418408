"""Objects of a fleet in Kubernetes, as they are applied."""

from collections.abc import Mapping
from typing import Any

from themis.core.errors import FleetError
from themis.core.queue.model.queue_place import RowsPlace
from themis.fleet.kubernetes.query import workers_wanted
from themis.fleet.spec import FleetSpec
from themis.fleet.worker_words import STOP_S, gives_devices, worker_words

POLLED_EVERY_S = 10

_ENV, _FILE = "env:", "secret://"
_HEALTH_FILE = "/tmp/themis-health"  # noqa: S108  # in the pod, whose /tmp is its own
_USER = 10001
_MEMORY_MB = 2048
_KEPT_JOBS = 5


def object_name(fleet: str) -> str:
    """Return the name of a fleet's objects."""
    return f"themis-{fleet}"


def labels_of(fleet: str) -> dict[str, str]:
    """Return the labels by which a fleet's objects and pods are found."""
    return {
        "app.kubernetes.io/name": "themis",
        "app.kubernetes.io/component": "worker",
        "app.kubernetes.io/instance": fleet,
    }


def objects(spec: FleetSpec, image: str, secret: str) -> list[dict[str, Any]]:
    """Return the objects of a fleet: a Deployment of those that stay, and what has KEDA start the others.

    Args:
        spec: the fleet.
        image: image of the workers.
        secret: name of the Secret with the address of the database and the credentials of experiments.

    Raises:
        FleetError: its queue is not in a store whose address is a reference, or it is to grow with jobs that its
            workers may leave.
    """
    key, _ = _reference(spec)
    if spec.version_mismatch == "refuse" and spec.maximum > spec.minimum:
        detail = (
            "KEDA cannot compare versions, and would start pods for jobs that they leave: with --version-mismatch "
            "refuse, use the same number for --min and --max, or a tag for the jobs of an image"
        )
        raise FleetError(fleet=spec.name, detail=detail)
    found = []
    if spec.minimum:
        found.append(_deployment(spec, image, secret))
    if spec.maximum > spec.minimum:
        found += [_authentication(spec, secret, key), _scaled_job(spec, image, secret)]
    return found


def _reference(spec: FleetSpec) -> tuple[str, bool]:
    """Return the key in the Secret, and whether it is a variable in the pod's environment, else a file."""
    if not isinstance(spec.place, RowsPlace):
        detail = (
            f"pods do not see {spec.place}; use a queue in Postgres (--queue-root store:env:THEMIS_DATABASE_URL), or "
            "deploy/kubernetes/deployment.yaml for a folder on a volume"
        )
        raise FleetError(fleet=spec.name, detail=detail)
    for beginning in (_ENV, _FILE):
        if spec.place.reference.startswith(beginning):
            return spec.place.reference.removeprefix(beginning), beginning == _ENV
    detail = (
        "on Kubernetes the address of the database is a key of a Secret: "
        "store:env:NAME for a variable, or store:secret://NAME for a file"
    )
    raise FleetError(fleet=spec.name, detail=detail)


def _metadata(spec: FleetSpec) -> dict[str, Any]:
    return {"name": object_name(spec.name), "labels": labels_of(spec.name)}


def _deployment(spec: FleetSpec, image: str, secret: str) -> dict[str, Any]:
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": _metadata(spec),
        "spec": {
            "replicas": spec.minimum,
            "selector": {"matchLabels": {**labels_of(spec.name), "themis/lasting": "yes"}},
            "template": _pod(spec, image, secret, lasting=True),
        },
    }


def _authentication(spec: FleetSpec, secret: str, key: str) -> dict[str, Any]:
    return {
        "apiVersion": "keda.sh/v1alpha1",
        "kind": "TriggerAuthentication",
        "metadata": _metadata(spec),
        "spec": {"secretTargetRef": [{"parameter": "connection", "name": secret, "key": key}]},
    }


def _scaled_job(spec: FleetSpec, image: str, secret: str) -> dict[str, Any]:
    return {
        "apiVersion": "keda.sh/v1alpha1",
        "kind": "ScaledJob",
        "metadata": _metadata(spec),
        "spec": {
            "pollingInterval": POLLED_EVERY_S,
            "maxReplicaCount": spec.maximum - spec.minimum,
            "successfulJobsHistoryLimit": _KEPT_JOBS,
            "failedJobsHistoryLimit": _KEPT_JOBS,
            "rollout": {"strategy": "gradual"},  # a new description ends no worker
            "scalingStrategy": {"strategy": "default"},  # the query counts running jobs too
            "jobTargetRef": {"backoffLimit": 0, "template": _pod(spec, image, secret, lasting=False)},
            "triggers": [
                {
                    "type": "postgresql",
                    "metadata": {"query": workers_wanted(spec), "targetQueryValue": "1"},
                    "authenticationRef": {"name": object_name(spec.name)},
                }
            ],
        },
    }


def _pod(spec: FleetSpec, image: str, secret: str, *, lasting: bool) -> dict[str, Any]:
    pod: dict[str, Any] = {
        "terminationGracePeriodSeconds": STOP_S,
        "automountServiceAccountToken": False,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": _USER,
            "runAsGroup": _USER,
            "fsGroup": _USER,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [_container(spec, image, secret, lasting=lasting)],
        "volumes": [
            {"name": "data", "emptyDir": {}},
            {"name": "tmp", "emptyDir": {}},
            {"name": "credentials", "secret": {"secretName": secret, "defaultMode": 0o440}},
        ],
    }
    if spec.engine_options:
        pod["nodeSelector"] = dict(spec.engine_options)
    if not lasting:
        pod["restartPolicy"] = "Never"
    labels = labels_of(spec.name) | {"themis/lasting": "yes" if lasting else "no"}
    return {"metadata": {"labels": labels}, "spec": pod}


def _container(spec: FleetSpec, image: str, secret: str, *, lasting: bool) -> dict[str, Any]:
    words = worker_words(spec, lasting=lasting)
    words += ["--name", f"{spec.workers_begin}$(POD_NAME)", "--health-file", _HEALTH_FILE, "--log-format", "json"]
    if gives_devices(spec):
        words += ["--devices", ",".join(map(str, range(spec.gpus)))]
    probe = {"exec": {"command": ["themis", "worker", "health", "--file", _HEALTH_FILE]}, "timeoutSeconds": 10}
    return {
        "name": "worker",
        "image": image,
        "args": words,
        "env": _environment(spec, secret),
        "startupProbe": {**probe, "periodSeconds": 5, "failureThreshold": 12},
        "livenessProbe": {**probe, "periodSeconds": 30, "failureThreshold": 3},
        "resources": _resources(spec),
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        "volumeMounts": [
            {"name": "data", "mountPath": "/data"},
            {"name": "tmp", "mountPath": "/tmp"},  # noqa: S108  # in the pod
            {"name": "credentials", "mountPath": "/run/secrets", "readOnly": True},
        ],
    }


def _environment(spec: FleetSpec, secret: str) -> list[Mapping[str, Any]]:
    key, is_variable = _reference(spec)
    found: list[Mapping[str, Any]] = [
        {"name": "POD_NAME", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
        # What a worker keeps beside the queue, and needs no longer than its pod.
        {"name": "THEMIS_QUEUES_DIR", "value": "/data/queues"},
        {"name": "THEMIS_LIMITS_DIR", "value": "/data/limits"},
    ]
    if is_variable:
        found.append({"name": key, "valueFrom": {"secretKeyRef": {"name": secret, "key": key}}})
    return found


def _resources(spec: FleetSpec) -> dict[str, dict[str, str]]:
    memory = f"{spec.memory_mb or _MEMORY_MB}Mi"
    limits = {"memory": memory}
    if spec.gpus:
        limits["nvidia.com/gpu"] = str(spec.gpus)
    return {"requests": {"cpu": str(spec.cores), "memory": memory}, "limits": limits}
