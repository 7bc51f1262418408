"""Probe of a generator: one request, exactly as a run would send it, for the first case of its experiment."""

import asyncio
import traceback
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from time import perf_counter
from typing import Any

from themis.cli.begin.mends import Problem, Question, key_problem, problem_of, remark_on
from themis.cli.terminal.output import note, note_lines
from themis.core.components.asked_model import model_of, provider_of
from themis.core.components.resolution import GENERATOR, LoadedComponent, load_component, target_of
from themis.core.configuration.secrets import redact_urls, references_in, resolve_references
from themis.core.contexts import GenerateContext
from themis.core.datasets import CaseSource
from themis.core.engine.calls.blocking import run_to_end
from themis.core.engine.cases.continuations import ContinuationCalls
from themis.core.engine.cases.prompted import preparation_of
from themis.core.engine.compiling.run_continuations import refuse_without_continuations
from themis.core.engine.compiling.run_datasets import source_of
from themis.core.engine.compiling.run_prompt import run_prompt
from themis.core.engine.sessions import session_of
from themis.core.errors import InputError, MissingSecretError, ThemisError
from themis.core.experiment import Experiment
from themis.core.models import Case, GenerationResult
from themis.core.prompting.continuations import DEFAULT_CONTINUATION

FALLBACK_INPUT = "Say OK."

_WHERE = "generation.generator"
_RUN_ID = "model-check"


@dataclass(frozen=True, slots=True)
class Key:
    """Secret of a generator, by its reference.

    Attributes:
        argument: the argument that it is written at.
        reference: such as `env:OPENAI_API_KEY`.
        found: whether it is set here.
    """

    argument: str
    reference: str
    found: bool


@dataclass(frozen=True, slots=True)
class Probe:
    """Outcome of one request.

    Attributes:
        generator: what was asked; None when it could not be loaded.
        keys: its secrets, by reference.
        result: the answer; None when there is none.
        latency_ms: milliseconds until then; None when nothing was sent.
        problem: why there is no answer, or what is worth knowing about it.
    """

    generator: LoadedComponent | None
    keys: tuple[Key, ...]
    result: GenerationResult | None = None
    latency_ms: float | None = None
    problem: Problem | None = None


def probe(experiment: Experiment, config: Path, timeout_s: float) -> Probe:
    """Ask the model of an experiment once.

    Args:
        experiment: what to ask, with which parameters.
        config: its file, for messages.
        timeout_s: seconds to wait for the answer.

    Raises:
        DatasetError: the first case cannot be read.
    """
    spec = experiment.generation.generator
    target = target_of(spec)
    use = target.use if target is not None else type(spec).__name__
    folders = [] if experiment.folder is None else [str(experiment.folder)]
    try:
        loaded = load_component(spec, GENERATOR, where=_WHERE, folders=folders)
    except ThemisError as error:
        keys = _keys(target.arguments if target is not None else {}, error)
        return Probe(None, keys, problem=problem_of(error, Question(config=config, use=use)))
    arguments = loaded.ref.target.arguments if loaded.ref.target is not None else {}
    keys = _keys(arguments)
    for key in keys:
        value = resolve_references(key.reference, where=_WHERE)
        if (problem := key_problem(key.reference, value)) is not None:
            return Probe(loaded, keys, problem=problem)
    return _asked(experiment, loaded, keys, Question(config=config, use=use), timeout_s)


def _asked(
    experiment: Experiment, loaded: LoadedComponent, keys: tuple[Key, ...], question: Question, timeout_s: float
) -> Probe:
    case, context = _first_case(experiment)
    began_s = perf_counter()
    try:
        result = run_to_end(_answer(experiment, loaded.live, case, context, timeout_s))
    except (KeyboardInterrupt, asyncio.CancelledError):
        raise
    except BaseException as error:  # noqa: BLE001  # a user's generator may raise anything
        latency_ms = (perf_counter() - began_s) * 1_000
        asked = Question(
            config=question.config,
            use=question.use,
            case=None if context.dataset_id is None else f"{case.case_id!r} of dataset {context.dataset_id!r}",
            model=model_of(loaded.live),
            address=address_of(loaded.live),
            keys=[key.reference for key in keys],
        )
        problem = problem_of(error, asked)
        if problem.is_bug:
            note_lines("".join(traceback.format_exception(error)))
        return Probe(loaded, keys, latency_ms=latency_ms, problem=problem)
    return Probe(loaded, keys, result, (perf_counter() - began_s) * 1_000, remark_on(result))


