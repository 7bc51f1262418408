"""The source of a module with a generator, for experiments that other processes run."""

from textwrap import dedent, indent

_MODULE = """
import asyncio, os, time
from pathlib import Path
from themis.core.models import GenerationResult

HERE = Path(__file__).parent


class Model:
    component_id = "test/model"
    version = "1"

    def fingerprint(self):
        return "model"

    async def generate(self, case, ctx):
"""


def model_module(generate: str) -> str:
    """A module with the class `Model`, whose `generate(self, case, ctx)` does what these lines say.

    They may use asyncio, os, time, Path, GenerationResult, and HERE, which is the module's folder.
    """
    return _MODULE + indent(dedent(generate).strip("\n"), " " * 8) + "\n"
