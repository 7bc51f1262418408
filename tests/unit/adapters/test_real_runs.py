"""Whole runs against a server: one that refuses every call, and one that sees secrets and shows them."""

import json
import sqlite3
import traceback
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.model_server import Answer, ModelServer
from tests.support.model_server.failures import echoed_key, throttled, unauthorized
from themis.adapters import openai
from themis.core.config import EvaluationConfig, GenerationConfig, StorageConfig
from themis.core.errors import ProviderOutageError
from themis.core.experiment import Experiment
from themis.core.models import Case, Dataset
from themis.core.outcomes.stages import Stage
from themis.core.reports import Reporter
from themis.core.submission import run_worker_once, submit_experiment
from themis.core.text import masking

KEY = "sk-test-4Qz81LmXw07RbT52uKfYc9Vd"
HEADER = "gw-9f3Kx27PqLs64ZtVbN18mHyW"


def test_a_key_that_is_refused_stops_a_run_of_ten_thousand_cases_within_fifty_requests(tmp_path: Path) -> None:
    cases = [Case(case_id=str(no), input=f"q{no}") for no in range(10_000)]
    with ModelServer(default=unauthorized()) as server:
        experiment = Experiment(
            generation=GenerationConfig(generator=openai("m", base_url=server.openai_url, api_key=KEY)),
            evaluation=EvaluationConfig(),
            storage=StorageConfig(store="sqlite", parameters={"path": str(tmp_path / "s.sqlite3")}),
            datasets=[Dataset(dataset_id="many", cases=cases)],
        )
        with pytest.raises(ProviderOutageError, match="refuses the API key"):
            experiment.run()
        assert 5 <= len(server.requests) <= 50


@pytest.mark.not_smoke
@pytest.mark.parametrize("stream", [False, True])
def test_no_secret_is_in_any_file_log_or_report_of_a_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, *, stream: bool
) -> None:
    monkeypatch.setattr(masking, "_known", masking.Mask())
    monkeypatch.setenv("MODEL_KEY", KEY)
    monkeypatch.setenv("GATEWAY_TOKEN", HEADER)
    shown = f"your key is {KEY}, your token {HEADER}"
    steps: list[Any] = [echoed_key, throttled(1), Answer(shown), echoed_key, Answer("<think>" + shown + "</think>4")]
    with ModelServer(steps) as server:
        arguments = {
            "model_id": "m",
            "base_url": server.openai_url,
            "api_key": "env:MODEL_KEY",
            "extra_headers": {"x-gateway": "${GATEWAY_TOKEN}"},
            "stream": stream,
        }
        document = {
            "generation": {"generator": {"use": "openai", "with": arguments}},
            "evaluation": {"metrics": ["builtin/exact_match"], "parsers": ["builtin/text"]},
            "storage": {"store": "sqlite"},
            "datasets": [{"dataset_id": "d", "cases": [{"case_id": str(no), "input": "q"} for no in range(6)]}],
            "runtime": {"max_concurrent_tasks": 1},
        }
        config = tmp_path / "experiment.yaml"
        config.write_text(yaml.safe_dump(document))
        experiment = Experiment.from_config(config)
        submit_experiment(experiment, config_path=str(config), mode="worker_pool")
        result = run_worker_once(tmp_path / "runs" / "queue")
        assert any(request.headers.get("authorization") == f"Bearer {KEY}" for request in server.requests)
        assert any(request.headers.get("x-gateway") == HEADER for request in server.requests)
    assert result is not None
    assert result.progress.completed_cases + result.progress.failed_cases == 6
    store = experiment.open_store()
    reports = [Reporter(store).export_json(result.run_id), Reporter(store).export_markdown_summary(result.run_id)]
    store.close()
    assert "[secret MODEL_KEY]" in reports[0]  # it came, and was masked
    texts = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    for secret in (KEY, HEADER):
        assert not [path for path, data in texts.items() if secret.encode() in data]
        assert secret not in "".join(reports) + caplog.text


def test_large_raw_responses_are_blobs_and_equal_texts_are_kept_once(tmp_path: Path) -> None:
    text = "so it goes;" * 20_000
    with ModelServer(default=Answer(text)) as server:
        experiment = Experiment(
            generation=GenerationConfig(generator=openai("m", base_url=server.openai_url, api_key=KEY)),
            evaluation=EvaluationConfig(parsers=["builtin/text"]),
            storage=StorageConfig(store="sqlite", parameters={"path": str(tmp_path / "s.sqlite3")}),
            datasets=[Dataset(dataset_id="d", cases=[Case(case_id=str(no), input="q") for no in range(3)])],
        )
        assert experiment.run().status == "completed"
    with closing(sqlite3.connect(tmp_path / "s.sqlite3")) as database:
        rows = database.execute("SELECT stage, output, body FROM outcomes").fetchall()
        blobs = {f"@{digest}": data.decode() for digest, data in database.execute("SELECT digest, data FROM blobs")}
    bodies = [json.loads(blobs[body]) for stage, _, body in rows if stage == Stage.GENERATE]
    raw = [body["artifacts"]["raw_response"]["choices"][0]["message"]["content"] for body in bodies]
    assert raw == [text] * 3, "each raw response is a blob"
    assert len({output for _, output, _ in rows}) == 1, "the answer and what is parsed of it are one blob"
    assert max(len(output or "") + len(body) for _, output, body in rows) < 1_000


class Tracer:
    """Keeps what it is told of spans."""

    def __init__(self) -> None:
        self.said: list[Any] = []

    def start_span(self, name: str, attributes: dict[str, Any]) -> str:
        self.said.append((name, attributes))
        return name

    def end_span(self, span: str, status: str) -> None:
        self.said.append((span, status))


class Listener:
    """Keeps the events of a run."""

    def __init__(self) -> None:
        self.said: list[Any] = []

    def on_event(self, event: Any) -> None:
        self.said.append(event)


@pytest.mark.parametrize("use", ["openai", "anthropic"])
def test_no_secret_is_in_a_span_an_event_or_the_exception_of_a_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, use: str
) -> None:
    monkeypatch.setenv("MODEL_KEY", KEY)
    monkeypatch.setenv("GATEWAY_TOKEN", HEADER)
    with ModelServer(["4", *[echoed_key] * 10], default=echoed_key) as server:
        arguments = {
            "model_id": "m",
            "base_url": server.openai_url if use == "openai" else server.anthropic_url,
            "api_key": "env:MODEL_KEY",
            "extra_headers": {"x-gateway": "${GATEWAY_TOKEN}"},
        }
        document = {
            "generation": {"generator": {"use": use, "with": arguments}},
            "evaluation": {"metrics": ["builtin/exact_match"]},
            "storage": {"store": "sqlite"},
            "datasets": [{"dataset_id": "d", "cases": [{"case_id": str(no), "input": "q"} for no in range(20)]}],
            "runtime": {"max_concurrent_tasks": 1},
        }
        config = tmp_path / "experiment.yaml"
        config.write_text(yaml.safe_dump(document))
        tracer, listener = Tracer(), Listener()
        with pytest.raises(ProviderOutageError) as raised:
            Experiment.from_config(config).run(subscribers=[listener], tracing_provider=tracer)
    told = {event.event_type for event in listener.said}
    assert {"run_started", "generation_completed", "generation_failed", "run_failed"} <= told
    assert ("generation", "error") in tracer.said
    said = repr(tracer.said) + repr(listener.said) + "".join(traceback.format_exception(raised.value)) + caplog.text
    assert "[secret MODEL_KEY]" in said
    assert KEY not in said
    assert KEY[:18] not in said
    assert HEADER not in said
