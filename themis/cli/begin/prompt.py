"""`themis prompt`: what a model would be sent about a case, without sending it."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from themis.cli.command import command, config_options, group, json_option
from themis.cli.targets import open_experiment
from themis.cli.terminal.output import emit, is_for_people, note, say
from themis.core.errors import InvalidArgumentError, MissingSecretError

if TYPE_CHECKING:
    from themis.core.experiment import Experiment
    from themis.core.models import Case
    from themis.core.prompt_config import RunPrompt

_WHERE = "generation.generator"


@group("prompt", "themis prompt show experiment.yaml")
def prompt() -> None:
    """Show what a model would be sent."""


@command(
    "show",
    "themis prompt show experiment.yaml",
    "themis prompt show experiment.yaml --case fr --json",
)
@config_options
@click.option("--case", "case_id", metavar="ID", help="Case to show; by default the first one.")
@click.option("--dataset-id", metavar="D", help="Dataset of the case; by default the first one that has it.")
@json_option
def show(*, config: Path, overrides: Sequence[str], case_id: str | None, dataset_id: str | None, as_json: bool) -> None:
    """Print the messages about a case, and the whole request of a generator that asks a provider. Nothing is sent."""
    experiment = open_experiment(config, overrides)
    found = _shown(experiment, case_id, dataset_id)
    if is_for_people(as_json=as_json):
        _say(found)
    else:
        emit(found)


prompt.add_command(show)


def _shown(experiment: "Experiment", case_id: str | None, dataset_id: str | None) -> dict[str, Any]:
    from themis.core.engine.compiling.run_datasets import source_of
    from themis.core.engine.compiling.run_prompt import run_prompt

    sources = [source_of(dataset) for dataset in experiment.datasets]
    templates = run_prompt(experiment.generation, sources, "experiment", folder=experiment.folder)
    wanted = (
        (source.dataset_id, case)
        for source in sources
        if dataset_id in (None, source.dataset_id)
        for case in source.cases()
        if case_id in (None, case.case_id)
    )
    dataset, case = next(wanted, (None, None))
    if dataset is None or case is None:
        detail = "there is no case" if case_id is None else f"no dataset here has a case {case_id!r}"
        raise InvalidArgumentError(argument="--case", detail=detail)
    about = {"dataset_id": dataset, "case_id": case.case_id}
    if experiment.generation.task == "continuations":
        return {**about, **_scored(experiment, None if templates is None else templates.prompt, case, dataset)}
    if templates is None:
        return {**about, "prompt_sha256": None, **_request(experiment, case, dataset)}
    from themis.core.prompting.rendering import Prompter, prompt_hash

    rendered = Prompter(templates.prompt, templates.finder).rendered(case)
    asked = case.model_copy(update={"input": rendered})
    return {**about, "prompt_sha256": prompt_hash(rendered), **_request(experiment, asked, dataset)}


def _scored(experiment: "Experiment", templates: "RunPrompt | None", case: "Case", dataset_id: str) -> dict[str, Any]:
    """Return the context of a case and its continuations, and the body of the first request about them."""
    from themis.core.prompting.continuations import DEFAULT_CONTINUATION, ContinuationPrompter
    from themis.core.prompting.rendering import prompt_hash

    prompter = ContinuationPrompter(experiment.generation.continuation or DEFAULT_CONTINUATION, templates)
    context, texts = prompter.context(case), prompter.continuations(case)
    shown = {"prompt_sha256": None if templates is None else prompt_hash(context.input), "continuations": texts}
    return {**shown, **_request(experiment, context, dataset_id, texts)}


def _request(experiment: "Experiment", case: "Case", dataset_id: str, texts: list[str] | None = None) -> dict[str, Any]:
    """Return the messages about a case, and the body of the request that has them; None where there is no request.

    With `texts` it is the first request about these continuations.
    """
    from themis.adapters.provider_generator import ProviderGenerator
    from themis.core.components.resolution import GENERATOR, load_component
    from themis.core.contexts import GenerateContext
    from themis.core.engine.compiling.run_continuations import refuse_without_continuations

    spec, seeds = experiment.generation.prompt_spec, experiment.seeds
    text = case.input if spec is None else spec.render_input(case.input)
    messages = text if isinstance(text, list) else [{"role": "user", "content": text}]
    folders = [] if experiment.folder is None else [str(experiment.folder)]
    try:
        generator = load_component(experiment.generation.generator, GENERATOR, where=_WHERE, folders=folders).live
    except MissingSecretError as error:
        note(f"{error}; so the request itself cannot be shown, only its messages")
        return {"messages": messages, "request": None}
    if not isinstance(generator, ProviderGenerator):
        return {"messages": messages, "request": None}
    context = GenerateContext(
        run_id="prompt-show",
        case_id=case.case_id,
        dataset_id=dataset_id,
        seed=seeds[0] if seeds else None,
        seed_is_given=bool(seeds),
        prompt_spec=spec,
    )
    if texts is None:
        request = generator.request(case, context)
    elif callable(getattr(generator, "continuation_request", None)):
        refuse_without_continuations(generator)
        live: Any = generator
        at_once = live.continuations_per_call or len(texts)
        request = live.continuation_request(case, texts[:at_once], context)
    else:
        return {"messages": messages, "request": None}
    return {"messages": request.turns, "request": request.body}


def _shown_part(part: Any) -> str:
    """Return a content part as a line: a text as it is, a file by its kind, size and hash."""
    if isinstance(part, dict) and isinstance(part.get("sha256"), str):
        name = f" {part['name']}" if "name" in part else ""
        return f"<{part['type']}{name}: {part['media_type']}, {part['bytes']:,} bytes, sha256 {part['sha256']}>"
    return str(part["text"]) if isinstance(part, dict) and "text" in part else str(part)


def _say(found: dict[str, Any]) -> None:
    say(f"case {found['case_id']} of {found['dataset_id']}")
    is_one_text = "prompt" in (found["request"] or {})
    for message in found["messages"]:
        content = message.get("content")
        say(f"\n[{'prompt' if is_one_text else message.get('role', 'message')}]")
        for part in content if isinstance(content, list) else [content]:
            say(part if isinstance(part, str) else _shown_part(part))
    for number, text in enumerate(found.get("continuations") or (), start=1):
        say(f"\n[continuation {number}]")
        say(repr(text))
    if found["request"] is not None:
        said = {"messages", "input", "prompt", "system", "instructions"}
        others = [f"{name}={value!r}" for name, value in found["request"].items() if name not in said]
        say(f"\nparameters: {', '.join(others)}")
    if found["prompt_sha256"] is not None:
        say(f"prompt: sha256 {found['prompt_sha256']}")
