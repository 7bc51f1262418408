"""Actor of Ray that has a worker: where the actor is, there runs an ordinary worker."""

import os
import platform
import secrets
import socket
import subprocess
import sys
import threading
from typing import Any

from themis.core.components.provenance import themis_version
from themis.fleet.ray.guard import END, NOW

NAMESPACE = "themis"


def versions_here() -> dict[str, str]:
    """Return the versions that workers of one fleet should have in common."""
    return {"themis": themis_version(), "python": platform.python_version()}


def difference(expected: dict[str, str]) -> str | None:
    """Return in what the versions of this node differ from those where the fleet was started; None if they do not."""
    here = versions_here()
    found = [f"{name} {here.get(name)} ({text} there)" for name, text in expected.items() if here.get(name) != text]
    return f"has {', '.join(found)}, unlike where the fleet was started" if found else None


class WorkerActor:
    """Worker on the node where Ray places this.

    Ray makes it again on another node when its own is lost. It ends itself when its worker has ended.
    """

    def __init__(self, fleet: str, words: list[str], *, devices: bool, versions: dict[str, str]) -> None:
        """Start a worker.

        Args:
            fleet: name of the fleet, with which the worker's begins.
            words: the worker's command line behind `themis`.
            devices: whether each of its slots gets one of the actor's GPUs.
            versions: versions of the place where the fleet was started.
        """
        self._fleet = fleet
        self.node = socket.gethostname()
        self.differs = difference(versions)
        name = f"{fleet}.{self.node.partition('.')[0]}-{os.getpid()}-{secrets.token_hex(2)}"
        gpus = os.environ.get("CUDA_VISIBLE_DEVICES", "")
        options = ["--name", name, *(["--devices", gpus] if devices and gpus else [])]
        self._start([sys.executable, "-m", "themis", *words, *options])

    def ready(self) -> dict[str, Any]:
        """Return what is known of its worker, once it is started."""
        return {"node": self.node, "differs": self.differs}

    def end(self, *, now: bool) -> None:
        """Ask the worker to end; returns at once."""
        os.write(self._orders, NOW if now else END)

    def _start(self, words: list[str]) -> None:
        orders, self._orders = os.pipe()
        self._result, result = os.pipe()
        guard = [sys.executable, "-m", "themis.fleet.ray.guard", str(orders), str(result), *words]
        subprocess.run(guard, pass_fds=(orders, result), check=True)  # noqa: S603  # the guard is in the background then
        os.close(orders)
        os.close(result)
        threading.Thread(target=self._follow, daemon=True).start()

    def _follow(self) -> None:
        """Wait for the worker's end, tell the scaler, and end the actor, which is not to be made again."""
        import ray  # noqa: PLC0415  # an extra; it is there where Ray has made this

        told = os.read(self._result, 16)
        code = int(told) if told else -1
        context = ray.get_runtime_context()
        try:
            scaler = ray.get_actor(scaler_name(self._fleet), namespace=NAMESPACE)
            ray.get(scaler.ended.remote(self.node, code), timeout=5)
        except Exception as error:  # noqa: BLE001  # it may be gone, as the fleet may be: the worker has ended all the same
            print(f"the fleet's scaler was not told: {error}", file=sys.stderr)  # noqa: T201
        ray.kill(context.current_actor, no_restart=True)


def scaler_name(fleet: str) -> str:
    """Return the name of a fleet's scaler in Ray."""
    return f"{fleet}.scaler"
