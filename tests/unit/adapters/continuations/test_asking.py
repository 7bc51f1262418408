"""Log-likelihoods from endpoints, in whole runs: limits, tries, costs, and servers that say something else."""

import json
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from tests.support.model_server import ModelServer, Request
from tests.support.model_server.failures import throttled
from tests.support.model_server.replies import Failure, RawBody
from tests.support.model_server.scoring import LlamaLike, echoed_choice, echoing, log_likelihood
from themis.adapters import openai, vllm
from themis.adapters.continuations.forced import TOKENIZE
from themis.core.config import EvaluationConfig, GenerationConfig, RuntimeConfig, StorageConfig
from themis.core.cost.price_list import PriceList
from themis.core.cost.run_cost import cost_of
from themis.core.cost.spend import read_all
from themis.core.errors import ComponentError, ConfigError, RunStoppedError
from themis.core.experiment import Experiment
from themis.core.models import Case, ContinuationScore, Dataset
from themis.core.results import CaseResult, RunResult
from themis.core.stores import InMemoryRunStore

QUESTION, CHOICES = "Where is the tower? It is in", ["Paris", "a town of the south", "Rome"]
RUNTIME = {"generation_retry_delay": 0.001, "breaker": {"failures": 1_000}}


def run(generator: Any, *, count: int = 1, store: Any = None, **runtime: Any) -> RunResult:
    asked: Any = {"question": QUESTION, "choices": CHOICES}
    cases = [Case(case_id=f"q{number}", input=asked, expected_output="A") for number in range(count)]
    return Experiment(
        generation=GenerationConfig(generator=generator, task="continuations"),
        evaluation=EvaluationConfig(metrics=["builtin/acc"]),
        storage=StorageConfig(store="memory"),
        runtime=RuntimeConfig.model_validate({**RUNTIME, **runtime}),
        datasets=[Dataset(dataset_id="d", cases=cases)],
    ).run(store=store or InMemoryRunStore())


def asking(server: ModelServer, **arguments: Any) -> Any:
    return openai("m", base_url=server.openai_url, api_mode="completions", **arguments)


def only(result: RunResult) -> CaseResult:
    (found,) = result.cases
    return found


def scores(case: CaseResult) -> list[ContinuationScore]:
    (candidate,) = case.generated_candidates
    return candidate.continuations or []


EXPECTED = [pytest.approx(log_likelihood(QUESTION, f" {choice}")) for choice in CHOICES]


def test_the_choices_of_a_case_are_one_request_and_its_tokens_are_counted_once() -> None:
    with ModelServer(default=echoing) as server:
        store = InMemoryRunStore()
        params = {"max_tokens": 64, "temperature": 1.0, "stop": ["x"], "user": "me"}
        result = run(asking(server, params=params, extra_body={"add_special_tokens": False}), store=store)
        (request,) = server.questions
    assert request.data == {
        "model": "m",
        "user": "me",
        "prompt": [f"{QUESTION} {choice}" for choice in CHOICES],
        "echo": True,
        "logprobs": 1,
        "max_tokens": 1,
        "temperature": 0,
        "add_special_tokens": False,
    }
    found = only(result)
    (candidate,) = found.generated_candidates
    assert [score.log_likelihood for score in scores(found)] == EXPECTED
    assert candidate.token_usage is not None
    assert candidate.token_usage["completion_tokens"] == len(CHOICES)
    artifacts: dict[str, Any] = candidate.artifacts or {}
    assert "raw_response" not in artifacts
    kept = [sum(value for _, value in tokens) for tokens in artifacts["continuation_tokens"]]
    assert kept == EXPECTED
    cost = cost_of(read_all(store.spends(result.run_id).values()), PriceList.read())
    assert cost is not None
    assert cost.known.tokens.total == sum(candidate.token_usage.values())


def test_vllm_is_asked_in_the_same_way() -> None:
    with ModelServer(default=echoing) as server:
        generator = vllm("m", base_url=server.openai_url, api_mode="completions")
        assert [score.log_likelihood for score in scores(only(run(generator)))] == EXPECTED


