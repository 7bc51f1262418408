"""Ray as an engine: an actor for each worker, and one that starts them. The library is an extra, imported when used."""

import logging
import math
import os
import socket
from pathlib import Path
from typing import Any

import yaml

from themis.core.errors import EngineError, EngineMissingError, FleetError
from themis.core.text.lines import one_line
from themis.fleet.engine import Ended, FleetStatus, PlacedWorker, Started
from themis.fleet.ray.scaler import LOOK_EVERY_S, Scaler, worker_names, worker_options
from themis.fleet.ray.worker_actor import NAMESPACE, scaler_name, versions_here
from themis.fleet.reaching import check_reachable
from themis.fleet.sizing import demand_of, missing, why_none
from themis.fleet.spec import FleetSpec
from themis.fleet.worker_words import worker_words

_PATIENCE_S = 20.0
_LISTENING_S = 5.0
_BEGIN = "start one with ray start --head, or name another by --address or RAY_ADDRESS"


class RayEngine:
    """Ray, at an address.

    Args:
        address: address of the cluster, as `ray.init` takes it; None for the one of this machine.
    """

    name = "ray"

    def __init__(self, address: str | None = None) -> None:
        """Connect when something is asked."""
        self._address = address

    def text(self, spec: FleetSpec) -> str:
        """Return the options of the actors, and the worker's command line, as YAML."""
        _check(spec)
        lasting = spec.minimum == spec.maximum
        described = {
            "scaler": {"name": scaler_name(spec.name), **_scaler_options(), "looks_every_s": LOOK_EVERY_S},
            "worker": {**worker_options(spec), "command": ["themis", *worker_words(spec, lasting=lasting)]},
        }
        return yaml.safe_dump(described, sort_keys=False)

    def up(self, spec: FleetSpec) -> Started:
        """Start the scaler, or give one that is there another description."""
        _check(spec)
        with _Connection(self._address) as ray:
            if isinstance(spec.place, Path):
                hosts = {node["NodeManagerHostname"] for node in ray.nodes() if node["Alive"]}
                check_reachable(spec.place, "Ray", other_nodes=hosts - {socket.gethostname()})
            demand, there = demand_of(spec), len(worker_names(spec.name))
            count = missing(spec, demand, there).workers
            scaler = _actor(ray, scaler_name(spec.name))
            if scaler is None:
                options = _scaler_options()
                scaler = ray.remote(**options)(Scaler).options(name=scaler_name(spec.name))
                scaler = scaler.remote(spec, versions_here())
            else:
                scaler.size.remote(spec, versions_here())
            told = _asked(ray, scaler.status.remote())
        if told is None:
            hint = "Ray has not placed the scaler yet; see `themis fleet status --on ray`"
            return Started((scaler_name(spec.name),), count, (hint,))
        why_not = why_none(spec, demand, there)
        return Started((scaler_name(spec.name),), count, (*told["notes"], *([why_not] if why_not else [])))

    def status(self, name: str) -> FleetStatus:
        """Return the actors of a fleet, and what its scaler has to say."""
        with _Connection(self._address) as ray:
            workers = []
            asked = {}
            for actor_name in worker_names(name):
                actor = _actor(ray, actor_name)
                if actor is not None:
                    asked[actor_name] = actor.ready.remote()
            ready, _ = ray.wait(list(asked.values()), num_returns=len(asked), timeout=2) if asked else ([], [])
            for actor_name, one in asked.items():
                said = _result(ray, one) if one in ready else None
                state = "running" if said is not None else "pending"
                why = None if said is not None else "Ray has no node for it yet, or does not reach its node"
                workers.append(
                    PlacedWorker(actor_name, state, active=True, node=None if said is None else said["node"], why=why)
                )
            scaler = _actor(ray, scaler_name(name))
            if scaler is None:
                return FleetStatus(tuple(workers))
            told = _asked(ray, scaler.status.remote())
        if told is None:
            return FleetStatus(tuple(workers), scaler_name(name), ("the scaler does not answer",))
        return FleetStatus(
            tuple(workers), f"{scaler_name(name)}, from {told['min']} to {told['max']}", tuple(told["notes"])
        )

    def down(self, name: str, *, now: bool) -> Ended:
        """End the scaler, withdraw actors without a node, and ask the workers of the others to end."""
        with _Connection(self._address) as ray:
            scaler = _actor(ray, scaler_name(name))
            if scaler is not None:
                ray.kill(scaler, no_restart=True)
            asked = {}
            for actor_name in worker_names(name):
                actor = _actor(ray, actor_name)
                if actor is not None:
                    asked[actor_name] = (actor, actor.end.remote(now=now))
            calls = [call for _, call in asked.values()]
            done, _ = ray.wait(calls, num_returns=len(calls), timeout=5) if calls else ([], [])
            withdrawn = tuple(one for one, (_, call) in asked.items() if call not in done)
            for one in withdrawn:
                ray.kill(asked[one][0], no_restart=True)
        hints = () if scaler is None else (f"{scaler_name(name)}, which started its workers, has ended",)
        return Ended(withdrawn, tuple(one for one in asked if one not in withdrawn), hints)


