"""Secrets are named in an experiment, resolved where they are used, and written nowhere."""

from pathlib import Path
from typing import Any

import pytest

from tests.support.lab import ScriptedGenerator, ScriptedMetric, dataset, experiment
from themis.core.config import EvaluationConfig, GenerationConfig, RuntimeConfig, StorageConfig
from themis.core.configuration.config_file import load_config
from themis.core.configuration.secrets import is_reference, redact_urls, refuse_literal_secrets, resolve_references
from themis.core.contexts import GenerateContext, ScoreContext
from themis.core.errors import LiteralSecretError, MissingSecretError, UnresolvedReferenceError
from themis.core.experiment import Experiment
from themis.core.models import Case, Dataset, GenerationResult, ParsedOutput
from themis.core.prompts import PromptSpec
from themis.core.results import RunStatus
from themis.core.submission import run_worker_once, submit_experiment

VALUE = "correct-horse-battery-staple"
LOOKS = (
    f"sk-{'a' * 24}",
    f"ghp_{'a' * 30}",
    f"github_pat_{'a' * 30}",
    f"glpat-{'a' * 20}",
    f"hf_{'a' * 30}",
    f"AKIA{'A' * 16}",
    f"AIza{'a' * 35}",
    f"xoxb-{'1' * 12}",
    f"Bearer {'a' * 12}",
    f"eyJ{'a' * 10}.eyJ{'b' * 10}.{'c' * 10}",
    "-----BEGIN RSA PRIVATE KEY-----\nabc",
)
KEYS = (
    "api_key",
    "API_KEY",
    "apiKey",
    "OPENAI_API_KEY",
    "password",
    "secret",
    "client-secret",
    "access_token",
    "token",
)


class KeyedGenerator:
    """Cannot work without its key, and answers with the length of it."""

    component_id = "test/keyed_generator"
    version = "1"

    def __init__(self, api_key: str = "", **more: Any) -> None:
        """With a key."""
        self._key = api_key

    def fingerprint(self) -> str:
        """The same for every key."""
        return "1"

    async def generate(self, case: Case, ctx: GenerateContext) -> GenerationResult:
        """The length of the key."""
        return GenerationResult(candidate_id=case.case_id, final_output=len(self._key))


def _experiment(folder: Path, *, arguments: dict[str, Any] | None = None, **changes: Any) -> Experiment:
    keyed = {"use": f"{__name__}:KeyedGenerator", "with": arguments or {}}
    generation = GenerationConfig(generator=keyed, candidate_policy=changes.pop("candidate_policy", {}))
    evaluation = EvaluationConfig(metrics=["builtin/exact_match"], **changes.pop("evaluation", {}))
    parameters = {"path": str(folder / "store" / "themis.sqlite3"), **changes.pop("parameters", {})}
    return Experiment(
        generation=generation,
        evaluation=evaluation,
        storage=StorageConfig(store="sqlite", parameters=parameters),
        runtime=RuntimeConfig(queue_root=str(folder / "queue")),
        datasets=[dataset()],
        **changes,
    )


@pytest.fixture
def lab_key(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> str:
    monkeypatch.setenv("LAB_KEY", VALUE)
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path / "credentials"))
    (tmp_path / "credentials").mkdir()
    (tmp_path / "credentials" / "lab-key.txt").write_text(f"{VALUE}\n", encoding="utf-8")
    return VALUE


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("${LAB_KEY}", VALUE),
        ("Bearer ${LAB_KEY}/${LAB_KEY}", f"Bearer {VALUE}/{VALUE}"),
        ("env:LAB_KEY", VALUE),
        ("secret://lab-key.txt", VALUE),
        ({"a": ["${LAB_KEY}", 1, None]}, {"a": [VALUE, 1, None]}),
    ],
)
def test_a_reference_becomes_its_secret(lab_key: str, written: Any, meant: Any) -> None:
    assert resolve_references(written, where="here") == meant


