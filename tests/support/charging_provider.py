"""A provider that charges for each call at the moment it arrives, in memory that outlives the process that asks it.

It answers, fails, is cut off, counts tokens or does not, and kills the process that asks: as a seed says.
"""

import asyncio
import mmap
import os
import random
import signal
import struct
from dataclasses import dataclass, field
from typing import Any

from themis.core.models import Case, GenerationResult

MODEL = "charging-model"
PRICES = f"prices: [{{model: {MODEL}, input: 3, cached_input: 0.3, output: 15, source: the test's own}}]\n"
NANO_INPUT, NANO_CACHED, NANO_OUTPUT = 3_000, 300, 15_000
"""Billionths of a dollar for a token, by those prices."""

_AMOUNTS = struct.Struct("qqq")


class Bill:
    """What a provider has charged: the truth that every account is measured by."""

    def __init__(self) -> None:
        """Nothing, in memory that forked processes share."""
        self._memory = mmap.mmap(-1, _AMOUNTS.size)

    @property
    def nano_usd(self) -> int:
        """Billionths of a dollar."""
        return int(_AMOUNTS.unpack(self._memory[:])[0])

    @property
    def tokens(self) -> int:
        return int(_AMOUNTS.unpack(self._memory[:])[1])

    @property
    def calls(self) -> int:
        return int(_AMOUNTS.unpack(self._memory[:])[2])

    def charge(self, nano_usd: int, tokens: int) -> None:
        before = _AMOUNTS.unpack(self._memory[:])
        self._memory[:] = _AMOUNTS.pack(before[0] + nano_usd, before[1] + tokens, before[2] + 1)


class ReplyError(Exception):
    """A reply with an error, with what its provider said."""

    def __init__(self, **said: Any) -> None:
        super().__init__(str(said))
        for name, value in said.items():
            setattr(self, name, value)


@dataclass
class ChargingGenerator:
    """Asks that provider.

    Attributes:
        bill: where it charges.
        seed: of what happens.
        failing: probability of a call without an answer.
        killing: probability of a call that kills the process, when it has been charged for.
        most: upper bounds of the tokens of a call, input and output.
    """

    bill: Bill
    seed: int = 0
    failing: float = 0.0
    killing: float = 0.0
    most: tuple[int, int] = (120, 200)
    component_id: str = "lab/charging"
    version: str = "1"
    provider_key: str = "lab:charging"
    model_id: str = MODEL
    _random: random.Random = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)

    def fingerprint(self) -> str:
        return "one"

    def most_tokens(self, case: Case, ctx: Any) -> tuple[int, int]:
        return self.most

    async def generate(self, case: Case, ctx: Any) -> GenerationResult:
        chance = self._random
        prompt, completion = chance.randint(1, self.most[0]), chance.randint(0, self.most[1])
        cached = chance.randint(0, prompt)
        usage = {"prompt_tokens": prompt, "completion_tokens": completion, "cached_tokens": cached}
        fate = chance.random()
        if fate < self.failing / 2:  # a reply with an error, which is not charged for
            await asyncio.sleep(0)
            raise ReplyError(status_code=chance.choice([400, 422, 500]))
        nano_usd = (prompt - cached) * NANO_INPUT + cached * NANO_CACHED + completion * NANO_OUTPUT
        self.bill.charge(nano_usd, prompt + completion)
        await asyncio.sleep(chance.random() * 0.002)
        if chance.random() < self.killing:
            os.kill(os.getpid(), signal.SIGKILL)
        if fate < self.failing:
            raise chance.choice(
                [TimeoutError("cut off"), ConnectionResetError("cut off"), ReplyError(token_usage=usage)]
            )
        is_silent = chance.random() < self.failing / 4
        return GenerationResult(
            candidate_id=case.case_id, final_output=case.input, token_usage=None if is_silent else usage
        )
