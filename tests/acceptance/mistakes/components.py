"""The modules of a person who makes mistakes."""

COMPONENTS = """
import asyncio
import os
import signal
from pathlib import Path

from themis.core.models import GenerationResult, Score


class Made:
    version = "1"

    def fingerprint(self):
        return "one"


class Good(Made):
    component_id = "m/good"

    async def generate(self, case, ctx):
        return GenerationResult(candidate_id=case.case_id, final_output=case.expected_output)


class NoGen(Made):
    component_id = "m/nogen"


class NoFinger:
    component_id = "m/nf"
    version = "1"

    async def generate(self, case, ctx):
        return None


class SyncGen(Made):
    component_id = "m/sync"

    def generate(self, case, ctx):
        return GenerationResult(candidate_id=case.case_id, final_output="2")


class DictGen(Made):
    component_id = "m/dict"

    async def generate(self, case, ctx):
        return {"final_output": "2"}


class BugGen(Made):
    component_id = "m/bug"

    async def generate(self, case, ctx):
        return answer_of(case.metadata)


def answer_of(metadata):
    return metadata["choices"]


class AsyncMetric(Made):
    component_id = "m/am"

    async def score(self, parsed, case, ctx):
        return Score(metric_id=self.component_id, value=1.0)


class HiddenAsyncMetric(Made):
    component_id = "m/ham"

    def score(self, parsed, case, ctx):
        return self.scored()

    async def scored(self):
        return Score(metric_id=self.component_id, value=1.0)


class BoolMetric(Made):
    component_id = "m/bm"

    def score(self, parsed, case, ctx):
        return True


class NaNMetric(Made):
    component_id = "m/nan"

    def score(self, parsed, case, ctx):
        return Score(metric_id=self.component_id, value=float("nan"))


async def func(case, ctx):
    return GenerationResult(candidate_id=case.case_id, final_output="2")


class Temp(Good):
    def __init__(self, temperature):
        self.temperature = temperature


class Keyed(Good):
    def __init__(self, key):
        self.key = key


class Dies(Made):
    component_id = "m/dies"

    async def generate(self, case, ctx):
        os._exit(9)


class Interrupted(Made):
    component_id = "m/interrupted"

    async def generate(self, case, ctx):
        if case.case_id == "b":
            os.kill(os.getpid(), signal.SIGINT)
            await asyncio.sleep(10)
        return GenerationResult(candidate_id=case.case_id, final_output="2")


class Slow(Made):
    component_id = "m/slow"

    async def generate(self, case, ctx):
        await asyncio.sleep(2)
        return GenerationResult(candidate_id=case.case_id, final_output="2")


class Removes(Made):
    component_id = "m/removes"

    async def generate(self, case, ctx):
        for file in (Path(__file__).parent / "runs").glob("themis.sqlite3*"):
            if file.is_file():
                file.unlink()
        return GenerationResult(candidate_id=case.case_id, final_output="2")


class Refused(Made):
    component_id = "m/refused"

    async def generate(self, case, ctx):
        raise RuntimeError("401 Unauthorized: invalid API key")
"""
