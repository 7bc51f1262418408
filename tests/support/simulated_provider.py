"""A provider with quotas, in virtual time: it counts what arrives, and throttles what is too much."""

import asyncio
import random
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from tests.support.virtual_time import virtual_now
from themis.core.config import RuntimeConfig
from themis.core.engine.cases.model_calls import ModelCalls
from themis.core.engine.limits import Admission
from themis.core.engine.limits.providers import Providers, providers
from themis.core.models import Case, GenerationResult
from themis.core.outcomes.stages import Stage


class ThrottledError(Exception):
    """The 429 of the provider."""

    status_code = 429

    def __init__(self, retry_after_s: float | None, rate_limit: dict[str, float]) -> None:
        super().__init__("too many requests")
        self.retry_after_s = retry_after_s
        self.rate_limit = rate_limit


@dataclass
class SimulatedProvider:
    """What a provider is asked, and what it answers.

    Attributes:
        latency_s: the seconds that an answer takes, on the way there and back too.
        per_minute: requests that it takes in any minute.
        most_at_once: requests that it takes at once.
        bursts: times, from the first request on, in which everything is throttled.
        retry_after_s: what it asks for when it throttles.
        travel_s: the longest time that a request is on its way.
        arrived: when a request that was answered arrived, and its tokens.
        throttled: when one arrived that was not.
        violations: requests that were sent after a Retry-After was received, and before it was over.
    """

    latency_s: float = 0.5
    per_minute: float | None = None
    most_at_once: int | None = None
    bursts: list[tuple[float, float]] = field(default_factory=list)
    retry_after_s: float | None = None
    travel_s: float = 0.0
    seed: int = 0
    arrived: list[tuple[float, int]] = field(default_factory=list, repr=False)
    throttled: list[float] = field(default_factory=list, repr=False)
    violations: int = 0
    at_once: int = 0
    highest: int = 0
    began: float | None = None

    def __post_init__(self) -> None:
        """Begin with nothing asked."""
        self._random = random.Random(self.seed)
        self._recent: deque[float] = deque()
        self._closed_from = self._closed_until = 0.0

    async def ask(self, tokens: int = 1) -> int:
        """Use up so many tokens, and return them; a request that is too much is throttled."""
        self.violations += self._closed_from < virtual_now() < self._closed_until
        await asyncio.sleep(self._random.random() * self.travel_s)
        now = virtual_now()
        self.began = now if self.began is None else self.began
        if self._is_too_much(now):
            self.throttled.append(now)
            if self.retry_after_s is not None:
                self._closed_from, self._closed_until = now, now + self.retry_after_s
            raise ThrottledError(self.retry_after_s, {})
        self.arrived.append((now, tokens))
        self._recent.append(now)
        self.at_once += 1
        self.highest = max(self.highest, self.at_once)
        try:
            await asyncio.sleep(self.latency_s * (0.8 + 0.4 * self._random.random()))
        finally:
            self.at_once -= 1
        return tokens

    def most_in_a_minute(self, *, tokens: bool = False) -> int:
        """The most requests, or tokens, in any sliding minute; throttled ones are requests too."""
        counted = [(at, amount if tokens else 1) for at, amount in self.arrived]
        counted = sorted(counted + ([] if tokens else [(at, 1) for at in self.throttled]))
        most = inside = first = 0
        for at, amount in counted:
            inside += amount
            while counted[first][0] <= at - 60.0:
                inside -= counted[first][1]
                first += 1
            most = max(most, inside)
        return most

    def between(self, first_s: float, last_s: float, *, tokens: bool = False) -> int:
        """Requests, or tokens, that were answered between two times, from the first request on."""
        began = self.began or 0.0
        return sum(amount if tokens else 1 for at, amount in self.arrived if first_s <= at - began < last_s)

    def _is_too_much(self, now: float) -> bool:
        while self._recent and self._recent[0] <= now - 60.0:
            self._recent.popleft()
        since = now - (self.began or 0.0)
        return (
            any(first <= since < last for first, last in self.bursts)
            or (self.per_minute is not None and len(self._recent) >= self.per_minute)
            or (self.most_at_once is not None and self.at_once >= self.most_at_once)
            or now < self._closed_until
        )


KEY = "lab:simulated"


async def keep_asking(
    provider: SimulatedProvider,
    runtime: RuntimeConfig,
    seconds: float,
    *,
    tokens: Callable[[], int] = lambda: 100,
    answers: list[float] | None = None,
    asked: Providers = providers,
) -> None:
    """Ask as a run does, with as many cases as may be in flight, for so long.

    `answers` gets the times of the ends, and `asked` is the process that asks.
    """
    admission = Admission(runtime, asked)
    calls = ModelCalls(runtime, admission.gate(Stage.GENERATE, KEY), KEY)
    case = Case(case_id="q", input="x" * 40)

    async def generate(case: Case) -> GenerationResult:
        used = await provider.ask(tokens())
        usage = {"prompt_tokens": 10, "completion_tokens": used - 10}
        return GenerationResult(candidate_id="c", final_output="", token_usage=usage)

    async def member() -> None:
        while True:
            await calls.result(generate, (case,), [])
            if answers is not None:
                answers.append(virtual_now())

    members = [asyncio.create_task(member()) for _ in range(runtime.max_concurrent_tasks)]
    await asyncio.wait(members, timeout=seconds, return_when=asyncio.FIRST_EXCEPTION)
    broken = [task for task in members if task.done()]
    for task in members:
        task.cancel()
    await asyncio.gather(*members, return_exceptions=True)
    admission.close()
    for task in broken:
        task.result()
