"""Multiple choice by log-likelihoods: 200 questions to a scripted endpoint, and 20 to a real model."""

import json
import random
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from tests.support import real_model
from tests.support.model_server import ModelServer
from tests.support.model_server.scoring import LlamaLike, echoing, log_likelihood

LETTERS = "ABCDE"
CONTEXT = "Question: {}\nAnswer:"


def questions(count: int) -> list[dict[str, Any]]:
    """Questions with 2 to 5 choices of different lengths, in several scripts."""
    chance = random.Random(12)
    words = [
        "Paris",
        "the north",
        "fourteen of them",
        "Größe",
        "a very long answer indeed",
        "水",
        "café ☕",
        "none",
        "it's",
    ]
    found = []
    for number in range(count):
        choices = chance.sample(words, chance.randint(2, 5))
        found.append(
            {
                "case_id": f"q{number}",
                "question": f"What is number {number} of {chance.choice(words)}?",
                "choices": choices,
                "answer": chance.randrange(len(choices)),
            }
        )
    return found


def experiment(base_url: str, asked: list[dict[str, Any]], model: str = "m", **arguments: Any) -> dict[str, Any]:
    Path("questions.jsonl").write_text("".join(json.dumps(one) + "\n" for one in asked), encoding="utf-8")
    generator = {"model_id": model, "base_url": base_url, "api_mode": "completions", **arguments}
    return {
        "generation": {
            "task": "continuations",
            "generator": {"use": "openai", "with": generator},
            "prompt": {"template": "Question: {{ question }}\nAnswer:"},
        },
        "evaluation": {"metrics": ["builtin/acc", "builtin/acc_norm", "builtin/perplexity", "builtin/choice_accuracy"]},
        "storage": {"store": "sqlite"},
        "datasets": [
            {
                "dataset_id": "questions",
                "path": "questions.jsonl",
                "fields": {"case_id": "case_id", "input": "question", "choices": "choices", "answer": "answer"},
            }
        ],
    }


def by_hand(asked: list[dict[str, Any]], values: list[list[float]]) -> dict[str, float]:
    """What the metrics must be, from the log-likelihoods of each question's choices."""
    right, right_by_length = 0, 0
    for question, of_choices in zip(asked, values, strict=True):
        lengths = [len(choice.encode()) for choice in question["choices"]]
        by_length = [value / length for value, length in zip(of_choices, lengths, strict=True)]
        right += of_choices.index(max(of_choices)) == question["answer"]
        right_by_length += by_length.index(max(by_length)) == question["answer"]
    count = len(asked)
    return {"builtin/acc": right / count, "builtin/acc_norm": right_by_length / count}


@pytest.mark.few(1)
@pytest.mark.parametrize(("mode", "count"), [("echo", 60), ("echo", 200), ("grammar", 40)])
def test_acc_and_acc_norm_are_those_computed_by_hand(themis: Any, mode: str, count: int) -> None:
    asked = questions(count)
    values = [
        [log_likelihood(CONTEXT.format(one["question"]), f" {choice}") for choice in one["choices"]] for one in asked
    ]
    with ModelServer(default=echoing if mode == "echo" else LlamaLike()) as server:
        themis.write("scored.yaml", experiment(server.openai_url, asked, continuations=mode))
        result = themis("run", "--config", "scored.yaml").document
        requests = len(server.questions)
        assert themis("run", "--config", "scored.yaml").document["run_id"] == result["run_id"]
        assert len(server.questions) == requests, "what is stored is asked no more"
    expected = by_hand(asked, values)
    assert {name: result["metric_means"][name] for name in expected} == pytest.approx(expected)
    assert mode == "grammar" or expected["builtin/acc"] != expected["builtin/acc_norm"]
    assert result["metric_means"]["builtin/choice_accuracy"] == result["metric_means"]["builtin/acc"]
    assert requests == (count if mode == "echo" else sum(len(one["choices"]) for one in asked))


def test_a_server_that_ignores_echo_stops_the_run_and_names_the_line(themis: Any) -> None:
    with ModelServer(default=LlamaLike()) as server:
        themis.write("scored.yaml", experiment(server.openai_url, questions(50)))
        done = themis("run", "--config", "scored.yaml")
        assert done.code == 2
        assert "does not repeat the text" in done.err
        assert "continuations: grammar" in done.err
        assert "scored.yaml:" in done.err
        assert len(server.questions) <= 32


def test_prompt_show_prints_what_would_be_scored_and_model_check_tries_it(themis: Any) -> None:
    asked = questions(3)
    with ModelServer(default=echoing) as server:
        themis.write("scored.yaml", experiment(server.openai_url, asked, params={"max_tokens": 9, "user": "me"}))
        shown = themis("prompt", "show", "--config", "scored.yaml", "--case", "q1").document
        assert server.requests == []
        checked = themis("model", "check", "--config", "scored.yaml").document
        themis("run", "--config", "scored.yaml")
    context, texts = CONTEXT.format(asked[1]["question"]), [f" {choice}" for choice in asked[1]["choices"]]
    assert shown["continuations"] == texts
    assert shown["messages"] == [{"role": "user", "content": context}]
    assert shown["request"] == {
        "model": "m",
        "prompt": [context + text for text in texts],
        "echo": True,
        "logprobs": 1,
        "max_tokens": 1,
        "temperature": 0,
        "user": "me",
    }
    assert [one.data for one in server.questions if one.data["prompt"] == shown["request"]["prompt"]] == [
        shown["request"]
    ]
    assert (checked["answered"], checked["supports"]["log_likelihoods"]) == (True, True)
    assert checked["answer"] in list("ABCDE")


