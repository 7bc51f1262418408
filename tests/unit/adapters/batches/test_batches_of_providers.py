"""Runs through the batches of OpenAI and Anthropic, against the scripted server, by their own client libraries."""

import json
from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.support.model_server import Answer, HangUp, ModelServer, Request, Usage, failures
from tests.support.model_server.script import Step
from themis.adapters import anthropic, langgraph, openai, vllm
from themis.adapters import callable as call
from themis.core.config import EvaluationConfig, GenerationConfig, RuntimeConfig, StorageConfig
from themis.core.errors import BatchesRefusedError, NoBatchesError
from themis.core.experiment import Experiment
from themis.core.models import Case, Dataset
from themis.core.prompt_config import PromptConfig
from themis.core.prompts import PromptSpec
from themis.core.reporting.costs import read_cost
from themis.core.results import RunStatus
from themis.core.stores import InMemoryRunStore
from themis.core.values.batch import BatchConfig

KEY = "sk-test-4Qz81LmXw07RbT52uKfYc9Vd"
SOON = RuntimeConfig(batch=BatchConfig(after=0.01, poll=0.01), generation_retry_delay=0.02)
PRICES = "prices: [{model: m, input: 3, output: 15, batch: 0.5}]\n"
DIALECTS = ("responses", "chat_completions", "completions", "anthropic")
QUESTION_KINDS = {"responses": "responses", "chat_completions": "chat", "completions": "completions"}


def generator_of(server: ModelServer, dialect: str, **more: Any) -> Any:
    if dialect == "anthropic":
        return anthropic("m", base_url=server.anthropic_url, api_key=KEY, **more)
    return openai("m", base_url=server.openai_url, api_key=KEY, api_mode=dialect, **more)


def experiment(generator: Any, *, count: int = 4, runtime: RuntimeConfig = SOON, **more: Any) -> Experiment:
    cases = [Case(case_id=f"c{no}", input=f"question {no}", expected_output="yes") for no in range(count)]
    return Experiment(
        generation=GenerationConfig(generator=generator, **more),
        evaluation=EvaluationConfig(metrics=["builtin/exact_match"]),
        storage=StorageConfig(store="memory"),
        runtime=runtime,
        datasets=[Dataset(dataset_id="d", cases=cases)],
    )


def by_question(**steps: Step) -> Any:
    """A script: what the questions with these numbers get when a batch asks them."""

    def step(request: Request) -> Step:
        number = request.question.rpartition(" ")[2]
        return steps.get(f"q{number}") if request.batch_id is not None else None

    return step


def paths(server: ModelServer) -> Counter[str]:
    return Counter(f"{request.method} {request.path}" for request in server.requests)


def lines_sent(server: ModelServer) -> Iterator[dict[str, Any]]:
    for request in server.requests:
        if request.path == "/v1/files" and request.method == "POST":
            yield from map(json.loads, request.data["file"].splitlines())
        elif request.path == "/v1/messages/batches" and request.method == "POST":
            yield from request.data["requests"]


@pytest.mark.few(2)
@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_line_is_the_body_of_a_single_request_and_its_answer_is_read_alike(dialect: str) -> None:
    settings: dict[str, Any] = {
        "instructions": "Be short.",
        "params": {"max_tokens": 50, "temperature": 0.5},
        "extra_body": {"user": "lab"},
    }
    usage = Usage(prompt=9, output=2, cached=4)
    prompt = PromptSpec(instructions="Say yes.")
    with ModelServer(default=Answer("yes", usage=usage)) as server:
        lab = experiment(generator_of(server, dialect, **settings), prompt_spec=prompt)
        batched = lab.run()
        lines = list(lines_sent(server))
        single = lab.run(runtime=RuntimeConfig())
        bodies = [request.data for request in server.questions]
    assert len(lines) == 4
    assert [line.get("params") or line["body"] for line in lines] == sorted(bodies, key=json.dumps)
    assert {line.get("url") for line in lines} == ({None} if dialect == "anthropic" else {server.questions[0].path})
    for one, other in zip(batched.cases, single.cases, strict=True):
        (mine,), (theirs,) = one.generated_candidates, other.generated_candidates
        assert mine.artifacts is not None
        assert theirs.artifacts is not None
        assert (mine.final_output, mine.token_usage) == ("yes", theirs.token_usage)
        assert (mine.conversation, mine.finish_reason, mine.served_model) == (
            theirs.conversation,
            theirs.finish_reason,
            theirs.served_model,
        )
        assert mine.artifacts["service_tier"] == "batch"
        assert "service_tier" not in theirs.artifacts
    assert batched.status is RunStatus.COMPLETED


