"""Whole runs against a scripted provider, and what a collector gets of them: spans, measurements and events."""

import json
import logging
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status
from opentelemetry.semconv._incubating.attributes import gen_ai_attributes as gen_ai
from opentelemetry.semconv._incubating.metrics import gen_ai_metrics
from opentelemetry.semconv.attributes import error_attributes, exception_attributes, server_attributes

from tests.support.model_server import ModelServer
from tests.support.otlp_collector import Collector, SpanSent
from tests.support.traced_lab import HEADER_KEY, JUDGE, KEY, MODEL, Provider, write
from themis.core.experiment import Experiment
from themis.core.results import RunResult
from themis.core.submission import run_worker_once, submit_experiment
from themis.telemetry import providers

CAPTURE = "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"
CLIENT, INTERNAL = Span.SPAN_KIND_CLIENT, Span.SPAN_KIND_INTERNAL
ERROR = Status.STATUS_CODE_ERROR


@dataclass(frozen=True)
class Sent:
    """What a collector got of a run."""

    collector: Collector
    result: RunResult


@pytest.fixture(scope="module")
def sent(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sent]:
    """One run with everything in it, a 429 among it, which costs a second."""
    with Collector() as collector, pytest.MonkeyPatch.context() as patch:
        patch.setenv("MODEL_KEY", KEY)
        patch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url)
        result = run(tmp_path_factory.mktemp("traced"), provider=Provider(throttles=True))
        yield Sent(collector, result)


@pytest.fixture
def collector(monkeypatch: pytest.MonkeyPatch) -> Iterator[Collector]:
    monkeypatch.setenv("MODEL_KEY", KEY)
    with Collector() as found:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", found.url)
        yield found


def run(folder: Path, *, provider: Provider | None = None, **runtime: Any) -> RunResult:
    with ModelServer(provider or Provider()) as server:
        return Experiment.from_config(write(folder, server.openai_url, **{"tracing": True, **runtime})).run()


def of_case(spans: list[SpanSent], case_id: str) -> SpanSent:
    return next(span for span in spans if span.attributes["themis.case.id"] == case_id)


def test_a_run_has_a_span_and_within_it_each_case_and_within_that_each_call(sent: Sent) -> None:
    collector = sent.collector
    assert sent.result.status == "partial_failure"
    (of_run,) = collector.named("themis.run")
    cases, asked, judged = (collector.named(name) for name in ("themis.case", f"chat {MODEL}", f"chat {JUDGE}"))
    assert (of_run.kind, of_run.parent, of_run.attributes["themis.run.id"]) == (INTERNAL, "", sent.result.run_id)
    assert of_run.attributes["themis.run.status"] == "partial_failure"
    assert [(span.kind, span.parent) for span in cases] == [(INTERNAL, of_run.span)] * 2
    assert {span.attributes["themis.case.id"] for span in cases} == {"france", "none"}
    assert [(span.kind, span.parent) for span in judged] == [(CLIENT, of_case(cases, "france").span)]
    assert sorted((span.kind, span.parent) for span in asked) == sorted((CLIENT, span.span) for span in cases)
    assert {span.trace for span in collector.spans} == {of_run.trace}
    assert len(collector.spans) == 1 + 2 + 2 + 1
    assert all(of_run.began_ns <= span.began_ns <= span.ended_ns <= of_run.ended_ns for span in collector.spans)
    assert collector.resources[0]["service.name"] == "themis"


def test_a_call_says_what_was_asked_and_what_was_answered_by_the_names_of_the_conventions(sent: Sent) -> None:
    collector = sent.collector
    said = of_case(collector.named(f"chat {MODEL}"), "france").attributes
    port = said.pop(server_attributes.SERVER_PORT)
    assert isinstance(port, int)
    assert said.pop(gen_ai.GEN_AI_RESPONSE_ID).startswith("chatcmpl-")
    assert said == {
        gen_ai.GEN_AI_OPERATION_NAME: gen_ai.GenAiOperationNameValues.CHAT.value,
        gen_ai.GEN_AI_PROVIDER_NAME: gen_ai.GenAiProviderNameValues.OPENAI.value,
        gen_ai.GEN_AI_REQUEST_MODEL: MODEL,
        gen_ai.GEN_AI_REQUEST_TEMPERATURE: 0.5,
        gen_ai.GEN_AI_REQUEST_TOP_P: 1.0,
        gen_ai.GEN_AI_REQUEST_MAX_TOKENS: 64,
        gen_ai.GEN_AI_REQUEST_STOP_SEQUENCES: ["END"],
        gen_ai.GEN_AI_REQUEST_SEED: 7,
        gen_ai.GEN_AI_RESPONSE_MODEL: "asked-model-2026",
        gen_ai.GEN_AI_RESPONSE_FINISH_REASONS: ["stop"],
        gen_ai.GEN_AI_USAGE_INPUT_TOKENS: 12,
        gen_ai.GEN_AI_USAGE_OUTPUT_TOKENS: 5,
        gen_ai.GEN_AI_USAGE_CACHE_READ_INPUT_TOKENS: 4,
        gen_ai.GEN_AI_USAGE_CACHE_CREATION_INPUT_TOKENS: 0,
        gen_ai.GEN_AI_USAGE_REASONING_OUTPUT_TOKENS: 2,
        server_attributes.SERVER_ADDRESS: "127.0.0.1",
        "themis.case.id": "france",
        "themis.dataset.id": "capitals",
        "themis.candidate.index": 0,
        "themis.retry.count": 1,
    }