@pytest.mark.parametrize("text", ["see env:LAB_KEY", "$LAB_KEY", "${lab key}", "secret://../x", "secret://a/b", "env:"])
def test_what_is_no_reference_stays_as_it_is(lab_key: str, text: str) -> None:
    assert not is_reference(text)
    assert resolve_references(text, where="here") == text


@pytest.mark.parametrize(
    ("written", "name"), [("${NOT_THERE}", "NOT_THERE"), ("env:NOT_THERE", "NOT_THERE"), ("secret://gone", "gone")]
)
def test_a_secret_that_is_not_there_is_missed_by_name(
    lab_key: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, written: str, name: str
) -> None:
    monkeypatch.delenv("NOT_THERE", raising=False)
    with pytest.raises(MissingSecretError, match=name):
        resolve_references(written, where="here")
    with pytest.raises(MissingSecretError, match=r"generation\.generator"):
        _experiment(tmp_path, arguments={"api_key": written}).compile()


@pytest.mark.parametrize("key", KEYS)
def test_a_literal_under_a_secret_s_name_is_refused(tmp_path: Path, key: str) -> None:
    with pytest.raises(LiteralSecretError, match=rf"generation\.generator\.with\.{key} ") as caught:
        _experiment(tmp_path, arguments={key: "hunter2"}).compile()
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("literal", LOOKS)
@pytest.mark.parametrize("place", ["arguments", "candidate_policy", "judge_config", "parameters"])
def test_a_literal_that_looks_like_a_secret_is_refused_by_compile(tmp_path: Path, place: str, literal: str) -> None:
    value = {"anything": [{"deeper": literal}]}
    changes: dict[str, Any] = {"evaluation": {place: value}} if place == "judge_config" else {place: value}
    with pytest.raises(LiteralSecretError, match=r"anything\.0\.deeper") as caught:
        _experiment(tmp_path, **changes).compile()
    assert literal not in str(caught.value)
    assert not (tmp_path / "store").exists()


@pytest.mark.parametrize(
    ("line", "key"),
    [
        ("environment_metadata: {{note: {}}}", "environment_metadata.note"),
        ("storage: {{store: sqlite, parameters: {{extra: [{}]}}}}", "storage.parameters.extra.0"),
        ("runtime: {{queue_root: {}}}", "runtime.queue_root"),
        (
            "datasets: [{{dataset_id: d, path: d.jsonl}}, {{dataset_id: e, path: e.jsonl, metadata: {{by: {}}}}}]",
            "datasets.1.metadata.by",
        ),
    ],
)
def test_a_literal_that_looks_like_a_secret_is_refused_in_a_file(tmp_path: Path, line: str, key: str) -> None:
    file = tmp_path / "experiment.yaml"
    base = "generation: {generator: builtin/demo_generator}\nevaluation: {}\n"
    file.write_text(base + line.format(LOOKS[0]), encoding="utf-8")
    with pytest.raises(LiteralSecretError) as caught:
        load_config(file)
    assert str(caught.value).startswith(f"{file}: {key} holds what looks like a secret")


def test_a_literal_in_an_override_is_refused_too(tmp_path: Path) -> None:
    file = tmp_path / "experiment.yaml"
    file.write_text("generation: {generator: {use: a}}\nevaluation: {}\n", encoding="utf-8")
    with pytest.raises(LiteralSecretError, match=r"generation\.generator\.with\.api_key"):
        load_config(file, overrides=["generation.generator.with.api_key=hunter2"])


@pytest.mark.parametrize("value", ["EMPTY", "", "none", "${LAB_KEY}", "env:LAB_KEY", "secret://lab-key.txt"])
def test_references_and_words_for_nothing_are_no_literals(lab_key: str, tmp_path: Path, value: str) -> None:
    assert _experiment(tmp_path, arguments={"api_key": value}).compile().run_id


