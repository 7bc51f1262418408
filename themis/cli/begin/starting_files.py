"""Files of a small experiment to start from: with the model that knows every answer, or with one of a provider."""

import json
from dataclasses import dataclass

from themis.adapters.model_names import PROVIDERS

CONFIG = "experiment.yaml"

_DEMO = """\
# Run it with    themis run experiment.yaml
# or queue it:   themis submit experiment.yaml

generation:
  generator: builtin/demo_generator   # not a real model: it knows every answer; your own is package.module:name
evaluation:
  parsers: [builtin/json_identity]    # finds the answer in the model's output
  metrics: [builtin/exact_match]      # 1 when the answer is the expected one, else 0
storage:
  store: sqlite                       # runs/themis.sqlite3, beside this file
datasets:
  - dataset_id: sample
    path: data/sample.jsonl           # one case per line
"""

_DEMO_SAMPLE = """\
{"case_id": "france", "input": "What is the capital of France?", "expected_output": "Paris"}
{"case_id": "japan", "input": "What is the capital of Japan?", "expected_output": "Tokyo"}
{"case_id": "kenya", "input": "What is the capital of Kenya?", "expected_output": "Nairobi"}
"""

_ASKING = """\
# See whether the model answers:   themis model check experiment.yaml
# Run it:                          themis run experiment.yaml
# Try it without a model:          themis run experiment.yaml --set generation.generator=builtin/demo_generator

generation:
  generator:
    use: {use}
    with:
      model_id: {model}
{arguments}      # params: {{temperature: 0, max_tokens: 512}}   # only what is written here is sent
  prompt_spec:
    instructions: 'Solve the problem. End with a line "Answer: " and the number alone.'
evaluation:
  parsers: [builtin/math_answer]       # what follows "Answer:"
  metrics: [builtin/math_equivalence]  # 1 when that is the right number, else 0
storage:
  store: sqlite                        # runs/themis.sqlite3, beside this file
datasets:
  - dataset_id: sample
    path: data/sample.jsonl            # one case per line
"""

_PROBLEMS = """\
{"case_id": "pens", "input": "A pen costs 2 euros and a notebook costs three times as much. How many euros do 4 pens and 2 notebooks cost?", "expected_output": 20}
{"case_id": "train", "input": "A train leaves at 9:40 and arrives at 11:05. It stands still for 10 minutes on the way. For how many minutes does it move?", "expected_output": 75}
{"case_id": "eggs", "input": "Nine hens lay 5 eggs each per week. How many boxes of 6 do the eggs of four weeks fill?", "expected_output": 30}
"""  # noqa: E501  # a case is one line

_RUN = '''\
"""Run the experiment beside this file, and print the score of each case."""

from pathlib import Path

from themis import Experiment
from themis.core import Score

result = Experiment.from_config(Path(__file__).with_name("experiment.yaml")).run()
print(f"{result.run_id[:12]} {result.status}: {result.progress.completed_cases} of {result.progress.total_cases} cases")
for case in result.cases:
    for score in case.scores:
        print(case.case_id, score.metric_id, "=", f"{score.value:g}" if isinstance(score, Score) else score.reason)
'''


@dataclass(frozen=True, slots=True)
class Start:
    """Provider to start with.

    Attributes:
        model: a model of it, unless the user names one.
        before: what to do before the model can be asked, with `{model}` for its name.
        extra: the extra of the package with the provider's client library.
    """

    model: str
    before: str
    extra: str


STARTS: dict[str, Start] = {
    "openai": Start("gpt-5.4-mini", "export OPENAI_API_KEY=…", "openai"),
    "anthropic": Start("claude-haiku-5-5", "export ANTHROPIC_API_KEY=…", "anthropic"),
    "vllm": Start("Qwen/Qwen3-0.6B", "vllm serve {model}", "vllm"),
    "ollama": Start("gemma3:270m", "ollama pull {model}", "openai"),
}
"""Providers that a starting experiment is written for."""


DEMO = "demo"
"""Name of the built-in model that knows every answer, beside those of the providers."""


def files_of(provider: str, model: str | None) -> dict[str, str]:
    """Return the text of each file by its path: for a provider's model, or for the one that knows every answer."""
    from themis.core.configuration.json_schema import SCHEMA_FILE, SCHEMA_LINE, config_schema

    beside = {"run.py": _RUN, SCHEMA_FILE: json.dumps(config_schema(), indent=1) + "\n"}
    if provider == DEMO:
        return {CONFIG: f"{SCHEMA_LINE}\n{_DEMO}", "data/sample.jsonl": _DEMO_SAMPLE, **beside}
    known = PROVIDERS[provider]
    arguments = [f"{name}: {value}" for name, value in known.arguments.items()]
    if known.key_variable is not None:
        arguments.append(f"api_key: env:{known.key_variable}   # read when the experiment runs, and never stored")
    config = _ASKING.format(
        use=known.use,
        model=_scalar(model or STARTS[provider].model),
        arguments="".join(f"      {line}\n" for line in arguments),
    )
    return {CONFIG: f"{SCHEMA_LINE}\n{config}", "data/sample.jsonl": _PROBLEMS, **beside}


def next_steps(provider: str, model: str | None, config: str, *, ready: bool, command: str = "themis") -> list[str]:
    """Return the commands that come next, as a user types them.

    Args:
        provider: one of `STARTS`, or `DEMO`.
        model: the model; None for the usual one.
        config: the path of the config file, quoted for a shell.
        ready: whether its key is set or its server has the model, so that nothing is to be done before.
        command: the beginning of a command line of ours.
    """
    run = f"{command} run {config}"
    if provider == DEMO:
        return [run]
    start = STARTS[provider]
    before = [] if ready else [start.before.format(model=model or start.model)]
    return [*before, f"{command} model check {config}", run]


def _scalar(text: str) -> str:
    """Return a text as YAML writes it in a mapping."""
    import yaml

    return str(yaml.safe_dump(text, width=len(text) + 2, allow_unicode=True)).removesuffix("\n").removesuffix("\n...")
