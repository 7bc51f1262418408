"""Mistakes in config files and in the options that change them."""

from tests.acceptance.mistakes.lab import Doing, Lab
from tests.acceptance.mistakes.table import Mistake
from tests.support.command_here import Done


def words(*said: str) -> Doing:
    return lambda lab: lab(*said)


def setting(*settings: str, command: str = "run") -> Doing:
    return lambda lab: lab.run(*settings, command=command)


def variable_in_a_prompt(lab: Lab) -> Done:
    return lab.run("generation.prompt_spec={instructions: '${NOPE} hi'}")


def json_config(lab: Lab) -> Done:
    lab.write("c.json", "{}")
    return lab("run", "--config", "c.json")


CONFIG = ("--config", "base.yaml")
MISTAKES = [
    Mistake(
        "1", "a wrong file name", "A", words("run", "--config", "bas.yaml"), 2, ("bas.yaml: cannot be read: No such",)
    ),
    Mistake(
        "2",
        "the config as a positional argument",
        "works",
        words("run", "base.yaml"),
        0,
        ('"status":"completed"',),
    ),
    Mistake(
        "3",
        "a typo in a key",
        "A",
        setting("generation.generater=x"),
        2,
        ("base.yaml: unknown key 'generation.generater'; did you mean \"generator\"?",),
    ),
    Mistake(
        "4",
        "a typo in a key of a policy",
        "A",
        setting("generation.candidate_policy.num_sample=3"),
        2,
        ("base.yaml: generation.candidate_policy: unknown key 'num_sample'; did you mean 'num_samples'?",),
    ),
    Mistake(
        "5",
        "a word for a number",
        "A",
        setting("generation.candidate_policy.num_samples=three"),
        2,
        ("base.yaml: generation.candidate_policy.num_samples must be a whole number of at least 1, not 'three'",),
    ),
    Mistake(
        "6",
        "zero",
        "A",
        setting("runtime.max_concurrent_tasks=0"),
        2,
        ("base.yaml: runtime.max_concurrent_tasks: must be greater than 0, not 0",),
    ),
    Mistake(
        "7",
        "a text for a list",
        "A",
        setting("evaluation.metrics=builtin/exact_match"),
        2,
        ("evaluation.metrics: must be a list, not 'builtin/exact_match'; write [builtin/exact_match]",),
    ),
    Mistake(
        "8",
        "a typo in the id of a metric",
        "A",
        setting("evaluation.metrics.0=builtin/exactmatch"),
        2,
        ("evaluation.metrics.0: no component 'builtin/exactmatch'; did you mean \"builtin/exact_match\"?",),
    ),
    Mistake(
        "36",
        "a path that begins with ~",
        "works",
        setting("datasets=[{dataset_id: d, path: ~/q.jsonl}]"),
        2,
        ("/home-of-a-test/q.jsonl: cannot be read",),
    ),
    Mistake(
        "36b",
        "a URL for a path",
        "A",
        setting("datasets=[{dataset_id: d, path: 'https://example.org/x.jsonl'}]"),
        2,
        ("base.yaml: datasets.0.path: is a URL; download the file and name it here",),
    ),
    Mistake(
        "37",
        "a typo in the provider of a limit",
        "A",
        setting("runtime.provider_rate_limits={opneai: 60}"),
        0,
        ("runtime.provider_rate_limits: 'opneai' limits nothing: no generator of this run names a provider",),
    ),
    Mistake(
        "38",
        "a variable of the environment in a prompt",
        "A",
        variable_in_a_prompt,
        0,
        ("base.yaml: generation.prompt_spec.instructions: ${NOPE} stays as it is written", "only under `with`"),
    ),
    Mistake(
        "39",
        "fewer seeds than candidates",
        "A",
        setting("generation.candidate_policy.num_samples=3", "seeds=[1]"),
        2,
        ("base.yaml: seeds: there are 1, but 3 candidates per case; give one for each, or none",),
    ),
    Mistake(
        "40",
        "a store in memory for a worker",
        "A",
        setting("storage.store=memory", command="submit"),
        2,
        ("storage.store: 'memory' cannot be reached by a worker in another process; use sqlite to submit",),
    ),
    Mistake(
        "41",
        "worker_pool for worker-pool",
        "works",
        words("submit", *CONFIG, "--mode", "worker_pool"),
        0,
        ('"mode":"worker_pool"',),
    ),
    Mistake(
        "43",
        "an unknown command",
        "A",
        words("submitt"),
        2,
        ("no command 'submitt'; did you mean \"submit\"?", "themis --help"),
    ),
    Mistake(
        "44",
        "an unknown option",
        "A",
        words("run", *CONFIG, "--model", "gpt-4"),
        2,
        ("option '--model'",),
        never=("'--help'", "?;"),
    ),
    Mistake(
        "45",
        "--set without =",
        "A",
        words("run", *CONFIG, "--set", "num_samples"),
        2,
        ("override 'num_samples': has no =; write it as key.path=value",),
    ),
    Mistake(
        "46",
        "--set with broken YAML",
        "A",
        setting("seeds=[1,2"),
        2,
        ("override 'seeds=[1,2': its value is not YAML: did not find expected ',' or ']'",),
    ),
    Mistake(
        "47",
        "--set below a plain id",
        "A",
        setting("generation.generator.with.x=1"),
        2,
        (
            "generation.generator is a plain id; write it as ",
            "generation.generator={use: builtin/demo_generator, with: {x: …}}",
        ),
    ),
    Mistake(
        "48",
        "--set beyond the end of a list",
        "A",
        setting("datasets.1.dataset_id=x"),
        2,
        ("override 'datasets.1.dataset_id=x': datasets has 1 item, 0, and none '1'",),
    ),
    Mistake(
        "49",
        "a time in words",
        "A",
        words("submit", *CONFIG, "--not-before", "tomorrow"),
        2,
        ("'tomorrow' is neither a time (2027-01-31T08:00 in this machine's zone", "nor a delay (90s, 10m, 2h30m, 1d)"),
    ),
    Mistake(
        "50",
        "a priority in words",
        "A",
        words("submit", *CONFIG, "--priority", "high"),
        2,
        ("'--priority': 'high' is not a whole number from 0 to 9",),
    ),
    Mistake("82", "a config in JSON", "A", json_config, 2, ("c.json: a config file ends in .yaml, .yml or .toml",)),
]