def test_a_try_that_failed_is_an_event_of_the_span_of_its_call(sent: Sent) -> None:
    collector = sent.collector
    span = of_case(collector.named(f"chat {MODEL}"), "france")
    ((name, said),) = span.events
    assert (name, said["themis.retry.number"], said[error_attributes.ERROR_TYPE]) == ("themis.retry", 1, "429")
    assert "Rate limit reached" in said[exception_attributes.EXCEPTION_MESSAGE]
    assert error_attributes.ERROR_TYPE not in span.attributes
    assert span.status != ERROR


def test_a_call_that_failed_says_why(sent: Sent) -> None:
    collector = sent.collector
    span = of_case(collector.named(f"chat {MODEL}"), "none")
    assert (span.status, span.attributes[error_attributes.ERROR_TYPE]) == (ERROR, "400")
    assert "no such thing" in span.status_text
    assert gen_ai.GEN_AI_RESPONSE_ID not in span.attributes
    case = of_case(collector.named("themis.case"), "none")
    assert (case.status, case.status_text) == (ERROR, span.status_text)


def test_a_judges_call_has_the_answer_of_the_model_behind_it(sent: Sent) -> None:
    collector = sent.collector
    (span,) = collector.named(f"chat {JUDGE}")
    said = span.attributes
    assert said[gen_ai.GEN_AI_REQUEST_MODEL] == said[gen_ai.GEN_AI_RESPONSE_MODEL] == JUDGE
    assert (said[gen_ai.GEN_AI_USAGE_INPUT_TOKENS], said[gen_ai.GEN_AI_USAGE_OUTPUT_TOKENS]) == (30, 7)
    assert said[gen_ai.GEN_AI_RESPONSE_FINISH_REASONS] == ["stop"]
    assert said[gen_ai.GEN_AI_RESPONSE_ID].startswith("chatcmpl-")
    assert said["themis.metric.id"] == "right"
    assert said["themis.judge.call_id"]


def test_a_score_is_an_event_that_is_linked_to_the_span_of_the_answer(sent: Sent) -> None:
    collector = sent.collector
    span = of_case(collector.named(f"chat {MODEL}"), "france")
    told = [event for event in collector.events if event.attributes["themis.case.id"] == "france"]
    assert {event.name for event in told} == {"gen_ai.evaluation.result"}
    assert {(event.trace, event.span) for event in told} == {(span.trace, span.span)}
    by_name = {event.attributes[gen_ai.GEN_AI_EVALUATION_NAME]: event.attributes for event in told}
    assert {name: said[gen_ai.GEN_AI_EVALUATION_SCORE_VALUE] for name, said in by_name.items()} == {
        "builtin/exact_match": 1.0,
        "right": 1.0,
    }
    assert by_name["right"][gen_ai.GEN_AI_EVALUATION_SCORE_LABEL] == "PASS"
    assert by_name["right"][gen_ai.GEN_AI_RESPONSE_ID] == span.attributes[gen_ai.GEN_AI_RESPONSE_ID]
    assert not [said for said in by_name.values() if error_attributes.ERROR_TYPE in said]


def test_a_case_that_is_unscored_has_no_value_but_the_reason(sent: Sent) -> None:
    collector = sent.collector
    span = of_case(collector.named(f"chat {MODEL}"), "none")
    told = [event for event in collector.events if event.attributes["themis.case.id"] == "none"]
    assert {event.attributes[gen_ai.GEN_AI_EVALUATION_NAME] for event in told} == {"builtin/exact_match", "right"}
    for event in told:
        assert gen_ai.GEN_AI_EVALUATION_SCORE_VALUE not in event.attributes
        assert event.attributes[error_attributes.ERROR_TYPE] == "generation_failure"
        assert "no such thing" in event.attributes[gen_ai.GEN_AI_EVALUATION_EXPLANATION]
        assert event.span == span.span