def test_requests_of_one_choice_each_count_one_by_one_for_the_limits_and_the_tries() -> None:
    with ModelServer([throttled(0.01), Failure(500, "later"), *[echoing] * 3]) as server:
        found = only(run(asking(server, continuations_per_call=1)))
        assert [request.data["prompt"] for request in server.questions] == [
            f"{QUESTION} {choice}" for choice in (*[CHOICES[0]] * 3, *CHOICES[1:])
        ]
    assert [score.log_likelihood for score in scores(found)] == EXPECTED


def test_by_grammar_each_token_is_forced_to_be_that_of_the_tokenizer() -> None:
    with ModelServer(default=LlamaLike()) as server:
        found = only(run(asking(server, continuations="grammar")))
        assert [request.path for request in server.requests] == [TOKENIZE, "/v1/completions"] * len(CHOICES)
        bodies = [request.data for request in server.questions]
    assert [score.log_likelihood for score in scores(found)] == EXPECTED
    assert all(type(token) is int for body in bodies for token in body["prompt"])
    assert bodies[0]["grammar"] == 'root ::= " Paris"'
    assert {score.is_greedy for score in scores(found)} <= {True, False}


def without_bias(request: Request) -> RawBody | None:
    request.data.pop("logit_bias", None)
    return llama(request)


llama = LlamaLike()


def test_a_text_that_was_spelled_by_other_tokens_has_no_log_likelihood() -> None:
    with ModelServer(default=without_bias) as server:
        failure = only(run(asking(server, continuations="grammar"))).generation_failures["0"]
    assert failure.category == "bad_response"
    assert "not forced" in failure.message


def changed(change: Callable[[dict[str, Any]], Any]) -> Callable[[Request], RawBody]:
    """A server whose reply about the first choice is changed."""

    def reply(request: Request) -> RawBody:
        document = {"choices": [{"index": no, **echoed_choice(text)} for no, text in enumerate(request.data["prompt"])]}
        change(document["choices"][0])
        return RawBody(json.dumps(document | {"usage": {"prompt_tokens": 7, "completion_tokens": 1}}).encode())

    return reply


@pytest.mark.few(3)
@pytest.mark.parametrize(
    "change",
    [
        lambda choice: choice["logprobs"]["token_logprobs"].__setitem__(-2, None),
        lambda choice: choice["logprobs"]["token_logprobs"].pop(),
        lambda choice: choice["logprobs"]["tokens"].pop(),
        lambda choice: choice["logprobs"]["tokens"].__setitem__(2, "x"),
        lambda choice: choice["logprobs"].update(tokens=[None] * 3, token_logprobs=[-1.0] * 3),
        lambda choice: choice.update(text=choice["text"].replace("Paris", "Lyon")),
        lambda choice: choice.update(index=1),
    ],
    ids=["a null", "too few values", "too few tokens", "another token", "no texts", "another text", "index twice"],
)
def test_a_hostile_reply_fails_its_case_after_its_tries_and_is_paid_for(
    change: Callable[[dict[str, Any]], Any],
) -> None:
    def hostile(choice: dict[str, Any]) -> None:
        change(choice)
        choice["logprobs"].pop("text_offset", None)

    store = InMemoryRunStore()
    with ModelServer(default=changed(hostile)) as server:
        result = run(asking(server), store=store)
        assert len(server.questions) == 3
    failure = only(result).generation_failures["0"]
    assert (failure.category, failure.error_type) == ("bad_response", "BadResponseError")
    cost = cost_of(read_all(store.spends(result.run_id).values()), PriceList.read())
    assert cost is not None
    assert cost.known.tokens.total == 3 * 8


@pytest.mark.parametrize("reply", [b"[]", b'{"choices": null}', b'{"choices": [7, 8, 9]}', b"{", b"null"])
def test_a_reply_of_another_form_is_a_bad_response(reply: bytes) -> None:
    with ModelServer(default=RawBody(reply)) as server:
        assert only(run(asking(server))).generation_failures["0"].category == "bad_response"


