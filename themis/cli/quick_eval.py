"""`themis quick-eval`: a model and data from the command line, without a config file."""

from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from themis.cli.begin.asked import (
    CONTINUATIONS,
    CONTINUATIONS_METRIC,
    DEFAULT_METRIC,
    DEFAULT_MODEL,
    DEFAULT_PARSER,
    Asked,
    asked_options,
)
from themis.cli.command import command, group
from themis.cli.costs import explain_cost, priced
from themis.cli.exit_status import document, exit_code, explain_failures
from themis.cli.run import begun, carry_out
from themis.cli.terminal.output import emit, is_for_people, note
from themis.cli.terminal.store_option import storage_in
from themis.cli.views.run_end import say_end, say_next
from themis.core.configuration.default_paths import DEFAULT_STORE_KIND, STORE_DEFAULTS
from themis.core.errors import InvalidArgumentError

if TYPE_CHECKING:
    from themis.core.base import JSONValue
    from themis.core.experiment import Experiment

_DATABASES = (".sqlite3", ".sqlite", ".db")
_FIELDS = ("input", "expected_output", "choices", "answer", "case_id")


def _fields_of_an_answer(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that say where the expected output is, or the choices and the right one."""
    for name, text in (
        ("--answer-field", "The same of the right choice: its number from 0, its letter or its text."),
        ("--choices-field", "The same of the choices."),
        ("--expected-output-field", "The same of the expected output."),
    ):
        function = click.option(name, metavar="PATH", help=text)(function)
    return function


def _fields(given: dict[str, Any]) -> dict[str, str]:
    """Return the paths that were given, by the names of the fields."""
    return {name: path for name in _FIELDS if (path := given.get(f"{name}_field")) is not None}


@group(
    "quick-eval",
    "themis quick-eval inline --model openai/gpt-5.4-mini --input 'What is 6 times 7?' --expected-output 42",
    "themis quick-eval file --path questions.jsonl --model ollama/gemma3",
    "themis quick-eval benchmark --name gsm8k --path gsm8k.jsonl --model ollama/gemma3",
)
def quick_eval() -> None:
    """Put questions, one or a file, a split or a named benchmark of them, to a model, without a config file."""


@command(
    "inline",
    "themis quick-eval inline --model openai/gpt-5.4-mini --input 'What is 6 times 7?' --expected-output 42",
    """themis quick-eval inline --input-json '{"question": "6 * 7"}' --expected-output-json 42""",
)
@click.option("--input", "text", metavar="TEXT", help="The input, as a text.")
@click.option("--input-json", "json_text", metavar="JSON", help="The input, as JSON.")
@click.option("--expected-output", "expected_text", metavar="TEXT", help="What the answer should be, as a text.")
@click.option("--expected-output-json", "expected_json", metavar="JSON", help="The same as JSON.")
@asked_options
def inline(
    *,
    text: str | None,
    json_text: str | None,
    expected_text: str | None,
    expected_json: str | None,
    asked: Asked,
) -> int:
    """Put one question to a model. Without an expected output the answer is scored only if you name a metric."""
    from themis.core.dataset_inputs import dataset_from_inline

    if text is None and json_text is None:
        raise InvalidArgumentError(argument="--input", detail="is missing: give the question, or --input-json")
    value = _value("--input", text, json_text)
    expected = _value("--expected-output", expected_text, expected_json)
    dataset = dataset_from_inline(input_value=value, expected_output=expected)
    return _evaluated(dataset, asked, is_scored=expected is not None or bool(asked.metrics))


@command(
    "file",
    "themis quick-eval file --path questions.jsonl --model openai/gpt-5.4-mini",
    "themis quick-eval file --path gsm8k.jsonl --input-field question --expected-output-field answer"
    " --parser builtin/math_answer --metric builtin/math_equivalence --model vllm/Qwen/Qwen3-8B",
)
@click.option(
    "--path", required=True, type=click.Path(path_type=Path), metavar="FILE", help="JSONL, JSON, CSV, TSV, Parquet."
)
@click.option("--input-field", metavar="PATH", help="Where the input is in a line or row, as a dotted path.")
@_fields_of_an_answer
@asked_options
def file(*, path: Path, asked: Asked, **given: Any) -> int:
    """Put the cases of a file to a model. The dataset is named by the file, without its ending."""
    from themis.core.config import DatasetFile
    from themis.core.configuration.config_file import validate

    fields = _fields(given)
    raw = {
        "dataset_id": path.name.split(".")[0] or path.name,
        "path": str(path.expanduser().absolute()),
        "fields": {"input": "input", **fields} if fields else None,
    }
    return _evaluated(validate(DatasetFile, raw, where="--path"), asked, is_scored=True)


@command(
    "huggingface",
    "themis quick-eval huggingface --dataset openai/gsm8k --config main --split test --input-field question"
    " --expected-output-field answer --parser builtin/math_answer --metric builtin/math_equivalence",
    "themis quick-eval huggingface --dataset ./saved --split test --input-field question --sample 50",
)
@click.option("--dataset", "name", required=True, metavar="D", help="Name on the hub, or a folder such as ./saved.")
@click.option("--split", required=True, metavar="S", help="Split, such as test.")
@click.option("--config", "config_name", metavar="C", help="The hub's name of a part of the data set.")
@click.option("--revision", metavar="R", help="Branch, tag or commit.  [default: main]")
@click.option("--input-field", required=True, metavar="PATH", help="Where the input is in a row, as a dotted path.")
@_fields_of_an_answer
@click.option("--case-id-field", metavar="PATH", help="The same of the id.")
@click.option("--sample", "sample", type=click.IntRange(min=1), metavar="N", help="Take N cases at random.")
@asked_options
def huggingface(*, asked: Asked, **given: Any) -> int:
    """Put a split of the Hugging Face hub, or of a folder in its formats, to a model."""
    from themis.core.config import DatasetOnHub
    from themis.core.configuration.config_file import validate

    split = {"name": given["name"], "config": given["config_name"], "split": given["split"]}
    fields = _fields(given)
    raw = {
        "dataset_id": ":".join(part for part in split.values() if part),
        "huggingface": {**split, "revision": given["revision"]},
        "fields": fields,
        "sample": None if given["sample"] is None else {"size": given["sample"]},
    }
    is_scored = not fields.keys().isdisjoint({"expected_output", "answer"})
    return _evaluated(validate(DatasetOnHub, raw, where="--dataset"), asked, is_scored=is_scored)


@command(
    "benchmark",
    "themis quick-eval benchmark --name gsm8k --path gsm8k.jsonl --limit 100 --model openai/gpt-5.4-mini",
    "themis quick-eval benchmark --name arc:challenge_chat --path ARC-Challenge.parquet --model vllm/Qwen/Qwen3-8B",
)
@click.option("--name", required=True, metavar="B", help="The benchmark, with its variant after a colon.")
@click.option("--path", metavar="FILE", help="A file with its cases as its source has them, in place of the hub.")
@click.option("--examples", metavar="FILE", help="A file with the examples in its prompt, if it shows some.")
@click.option("--shots", type=click.IntRange(1), metavar="N", help="Show N examples, in place of the usual number.")
@click.option("--limit", type=click.IntRange(1), metavar="N", help="Ask only about the first N cases.")
@asked_options
def benchmark(
    *, name: str, path: str | None, examples: str | None, shots: int | None, limit: int | None, asked: Asked
) -> int:
    """Put a named benchmark to a model, by its own prompt, parser and metric; `themis catalog list` shows all.

    Without --model the demo model answers, which knows every answer.
    """
    from themis.catalog.files import runnable_benchmark

    spec: dict[str, Any] = {"benchmark": runnable_benchmark(name).benchmark_id}
    for key, file in (("path", path), ("examples", examples)):
        if file is not None:
            spec[key] = str(Path(file).expanduser().absolute())
    if shots is not None:
        spec["few_shot"] = {"k": shots}
    if limit is not None:
        spec["slice"] = {"stop": limit}
    code = _evaluated(spec, asked, is_scored=True)
    if asked.model == DEFAULT_MODEL and is_for_people(as_json=asked.as_json):
        note("the demo model answered, which knows every answer; ask another by --model PROVIDER/MODEL")
    return code


for member in (inline, file, huggingface, benchmark):
    quick_eval.add_command(member)


def _value(option: str, text: str | None, json_text: str | None) -> "JSONValue":
    """Return the value of an option that is given as a text or as JSON; None when it is not given."""
    if json_text is None:
        return text
    if text is not None:
        raise InvalidArgumentError(argument=option, detail=f"give it or {option}-json, not both")
    from themis.core.datasets.strict_json import parse_strictly

    try:
        return parse_strictly(json_text.encode("utf-8", "surrogateescape"))
    except ValueError as error:
        detail = f"{error}; a text needs quotes in JSON, or {option} instead"
        raise InvalidArgumentError(argument=f"{option}-json", detail=detail) from None


def _evaluated(dataset: Any, asked: Asked, *, is_scored: bool) -> int:
    """Run the experiment that was asked for, print its result, and return the exit code."""
    from themis.cli.terminal.component_output import expect_components

    expect_components()
    experiment = _experiment(dataset, asked, is_scored=is_scored)
    experiment.compile()
    with closing(experiment.open_store()) as store:
        execution = begun()
        result = carry_out(experiment, store, "judge", quiet=asked.quiet, wait=False, progress=execution.progress)
        cost = priced(result.spends.values())
        if is_for_people(as_json=asked.as_json):
            from themis.cli.begin.answers import say_answers

            say_answers(result)
            say_end(result, cost, execution)
            say_next(result, experiment.storage)
        else:
            emit(document(result, cost))
        explain_failures(result)
        explain_cost(cost)
    return exit_code(result)


def _experiment(dataset: Any, asked: Asked, *, is_scored: bool) -> "Experiment":
    from themis.adapters.model_names import ModelOptions, generator_of
    from themis.core.components.resolution import make_importable
    from themis.core.config import ExperimentConfig
    from themis.core.configuration.benchmarks import with_benchmarks
    from themis.core.configuration.config_file import validate
    from themis.core.experiment import Experiment

    make_importable(Path.cwd())
    options = ModelOptions(dict(asked.params), asked.base_url, asked.api_key)
    generation: dict[str, Any] = {"generator": generator_of(asked.model, options)}
    if asked.samples > 1:
        generation["candidate_policy"] = {"num_samples": asked.samples}
    if asked.task is not None:
        generation["task"] = asked.task
    raw: dict[str, Any] = {
        "generation": generation,
        "evaluation": _evaluation(asked, is_scored=is_scored, is_benchmark=isinstance(dataset, dict)),
        "storage": _storage(asked.store),
        "runtime": {} if asked.max_concurrent is None else {"max_concurrent_tasks": asked.max_concurrent},
        "datasets": [dataset],
    }
    raw = with_benchmarks(raw, where="quick-eval")
    usual: dict[str, Any] = {"candidate_policy": {"num_samples": asked.samples}}
    if raw["generation"].get("task") != CONTINUATIONS:
        usual["reducer"] = "builtin/majority_vote"
    config = validate(ExperimentConfig, {**raw, "generation": {**usual, **raw["generation"]}}, where="quick-eval")
    return Experiment(**{name: getattr(config, name) for name in ExperimentConfig.model_fields})


def _evaluation(asked: Asked, *, is_scored: bool, is_benchmark: bool) -> dict[str, Any]:
    """Return the metrics and the parser that were asked for; of a benchmark only those that replace its own."""
    found: dict[str, Any] = {}
    is_of_choices = asked.task == CONTINUATIONS
    if asked.metrics or not is_benchmark:
        usual = CONTINUATIONS_METRIC if is_of_choices else DEFAULT_METRIC
        found["metrics"] = list(asked.metrics or (usual,)) if is_scored else []
    if asked.parser is not None or not (is_benchmark or is_of_choices):
        found["parsers"] = [asked.parser or DEFAULT_PARSER]
    return found


def _storage(store: str) -> dict[str, Any]:
    """Return the storage that `--store` stands for: a kind that needs no settings, a SQLite file, or a database."""
    if store == "memory":
        return {"store": store}
    if (elsewhere := storage_in(store)) is not None:
        return elsewhere
    if store == DEFAULT_STORE_KIND:
        path = str(STORE_DEFAULTS[store]["path"])
    else:
        path = store
        if Path(store).suffix not in _DATABASES:
            detail = f"{store!r} is neither memory nor a database: its name must end in {', '.join(_DATABASES)}"
            raise InvalidArgumentError(argument="--store", detail=detail)
    return {"store": DEFAULT_STORE_KIND, "parameters": {"path": str(Path(path).expanduser().absolute())}}