@pytest.mark.parametrize("key", ["max_tokens", "tokenizer", "secretary", "keyboard", "passwords_tried"])
def test_names_that_only_resemble_a_secret_s_are_fine(key: str) -> None:
    value = {key: "plain"}
    refuse_literal_secrets(value, where="here")
    assert value == {key: "plain"}


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("https://me:hunter2@host/x", "https://me:***@host/x"),
        ("postgresql+psycopg://me:p@ss@host", "postgresql+psycopg://me:***@host"),
        ("redis://:hunter2@host", "redis://:***@host"),
        ("see https://a:b@c and https://d:e@f", "see https://a:***@c and https://d:***@f"),
        ("https://me:${KEY}@host/x", "https://me:${KEY}@host/x"),
        ("https://me:a${KEY}@host/x", "https://me:***@host/x"),
        ("https://host:8000/a@b", "https://host:8000/a@b"),
        ("https://me:${LAB_KEY}@host/x", "https://me:${LAB_KEY}@host/x"),
        ("https://me:${LAB_KEY}hunter2@host", "https://me:***@host"),
        ("https://me:${LAB_KEY}@hunter2@host", "https://me:***@host"),
        ({"openai:https://me:hunter2@host": 3}, {"openai:https://me:***@host": 3}),
        ({"a": ["https://me:hunter2@host"], "b": 1}, {"a": ["https://me:***@host"], "b": 1}),
    ],
)
def test_a_url_loses_its_password_and_nothing_else(written: Any, kept: Any) -> None:
    assert redact_urls(written) == kept


def test_the_snapshot_holds_no_url_s_password(tmp_path: Path) -> None:
    url = "https://me:hunter2@host/x"
    snapshot = _experiment(
        tmp_path,
        evaluation={"judge_config": {"url": url}, "workflow_overrides": {"url": url}},
        parameters={"mirror": url},
        environment_metadata={"url": url},
        provider_metadata={"url": [url]},
    ).compile()
    text = snapshot.model_dump_json()
    assert "hunter2" not in text
    assert text.count("https://me:***@host/x") == 5


PROMPT = PromptSpec(instructions="ask https://me:hunter2@host/x", blocks=[{"title": "see redis://:hunter2@host"}])
LABELLED = Dataset(
    dataset_id="lab",
    cases=dataset(2).cases,
    revision="git+https://me:hunter2@host",
    metadata={"from": "https://me:hunter2@host"},
)


class _ListeningMetric(ScriptedMetric):
    """Keeps the contexts that it is given."""

    def __init__(self) -> None:
        """Has heard nothing."""
        super().__init__()
        self.heard: list[ScoreContext] = []

    def score(self, parsed: ParsedOutput, case: Case, ctx: ScoreContext) -> Any:
        self.heard.append(ctx)
        return super().score(parsed, case, ctx)


def test_prompts_labels_and_limits_hold_no_url_s_password_either(tmp_path: Path) -> None:
    asked: list[GenerateContext] = []

    def answer(case: Case, ctx: GenerateContext) -> Any:
        asked.append(ctx)
        return case.input

    generator, metric = ScriptedGenerator(answer), _ListeningMetric()
    runtime = RuntimeConfig(provider_concurrency={"openai:https://me:hunter2@host": 3})
    made = experiment(
        generator, metrics=[metric], prompt=PROMPT, datasets=[LABELLED], runtime=runtime, path=tmp_path / "s.sqlite3"
    )
    made = made.model_copy(update={"evaluation": made.evaluation.model_copy(update={"prompt_spec": PROMPT})})
    assert made.run().status is RunStatus.COMPLETED
    assert "hunter2" not in made.compile().model_dump_json()
    assert [path for path in tmp_path.rglob("*") if path.is_file() and b"hunter2" in path.read_bytes()] == []
    # What a component is told is what is stored of it: a worker could tell it nothing else.
    prompts = [context.prompt_spec.instructions for context in asked if context.prompt_spec]
    assert prompts == ["ask https://me:***@host/x"] * 2
    assert [context.dataset_metadata for context in metric.heard] == [{"from": "https://me:***@host"}] * 2