class _Connection:
    """Connection to a cluster, for the block."""

    def __init__(self, address: str | None) -> None:
        self._address = address

    def __enter__(self) -> Any:
        ray = _library()
        address = self._address or os.environ.get("RAY_ADDRESS") or "auto"
        _check_listening(address)
        # On loopback alone, a node's address is that of its cluster.
        more = {"_node_ip_address": address.partition(":")[0]} if address.startswith("127.") else {}
        try:
            ray.init(
                address=address, namespace=NAMESPACE, log_to_driver=False, logging_level=logging.ERROR,
                configure_logging=False, **more,
            )  # fmt: skip
        except Exception as error:
            where = "on this machine" if address == "auto" else f"at {address}: {one_line(str(error))[:200]}"
            detail = f"no cluster {where}; {_BEGIN}"
            raise EngineError(engine="Ray", detail=detail) from error
        self._ray = ray
        return ray

    def __exit__(self, *_: object) -> None:
        self._ray.shutdown()


def _check_listening(address: str) -> None:
    """Refuse an address at which nobody listens: Ray itself would try for minutes.

    Raises:
        EngineError: nobody listens there.
    """
    host, colon, port = address.removeprefix("ray://").rpartition(":")
    if not (colon and port.isdigit()):
        return
    try:
        socket.create_connection((host, int(port)), _LISTENING_S).close()
    except (OSError, OverflowError) as error:
        detail = f"no cluster at {address}: {error}; {_BEGIN}"
        raise EngineError(engine="Ray", detail=detail) from None


def _library() -> Any:
    try:
        import ray  # noqa: PLC0415  # an extra, which takes a second to import
        import ray.util  # noqa: PLC0415
    except ImportError:
        advice = "install it in the version of the cluster, as in pip install 'themis-eval[ray]'"
        raise EngineMissingError(program="the package ray", advice=advice) from None
    return ray


def _scaler_options() -> dict[str, Any]:
    return {"num_cpus": 0, "max_restarts": -1, "max_task_retries": 0, "lifetime": "detached", "namespace": NAMESPACE}


def _actor(ray: Any, name: str) -> Any:
    try:
        return ray.get_actor(name, namespace=NAMESPACE)
    except ValueError:
        return None


def _asked(ray: Any, call: Any) -> dict[str, Any] | None:
    """Return the answer to a call; None if there is none in time."""
    try:
        found: dict[str, Any] = ray.get(call, timeout=_PATIENCE_S)
    except ray.exceptions.GetTimeoutError:
        return None
    except ray.exceptions.RayError as error:
        raise EngineError(engine="Ray", detail=f"the scaler failed: {str(error).strip().splitlines()[-1]}") from None
    return found


def _result(ray: Any, call: Any) -> dict[str, Any] | None:
    try:
        found: dict[str, Any] = ray.get(call)
    except ray.exceptions.RayError:
        return None
    return found


def _check(spec: FleetSpec) -> None:
    for name, amount in spec.engine_options.items():
        try:
            is_amount = 0 < float(amount) < math.inf
        except ValueError:
            is_amount = False
        if not is_amount:
            detail = f"{name}={amount} is not a resource of Ray with its amount, as in --engine-option tpu=1"
            raise FleetError(fleet=spec.name, detail=detail)
