"""What a run will take, said without running it."""

from pathlib import Path

import pytest
import tiktoken

from tests.support.lab import (
    ScriptedGenerator,
    ScriptedMetric,
    ScriptedParser,
    ScriptedReducer,
    ScriptedSelector,
    dataset,
    experiment,
)
from themis.core.config import DatasetFile
from themis.core.engine import estimate as estimate_module
from themis.core.models import Case, Dataset
from themis.core.prompts import PromptSpec


def test_tasks_are_counted_exactly_and_nothing_is_run() -> None:
    generator, metrics = ScriptedGenerator(), [ScriptedMetric(component_id=f"lab/{name}") for name in "ab"]
    reducer = ScriptedReducer(lambda found: found[0].final_output, component_id="lab/reducer")
    parser = ScriptedParser(lambda output: output, component_id="lab/parser")
    selector = ScriptedSelector(lambda found: found, component_id="lab/selector")
    lab = experiment(
        generator,
        samples=4,
        selector=selector,
        reducer=reducer,
        parser=parser,
        metrics=metrics,
        datasets=[dataset(3, "one"), dataset(2, "two")],
    )
    estimate = lab.estimate()
    assert estimate.run_id == lab.compile().run_id
    assert (estimate.total_cases, estimate.candidate_count) == (5, 4)
    assert (estimate.metric_count, estimate.pure_metric_count, estimate.workflow_metric_count) == (2, 2, 0)
    assert estimate.planned_generation_tasks == 20
    assert estimate.planned_reduction_tasks == estimate.planned_parse_tasks == 5
    assert estimate.planned_score_tasks == 10
    assert [part.calls for part in (generator, selector, reducer, parser, *metrics)] == [[]] * 6
    assert lab.run().status == "completed"
    assert len(generator.calls) == estimate.planned_generation_tasks
    assert sum(len(metric.calls) for metric in metrics) == estimate.planned_score_tasks


def test_stages_that_are_left_out_have_no_tasks() -> None:
    estimate = experiment(metrics=[]).estimate()
    assert (estimate.planned_reduction_tasks, estimate.planned_parse_tasks, estimate.planned_score_tasks) == (0, 0, 0)


def test_tokens_are_a_quarter_of_the_characters_of_every_prompt() -> None:
    data = Dataset(dataset_id="d", cases=[Case(case_id="a", input="x" * 40), Case(case_id="b", input={"q": "é"})])
    estimate = experiment(ScriptedGenerator(), datasets=[data]).estimate()
    assert estimate.estimated_generation_input_tokens == -(-(40 + len('{"q": "é"}')) // 4)
    assert estimate.estimated_generation_output_tokens == 2 * 256
    assert estimate.estimated_judge_prompt_tokens == estimate.estimated_judge_output_tokens == 0
    assert (
        estimate.estimated_total_tokens
        == estimate.estimated_generation_input_tokens + estimate.estimated_generation_output_tokens
    )


def test_the_prompt_around_the_input_counts() -> None:
    plain = experiment(ScriptedGenerator()).estimate()
    spoken = experiment(ScriptedGenerator(), prompt=PromptSpec(instructions="x" * 400)).estimate()
    assert spoken.estimated_generation_input_tokens >= plain.estimated_generation_input_tokens + 300


@pytest.mark.parametrize("samples", [1, 2, 5])
def test_every_candidate_costs_its_prompt(samples: int) -> None:
    one = experiment(ScriptedGenerator()).estimate().estimated_generation_input_tokens
    assert (
        experiment(ScriptedGenerator(), samples=samples).estimate().estimated_generation_input_tokens == one * samples
    )


def test_what_the_numbers_rest_on_is_said() -> None:
    assumptions = experiment().estimate().assumptions
    assert assumptions["characters_per_token"] == 4
    assert assumptions["output_tokens_per_candidate"] == 256


def test_a_dataset_in_a_file_is_estimated_too(tmp_path: Path) -> None:
    path = tmp_path / "cases.jsonl"
    path.write_text('{"input": "abcd"}\n' * 1_000)
    estimate = experiment(datasets=[DatasetFile(dataset_id="d", path=str(path))]).estimate()
    assert (estimate.total_cases, estimate.estimated_generation_input_tokens) == (1_000, 1_000)


class _Priced(ScriptedGenerator):
    provider_key = "openai:https://api.openai.com/v1"
    model_id = "gpt-4o-mini"


def _two_prompts() -> Dataset:
    return Dataset(dataset_id="d", cases=[Case(case_id="a", input="x" * 400), Case(case_id="b", input="y" * 40)])


def test_the_cost_is_that_of_the_estimated_tokens(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.setattr(estimate_module, "tokenizer_of", lambda _: None)
    estimate = experiment(_Priced(), datasets=[_two_prompts()], samples=3).estimate()
    # 110 tokens of input at $0.15, 512 of output at $0.60 a million, three times
    assert estimate.estimated_cost_usd == pytest.approx(3 * (110 * 0.15 + 512 * 0.60) / 1e6)
    assert estimate.assumptions["tokenizer"] is None
    assert estimate.assumptions["prices"].startswith("genai-prices ")


def test_a_model_without_a_price_has_no_cost_which_is_not_zero(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    generator = _Priced()
    generator.model_id = "no-such-model"
    assert experiment(generator).estimate().estimated_cost_usd is None
    assert experiment().estimate().estimated_cost_usd is None


def test_tokens_are_counted_by_the_models_own_tokenizer(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    ranks = {bytes([byte]): byte for byte in range(256)} | {b"xx": 256}
    encoding = tiktoken.Encoding(
        "pairs", pat_str=r"x+|[^x]+", mergeable_ranks=ranks, special_tokens={"<|endoftext|>": 300}
    )
    asked = list[str]()

    def encoding_of(model: str) -> tiktoken.Encoding:
        asked.append(model)
        return encoding

    monkeypatch.setattr(tiktoken, "encoding_for_model", encoding_of)
    data = Dataset(dataset_id="d", cases=[Case(case_id="a", input="x" * 400), Case(case_id="b", input="<|endoftext|>")])
    estimate = experiment(_Priced(), datasets=[data]).estimate()
    assert asked == ["gpt-4o-mini"]
    assert estimate.estimated_generation_input_tokens == 200 + 13  # a special token in a prompt is text
    assert estimate.assumptions["tokenizer"] == "pairs"


@pytest.mark.parametrize("error", [KeyError("no tokenizer"), OSError("no network"), ValueError("damaged")])
def test_a_tokenizer_that_cannot_be_had_is_done_without(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, error: Exception
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))

    def refuse(_: str) -> None:
        raise error

    monkeypatch.setattr(tiktoken, "encoding_for_model", refuse)
    estimate = experiment(_Priced(), datasets=[_two_prompts()]).estimate()
    assert (estimate.estimated_generation_input_tokens, estimate.assumptions["tokenizer"]) == (110, None)