def test_a_limit_named_by_a_url_with_a_password_is_refused_for_submission(tmp_path: Path) -> None:
    runtime = RuntimeConfig(
        provider_concurrency={"openai:https://me:hunter2@host": 3}, queue_root=str(tmp_path / "queue")
    )
    with pytest.raises(LiteralSecretError, match=r"runtime: provider_concurrency holds what looks like a secret"):
        submit_experiment(experiment(runtime=runtime, path=tmp_path / "s.sqlite3"))
    assert not (tmp_path / "queue").exists()


@pytest.mark.parametrize("literal", LOOKS)
@pytest.mark.parametrize(
    ("changes", "key"),
    [
        (lambda text: {"environment_metadata": {"note": text}}, "environment_metadata.note"),
        (lambda text: {"provider_metadata": {"seen": [text]}}, "provider_metadata.seen.0"),
        (
            lambda text: {"datasets": [dataset().model_copy(update={"metadata": {"note": text}})]},
            "datasets.0.metadata.note",
        ),
        (
            lambda text: {"generation": GenerationConfig(generator="x", prompt_spec=PromptSpec(suffix=text))},
            "generation.prompt_spec.suffix",
        ),
        (
            lambda text: {"evaluation": EvaluationConfig(prompt_spec=PromptSpec(blocks=[{"title": "t", "at": text}]))},
            "evaluation.prompt_spec.blocks.0.at",
        ),
    ],
    ids=["environment", "provider", "dataset", "prompt", "judge's prompt"],
)
def test_a_literal_is_refused_by_compile_wherever_it_stands(literal: str, changes: Any, key: str) -> None:
    with pytest.raises(LiteralSecretError) as caught:
        experiment().model_copy(update=changes(literal)).compile()
    assert str(caught.value).startswith(f"experiment: {key} holds what looks like a secret")
    assert literal not in str(caught.value)


def test_cases_are_data_and_may_look_like_anything(tmp_path: Path) -> None:
    case = Case(case_id="a", input={"password": LOOKS[0], "url": "https://me:hunter2@host"}, expected_output="x")
    snapshot = experiment(datasets=[Dataset(dataset_id="d", cases=[case])]).compile()
    assert snapshot.datasets[0].cases == [case]


@pytest.mark.parametrize("written", ["${LAB_KEY}", "env:LAB_KEY", "secret://lab-key.txt"])
@pytest.mark.not_smoke
def test_a_resolved_secret_is_in_no_file_of_the_store_or_queue(lab_key: str, tmp_path: Path, written: str) -> None:
    experiment = _experiment(tmp_path, arguments={"api_key": written})
    submit_experiment(experiment)
    result = run_worker_once(tmp_path / "queue")
    assert result is not None
    assert result.status is RunStatus.COMPLETED
    assert [case.generated_candidates[0].final_output for case in result.cases] == [len(VALUE)] * 3
    files = [path for folder in ("store", "queue") for path in (tmp_path / folder).rglob("*") if path.is_file()]
    assert any(path.name == "themis.sqlite3" for path in files)
    assert [path for path in files if VALUE.encode() in path.read_bytes()] == []
    assert any(written.encode() in path.read_bytes() for path in files)


def test_a_url_s_password_among_a_component_s_arguments_is_not_stored(tmp_path: Path) -> None:
    experiment = _experiment(tmp_path, arguments={"base_url": "https://me:hunter2@host/x"})
    assert experiment.run().status is RunStatus.COMPLETED
    stored = [path for path in tmp_path.rglob("*") if path.is_file() and b"hunter2" in path.read_bytes()]
    assert stored == []


def test_a_url_s_password_that_no_worker_would_have_is_refused_for_submission(tmp_path: Path) -> None:
    experiment = _experiment(tmp_path, arguments={"base_url": "https://me:hunter2@host/x"})
    with pytest.raises(LiteralSecretError, match=r"generation.generator: with.base_url holds what looks like a secret"):
        submit_experiment(experiment)
    assert not (tmp_path / "queue").exists()


