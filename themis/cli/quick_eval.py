"""`themis quick-eval`: a model and data from the command line, without a config file."""

from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from themis.cli.begin.asked import DEFAULT_METRIC, Asked, asked_options
from themis.cli.command import command, group
from themis.cli.costs import explain_cost, priced
from themis.cli.exit_status import document, exit_code, explain_failures
from themis.cli.run import carry_out
from themis.cli.terminal.output import emit, is_for_people
from themis.core.configuration.default_paths import DEFAULT_STORE_KIND, STORE_DEFAULTS
from themis.core.errors import InvalidArgumentError

if TYPE_CHECKING:
    from themis.core.base import JSONValue
    from themis.core.experiment import Experiment

_DATABASES = (".sqlite3", ".sqlite", ".db")


@group(
    "quick-eval",
    "themis quick-eval inline --model openai/gpt-5.4-mini --input 'What is 6 times 7?' --expected-output 42",
    "themis quick-eval file --path questions.jsonl --model ollama/gemma3",
)
def quick_eval() -> None:
    """Put one question, or a file of them, to a model and score the answers; no config file is needed."""


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
@click.option("--expected-output-field", metavar="PATH", help="The same of the expected output.")
@asked_options
def file(*, path: Path, input_field: str | None, expected_output_field: str | None, asked: Asked) -> int:
    """Put the cases of a file to a model. The dataset is named by the file, without its ending."""
    from themis.core.config import DatasetFile
    from themis.core.configuration.config_file import validate

    fields = {"input": input_field or "input"}
    if expected_output_field is not None:
        fields["expected_output"] = expected_output_field
    raw = {
        "dataset_id": path.name.split(".")[0] or path.name,
        "path": str(path.expanduser().absolute()),
        "fields": fields if input_field is not None or expected_output_field is not None else None,
    }
    return _evaluated(validate(DatasetFile, raw, where="--path"), asked, is_scored=True)


for member in (inline, file):
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
        result = carry_out(experiment, store, "judge", quiet=asked.quiet, wait=False)
        cost = priced(result.spends.values())
        if is_for_people(as_json=asked.as_json):
            from themis.cli.begin.answers import say_answers

            say_answers(result, cost)
        else:
            emit(document(result, cost))
        explain_failures(result)
        explain_cost(cost)
    return exit_code(result)


def _experiment(dataset: Any, asked: Asked, *, is_scored: bool) -> "Experiment":
    from themis.adapters.model_names import ModelOptions, generator_of
    from themis.core.components.resolution import make_importable
    from themis.core.config import EvaluationConfig, GenerationConfig, RuntimeConfig, StorageConfig
    from themis.core.configuration.config_file import validate
    from themis.core.experiment import Experiment

    make_importable(Path.cwd())
    options = ModelOptions(dict(asked.params), asked.base_url, asked.api_key)
    generation = {
        "generator": generator_of(asked.model, options),
        "candidate_policy": {"num_samples": asked.samples},
        "reducer": "builtin/majority_vote",
    }
    metrics = list(asked.metrics or (DEFAULT_METRIC,)) if is_scored else []
    limits = {} if asked.max_concurrent is None else {"max_concurrent_tasks": asked.max_concurrent}
    where = "quick-eval"
    return Experiment(
        generation=validate(GenerationConfig, generation, where=where),
        evaluation=validate(EvaluationConfig, {"metrics": metrics, "parsers": [asked.parser]}, where=where),
        storage=validate(StorageConfig, _storage(asked.store), where=where),
        runtime=validate(RuntimeConfig, limits, where=where),
        datasets=[dataset],
    )


def _storage(store: str) -> dict[str, Any]:
    """Return the storage that `--store` stands for: a kind that needs no settings, or a SQLite file."""
    if store == "memory":
        return {"store": store}
    if store == DEFAULT_STORE_KIND:
        path = str(STORE_DEFAULTS[store]["path"])
    else:
        path = store
        if Path(store).suffix not in _DATABASES:
            detail = f"{store!r} is neither memory nor a database: its name must end in {', '.join(_DATABASES)}"
            raise InvalidArgumentError(argument="--store", detail=detail)
    return {"store": DEFAULT_STORE_KIND, "parameters": {"path": str(Path(path).expanduser().absolute())}}
