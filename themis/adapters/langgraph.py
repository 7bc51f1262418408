"""Generator that runs a graph of LangGraph: its output is the answer, and its nodes are the steps of the trace."""

from collections.abc import AsyncIterator, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from time import perf_counter
from typing import Any, ClassVar
from uuid import uuid4

from themis.adapters.answer import usage_of
from themis.adapters.apis import chat
from themis.adapters.apis.content_parts import UnsendablePartError, described, files_in, with_files
from themis.adapters.apis.graph_values import MESSAGES, as_object, conversation_in, json_of
from themis.adapters.conversation import InputBuilder
from themis.adapters.failures import Asked, bad_response
from themis.adapters.library_errors import failure_of_error
from themis.adapters.settings import name_of, refuse
from themis.core.base import JSONValue
from themis.core.builtins.component import BuiltinComponent
from themis.core.contexts import GenerateContext
from themis.core.errors import GraphOutputError, ProviderReply, UnsendableCaseError
from themis.core.models import Case, GenerationResult, TraceStep
from themis.core.values.conversations import is_conversation

_FINISH_REASONS = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "max_tokens": "length",
    "tool_use": "tool_calls",
    "function_call": "tool_calls",
}
_COUNTS: dict[str, tuple[str, ...]] = {
    "prompt_tokens": ("input_tokens",),
    "completion_tokens": ("output_tokens",),
    "cached_tokens": ("input_token_details", "cache_read"),
    "cache_write_tokens": ("input_token_details", "cache_creation"),
    "reasoning_tokens": ("output_token_details", "reasoning"),
}
_MOST_STEPS = 100_000
_NOTHING: Any = object()
_NO_OUTPUT = "it ended without an output"


class LangGraphGenerator(BuiltinComponent):
    """Runs a graph for each candidate; see `langgraph` for the arguments.

    Attributes:
        graph_id: the graph's name.
        provider_key: the provider, by which its limits are set.
    """

    component_id = "generator/langgraph"
    imported_arguments: ClassVar[tuple[str, ...]] = ("graph", "input_builder")

    def __init__(
        self,
        graph: Any,
        *,
        graph_id: str,
        graph_version: str = "1.0",
        input_builder: InputBuilder | None = None,
        output_key: str | None = None,
    ) -> None:
        """Run `graph`, or the graph that the function `graph` returns."""
        given: dict[str, Any] = {"graph_id": graph_id, "graph_version": graph_version}
        for name, value in given.items():
            if not isinstance(value, str) or not value.strip():
                refuse(self.component_id, f"{name} must be a text, not {value!r}")
        if input_builder is not None and not callable(input_builder):
            refuse(self.component_id, f"input_builder must be a function, not {input_builder!r}")
        self._graph = _ready(self.component_id, graph)
        self._input_builder = input_builder
        self._output_key = output_key
        self._graph_version = graph_version
        self.graph_id = graph_id
        self.provider_key = f"langgraph:{graph_id}"

    @property
    def arguments(self) -> dict[str, JSONValue]:
        """The name and the version of the graph, which tell it from others; the version is raised when it changes."""
        said: dict[str, JSONValue] = {"graph_id": self.graph_id, "graph_version": self._graph_version}
        others: dict[str, JSONValue] = {
            "output_key": self._output_key,
            "input_builder": name_of(self._input_builder),
        }
        return said | {name: value for name, value in others.items() if value is not None}

    async def generate(self, case: Case, ctx: GenerateContext) -> GenerationResult:
        """Return the output of the graph.

        Raises:
            ProviderError: a provider failed that the graph asked, the graph gave no output, or a file of the prompt is
                of a kind that messages have no place for.
            MediaError: a file of the prompt is not there any more.
        """
        asked = Asked(self.provider_key)
        seen = _Seen()
        began_s = perf_counter()
        try:
            value = self._input(case, ctx)
            seen.files = files_in(value)
            await self._run(with_files(value), seen)
        except Exception as error:
            failure = failure_of_error(error, asked)
            if failure is None:
                raise
            raise failure from error
        if seen.output is _NOTHING:
            raise bad_response(_NO_OUTPUT, None, {}, asked)
        output = described(json_of(seen.output), seen.files)
        return GenerationResult(
            candidate_id=f"{case.case_id}-candidate-{ctx.seed or 0}",
            final_output=self._chosen(output),
            trace=seen.steps,
            conversation=conversation_in(output),
            token_usage=seen.usage or None,
            latency_ms=(perf_counter() - began_s) * 1_000,
            finish_reason=seen.finish_reason,
            served_model=seen.served_model,
        )

    def _input(self, case: Case, ctx: GenerateContext) -> Any:
        """Return what the graph is given: a text or a conversation as messages, if its state has these.

        Files in a conversation become parts as chat completions have them, which chat models of LangChain understand.
        """
        value: Any = case.input if self._input_builder is None else self._input_builder(case)
        if ctx.prompt_spec is not None:
            value = ctx.prompt_spec.render_input(value)
        if is_conversation(value):
            try:
                value = chat.messages(value)
            except UnsendablePartError as error:
                raise UnsendableCaseError(
                    provider=self.provider_key, detail=str(error), reply=ProviderReply()
                ) from None
        channels = getattr(self._graph, "channels", None)
        if not isinstance(channels, Mapping) or MESSAGES not in channels:
            return value
        if isinstance(value, str):
            return {MESSAGES: [{"role": "user", "content": value}]}
        return {MESSAGES: value} if is_conversation(value) else value

    async def _run(self, value: Any, seen: "_Seen") -> None:
        """Run the graph once; only one whose events do not tell its output is run again, without them."""
        keywords: dict[str, Any] = {}
        if getattr(self._graph, "checkpointer", None):  # which asks for a thread, and must not continue another one
            keywords["config"] = {"configurable": {"thread_id": f"themis-{uuid4()}"}}
        if hasattr(self._graph, "astream_events"):
            events: AsyncIterator[Any] = self._graph.astream_events(value, version="v2", **keywords)
            if hasattr(events, "aclose"):
                async with aclosing(events):  # type: ignore[type-var]  # it has an aclose
                    await _watch(events, seen)
            else:
                await _watch(events, seen)
        if seen.output is _NOTHING and hasattr(self._graph, "ainvoke"):
            seen.output = await self._graph.ainvoke(value, **keywords)

    def _chosen(self, output: JSONValue) -> JSONValue:
        if self._output_key is None:
            return output
        if not isinstance(output, dict) or self._output_key not in output:
            found = ", ".join(map(repr, output)) if isinstance(output, dict) and output else "none"
            raise GraphOutputError(provider=self.provider_key, key=self._output_key, found=found, reply=ProviderReply())
        return output[self._output_key]