@pytest.mark.parametrize("value", [{"password": ["abc"]}, {"note": "sk-abcdefghijklmnopqrstuv${X}"}])
def test_a_secret_in_a_list_or_beside_a_reference_is_refused(value: dict[str, Any]) -> None:
    with pytest.raises(LiteralSecretError, match=next(iter(value))):
        refuse_literal_secrets(value, where="here")


def test_a_reference_may_stand_within_a_text() -> None:
    refuse_literal_secrets({"authorization": "Bearer ${TOKEN}", "key": "env:KEY"}, where="here")


@pytest.mark.parametrize(
    "value",
    [
        {"base_url": "https://host/v1?api_key=abc123def"},
        {"base_url": "https://host/v1?x=1&access_token=abcd1234"},
        {"base_url": "https://a1b2c3d4e5f6a7b8c9d0e1f2@host/1"},
        {"base_url": f"https://ghp_{'a1' * 15}:x-oauth-basic@host"},
        {"headers": {"Cookie": "s=1"}},
        {"headers": {"x-api-key": "abc"}},
        {"headers": [["Authorization", "abc"]]},
        {"headers": [{"name": "X-Api-Key", "value": "abc"}]},
        {"headers": ["Cookie: session=abcdef"]},
        {"cookies": {"session": "abc"}},
        {"instructions": "Use the key sk-proj-Ab12Cd34Ef56Gh78Ij90 for it."},
        {"prefix": "curl -H 'Authorization: Bearer abc123def456ghi789'"},
        {"limits": {f"sk-{'a' * 24}": 1}},
    ],
)
def test_a_literal_in_a_url_a_header_a_cookie_or_within_a_prompt_is_refused(value: dict[str, Any]) -> None:
    with pytest.raises(LiteralSecretError, match="holds what looks like a secret"):
        refuse_literal_secrets(value, where="here")


@pytest.mark.parametrize(
    "value",
    [
        {"instructions": "A bearer certificate? Cookie: a biscuit. Use sk-learn for task-management-and-planning."},
        {"instructions": "Authorization: the act of allowing. Basic training in 2026."},
        {"base_url": "https://host/?api_key=${KEY}"},
        {"base_url": "https://host/?api_key=YOUR_KEY&monkey=abcdefgh"},
        {"base_url": "https://alice@host/"},
        {"base_url": "https://${KEY}@host/"},
        {"headers": {"Cookie": "${COOKIE}", "x-api-key": "env:KEY"}},
        {"cookies": {"session": "${SESSION}"}},
        {"credentials": {"type": "x"}},
        {"pairs": [["x", "y"], {"name": "n", "value": "v"}]},
    ],
)
def test_prose_placeholders_and_references_are_no_literals(value: dict[str, Any]) -> None:
    refuse_literal_secrets(value, where="here")
    assert value


def test_a_key_in_a_url_s_query_is_shown_to_nobody() -> None:
    text = "no answer from https://host/v1?q=1&api_key=abc123def#x and https://host?token=${TOKEN}"
    assert redact_urls(text) == "no answer from https://host/v1?q=1&api_key=***#x and https://host?token=${TOKEN}"


def test_a_secret_s_reference_in_a_prompt_is_refused_for_it_would_be_kept(lab_key: str) -> None:
    with pytest.raises(UnresolvedReferenceError) as caught:
        experiment(prompt=PromptSpec(instructions="Use ${LAB_KEY}.")).compile()
    assert "generation.prompt_spec.instructions: ${LAB_KEY} is not resolved here" in str(caught.value)


def test_another_reference_in_a_prompt_is_remarked_on_and_stays(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NOPE", "value")
    asked: list[Any] = []

    def answer(case: Case, ctx: Any) -> str:
        asked.append(ctx.prompt_spec.instructions)
        return "x"

    experiment(ScriptedGenerator(answer), prompt=PromptSpec(instructions="${NOPE} hi"), datasets=[dataset(1)]).run()
    assert asked == ["${NOPE} hi"]
    (said,) = (record.getMessage() for record in caplog.records)
    assert said.startswith("experiment: generation.prompt_spec.instructions: ${NOPE} stays as it is written here")
