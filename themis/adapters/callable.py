"""Generator that calls a Python function."""

import asyncio
import inspect
from collections.abc import Callable, Mapping
from time import perf_counter
from typing import Any, ClassVar

from themis.adapters.settings import refuse
from themis.core.base import JSONValue
from themis.core.builtins.component import BuiltinComponent
from themis.core.contexts import GenerateContext
from themis.core.models import Case, GenerationResult

_KNOWN = ("case", "ctx", "prompt", "params")


class CallableGenerator(BuiltinComponent):
    """Asks a function for each candidate.

    The function takes what it names among `prompt` (the rendered input), `case`, `ctx` and `params`; a function with
    one parameter of another name gets the prompt. It returns a JSON value, or a `GenerationResult`. An asynchronous
    function runs on the event loop, any other in a thread, so that it may block.
    """

    component_id = "generator/callable"
    imported_arguments: ClassVar[tuple[str, ...]] = ("target",)

    def __init__(
        self,
        target: Callable[..., Any],
        params: Mapping[str, JSONValue] | None = None,
        model_id: str | None = None,
        provider_key: str | None = None,
    ) -> None:
        """Call `target`; `params` are handed on to it, the other arguments say what it asks."""
        if not callable(target):
            refuse(self.component_id, f"target must be a function, not {type(target).__name__}")
        self._target = target
        self._params = dict(params or {})
        self._takes = _taken(self.component_id, target)
        self._is_async = inspect.iscoroutinefunction(target) or inspect.iscoroutinefunction(
            getattr(target, "__call__", None)  # noqa: B004  # an instance with an asynchronous __call__
        )
        self.model_id = model_id
        self.provider_key = provider_key

    @property
    def arguments(self) -> dict[str, JSONValue]:
        """The function's name, and what is handed on to it."""
        target = self._target
        name = f"{getattr(target, '__module__', '')}:{getattr(target, '__qualname__', type(target).__name__)}"
        return {"target": name, "params": self._params, "model_id": self.model_id}

    async def generate(self, case: Case, ctx: GenerateContext) -> GenerationResult:
        """Return what the function answers; what it raises is raised."""
        prompt = case.input if ctx.prompt_spec is None else ctx.prompt_spec.render_input(case.input)
        values = {"case": case, "ctx": ctx, "prompt": prompt, "params": self._params}
        keywords = {name: values[of] for name, of in self._takes.items()}
        began_s = perf_counter()
        if self._is_async:
            answer = await self._target(**keywords)
        else:
            answer = await asyncio.to_thread(self._target, **keywords)
            if inspect.isawaitable(answer):
                answer = await answer
        if isinstance(answer, GenerationResult):
            return answer
        return GenerationResult(
            candidate_id=f"{case.case_id}-candidate-{ctx.seed or 0}",
            final_output=answer,
            latency_ms=(perf_counter() - began_s) * 1_000,
        )


def _taken(component_id: str, target: Callable[..., Any]) -> dict[str, str]:
    """Return the parameters of a function, each with the value that it gets."""
    try:
        parameters = list(inspect.signature(target).parameters.values())
    except (TypeError, ValueError):
        refuse(component_id, "target must be a function whose parameters can be read")
    needed = [p for p in parameters if p.default is p.empty and p.kind not in {p.VAR_POSITIONAL, p.VAR_KEYWORD}]
    if any(p.kind is p.POSITIONAL_ONLY for p in needed):
        refuse(component_id, "target must take its arguments by name")
    found = {p.name: p.name for p in parameters if p.name in _KNOWN}
    others = [p.name for p in needed if p.name not in _KNOWN]
    if len(others) == 1 and "prompt" not in found:
        found[others[0]] = "prompt"
    elif others:
        refuse(component_id, f"target must take some of {', '.join(_KNOWN)}, not {', '.join(others)}")
    return found