@pytest.mark.few(2)
@pytest.mark.parametrize("dialect", DIALECTS)
def test_what_a_batch_leaves_out_is_asked_by_itself_or_fails_by_its_category(dialect: str) -> None:
    script = by_question(q0=HangUp(), q1=failures.context_too_long(), q2=failures.server_error())
    with ModelServer(script) as server:
        result = experiment(generator_of(server, dialect)).run()
        singles = [request.question for request in server.questions]
    assert sorted(question.rpartition("question ")[2] for question in singles) == ["0", "2"]
    assert [case.generation_failures == {} for case in result.cases] == [True, False, True, True]
    (failure,) = result.cases[1].generation_failures.values()
    assert (failure.category, failure.error_type) == ("generation_failure", "RefusedCaseError")
    assert result.status is RunStatus.PARTIAL_FAILURE
    answered = [candidate for case in result.cases for candidate in case.generated_candidates]
    assert [(candidate.artifacts or {}).get("service_tier") for candidate in answered] == [None, None, "batch"]


@pytest.mark.parametrize("dialect", ["chat_completions", "anthropic"])
def test_a_run_through_batches_costs_half(dialect: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    prices = tmp_path / "prices.yaml"
    prices.write_text(PRICES)
    monkeypatch.setenv("THEMIS_PRICES", str(prices))
    cost = {}
    for name, runtime in {"batched": SOON, "single": RuntimeConfig()}.items():
        with ModelServer(default=Answer("yes", usage=Usage(prompt=1_000, output=100))) as server:
            lab, store = experiment(generator_of(server, dialect), runtime=runtime), InMemoryRunStore()
            result = lab.run(store=store)
        found = read_cost(store, result.run_id)
        assert found is not None
        cost[name] = found
    assert cost["single"].known.total_usd == Decimal(4 * (1_000 * 3 + 100 * 15)) / 1_000_000
    assert cost["batched"].known.total_usd == cost["single"].known.total_usd / 2
    assert cost["batched"].known.calls == 4


def test_templates_are_rendered_for_a_batch_and_a_case_that_cannot_be_fails_alone() -> None:
    template = "{{ 'Say yes: ' ~ input if input != 'question 2' else missing }}"
    prompt = PromptConfig(system="Be short.", template=template)
    with ModelServer() as server:
        lab = experiment(generator_of(server, "chat_completions"), prompt=prompt)
        result = lab.run()
        lines = list(lines_sent(server))
    assert [line["body"]["messages"] for line in lines] == [
        [{"role": "system", "content": "Be short."}, {"role": "user", "content": f"Say yes: question {no}"}]
        for no in (0, 1, 3)
    ]
    assert [len(case.generated_candidates) for case in result.cases] == [1, 1, 0, 1]
    assert "'missing' is undefined" in next(iter(result.cases[2].generation_failures.values())).message
    for case in result.cases:
        for candidate in case.generated_candidates:
            assert candidate.artifacts is not None
            assert len(str(candidate.artifacts["prompt_sha256"])) == 64


@pytest.mark.parametrize("dialect", ["chat_completions", "anthropic"])
def test_each_candidate_is_a_line_of_its_own(dialect: str) -> None:
    with ModelServer() as server:
        lab = experiment(generator_of(server, dialect), count=3, candidate_policy={"num_samples": 2})
        result = lab.model_copy(update={"seeds": [11, 22]}).run()
        lines = list(lines_sent(server))
    names = [line["custom_id"].split("-") for line in lines]
    assert [(case_no, item) for _, case_no, item in names] == [(str(no), str(i)) for no in range(3) for i in range(2)]
    assert len({nonce for nonce, *_ in names}) == 1
    assert [len(case.generated_candidates) for case in result.cases] == [2, 2, 2]
    if dialect == "chat_completions":
        assert [line["body"]["seed"] for line in lines] == [11, 22] * 3


@pytest.mark.parametrize("stream", [False, True])
def test_a_line_never_asks_for_a_stream(*, stream: bool) -> None:
    with ModelServer() as server:
        result = experiment(generator_of(server, "chat_completions", stream=stream), count=1).run()
        (line,) = lines_sent(server)
    assert result.status is RunStatus.COMPLETED
    assert not {"stream", "stream_options"} & line["body"].keys()


def test_whether_a_run_goes_through_batches_does_not_decide_what_it_is() -> None:
    plain = experiment(openai("m", base_url="http://127.0.0.1:9/v1", api_key=KEY), runtime=RuntimeConfig())
    batched = plain.model_copy(update={"runtime": SOON})
    assert batched.compile().run_id == plain.compile().run_id


def test_the_marks_of_a_batch_name_the_run(tmp_path: Path) -> None:
    with ModelServer() as server:
        result = experiment(generator_of(server, "chat_completions")).run()
        (created,) = [r for r in server.requests if (r.method, r.path) == ("POST", "/v1/batches")]
    assert created.data["metadata"]["themis_run_id"] == result.run_id
    assert created.data["endpoint"] == "/v1/chat/completions"
    assert len(created.data["metadata"]["themis_batch"]) == 16


@pytest.mark.parametrize("dialect", ["chat_completions", "anthropic"])
def test_a_provider_that_is_busy_for_a_moment_is_asked_again(dialect: str) -> None:
    seen: Counter[str] = Counter()

    def each_first_time_busy(request: Request) -> Step:
        if request.is_question or request.batch_id is not None:
            return None
        what = f"{request.method} {request.path}"
        seen[what] += 1
        return failures.unavailable() if seen[what] == 1 else None

    with ModelServer(each_first_time_busy) as server:
        result = experiment(generator_of(server, dialect)).run()
        made = paths(server)
        lines = list(lines_sent(server))
    assert result.status is RunStatus.COMPLETED
    assert not server.questions
    submissions = "POST /v1/messages/batches" if dialect == "anthropic" else "POST /v1/batches"
    assert made[submissions] == 2
    assert len({line["custom_id"].split("-")[0] for line in lines}) == 1


@pytest.mark.parametrize("dialect", ["chat_completions", "anthropic"])
def test_a_key_that_is_refused_stops_the_run_before_a_batch_is_made(dialect: str) -> None:
    with ModelServer(lambda request: failures.unauthorized()) as server:
        with pytest.raises(BatchesRefusedError, match="refuses the API key"):
            experiment(generator_of(server, dialect)).run()
        assert len(server.requests) == 1


def test_a_batch_that_is_refused_as_a_whole_is_asked_one_by_one(caplog: pytest.LogCaptureFixture) -> None:
    with ModelServer() as server:
        lab = experiment(generator_of(server, "chat_completions"))
        generator = lab.generation.generator
        endpoint = generator.batch_endpoint()
        line = endpoint.line
        endpoint.line = lambda *asked: line(*asked).replace(b"/v1/chat/completions", b"/v1/embeddings")
        generator.batch_endpoint = lambda: endpoint
        result = lab.run()
        assert len(server.questions) == 4
    assert result.status is RunStatus.COMPLETED
    assert "is failed (The URL of this line is not the batch's endpoint." in caplog.text
    assert "4 are asked again by single requests" in caplog.text


def no_batches() -> dict[str, Any]:
    def answer(prompt: str) -> str:
        return prompt

    class Graph:
        async def ainvoke(self, value: Any) -> Any:
            return value

    return {
        "generator/vllm": vllm("m", base_url="http://127.0.0.1:9/v1"),
        "generator/langgraph": langgraph(Graph(), graph_id="g"),
        "generator/callable": call.CallableGenerator(answer),
        "builtin/demo_generator": "builtin/demo_generator",
        "generator/openai": openai("m", client=object()),
        "generator/anthropic": anthropic("m", client=object()),
    }


@pytest.mark.parametrize("name", sorted(no_batches()))
def test_a_generator_without_batches_is_refused_by_its_name_before_anything_is_asked(name: str) -> None:
    lab = experiment(no_batches()[name])
    with pytest.raises(NoBatchesError, match=rf"runtime\.batch: {name} has (no batch|a client of your own)"):
        lab.compile()
    assert experiment(no_batches()[name], runtime=RuntimeConfig()).compile().run_id


def test_a_server_without_batches_is_refused_by_its_address_before_a_question_is_asked() -> None:
    with ModelServer(lambda request: failures.model_not_found() if request.kind == "files" else None) as server:
        with pytest.raises(NoBatchesError, match=f"no batch endpoint at {server.openai_url}"):
            experiment(generator_of(server, "chat_completions")).run()
        assert len(server.requests) == 1