async def _answer(
    experiment: Experiment, generator: Any, case: Case, context: GenerateContext, timeout_s: float
) -> GenerationResult:
    async with session_of(generator), asyncio.timeout(timeout_s):
        if experiment.generation.task == "continuations":
            return await _log_likelihoods(experiment, generator, case, context)
        result = await generator.generate(case, context)
    return GenerationResult.model_validate(result)


async def _log_likelihoods(
    experiment: Experiment, generator: Any, case: Case, context: GenerateContext
) -> GenerationResult:
    """Return what is said about the continuations of one call, as many as the generator takes at once."""
    refuse_without_continuations(generator)
    template = experiment.generation.continuation or DEFAULT_CONTINUATION
    prepared = run_prompt(experiment.generation, [], "experiment")
    calls = ContinuationCalls(generator, template, None if prepared is None else prepared.prompt)
    asked = calls.arguments(case)[:1]
    return calls.joined(case, asked, [await generator.score_continuations(*asked[0], context)])


def address_of(generator: Any) -> str | None:
    """Return the address that a generator asks: its own, else the one in the name of its provider."""
    named = getattr(generator, "endpoint", None)
    endpoint = named if isinstance(named, str) else None
    _, _, address = (provider_of(generator) or "").partition(":")
    found: str | None = redact_urls(endpoint or (address if "://" in address else None))
    return found


def _first_case(experiment: Experiment) -> tuple[Case, GenerateContext]:
    """Return what a run would ask about the first case, with its context; else a question of our own.

    That is the first case of the first dataset that has one, with the templates of `generation.prompt` and their
    examples. A mistake in these is told, and does not keep the model from being checked.
    """
    shared: dict[str, Any] = {
        "run_id": _RUN_ID,
        "prompt_spec": experiment.generation.prompt_spec,
        "seed": experiment.seeds[0] if experiment.seeds else None,
        "seed_is_given": bool(experiment.seeds),
        "idle_timeout_s": experiment.runtime.idle_timeout_s,
    }
    for dataset in experiment.datasets:
        source = source_of(dataset)
        for case in islice(source.cases(), 1):
            try:
                asked = _rendered(experiment, source, case)
            except InputError as error:
                note(f"{error}; so the model is asked {FALLBACK_INPUT!r} instead")
                asked = case.model_copy(update={"input": FALLBACK_INPUT})
            return asked, GenerateContext(case_id=case.case_id, dataset_id=source.dataset_id, **shared)
    case = Case(case_id=_RUN_ID, input=FALLBACK_INPUT)
    return case, GenerateContext(case_id=case.case_id, **shared)


def _rendered(experiment: Experiment, source: CaseSource, case: Case) -> Case:
    """Return a case as its generator gets it; continuations are made of the case itself."""
    if experiment.generation.task == "continuations":
        return case
    folder = None if experiment.folder is None else str(experiment.folder)
    prepared = run_prompt(experiment.generation, [source], "experiment", folder=folder)
    prepare = None if prepared is None else preparation_of(prepared.prompt, prepared.finder)
    return case if prepare is None else prepare(case)


def _keys(arguments: Mapping[str, Any], error: ThemisError | None = None) -> tuple[Key, ...]:
    """Return the secrets that arguments refer to, and one that is missing besides them."""
    keys = [Key(argument, reference, _is_set(reference)) for argument, reference in references_in(dict(arguments))]
    if isinstance(error, MissingSecretError) and str(error.facts["name"]).isidentifier():
        missing = f"env:{error.facts['name']}"
        if all(missing.removeprefix("env:") not in key.reference for key in keys):
            keys.append(Key("api_key", missing, found=False))
    return tuple(keys)


def _is_set(reference: str) -> bool:
    try:
        resolve_references(reference, where=_WHERE)
    except MissingSecretError:
        return False
    return True