def test_tokens_and_durations_are_histograms_of_the_conventions(sent: Sent) -> None:
    collector = sent.collector
    tokens = [point for point in collector.points if point.name == gen_ai_metrics.GEN_AI_CLIENT_TOKEN_USAGE]
    types = gen_ai.GenAiTokenTypeValues
    assert {
        (point.attributes[gen_ai.GEN_AI_REQUEST_MODEL], point.attributes[gen_ai.GEN_AI_TOKEN_TYPE]): point.total
        for point in tokens
    } == {
        (MODEL, types.INPUT.value): 12,
        (MODEL, types.OUTPUT.value): 5,
        (JUDGE, types.INPUT.value): 30,
        (JUDGE, types.OUTPUT.value): 7,
    }
    assert {(point.unit, tuple(point.bounds)) for point in tokens} == {("{token}", tuple(4.0**n for n in range(14)))}
    durations = [point for point in collector.points if point.name == gen_ai_metrics.GEN_AI_CLIENT_OPERATION_DURATION]
    assert {(point.unit, tuple(point.bounds)) for point in durations} == {
        ("s", tuple(round(0.01 * 2**n, 2) for n in range(14)))
    }
    counts = {
        (point.attributes[gen_ai.GEN_AI_REQUEST_MODEL], point.attributes.get(error_attributes.ERROR_TYPE)): point.count
        for point in durations
    }
    assert counts == {(MODEL, None): 1, (MODEL, "400"): 1, (JUDGE, None): 1}
    for point in collector.points:
        assert point.attributes[gen_ai.GEN_AI_OPERATION_NAME] == gen_ai.GenAiOperationNameValues.CHAT.value
        assert point.attributes[gen_ai.GEN_AI_PROVIDER_NAME] == gen_ai.GenAiProviderNameValues.OPENAI.value
        assert "themis.case.id" not in point.attributes, "a series for each case would be too many"
    served = {point.attributes.get(gen_ai.GEN_AI_RESPONSE_MODEL) for point in durations}
    assert served == {"asked-model-2026", JUDGE, None}


def test_no_prompt_and_no_answer_is_sent_unless_somebody_asks_for_it(tmp_path: Path, collector: Collector) -> None:
    run(tmp_path)
    sent = b"".join(body for _, body in collector.bodies)
    texts = (b"Capital of France", b"Paris", b"It is right", b"The answer is right")
    assert [text for text in texts if text in sent] == []


@pytest.mark.few(1)
@pytest.mark.parametrize(("variable", "key"), [("true", None), ("SPAN_ONLY", None), (None, True)])
def test_prompts_and_answers_are_sent_when_they_are_asked_for(
    tmp_path: Path, collector: Collector, monkeypatch: pytest.MonkeyPatch, variable: str | None, key: bool | None
) -> None:
    if variable is not None:
        monkeypatch.setenv(CAPTURE, variable)
    run(tmp_path, tracing=True if key is None else {"content": key})
    said = of_case(collector.named(f"chat {MODEL}"), "france").attributes
    assert json.loads(said[gen_ai.GEN_AI_INPUT_MESSAGES]) == [
        {"role": "user", "parts": [{"type": "text", "content": "Capital of France?"}]}
    ]
    assert json.loads(said[gen_ai.GEN_AI_OUTPUT_MESSAGES]) == [
        {"role": "assistant", "parts": [{"type": "text", "content": "Paris"}], "finish_reason": "stop"}
    ]
    (judged,) = collector.named(f"chat {JUDGE}")
    assert "The answer is right." in judged.attributes[gen_ai.GEN_AI_INPUT_MESSAGES]
    assert "It is right." in judged.attributes[gen_ai.GEN_AI_OUTPUT_MESSAGES]
    failed = of_case(collector.named(f"chat {MODEL}"), "none").attributes
    assert "broken" in failed[gen_ai.GEN_AI_INPUT_MESSAGES]
    assert gen_ai.GEN_AI_OUTPUT_MESSAGES not in failed