def test_model_check_says_that_a_server_ignores_echo(themis: Any) -> None:
    with ModelServer(default=LlamaLike()) as server:
        themis.write("scored.yaml", experiment(server.openai_url, questions(3)))
        done = themis("model", "check", "--config", "scored.yaml")
        assert done.code == 2
        assert "does not repeat the text" in done.err
        assert "continuations: grammar" in done.err
        themis.write("forced.yaml", experiment(server.openai_url, questions(3), continuations="grammar"))
        assert themis("model", "check", "--config", "forced.yaml").document["supports"]["log_likelihoods"] is True
        shown = themis("prompt", "show", "--config", "forced.yaml").document
        assert shown["request"]["grammar"] == f'root ::= "{shown["continuations"][0]}"'


def test_an_estimate_counts_each_continuation_as_a_prompt(themis: Any) -> None:
    asked = questions(4)
    themis.write("scored.yaml", experiment("http://127.0.0.1:9/v1", asked))
    found = themis("estimate", "--config", "scored.yaml").document
    texts = [CONTEXT.format(one["question"]) + f" {choice}" for one in asked for choice in one["choices"]]
    assert found["estimated_generation_input_tokens"] == -(-sum(map(len, texts)) // 4)
    assert found["estimated_generation_output_tokens"] == len(texts)


REAL_QUESTIONS = 20
NOISE = 1.5
"""In natural logarithms, over all tokens of a choice."""


@pytest.mark.real_model
@pytest.mark.slow
def test_acc_and_acc_norm_of_a_real_model_are_those_of_its_tokens_one_by_one(themis: Any) -> None:
    if reason := real_model.missing():
        pytest.skip(reason)
    asked = questions(REAL_QUESTIONS)
    with real_model.real_model(slots=2) as base_url:
        values = [[_token_by_token(base_url, one["question"], choice) for choice in one["choices"]] for one in asked]
        root = base_url.removesuffix("/v1")
        before = _posted(f"{root}/tokenize", {"content": "The capital of France is", "add_special": True})["tokens"]
        for token in (506, 9079, 12_345):
            assert _log_probability(root, before, token) == pytest.approx(
                _in_distribution(root, before, token), abs=0.01
            )
        config = experiment(base_url, asked, model=real_model.MODEL, continuations="grammar")
        config["runtime"] = {"max_concurrent_tasks": 1}
        themis.write("scored.yaml", config)
        result = themis("run", "--config", "scored.yaml").document
        ignored = experiment(base_url, asked, model=real_model.MODEL)
        themis.write("ignored.yaml", ignored)
        refused = themis("run", "--config", "ignored.yaml")
    assert (refused.code, "does not repeat the text" in refused.err) == (2, True)
    stored = _stored_log_likelihoods(themis)
    assert {name: result["metric_means"][name] for name in by_hand(asked, stored)} == by_hand(asked, stored)
    apart = [
        abs(ours - theirs) for pair in zip(stored, values, strict=True) for ours, theirs in zip(*pair, strict=True)
    ]
    # The server computes one token and several with kernels whose last bits differ, for weights of 4 bits.
    assert max(apart) < NOISE
    assert sorted(apart)[len(apart) // 2] < NOISE / 10
    for ours, theirs in zip(stored, values, strict=True):
        first, second = sorted(theirs)[-1:-3:-1]
        assert first - second < 2 * NOISE or ours.index(max(ours)) == theirs.index(first)


def _stored_log_likelihoods(themis: Any) -> list[list[float]]:
    document = json.loads(themis("report", "--config", "scored.yaml", "--format", "json").out)
    candidates = [case["generated_candidates"][0] for case in document["run_result"]["cases"]]
    return [[one["log_likelihood"] for one in candidate["continuations"]] for candidate in candidates]


def _token_by_token(base_url: str, question: str, choice: str) -> float:
    context, root = CONTEXT.format(question), base_url.removesuffix("/v1")
    tokens = _posted(f"{root}/tokenize", {"content": f"{context} {choice}", "add_special": True})["tokens"]
    first = len(_posted(f"{root}/tokenize", {"content": context, "add_special": True})["tokens"])
    return sum(_log_probability(root, tokens[:number], tokens[number]) for number in range(first, len(tokens)))


def _log_probability(root: str, before: list[int], token: int) -> float:
    """The log-probability of one token: it is forced, and the server says what it was before that."""
    asked = {"prompt": before, "n_predict": 1, "n_probs": 1, "logit_bias": [[token, 1000.0]], "temperature": 0}
    (found,) = _posted(f"{root}/completion", asked)["completion_probabilities"]
    assert found["id"] == token
    return float(found["logprob"])


def _in_distribution(root: str, before: list[int], token: int) -> float:
    """The same from the whole distribution, which takes the server long to write."""
    asked = {"prompt": before, "n_predict": 1, "n_probs": 300_000, "temperature": 0}
    likely = _posted(f"{root}/completion", asked)["completion_probabilities"][0]["top_logprobs"]
    return next(float(one["logprob"]) for one in likely if one["id"] == token)


def _posted(url: str, document: Any) -> Any:
    request = urllib.request.Request(url, json.dumps(document).encode(), {"content-type": "application/json"})  # noqa: S310
    with urllib.request.urlopen(request, timeout=120) as reply:  # noqa: S310  # ours
        return json.loads(reply.read())
