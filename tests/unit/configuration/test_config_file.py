"""A config file, as YAML or as TOML, and the overrides of its keys."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from themis.core.config import GenerationConfig
from themis.core.configuration import value_bounds
from themis.core.configuration.config_file import load_config
from themis.core.errors import ConfigError, OverrideError, UnknownConfigKeyError

BASE = """\
generation: {generator: builtin/demo_generator}
evaluation: {metrics: [builtin/exact_match, builtin/f1]}
"""

IN_YAML = """\
generation:
  generator: {use: "package.module:make", with: {temperature: 0.5}}
  candidate_policy: {num_samples: 2}
  prompt_spec: {instructions: Answer., blocks: [{title: Hint, text: none}]}
evaluation: {metrics: [builtin/exact_match], parsers: [builtin/text]}
storage: {store: sqlite, parameters: {path: results.sqlite3}}
runtime: {max_concurrent_tasks: 4, queue_root: jobs, provider_rate_limits: {lab: 60}}
datasets:
  - {dataset_id: listed, cases: [{case_id: a, input: {q: 1}, expected_output: [1, 2]}]}
  - {dataset_id: named, path: data/cases.jsonl, fields: {input: question}}
seeds: [1, 2]
environment_metadata: {made: 2024-01-02}
"""

IN_TOML = """\
seeds = [1, 2]
[generation]
generator = {use = "package.module:make", with = {temperature = 0.5}}
candidate_policy = {num_samples = 2}
prompt_spec = {instructions = "Answer.", blocks = [{title = "Hint", text = "none"}]}
[evaluation]
metrics = ["builtin/exact_match"]
parsers = ["builtin/text"]
[storage]
store = "sqlite"
parameters = {path = "results.sqlite3"}
[runtime]
max_concurrent_tasks = 4
queue_root = "jobs"
provider_rate_limits = {lab = 60}
[[datasets]]
dataset_id = "listed"
cases = [{case_id = "a", input = {q = 1}, expected_output = [1, 2]}]
[[datasets]]
dataset_id = "named"
path = "data/cases.jsonl"
fields = {input = "question"}
[environment_metadata]
made = 2024-01-02
"""


def _written(folder: Path, text: str | bytes, name: str = "experiment.yaml") -> Path:
    file = folder / name
    file.write_bytes(text.encode() if isinstance(text, str) else text)
    return file


def _problem(file: Path, *overrides: str) -> str:
    with pytest.raises(ConfigError) as caught:
        load_config(file, overrides=overrides)
    message = str(caught.value)
    assert "\n" not in message
    return message


def _loaded(file: Path, *overrides: str) -> dict[str, Any]:
    return load_config(file, overrides=overrides).model_dump()


def test_yaml_and_toml_that_say_the_same_are_the_same_config(tmp_path: Path) -> None:
    from_yaml = load_config(_written(tmp_path, IN_YAML))
    assert load_config(_written(tmp_path, IN_TOML, "experiment.toml")) == from_yaml
    assert from_yaml.environment_metadata == {"made": "2024-01-02"}
    assert from_yaml.generation.candidate_policy == {"num_samples": 2}


def test_a_byte_order_mark_and_the_short_suffix_are_fine(tmp_path: Path) -> None:
    file = _written(tmp_path, b"\xef\xbb\xbf" + BASE.encode(), "experiment.yml")
    assert load_config(file).generation.generator == "builtin/demo_generator"


def test_relative_paths_are_beside_the_file_and_absolute_ones_stay(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "configs").mkdir()
    _written(tmp_path / "configs", IN_YAML + "\n")
    monkeypatch.chdir(tmp_path)
    config = load_config("configs/experiment.yaml", overrides=["runtime.batch_root=/elsewhere/batch"])
    folder = tmp_path / "configs"
    assert config.storage.parameters == {"path": str(folder / "results.sqlite3")}
    assert config.runtime.queue_root == str(folder / "jobs")
    assert config.runtime.batch_root == "/elsewhere/batch"
    assert config.datasets[1].model_dump()["path"] == str(folder / "data/cases.jsonl")


def test_what_is_not_said_lies_in_runs_beside_the_file(tmp_path: Path) -> None:
    config = load_config(_written(tmp_path, BASE))
    assert config.storage.store == "sqlite"
    assert config.storage.parameters == {"path": str(tmp_path / "runs/themis.sqlite3")}
    assert config.runtime.queue_root == str(tmp_path / "runs/queue")
    assert config.runtime.batch_root == str(tmp_path / "runs/batch")


@pytest.mark.parametrize(
    ("override", "section", "key", "expected"),
    [
        ("runtime.max_attempts=7", "runtime", "max_attempts", 7),
        ("runtime.timeout_s=1.5", "runtime", "timeout_s", 1.5),
        ("generation.reducer=builtin/majority_vote", "generation", "reducer", "builtin/majority_vote"),
        ("generation.candidate_policy.num_samples=4", "generation", "candidate_policy", {"num_samples": 4}),
        ("evaluation.metrics=[builtin/bleu]", "evaluation", "metrics", ["builtin/bleu"]),
        ("evaluation.metrics.1=builtin/bleu", "evaluation", "metrics", ["builtin/exact_match", "builtin/bleu"]),
        ("evaluation.judge_config.a.b={c: [1]}", "evaluation", "judge_config", {"a": {"b": {"c": [1]}}}),
        ("evaluation.judge_config.url=a=b", "evaluation", "judge_config", {"url": "a=b"}),
    ],
)
def test_an_override_sets_what_it_names(tmp_path: Path, override: str, section: str, key: str, expected: Any) -> None:
    assert _loaded(_written(tmp_path, BASE), override)[section][key] == expected


def test_later_overrides_see_earlier_ones(tmp_path: Path) -> None:
    overrides = ("evaluation.metrics=[a, b, c]", "evaluation.metrics.2=d")
    assert _loaded(_written(tmp_path, BASE), *overrides)["evaluation"]["metrics"] == ["a", "b", "d"]


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("evaluation.metrics.2=x", "evaluation.metrics has 2 items, 0 to 1, and none '2'"),
        ("evaluation.metrics.-1=x", "has 2 items, 0 to 1, and none '-1'"),
        ("evaluation.metrics.first=x", "has 2 items, 0 to 1, and none 'first'"),
        ("evaluation.metrics.9.use=x", "has 2 items, 0 to 1, and none '9'"),
        ("seeds", "has no =; write it as key.path=value"),
        ("=3", "has no key"),
        ("runtime..max_attempts=3", "has no key"),
        ("generation.generator.use=x", "generation.generator is a plain id; write it as generation.generator={use: "),
        ("generation.generator.with.top_p=1", ", with: {top_p: …}}"),
        ("generation.generator.model=x", "generation.generator is '.*', which has no keys"),
    ],
)
def test_an_override_without_a_place_is_refused(tmp_path: Path, override: str, words: str) -> None:
    with pytest.raises(OverrideError, match=words) as caught:
        load_config(_written(tmp_path, BASE), overrides=[override])
    assert repr(override) in str(caught.value)


def test_an_override_whose_value_is_no_yaml_is_refused_by_name(tmp_path: Path) -> None:
    problem = _problem(_written(tmp_path, BASE), "seeds=[1")
    assert problem == "override 'seeds=[1': its value is not YAML: did not find expected ',' or ']'"


def test_an_override_with_an_unknown_key_is_refused_like_the_file_s_own(tmp_path: Path) -> None:
    file = _written(tmp_path, BASE)
    assert _problem(file, "runtime.max_atempts=1") == (
        f"{file}: unknown key 'runtime.max_atempts'; did you mean \"max_attempts\"?"
    )


BOMB = "a: &a [x,x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{name}: &{name} [{','.join(['*' + before] * 10)}]\n" for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("e.yaml", b"", "is empty"),
        ("e.yaml", b"# nothing but a comment\n", "is empty"),
        ("e.json", b"{}", "ends in .yaml, .yml or .toml"),
        ("e", b"{}", "ends in .yaml, .yml or .toml"),
        ("e.yaml", b"a: \xff\xfe\n", "is not UTF-8 text (byte 3)"),
        ("e.toml", b'a = "\xff"\n', "is not UTF-8 text (byte 5)"),
        ("e.yaml", b"[1, 2]\n", "must be a mapping of keys, not a list"),
        ("e.yaml", b"just words\n", "must be a mapping of keys, not a str"),
        ("e.yaml", b"a: [1\n", "line 2: "),
        ("e.toml", b"a = \n", "not valid TOML"),
        ("e.toml", b"a = 1\na = 2\n", "not valid TOML"),
        ("e.yaml", f"{BASE}seeds: [1]\nseeds: [2]\n".encode(), "line 4: key 'seeds' appears twice"),
        ("e.yaml", f"{BASE}runtime: {{a: 1, a: 2}}\n".encode(), "line 3: key 'a' appears twice"),
        ("e.yaml", BOMB.encode(), "unfolds to too many values"),
        ("e.yaml", b"a: &a [*a]\n", "nested too deeply"),
        ("e.yaml", f"a: {'[' * 200}{']' * 200}\n".encode(), "nested too deeply"),
        ("e.yaml", f"a: {'[' * 20_000}{']' * 20_000}\n".encode(), "nested too deeply"),
        ("e.toml", f"a = {'[' * 20_000}{']' * 20_000}\n".encode(), "not valid TOML"),
        ("e.yaml", b"a: \x00\n", "not valid YAML"),
        ("e.yaml", b"a: !!python/object/apply:os.getcwd []\n", "could not determine a constructor"),
        ("e.yaml", f"{BASE}---\n{BASE}".encode(), "another document"),
        ("e.yaml", b"1: a\n", "key 1 is not a text; write it in quotes"),
    ],
)
def test_a_file_that_is_no_config_is_refused_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, content: bytes, words: str
) -> None:
    monkeypatch.setattr(value_bounds, "MAX_NODES", 100_000)  # to count millions takes seconds
    file = _written(tmp_path, content, name)
    message = _problem(file)
    assert message.startswith(f"{file}: ")
    assert words in message


def _nothing(file: Path) -> None:
    pass


@pytest.mark.parametrize(
    ("make", "words"), [(_nothing, "cannot be read: No such file or directory"), (Path.mkdir, "is a folder")]
)
def test_a_path_without_a_file_is_refused_in_one_line(tmp_path: Path, make: Callable[[Path], None], words: str) -> None:
    file = tmp_path / "experiment.yaml"
    make(file)
    assert _problem(file).startswith(f"{file}: {words}")


def _value(tmp_path: Path, written: str, *overrides: str) -> Any:
    lines = f"datasets: [{{dataset_id: d, cases: [{{case_id: a, input: x, expected_output: {written}}}]}}]\n"
    return _loaded(_written(tmp_path, BASE + lines), *overrides)["datasets"][0]["cases"][0]["expected_output"]


CORE_SCHEMA = [
    ("no", "no"), ("off", "off"), ("yes", "yes"), ("on", "on"), ("y", "y"), ("N", "N"), ("tRUE", "tRUE"),
    ("true", True), ("TRUE", True), ("False", False), ("null", None), ("~", None), ("Null", None),
    ("010", 10), ("08", 8), ("0o10", 8), ("0x1F", 31), ("-0", 0), ("+5", 5), ("0b11", "0b11"), ("-0x1", "-0x1"),
    ("1_000", "1_000"), ("1_0.5", "1_0.5"), ("12:30:00", "12:30:00"), ("1:30.5", "1:30.5"), ("=", "="),
    ("1e3", 1000.0), ("1.5e-3", 0.0015), (".5", 0.5), ("5.", 5.0), ("1e", "1e"), ("2026-01-01", "2026-01-01"),
    ("2024-01-02 10:00:00", "2024-01-02 10:00:00"), ("'5'", "5"), ("!!str 5", "5"), ("!!float 5", 5.0),
]  # fmt: skip


@pytest.mark.parametrize(("written", "value"), CORE_SCHEMA)
def test_a_plain_value_in_yaml_is_what_yaml_1_2_says(tmp_path: Path, written: str, value: Any) -> None:
    found = _value(tmp_path, written)
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(("written", "value"), CORE_SCHEMA)
def test_an_override_is_read_by_the_same_rule(tmp_path: Path, written: str, value: Any) -> None:
    found = _loaded(_written(tmp_path, BASE), f"evaluation.judge_config.a={written}")["evaluation"]["judge_config"]["a"]
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("written", "words"),
    [("1e400", "line 3: 1e400 is beyond the range"), ("!!int 1_000", "line 3: '1_000' is not a YAML 1.2 int")],
)
def test_a_number_that_is_none_is_refused_by_its_line(tmp_path: Path, written: str, words: str) -> None:
    assert words in _problem(_written(tmp_path, f"{BASE}seeds: [{written}]\n"))


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("runtime.max_concurrent_tasks=yes", "runtime.max_concurrent_tasks: must be a whole number, not"),
        ("runtime.max_concurrent_tasks=true", "runtime.max_concurrent_tasks: must be a number, not true"),
        ("runtime.generation_retry_delay=false", "runtime.generation_retry_delay: must be a number, not false"),
        ("runtime.judge_retry_backoff=true", "runtime.judge_retry_backoff: must be a number, not true"),
        ("runtime.stage_concurrency.scoring=true", "runtime.stage_concurrency.scoring: must be a number, not true"),
        ("runtime.provider_rate_limits.x=true", "runtime.provider_rate_limits.x: must be a number, not true"),
        ("runtime.timeout_s=true", "runtime.timeout_s: must be a number, not true"),
        ("runtime.store_retry_attempts=true", "runtime.store_retry_attempts: must be a number, not true"),
        ("seeds=[true]", "seeds.0: must be a number, not true"),
    ],
)
def test_true_is_no_number(tmp_path: Path, override: str, words: str) -> None:
    assert words in _problem(_written(tmp_path, BASE), override)


def test_a_date_in_toml_is_the_text_it_was_written_as_and_a_time_must_be_quoted(tmp_path: Path) -> None:
    dataset = '\n[[datasets]]\ndataset_id = "d"\ncases = [{case_id = "a", input = "x", expected_output = %s}]\n'
    base = '[generation]\ngenerator = "builtin/demo_generator"\n[evaluation]\n'
    file = _written(tmp_path, base + dataset % "2026-01-01", "e.toml")
    assert _loaded(file)["datasets"][0]["cases"][0]["expected_output"] == "2026-01-01"
    for time in ("07:32:00", "2026-01-01T07:32:00Z", "2026-01-01 07:32:00"):
        message = _problem(_written(tmp_path, base + dataset % time, "e.toml"))
        assert message.endswith(
            "datasets.0.cases.0.expected_output: holds a time, which JSON does not have; write it in quotes"
        )


def test_a_number_as_a_case_id_is_its_text(tmp_path: Path) -> None:
    lines = "datasets: [{dataset_id: d, cases: [{case_id: 1, input: x}, {case_id: '2', input: y}]}]\n"
    cases = _loaded(_written(tmp_path, BASE + lines))["datasets"][0]["cases"]
    assert [case["case_id"] for case in cases] == ["1", "2"]


def test_a_path_from_home_is_expanded_and_a_url_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/somebody")
    found = _loaded(
        _written(tmp_path, BASE + "datasets: [{dataset_id: d, path: ~/x.jsonl}]\n"),
        "runtime.queue_root=~/q",
        "storage.parameters.path=~/s.sqlite3",
    )
    assert found["datasets"][0]["path"] == "/home/somebody/x.jsonl"
    assert found["runtime"]["queue_root"] == "/home/somebody/q"
    assert found["storage"]["parameters"] == {"path": "/home/somebody/s.sqlite3"}
    message = _problem(_written(tmp_path, BASE + "datasets: [{dataset_id: d, path: 'https://host/x.jsonl'}]\n"))
    assert message.endswith("datasets.0.path: is a URL; download the file and name it here")


def test_a_field_that_cases_do_not_have_is_named_as_it_is_written(tmp_path: Path) -> None:
    lines = "datasets: [{dataset_id: d, path: x.jsonl, fields: {input: q, expected: a}}]\n"
    assert _problem(_written(tmp_path, BASE + lines)).endswith(
        "datasets.0.fields: a case has no field 'expected'; did you mean \"expected_output\"?"
    )


@pytest.mark.parametrize(
    ("lines", "key"),
    [
        ("datasets: [{dataset_id: d, cases: [{case_id: a, input: .nan}]}]", "input: nan is not a number"),
        ("datasets: [{dataset_id: d, cases: [{case_id: a, input: [1, {b: -.inf}]}]}]", "input: -inf is not a number"),
        ("storage: {store: sqlite, parameters: {a: .nan}}", "storage.parameters.a: nan is not a number"),
        ("environment_metadata: {a: .nan}", "environment_metadata.a: must be"),
        ("datasets: [{dataset_id: d, cases: [{case_id: a, input: 1}, 3]}]", "datasets.0.cases.1: must be"),
        ("runtime: {timeout_s: .inf}", "runtime.timeout_s: must be a finite number"),
        ("runtime: {generation_retry_delay: .nan}", "runtime.generation_retry_delay: must be a finite number"),
    ],
)
def test_a_number_that_json_lacks_is_refused(tmp_path: Path, lines: str, key: str) -> None:
    assert key in _problem(_written(tmp_path, f"{BASE}{lines}\n"))


@pytest.mark.parametrize("number", [".nan", ".inf", "-.inf"])
@pytest.mark.parametrize(("place", "index"), [("generator", ""), ("reducer", ""), ("metrics", ".0")])
def test_a_number_that_json_lacks_among_a_component_s_arguments_is_refused_by_its_key(
    tmp_path: Path, place: str, index: str, number: str
) -> None:
    spec = f"{{use: a, with: {{b: [1, {{c: {number}}}]}}}}"
    lines = {"generator": "g", "reducer": "r", "metrics": "m"} | {place: f"[{spec}]" if index else spec}
    section = "evaluation" if index else "generation"
    text = f"generation: {{generator: {lines['generator']}, reducer: {lines['reducer']}}}\n"
    file = _written(
        tmp_path, text + (f"evaluation: {{metrics: {lines['metrics']}}}\n" if index else "evaluation: {}\n")
    )
    shown = number.replace(".", "")
    expected = f"{file}: {section}.{place}{index}: with.b.1.c: {shown} is not a number that JSON has"
    assert _problem(file) == expected


def test_what_json_lacks_among_arguments_given_in_python_is_refused_when_they_are_given() -> None:
    with pytest.raises(ValueError, match=r"with\.deep\.0: a object is not JSON"):
        GenerationConfig(generator={"use": "a", "with": {"deep": [object()]}})
    with pytest.raises(ValueError, match=r"with\.deep: key 1 is not a text"):
        GenerationConfig(generator={"use": "a", "with": {"deep": {1: 2}}})


@pytest.mark.parametrize(
    ("lines", "key", "nearest"),
    [
        ("dataset: []", "dataset", "datasets"),
        ("runtime: {max_atempts: 1}", "runtime.max_atempts", "max_attempts"),
        ("storage: {store: sqlite, parameter: {}}", "storage.parameter", "parameters"),
        ("datasets: [{dataset_id: d, path: a, field: {}}]", "datasets.0.field", "fields"),
        ("datasets: [{dataset_id: d, case: []}]", "datasets.0.case", "cases"),
        (
            "datasets: [{dataset_id: d, path: a}, {dataset_id: e, cases: [{case_id: a, input: 1, metadat: {}}]}]",
            "datasets.1.cases.0.metadat",
            "metadata",
        ),
    ],
)
def test_an_unknown_key_is_named_with_its_path_and_the_nearest_known(
    tmp_path: Path, lines: str, key: str, nearest: str
) -> None:
    file = _written(tmp_path, f"{BASE}{lines}\n")
    with pytest.raises(UnknownConfigKeyError) as caught:
        load_config(file)
    assert str(caught.value) == f'{file}: unknown key {key!r}; did you mean "{nearest}"?'


def test_an_unknown_key_in_an_optional_section_is_named_too(tmp_path: Path) -> None:
    text = "generation: {generator: g, prompt_spec: {instruction: a}}\nevaluation: {}\n"
    message = _problem(_written(tmp_path, text))
    assert message.endswith("unknown key 'generation.prompt_spec.instruction'; did you mean \"instructions\"?")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("evaluation: {}", "generation: is missing"),
        ("generation: {}\nevaluation: {}", "generation.generator: is missing"),
        ("generation: 3\nevaluation: {}", "generation: must be"),
        (f"{BASE}seeds: [one]", "seeds.0: must be a whole number, not"),
        (f'{BASE}datasets: [{{dataset_id: d, path: "a\\0"}}]', "datasets.0.path: holds a NUL"),
        (f'{BASE}storage: {{store: sqlite, parameters: {{path: "a\\0"}}}}', "storage.parameters: holds a NUL"),
        (f'{BASE}runtime: {{queue_root: "a\\0"}}', "runtime.queue_root: holds a NUL"),
        (f"{BASE}datasets: [{{dataset_id: d, cases: [], path: a}}]", "datasets.0: has `cases` and a `path`"),
        (f"{BASE}datasets: [{{dataset_id: d, cases: [], fields: {{}}}}]", "datasets.0: has `fields`"),
        (f"{BASE}datasets: [{{dataset_id: d, revision: r}}]", "datasets.0: has neither `cases` nor a `path`"),
        (f"{BASE}seeds: 3", "seeds: must be a list, not 3"),
        (f"{BASE}runtime: {{max_attempts: 0}}", "runtime.max_attempts: must be greater than 0, not 0"),
        (f"{BASE}runtime: {{existing_run_policy: never}}", "runtime.existing_run_policy: must be 'auto'"),
        (f"{BASE}runtime: {{stage_concurrency: {{parse: 2}}}}", "'parse' is not a stage; stages are evaluation"),
        (f"{BASE}environment_metadata: {{a: [1]}}", "environment_metadata.a: must be a text, not a list"),
        ("generation: {generator: 3}\nevaluation: {}", "generation.generator: a component is an id"),
        ("generation: {generator: ' '}\nevaluation: {}", "generation.generator: a component reference cannot be"),
        ("generation: {generator: {with: {}}}\nevaluation: {}", "generation.generator: a component mapping needs"),
        (
            "generation: {generator: {use: a, args: {}}}\nevaluation: {}",
            "only `use`, `with` and `as`, not 'args'",
        ),
        ("generation: {generator: {use: a, with: [1]}}\nevaluation: {}", "`with` must map argument names"),
        ("generation: {generator: g}\nevaluation: {parsers: [a, b]}", "evaluation.parsers: list should have at most 1"),
    ],
)
def test_a_value_of_the_wrong_type_is_refused_by_its_key(tmp_path: Path, text: str, words: str) -> None:
    file = _written(tmp_path, f"{text}\n")
    message = _problem(file)
    assert message.startswith(f"{file}: ")
    assert words in message


MERGES = "a0: &a0 {x: 1, y: 2, z: 3}\n" + "".join(
    f"a{no}: &a{no} {{<<: [{', '.join([f'*a{no - 1}'] * 9)}]}}\n" for no in range(1, 12)
)


@pytest.mark.parametrize(
    ("name", "lines", "words"),
    [
        ("e.yaml", "? [a, b]\n: c\n", "line 3: a key must be a text"),
        ("e.yaml", "? {a: b}\n: c\n", "line 3: a key must be a text"),
        ("e.yaml", "environment_metadata: {true: x}\n", "key True is not a text; write it in quotes"),
        ("e.yaml", "environment_metadata: {0: x}\n", "key 0 is not a text; write it in quotes"),
        ("e.yaml", "environment_metadata: {null: x}\n", "key None is not a text; write it in quotes"),
        ("e.yaml", "seeds: !!bool perhaps\n", "line 3: 'perhaps' is not a YAML 1.2 bool"),
        ("e.yaml", "seeds: !!timestamp perhaps\n", "a tag does not fit its value"),
        ("e.yaml", "seeds: !!int perhaps\n", "line 3: 'perhaps' is not a YAML 1.2 int"),
        ("e.yaml", "seeds: !!set {1, 2}\n", "holds a set, which JSON does not have"),
        ("e.yaml", "environment_metadata: {a: !!binary aGk=}\n", "holds a bytes, which JSON does not have"),
        ("e.yaml", "environment_metadata: {a: !!timestamp 2024-01-02}\n", "holds a date, which JSON does not have"),
        ("e.yaml", f"seeds: [{'9' * 5_000}]\n", "line 3: holds a number of 5,000 digits"),
        ("e.yaml", f"seeds: [0x{'f' * 5_000}]\n", "holds a number of 20,000 bits"),
        ("e.toml", f"seeds = [{'9' * 5_000}]\n", "not valid TOML"),
        ("e.toml", f"seeds = [0x{'f' * 5_000}]\n", "holds a number of 20,000 bits"),
        ("e.toml", f"a = {'[' * 150}{']' * 150}\n", "nested too deeply"),
        ("e.yaml", MERGES, "unfolds to too many keys"),
        ("e.yaml", f"a: {'[' * 300_000}", "nested too deeply"),
        ("e.yaml", f"a:\n  {'- ' * 300_000}", "nested too deeply"),
    ],
    ids=range(19),
)
def test_what_yaml_and_toml_have_beyond_json_is_refused_in_one_line(
    tmp_path: Path, name: str, lines: str, words: str
) -> None:
    file = _written(tmp_path, lines if name.endswith("toml") else BASE + lines, name)
    message = _problem(file)
    assert message.startswith(f"{file}: ")
    assert words in message


@pytest.mark.not_smoke
def test_many_plain_values_are_no_danger(tmp_path: Path) -> None:
    seeds = ", ".join(str(-no) for no in range(20_000))
    assert len(_loaded(_written(tmp_path, f"{BASE}seeds: [{seeds}]\n"))["seeds"]) == 20_000


def test_a_merge_gives_way_to_what_stands_beside_it(tmp_path: Path) -> None:
    text = f"{BASE}runtime: {{<<: {{max_attempts: 2, timeout_s: 5}}, max_attempts: 7}}\n"
    runtime = _loaded(_written(tmp_path, text))["runtime"]
    assert (runtime["max_attempts"], runtime["timeout_s"]) == (7, 5)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("experiment", "experiment: a config file ends in .yaml, .yml or .toml; did you mean "),
        ("other", "other: a config file ends in .yaml, .yml or .toml"),
        (".", ".: is a folder, not a config file; did you mean "),
    ],
)
def test_a_config_file_without_its_ending_or_in_a_folder_is_suggested(
    name: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "experiment.yaml").write_text(BASE, encoding="utf-8")
    with pytest.raises(ConfigError) as refused:
        load_config(Path(name))
    near = '"experiment.yaml"?' if said.endswith("did you mean ") else ""
    assert str(refused.value) == said + near


def test_of_several_config_files_in_a_folder_none_is_suggested(tmp_path: Path) -> None:
    for name in ("a.yaml", "b.toml"):
        (tmp_path / name).write_text("", encoding="utf-8")
    with pytest.raises(ConfigError, match=r"is a folder, not a config file$"):
        load_config(tmp_path)


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("generation.temperature=0.7", "is written as generation.generator.with.params.temperature"),
        ("temperature=0.7", "is written as generation.generator.with.params.temperature"),
        ("generation.model=gpt-5.4-mini", "names a model"),
        ("generation.metrics=[a]", "it belongs at evaluation.metrics"),
        ("num_samples=3", "it belongs at generation.candidate_policy.num_samples"),
        ("generation.candidate_policies={}", 'did you mean "candidate_policy"?'),
    ],
)
def test_a_key_that_belongs_elsewhere_says_where(override: str, said: str, tmp_path: Path) -> None:
    file = tmp_path / "experiment.yaml"
    file.write_text(BASE, encoding="utf-8")
    with pytest.raises(UnknownConfigKeyError) as refused:
        load_config(file, overrides=[override])
    assert str(refused.value).endswith(said)


def test_a_number_in_place_of_a_list_is_shown_as_one(tmp_path: Path) -> None:
    file = tmp_path / "experiment.yaml"
    file.write_text(BASE, encoding="utf-8")
    with pytest.raises(ConfigError, match=r"seeds: must be a list, not 1; write \[1\]$"):
        load_config(file, overrides=["seeds=1"])