def test_a_configuration_that_wants_no_content_is_stronger_than_the_environment(
    tmp_path: Path, collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(CAPTURE, "true")
    run(tmp_path, tracing={"content": False})
    assert collector.spans
    assert b"Capital of France" not in b"".join(body for _, body in collector.bodies)


def test_content_can_be_an_event_beside_the_span(
    tmp_path: Path, collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(CAPTURE, "EVENT_ONLY")
    run(tmp_path)
    span = of_case(collector.named(f"chat {MODEL}"), "france")
    assert gen_ai.GEN_AI_INPUT_MESSAGES not in span.attributes
    (event,) = [
        event
        for event in collector.events
        if event.name == "gen_ai.client.inference.operation.details" and event.span == span.span
    ]
    ((message,),) = [event.attributes[gen_ai.GEN_AI_INPUT_MESSAGES]]
    assert message == {"role": "user", "parts": [{"type": "text", "content": "Capital of France?"}]}
    assert event.attributes[gen_ai.GEN_AI_REQUEST_MODEL] == MODEL


def test_no_key_is_in_anything_that_is_sent_said_or_stored(
    tmp_path: Path, collector: Collector, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The server repeats the key of the model; the key of the collector is in a header of each export."""
    monkeypatch.setenv(CAPTURE, "true")
    monkeypatch.setenv(
        "OTEL_EXPORTER_OTLP_HEADERS", f"x-honeycomb-team={HEADER_KEY},authorization=Bearer%20{KEY[::-1]}"
    )
    run(tmp_path, provider=Provider(repeats=True))
    assert {headers["x-honeycomb-team"] for headers in collector.headers} == {HEADER_KEY}
    assert {headers["authorization"] for headers in collector.headers} == {f"Bearer {KEY[::-1]}"}
    sent = b"".join(body for _, body in collector.bodies)
    said = of_case(collector.named(f"chat {MODEL}"), "france").attributes
    assert said[gen_ai.GEN_AI_RESPONSE_MODEL] == "m-[secret MODEL_KEY]", "it came, and was masked"
    assert "Your key is [secret MODEL_KEY]" in said[gen_ai.GEN_AI_OUTPUT_MESSAGES]
    kept = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    everything = sent + kept + caplog.text.encode()
    assert [secret for secret in (KEY, HEADER_KEY, KEY[::-1]) if secret.encode() in everything] == []


def test_a_job_of_a_queue_is_traced_by_its_worker(tmp_path: Path, collector: Collector) -> None:
    with ModelServer(Provider()) as server:
        config = write(tmp_path, server.openai_url, tracing=True)
        submit_experiment(Experiment.from_config(config), config_path=str(config), mode="worker_pool")
        assert not collector.bodies, "a submission is not a run"
        done = run_worker_once(tmp_path / "runs" / "queue")
    assert done is not None
    assert collector.named("themis.run")[0].attributes["themis.run.id"] == done.run_id
    assert len(collector.spans) == 6
    assert len(collector.events) == 4


def test_the_environment_can_turn_tracing_on_for_what_says_nothing_of_it(
    tmp_path: Path, collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("THEMIS_TRACING", "1")
    run(tmp_path, tracing=False)
    assert not collector.bodies
    run(tmp_path, tracing=None, existing_run_policy="rerun")
    assert collector.named("themis.run")


def test_a_collector_that_is_away_costs_a_remark_and_a_few_seconds(
    tmp_path: Path, collector: Collector, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    first, second = tmp_path / "with", tmp_path / "without"
    first.mkdir()
    second.mkdir()
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9")
    began_s = time.monotonic()
    with caplog.at_level(logging.WARNING):
        traced = run(first)
    took_s = time.monotonic() - began_s
    untraced = run(second, tracing=False)
    assert traced.metrics == untraced.metrics
    assert traced.status == untraced.status
    remarks = [record.getMessage() for record in caplog.records if "tracing" in record.getMessage()]
    (remark,) = remarks
    assert "http://127.0.0.1:9" in remark
    assert "the run and its results are not affected" in remark
    assert not [record for record in caplog.records if record.name.startswith("opentelemetry")]
    assert took_s < providers.FLUSH_S + 5


def test_a_collector_that_hangs_is_not_waited_for(
    tmp_path: Path, collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(providers, "FLUSH_S", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{silent.getsockname()[1]}")
        began_s = time.monotonic()
        assert run(tmp_path).status == "partial_failure"
        assert time.monotonic() - began_s < 5


def test_the_variables_of_opentelemetry_decide_the_name_the_sampler_and_the_exporters(
    tmp_path: Path, collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_SERVICE_NAME", "nightly")
    monkeypatch.setenv("OTEL_METRICS_EXPORTER", "none")
    monkeypatch.setenv("OTEL_LOGS_EXPORTER", "none")
    run(tmp_path)
    assert collector.resources[0]["service.name"] == "nightly"
    assert {path for path, _ in collector.bodies} == {"/v1/traces"}
    collector.bodies.clear()
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", "always_off")
    run(tmp_path, existing_run_policy="rerun")
    assert not collector.bodies
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", "always_on")
    monkeypatch.setenv("OTEL_SDK_DISABLED", "true")
    run(tmp_path, existing_run_policy="rerun")
    assert not collector.bodies
