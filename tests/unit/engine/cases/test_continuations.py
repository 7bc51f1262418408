"""Runs that ask for the log-likelihoods of continuations: their cases, their calls, and what is refused."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.lab import ScriptedGenerator
from themis.core.config import EvaluationConfig, GenerationConfig, RuntimeConfig, StorageConfig
from themis.core.errors import ConfigError, NoBatchesError, PromptError, ThemisError
from themis.core.experiment import Experiment
from themis.core.models import Case, ContinuationScore, Dataset, GenerationResult, Score
from themis.core.prompt_config import PromptConfig
from themis.core.results import CaseResult
from themis.core.stores import InMemoryRunStore, sqlite_store
from themis.core.submission import run_worker_once, submit_experiment

CHOICES = ["no", "yes", "perhaps"]


class Scorer(ScriptedGenerator):
    """A generator of log-likelihoods: minus the length of each text, unless its script says what to return."""

    continuations_per_call: int | None = None

    def __init__(self, script: Any = None, **facts: Any) -> None:
        super().__init__(script or (lambda texts: None), component_id="lab/scorer", **facts)

    async def score_continuations(self, case: Case, choices: Sequence[str], ctx: Any) -> Any:
        self.calls.append((case.input, list(choices)))
        found = self.answer(choices)
        return self.result(choices) if found is None else found

    def result(self, texts: Sequence[str]) -> GenerationResult:
        scores = [
            ContinuationScore(
                text=text, log_likelihood=-float(len(text)), tokens=1, characters=len(text), utf8_bytes=len(text)
            )
            for text in texts
        ]
        usage = {"prompt_tokens": len(texts), "completion_tokens": 1}
        return GenerationResult(
            candidate_id="c", final_output=texts[0], token_usage=usage, latency_ms=1.0, continuations=scores
        )


def case(number: int = 0, **changes: Any) -> Case:
    given = {"input": {"question": f"Q{number}?", "choices": CHOICES}, "expected_output": "A"}
    return Case(**{"case_id": f"q{number}", **given, **changes})


def scoring(generator: Any = None, *cases: Case, **changes: Any) -> Experiment:
    generation = {"generator": generator or Scorer(), "task": "continuations", **changes.pop("generation", {})}
    evaluation = {"metrics": ["builtin/acc"], **changes.pop("evaluation", {})}
    return Experiment(
        generation=GenerationConfig(**generation),
        evaluation=EvaluationConfig(**evaluation),
        storage=StorageConfig(store="memory"),
        datasets=[Dataset(dataset_id="d", cases=list(cases) or [case()])],
        **{"runtime": RuntimeConfig(generation_retry_delay=0.0), **changes},
    )


def only(experiment: Experiment) -> CaseResult:
    (found,) = experiment.run(store=InMemoryRunStore()).cases
    return found


def test_each_choice_is_asked_about_and_the_likeliest_is_the_output_by_its_letter() -> None:
    scorer = Scorer()
    found = only(scoring(scorer))
    assert scorer.calls == [("Q0?", [" no", " yes", " perhaps"])]
    (candidate,) = found.generated_candidates
    assert candidate.final_output == "A"
    assert [score.log_likelihood for score in candidate.continuations or []] == [-3.0, -4.0, -8.0]
    assert (candidate.token_usage, candidate.latency_ms) == ({"prompt_tokens": 3, "completion_tokens": 1}, 1.0)
    assert [turn.content for turn in candidate.conversation or []] == ["Q0?"]
    assert [score.value for score in found.scores if isinstance(score, Score)] == [1.0]


def test_a_generator_that_takes_few_at_once_is_called_as_often_as_needed_and_each_call_has_its_own_tries() -> None:
    seen: list[list[str]] = []

    def fails_once_each(texts: Sequence[str]) -> Any:
        seen.append(list(texts))
        return None if seen.count(list(texts)) > 2 else TimeoutError("later")

    scorer = Scorer(fails_once_each)
    scorer.continuations_per_call = 2
    found = only(scoring(scorer))
    assert seen == [[" no", " yes"]] * 3 + [[" perhaps"]] * 3
    (candidate,) = found.generated_candidates
    assert [score.text for score in candidate.continuations or []] == [" no", " yes", " perhaps"]
    assert (candidate.token_usage, candidate.latency_ms) == ({"prompt_tokens": 3, "completion_tokens": 2}, 2.0)


def test_templates_make_context_and_continuations() -> None:
    scorer = Scorer()
    prompt = PromptConfig(template="{{ question }}{% for l, c in choices | lettered %} {{ l }}. {{ c }}{% endfor %} =")
    only(scoring(scorer, generation={"prompt": prompt, "continuation": " {{ letter }}"}))
    assert scorer.calls == [("Q0? A. no B. yes C. perhaps =", [" A", " B", " C"])]


def test_without_choices_the_expected_output_is_the_only_continuation() -> None:
    scorer = Scorer()
    found = only(scoring(scorer, case(input="Once upon a", expected_output="time")))
    assert scorer.calls == [("Once upon a", [" time"])]
    assert found.generated_candidates[0].final_output == " time"


def test_a_whole_text_is_a_continuation_of_nothing() -> None:
    scorer = Scorer()
    generation = {"prompt": PromptConfig(template=""), "continuation": "{{ input }}"}
    only(scoring(scorer, case(input="A text.", expected_output=None), generation=generation))
    assert scorer.calls == [("", ["A text."])]


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"input": "q", "expected_output": None}, "neither choices nor a text"),
        ({"input": {"question": "q", "choices": [["a"]]}, "expected_output": None}, "neither choices nor a text"),
        ({"input": {"choices": CHOICES}}, "no question"),
    ],
)
def test_a_case_with_nothing_to_ask_about_is_refused_before_a_model_is_asked(
    changes: dict[str, Any], fault: str
) -> None:
    scorer = Scorer()
    with pytest.raises(PromptError, match=fault):
        scoring(scorer, case(**changes)).compile()
    later = scoring(scorer, case(0), case(1, **changes)).run(store=InMemoryRunStore())
    assert fault in later.cases[1].generation_failures["0"].message
    assert later.status == "partial_failure"


@pytest.mark.parametrize(
    ("continuation", "fault"),
    [("{{ coice }}", "undefined"), ("{{ ", "unexpected"), ("{% if false %}x{% endif %}", "empty")],
)
def test_a_template_that_makes_no_continuation_is_refused(continuation: str, fault: str) -> None:
    with pytest.raises(PromptError, match=fault):
        scoring(generation={"continuation": continuation}).compile()


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"generation": {"candidate_policy": {"num_samples": 2}}}, "candidate_policy: .*2 candidates"),
        ({"generation": {"reducer": "builtin/majority_vote"}}, "generation.reducer: .*remove it"),
        ({"evaluation": {"parsers": ["builtin/text"]}}, "evaluation.parsers: .*remove it"),
        ({"generation": {"generator": ScriptedGenerator()}}, "no method score_continuations"),
        (
            {"generation": {"generator": {"use": "openai", "with": {"model_id": "m", "base_url": "http://x/v1"}}}},
            "api_mode",
        ),
    ],
)
def test_what_has_no_meaning_with_log_likelihoods_is_refused(changes: dict[str, Any], fault: str) -> None:
    with pytest.raises(ConfigError, match=fault):
        scoring(**changes).compile()


def test_a_template_of_continuations_needs_their_task() -> None:
    with pytest.raises(ValueError, match="task: continuations"):
        GenerationConfig(generator="builtin/demo_generator", continuation="{{ choice }}")


def test_batches_are_refused_also_when_they_come_with_the_call() -> None:
    batched = RuntimeConfig.model_validate({"batch": {"after": "1m", "poll": "1m"}})
    with pytest.raises(NoBatchesError, match="continuations"):
        scoring(runtime=batched).compile()
    with pytest.raises(NoBatchesError, match="continuations"):
        scoring().run(store=InMemoryRunStore(), runtime=batched)


def wrong_texts(texts: Sequence[str]) -> GenerationResult:
    return Scorer().result(list(reversed(texts)))


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (lambda texts: "A", "BadResultError"),
        (lambda texts: GenerationResult(candidate_id="c", final_output="A"), "ContinuationCountError"),
        (lambda texts: Scorer().result(texts[:1]), "ContinuationCountError"),
        (wrong_texts, "ContinuationCountError"),
    ],
    ids=["a text", "an answer", "too few", "another order"],
)
def test_a_result_that_is_not_about_what_was_asked_fails_the_case(answer: Any, error: str) -> None:
    failure = only(scoring(Scorer(answer))).generation_failures["0"]
    assert failure.error_type == error


def test_what_is_stored_is_not_asked_again_and_other_metrics_score_it(tmp_path: Path) -> None:
    scorer = Scorer()
    with_acc, with_others = (
        scoring(scorer, case(0), case(1), evaluation={"metrics": metrics})
        for metrics in (["builtin/acc"], ["builtin/acc_norm", "builtin/perplexity"])
    )
    store = sqlite_store(tmp_path / "s.sqlite3")
    with_acc.run("generate", store=store)
    assert len(scorer.calls) == 2
    assert with_acc.run(store=store).metrics["builtin/acc"].mean == 1.0
    assert with_others.run(store=store).metrics["builtin/acc_norm"].scored == 2
    assert len(scorer.calls) == 2
    store.close()


def test_an_answer_is_never_taken_for_a_log_likelihood_nor_one_template_for_another() -> None:
    store, kept = InMemoryRunStore(), []
    for generation in ({}, {"task": "generate"}, {"continuation": "{{ letter }}"}, {"continuation": "{{ choice }}"}):
        (found,) = scoring("builtin/demo_generator", generation=generation).run(store=store).cases
        scores = found.generated_candidates[0].continuations
        kept.append(None if scores is None else scores[0].text)
    assert kept == [" no", None, "A", "no"]


def test_a_run_of_answers_has_no_scores_of_log_likelihoods() -> None:
    found = only(scoring("builtin/demo_generator", generation={"task": "generate"}))
    assert "generation.task: continuations" in found.evaluation_failures["builtin/acc"].message


def test_a_failure_that_stops_a_run_stops_this_one_too() -> None:
    class StopError(RuntimeError):
        stops_run = True

    with pytest.raises(ThemisError, match="the run stopped"):
        scoring(Scorer(lambda texts: StopError("no echo")), case(0), case(1)).run(store=InMemoryRunStore())


def test_a_worker_asks_about_the_same_continuations(tmp_path: Path) -> None:
    config = tmp_path / "scored.yaml"
    question = {"question": "Q?", "choices": CHOICES}
    document = {
        "generation": {
            "task": "continuations",
            "generator": "builtin/demo_generator",
            "continuation": ": {{ choice }}",
        },
        "evaluation": {"metrics": ["builtin/acc", "builtin/perplexity"]},
        "storage": {"store": "sqlite"},
        "datasets": [
            {
                "dataset_id": "d",
                "cases": [{"case_id": str(no), "input": question, "expected_output": "B"} for no in (1, 2)],
            }
        ],
    }
    config.write_text(yaml.safe_dump(document), encoding="utf-8")
    experiment = Experiment.from_config(config)
    submit_experiment(experiment, config_path=str(config), mode="worker_pool")
    result = run_worker_once(tmp_path / "runs" / "queue")
    assert result is not None
    assert (result.status, result.metrics["builtin/acc"].mean) == ("completed", 1.0)
    assert [one.text for one in result.cases[0].generated_candidates[0].continuations or []] == [
        f": {choice}" for choice in CHOICES
    ]
    figures = result.metrics["builtin/perplexity"].aggregates
    # Two texts of two words and five bytes, whose words have -0.5 each.
    assert {name: figure.value for name, figure in figures.items()} == {
        "token_perplexity": pytest.approx(math.exp(0.5)),
        "word_perplexity": pytest.approx(math.exp(0.5)),
        "bits_per_byte": pytest.approx(1.0 / 5 / math.log(2)),
    }