def langgraph(
    graph: Any,
    *,
    graph_id: str,
    graph_version: str = "1.0",
    input_builder: InputBuilder | None = None,
    output_key: str | None = None,
) -> LangGraphGenerator:
    """Return a generator that runs a graph of LangGraph.

    Args:
        graph: a compiled graph, one that can be compiled, or a function without arguments that returns one.
        graph_id: the graph's name; with its version it decides the `run_id`, as the graph itself cannot be compared.
        graph_version: raised when the graph changes.
        input_builder: makes the graph's input from a case; None for the case's input.
        output_key: the key of the graph's output that is the answer; None for all of it.

    Raises:
        ComponentError: an argument cannot be what it is.
    """
    return LangGraphGenerator(
        graph, graph_id=graph_id, graph_version=graph_version, input_builder=input_builder, output_key=output_key
    )


@dataclass(slots=True)
class _Seen:
    """What the events of a graph tell, up to now."""

    output: Any = _NOTHING
    steps: list[TraceStep] = field(default_factory=list)
    usage: dict[str, int] = field(default_factory=dict)
    finish_reason: str | None = None
    served_model: str | None = None
    files: dict[str, str] = field(default_factory=dict)
    begun: dict[str, tuple[datetime, float, Any]] = field(default_factory=dict)


async def _watch(events: AsyncIterator[Any], seen: _Seen) -> None:
    async for event in events:
        kind, parents = event.get("event"), event.get("parent_ids") or []
        if kind == "on_chain_end" and not parents:
            seen.output = event["data"].get("output")
        elif kind == "on_chat_model_end":
            _add_model_call(event["data"].get("output"), seen)
        elif kind in {"on_chain_start", "on_chain_end"} and parents and _is_node(event):
            _add_node(event, seen)


def _is_node(event: Mapping[str, Any]) -> bool:
    """Whether an event is about a node itself: what runs within a node bears its name in the metadata only."""
    return (event.get("metadata") or {}).get("langgraph_node", event.get("name")) == event.get("name")


def _add_node(event: Mapping[str, Any], seen: _Seen) -> None:
    run_id, data = str(event.get("run_id")), event.get("data") or {}
    if event["event"] == "on_chain_start":
        seen.begun[run_id] = (datetime.now(UTC), perf_counter(), data.get("input"))
        return
    began, began_s, value = seen.begun.pop(run_id, (datetime.now(UTC), perf_counter(), data.get("input")))
    metadata: dict[str, JSONValue] = {"latency_ms": (perf_counter() - began_s) * 1_000}
    step_no = (event.get("metadata") or {}).get("langgraph_step")
    if step_no is not None:
        metadata["langgraph_step"] = json_of(step_no)
    if len(seen.steps) < _MOST_STEPS:
        step = TraceStep(
            step_name=str(event.get("name")),
            step_type="node",
            input=described(as_object(value), seen.files),
            output=described(as_object(data.get("output")), seen.files),
            metadata=metadata,
            timestamp=began,
        )
        seen.steps.append(step)


def _add_model_call(output: Any, seen: _Seen) -> None:
    """Add the tokens of a model's answer; how the last one ended is how the graph's answer did."""
    found = usage_of(getattr(output, "usage_metadata", None), _COUNTS)
    for name, count in found.items():
        seen.usage[name] = seen.usage.get(name, 0) + count
    facts = getattr(output, "response_metadata", None)
    if isinstance(facts, Mapping):
        reason = facts.get("finish_reason") or facts.get("stop_reason")
        seen.finish_reason = _FINISH_REASONS.get(reason, reason) if isinstance(reason, str) else None
        model = facts.get("model_name") or facts.get("model")
        seen.served_model = model if isinstance(model, str) else None


def _ready(component_id: str, graph: Any) -> Any:
    """Return a graph that can be run."""
    runs = ("astream_events", "ainvoke")
    if callable(graph) and not any(hasattr(graph, name) for name in (*runs, "compile")):
        graph = graph()
    if not any(hasattr(graph, name) for name in runs) and callable(getattr(graph, "compile", None)):
        graph = graph.compile()
    if not any(hasattr(graph, name) for name in runs):
        refuse(component_id, f"graph must be a graph of LangGraph, or a function that returns one, not {graph!r}"[:300])
    return graph
