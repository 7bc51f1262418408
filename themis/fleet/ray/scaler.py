"""Actor of Ray that looks at the queue and starts workers; one for each fleet.

It keeps nothing that Ray does not know: made again after its node was lost, it finds the workers by their names.
"""

import secrets
import threading
import time
from typing import Any

from themis.core.errors import ThemisError
from themis.fleet.ray.worker_actor import NAMESPACE, WorkerActor, scaler_name
from themis.fleet.sizing import demand_of, missing
from themis.fleet.spec import FleetSpec
from themis.fleet.worker_words import gives_devices, worker_words

LOOK_EVERY_S = 10.0
REST_S = 60.0
"""Seconds without new workers after one that could not work."""

_ORDERLY = frozenset({0, 5, 6})
_MIB = 1024 * 1024


def worker_options(spec: FleetSpec) -> dict[str, Any]:
    """Return the options of an actor with a worker; Ray tries none of its calls again."""
    options: dict[str, Any] = {
        "num_cpus": spec.cores,
        "num_gpus": spec.gpus,
        "resources": {name: float(amount) for name, amount in spec.engine_options.items()},
        "max_restarts": -1,
        "max_task_retries": 0,
        "lifetime": "detached",
        "namespace": NAMESPACE,
    }
    if spec.memory_mb is not None:
        options["memory"] = spec.memory_mb * _MIB
    return options


def worker_names(fleet: str) -> list[str]:
    """Return the names of a fleet's actors with workers, those too that Ray has no node for yet."""
    import ray.util  # noqa: PLC0415  # an extra

    found = ray.util.list_named_actors(all_namespaces=True)
    ours = (one["name"] for one in found if one["namespace"] == NAMESPACE)
    return sorted(name for name in ours if name.startswith(f"{fleet}.") and name != scaler_name(fleet))


class Scaler:
    """Starts missing workers each few seconds; an actor that fits nowhere is demand to Ray's autoscaler."""

    def __init__(self, spec: FleetSpec, versions: dict[str, str], every_s: float = LOOK_EVERY_S) -> None:
        """Begin to look."""
        self._spec, self._versions, self._every_s = spec, versions, every_s
        self._trouble: str | None = None
        self._rests_until = 0.0
        self._starting: dict[Any, str] = {}
        self._differences: dict[str, str] = {}
        self._woken = threading.Event()
        threading.Thread(target=self._look_again_and_again, daemon=True).start()

    def size(self, spec: FleetSpec, versions: dict[str, str]) -> None:
        """Take another description of the fleet, and look at once."""
        self._spec, self._versions, self._rests_until = spec, versions, 0.0
        self._woken.set()

    def ended(self, node: str, code: int) -> None:
        """Hear that a worker has ended; after one that could not work, none is started for a while."""
        if code not in _ORDERLY:
            self._rest(f"a worker on {node} ended with exit code {code}; its messages are in the logs of Ray")

    def status(self) -> dict[str, Any]:
        """Return the bounds, what is wrong, and in what versions of nodes differ."""
        notes = [f"{node} {text}" for node, text in self._differences.items()]
        return {
            "min": self._spec.minimum,
            "max": self._spec.maximum,
            "notes": notes + ([self._trouble] if self._trouble else []),
        }

    def _look_again_and_again(self) -> None:
        while True:
            self._woken.clear()
            try:
                self._hear_of_started()
                if time.monotonic() >= self._rests_until:
                    self._trouble = None
                    self._start_missing()
            except (OSError, ThemisError) as error:
                self._trouble = f"the queue cannot be looked at from Ray: {error}"
            except Exception as error:  # noqa: BLE001  # whatever Ray does not take is said, and tried later
                self._trouble = f"workers cannot be started: {str(error).strip().splitlines()[-1]}"
            self._woken.wait(self._every_s)

    def _start_missing(self) -> None:
        spec = self._spec
        add = missing(spec, demand_of(spec), len(worker_names(spec.name)))
        for lasting, count in ((True, add.lasting), (False, add.passing)):
            for _ in range(count):
                self._start(spec, lasting=lasting)

    def _start(self, spec: FleetSpec, *, lasting: bool) -> None:
        import ray  # noqa: PLC0415  # an extra

        name = f"{spec.name}.{secrets.token_hex(4)}"
        actor: Any = ray.remote(**worker_options(spec))(WorkerActor).options(name=name)
        words = worker_words(spec, lasting=lasting)
        made: Any = actor.remote(spec.name, words, devices=gives_devices(spec), versions=self._versions)
        self._starting[made.ready.remote()] = name

    def _hear_of_started(self) -> None:
        import ray  # noqa: PLC0415  # an extra

        if not self._starting:
            return
        done, _ = ray.wait(list(self._starting), num_returns=len(self._starting), timeout=0)
        for one in done:
            name = self._starting.pop(one)
            try:
                said = ray.get(one)
            except Exception as error:  # noqa: BLE001  # whatever kept a worker from starting is said, and tried later
                self._rest(f"worker {name} could not be started: {str(error).strip().splitlines()[-1]}")
            else:
                if said["differs"]:
                    self._differences[said["node"]] = said["differs"]

    def _rest(self, why: str) -> None:
        self._trouble = why
        self._rests_until = time.monotonic() + REST_S