@pytest.mark.parametrize(
    ("default", "arguments", "fault"),
    [
        (LlamaLike(), {}, "does not repeat the text .* continuations: grammar"),
        (changed(lambda choice: choice.update(logprobs=None)), {}, "without the log-probabilities"),
        (None, {"continuations": "grammar"}, "no /tokenize"),
    ],
    ids=["no echo", "no log-probabilities", "no tokenizer"],
)
def test_a_server_that_cannot_stops_the_run_at_once(default: Any, arguments: dict[str, Any], fault: str) -> None:
    with ModelServer(default=default) as server:
        with pytest.raises(RunStoppedError, match=fault) as raised:
            run(asking(server, **arguments), count=20, max_concurrent_tasks=2)
        assert raised.value.key == "generation.generator"
        assert len(server.questions) <= 2


def test_a_budget_reserves_a_token_for_each_choice_and_all_of_the_prompts() -> None:
    with ModelServer(default=echoing) as server:
        generator = asking(server)
        case = Case(case_id="q", input=QUESTION)
        context = SimpleNamespace(prompt_spec=None, seed=None, seed_is_given=False)
        most = generator.most_tokens(case, context, [f" {choice}" for choice in CHOICES])
        assert most[1] == len(CHOICES)
        assert (most[0] or 0) > len(QUESTION) * len(CHOICES)
        forced = asking(server, continuations="grammar").most_tokens(case, context, [" Paris"])
        assert forced[1] == len(" Paris")
        spent = run(generator, count=40, budget={"tokens": 1_000}, max_concurrent_tasks=4)
        assert (spent.status, spent.reason) == ("cancelled", "budget")
        used = sum(len(request.data["prompt"]) for request in server.questions)
        assert 0 < used < 40 * len(CHOICES)


def test_a_client_of_the_user_is_asked_as_a_program_would() -> None:
    calls: list[dict[str, Any]] = []

    class Completions:
        async def create(self, **keywords: Any) -> Any:
            calls.append(keywords)
            choices = [{"index": number, **echoed_choice(text)} for number, text in enumerate(keywords["prompt"])]
            return {"model": "m-1", "choices": choices}

    client = SimpleNamespace(completions=Completions())
    found = only(run(openai("m", client=client, api_mode="completions")))
    assert [score.log_likelihood for score in scores(found)] == EXPECTED
    assert (calls[0]["echo"], calls[0]["logprobs"]) == (True, 1)


@pytest.mark.parametrize(
    ("arguments", "fault"),
    [
        ({"api_mode": "chat_completions"}, "api_mode is chat_completions"),
        ({"api_mode": "completions", "stream": True}, "stream is set"),
        ({"api_mode": "completions", "continuations": "grammar", "client": object()}, "client of your own"),
    ],
)
def test_a_generator_that_cannot_is_refused_before_anything_is_sent(arguments: dict[str, Any], fault: str) -> None:
    with pytest.raises(ConfigError, match=fault):
        run(openai("m", base_url="http://127.0.0.1:9/v1", **arguments))


@pytest.mark.parametrize(
    "arguments", [{"continuations": "guess"}, {"continuations_per_call": 0}, {"continuations_per_call": True}]
)
def test_arguments_that_cannot_be_are_refused(arguments: dict[str, Any]) -> None:
    with pytest.raises(ComponentError, match="continuations"):
        openai("m", base_url="http://127.0.0.1:9/v1", **arguments)


def test_only_the_way_of_asking_is_part_of_the_identity() -> None:
    url = "http://127.0.0.1:9/v1"
    plain = openai("m", base_url=url).fingerprint()
    assert openai("m", base_url=url, continuations="echo", continuations_per_call=2).fingerprint() == plain
    assert openai("m", base_url=url, continuations="grammar").fingerprint() != plain
