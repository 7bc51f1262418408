"""Mistakes in components of one's own, and in how they are named."""

from tests.acceptance.mistakes.components import COMPONENTS
from tests.acceptance.mistakes.lab import Doing, Lab
from tests.acceptance.mistakes.table import Mistake
from tests.support.command_here import Done


def generator(name: str, *, checked: bool = False) -> Doing:
    setting = f"generation.generator={name}"
    return lambda lab: lab.validate(setting) if checked else lab.run(setting)


def metric(name: str, *, checked: bool = False) -> Doing:
    setting = f"evaluation.metrics=[{name}]"
    return lambda lab: lab.validate(setting) if checked else lab.run(setting)


def edited(lab: Lab) -> Done:
    assert lab.run("generation.generator=comps:Good").code == 0
    lab.write("comps.py", COMPONENTS.replace("final_output=case.expected_output", "final_output='x'"))
    return lab.run("generation.generator=comps:Good")


def without_the_key(command: str) -> Doing:
    def doing(lab: Lab) -> Done:
        keyed = {"generator": {"use": "comps:Keyed", "with": {"key": "env:KEY_OF_THE_MISTAKES"}}}
        config = lab.config("keyed.yaml", generation=keyed)
        if command not in {"run", "estimate"}:
            lab("run", "--config", config, KEY_OF_THE_MISTAKES="sesame-open-1")
        return lab(command, "--config", config)

    return doing


def refused_each_time(lab: Lab) -> Done:
    lab.write("q.jsonl", "".join(f'{{"id": "{number}", "question": "x", "answer": "y"}}\n' for number in range(200)))
    return lab.run("generation.generator=comps:Refused", "runtime.max_concurrent_tasks=4")


MISTAKES = [
    Mistake(
        "9",
        "a class that is not there",
        "A",
        generator("comps:Nope"),
        2,
        ("generation.generator: cannot import 'comps:Nope': module comps has no 'Nope'",),
    ),
    Mistake(
        "9b",
        "a typo in the name of a class",
        "A",
        generator("comps:NoGne"),
        2,
        ("module comps has no 'NoGne'; did you mean \"NoGen\"?",),
    ),
    Mistake(
        "10",
        "a module that is not there",
        "A",
        generator("compz:NoGen"),
        2,
        ("cannot import 'compz:NoGen': ", "No module named 'compz' in ", '; did you mean "comps"?'),
    ),
    Mistake(
        "11",
        "a dot for a colon",
        "A",
        generator("comps.NoGen"),
        2,
        ("generation.generator: no component 'comps.NoGen'; did you mean comps:NoGen?",),
    ),
    Mistake(
        "12",
        "the name of a provider, guessed",
        "A",
        generator("builtin/openai"),
        2,
        ("generation.generator: no component 'builtin/openai'",),
        never=("builtin/text", "builtin/contains"),
    ),
    Mistake(
        "12b",
        "a model in place of a generator",
        "A",
        generator("openai/gpt-4.1"),
        2,
        ("no component 'openai/gpt-4.1'; write {use: openai, with: {model_id: gpt-4.1}}",),
    ),
    Mistake(
        "13",
        "a metric for a generator",
        "A",
        generator("builtin/exact_match"),
        2,
        ("generation.generator: 'builtin/exact_match' is not a generator: it has no generate",),
    ),
    Mistake(
        "14",
        "a missing method",
        "A",
        generator("comps:NoGen"),
        2,
        ("'m/nogen' is not a generator: it has no generate",),
    ),
    Mistake(
        "15",
        "a missing fingerprint",
        "A",
        generator("comps:NoFinger"),
        2,
        ("'m/nf' is not a generator: it has no fingerprint",),
    ),
    Mistake(
        "16",
        "a generate that is not asynchronous",
        "A",
        generator("comps:SyncGen", checked=True),
        2,
        ("generation.generator: 'm/sync': generate must be asynchronous: write async def generate",),
    ),
    Mistake(
        "17",
        "a dict for a result",
        "A",
        generator("comps:DictGen"),
        3,
        ("the first: case 'a': generation_failure: m/dict returned dict instead of a GenerationResult",),
    ),
    Mistake(
        "18",
        "a bug in a generator",
        "A",
        generator("comps:BugGen"),
        3,
        (
            "case 'a': generation_failure: KeyError: 'choices' (comps.py:",
            " in answer_of); THEMIS_DEBUG=1 shows the traceback",
        ),
    ),
    Mistake(
        "19",
        "a metric that is asynchronous",
        "A",
        metric("comps:AsyncMetric", checked=True),
        2,
        ("evaluation.metrics.0: 'm/am': score must not be asynchronous: write def score",),
    ),
    Mistake(
        "19b",
        "a metric that hands on a coroutine",
        "A",
        metric("comps:HiddenAsyncMetric"),
        0,
        ("score_failure: m/ham returned coroutine instead of a Score",),
    ),
    Mistake(
        "20",
        "a metric that returns a bool",
        "A",
        metric("comps:BoolMetric"),
        0,
        ("2 of 2 cases failed; the first: case 'a': score_failure: m/bm returned bool instead of a Score",),
    ),
    Mistake(
        "21",
        "a metric that gives NaN",
        "A",
        metric("comps:NaNMetric"),
        0,
        (
            "score_failure: Score: value must be a finite number, not nan; return a ScoreError where there is no score",
            "(comps.py:",
        ),
    ),
    Mistake(
        "22",
        "a function for a generator",
        "A",
        generator("comps:func", checked=True),
        2,
        ("'comps:func': is a function, not a generator; write {use: callable, with: {target: comps:func}}",),
    ),
    Mistake(
        "22b",
        "a function for a metric",
        "A",
        metric("comps:func", checked=True),
        2,
        ("'comps:func': is a function, not a metric; write a class with component_id, version, fingerprint() and",),
    ),
    Mistake(
        "23",
        "a class that needs an argument",
        "A",
        generator("comps:Temp", checked=True),
        2,
        ("'comps:Temp': needs 'temperature': write {use: comps:Temp, with: {temperature: …}}",),
    ),
    Mistake(
        "23b",
        "a typo in an argument",
        "A",
        generator("{use: comps:Temp, with: {temprature: 1}}", checked=True),
        2,
        ("'comps:Temp': has no argument 'temprature'; did you mean \"temperature\"?",),
    ),
    Mistake(
        "72", "a report without the key of the model", "works", without_the_key("report"), 0, ('"status":"completed"',)
    ),
    Mistake("72b", "an estimate without it", "works", without_the_key("estimate"), 0, ('"total_cases":2',)),
    Mistake(
        "72c",
        "a run without it",
        "A",
        without_the_key("run"),
        2,
        ("generation.generator: the secret KEY_OF_THE_MISTAKES is not set; set it in the environment of the process",),
    ),
    Mistake(
        "74",
        "an edited generator with the same fingerprint",
        "A",
        edited,
        0,
        ("was edited (comps.py), its fingerprint is the same: results from before the edit are kept; set ",),
    ),
    Mistake(
        "83",
        "every call is refused",
        "A",
        generator("comps:Refused"),
        3,
        ("generation_failure: RuntimeError: 401 Unauthorized: invalid API key (comps.py:",),
    ),
    Mistake(
        "83b",
        "every call of very many is refused",
        "A",
        refused_each_time,
        3,
        ("the run stopped, as ", " times in a row in the same way", "401 Unauthorized"),
    ),
]
