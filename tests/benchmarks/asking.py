"""What the loops that ask a model have in common: the questions, and what is measured."""

import argparse
import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

from tests.support.model_server.process import ServerProcess, model_server_process

MODEL = "test-model"


@dataclass(frozen=True, slots=True)
class Measured:
    """One measurement.

    Attributes:
        count: requests that were answered.
        seconds: the time that they took.
        cpu_s: the processor time of this process.
    """

    count: int
    seconds: float
    cpu_s: float

    @property
    def per_second(self) -> float:
        """The rate."""
        return self.count / self.seconds

    @property
    def cpu_ms(self) -> float:
        """Milliseconds of the processor for each request."""
        return self.cpu_s / self.count * 1000


def question(number: int) -> dict[str, Any]:
    """The body of one question, each with its own text."""
    text = f"Question {number}: a train goes {number} km in 3 hours. How fast is it? Explain, then give the number."
    return {"messages": [{"role": "user", "content": text}], "model": MODEL, "max_tokens": 64, "temperature": 0.0}


async def measured(ask: Callable[[int], Awaitable[object]], count: int, in_flight: int) -> Measured:
    """Ask so many questions with so many in flight, after one round that opens the connections."""
    await _all(ask, in_flight, in_flight)
    began_s, began_cpu_s = time.perf_counter(), time.process_time()
    await _all(ask, count, in_flight)
    return Measured(count, time.perf_counter() - began_s, time.process_time() - began_cpu_s)


async def _all(ask: Callable[[int], Awaitable[object]], count: int, in_flight: int) -> None:
    numbers = iter(range(count))

    async def one_after_the_other() -> None:
        for number in numbers:
            await ask(number)

    async with asyncio.TaskGroup() as tasks:
        for _ in range(in_flight):
            tasks.create_task(one_after_the_other())


def main(loop: Callable[[str, int, int], Measured], about: str | None) -> None:
    """Run one loop from the command line."""
    parser = argparse.ArgumentParser(description=about)
    parser.add_argument("--base-url", help="such as http://127.0.0.1:8000/v1; without it, a scripted server is started")
    parser.add_argument("--latency-ms", type=float, default=0.0, help="of the scripted server")
    parser.add_argument("--in-flight", type=int, default=100)
    parser.add_argument("--count", type=int, default=10_000)
    chosen = parser.parse_args()
    options = ("--bare", "--latency-ms", str(chosen.latency_ms))
    started = nullcontext(None) if chosen.base_url else model_server_process(*options)
    with started as server:
        before_s = server.cpu_s() if server else 0.0
        found = loop(chosen.base_url or server_url(server), chosen.count, chosen.in_flight)
        print(f"{found.per_second:,.0f} requests a second, {found.cpu_ms:.3f} ms of CPU a request", flush=True)
        if server:
            server_ms = (server.cpu_s() - before_s) / (chosen.count + chosen.in_flight) * 1000
            print(f"the server: {server_ms:.3f} ms of CPU a request, at most {1000 / server_ms:,.0f} a second")


def server_url(server: ServerProcess | None) -> str:
    """The base URL of a server that was started."""
    assert server is not None
    return server.openai_url
