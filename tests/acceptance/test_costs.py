"""Costs and budgets as users meet them: run, reports, status, the queue, and a raised budget."""

import csv
import io
import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.support.model_server import Answer, ModelServer, RawBody, Usage
from tests.support.waiting import until
from themis.core.config import RuntimeConfig
from themis.core.errors import ConfigError, OverrideError
from themis.core.jobs.job_edits import refuse_other_keys, with_overrides
from themis.core.queue.model import manifest_file

Themis = Any
"""The fixture's class: see conftest."""

ANSWER = Answer("4", usage=Usage(prompt=1_000, output=100, cached=400, reasoning=40))
# $2 a million in, 0.20 from the cache, 10 out: 600 * 2 + 400 * 0.2 + 100 * 10 = 2280 millionths of a dollar
USD_A_CALL = 0.00228


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModelServer]:
    prices = tmp_path / "prices.yaml"
    prices.write_text("prices: [{model: m, input: 2, cached_input: 0.2, output: 10, source: the price sheet}]")
    monkeypatch.setenv("THEMIS_PRICES", str(prices))
    with ModelServer(default=ANSWER) as found:
        yield found


def asking(themis: Themis, server: ModelServer, *, cases: int = 10, **runtime: Any) -> Path:
    arguments = {"model_id": "m", "base_url": server.openai_url, "api_key": "EMPTY", "params": {"max_tokens": 200}}
    case = {"input": "q" * 3_000, "expected_output": "4"}
    document = {
        **themis.experiment,
        "generation": {"generator": {"use": "openai", "with": arguments}},
        "evaluation": {"parsers": ["builtin/text"], "metrics": ["builtin/exact_match"]},
        "datasets": [{"dataset_id": "d", "cases": [{**case, "case_id": str(no)} for no in range(cases)]}],
        "runtime": {"max_concurrent_tasks": 2, **runtime},
    }
    return themis.write("asking.yaml", document)  # type: ignore[no-any-return]


def test_run_says_what_it_has_cost_by_kind_with_what_failed_and_was_repeated(
    themis: Themis, server: ModelServer
) -> None:
    config = asking(themis, server, cases=3)
    found = themis("run", "--config", config, "--quiet").document
    cost = found["cost"]
    assert cost["usd"] == pytest.approx(3 * USD_A_CALL)
    assert cost["by_kind"]["input"] == {"tokens": 1_800, "usd": pytest.approx(0.0036)}
    assert cost["by_kind"]["cached_input"] == {"tokens": 1_200, "usd": pytest.approx(0.00024)}
    assert cost["by_kind"]["output"] == {"tokens": 180, "usd": pytest.approx(0.0018)}
    assert cost["by_kind"]["reasoning"] == {"tokens": 120, "usd": pytest.approx(0.0012)}
    assert (cost["tokens"], cost["calls"], cost["unpriced"], cost["prices"]) == (3_300, 3, [], ["the price sheet"])
    assert "reason" not in found
    run_id = found["run_id"]
    report = {form: themis("report", "--config", config, "--format", form).out for form in FORMS}
    assert json.loads(report["json"])["cost"] == cost
    assert "- cost_usd: 0.00684" in report["markdown"]
    assert "- cached_input_tokens: 1200" in report["markdown"]
    assert "| cached input | 1,200 | $0.0002 |" in report["markdown-summary"]
    assert "| all | 3,300 | $0.0068 |" in report["markdown-summary"]
    assert "Prices: the price sheet." in report["markdown-summary"]
    by_kind = "1,800 input, 1,200 cached input, 180 output, 120 reasoning tokens"
    assert f"% cost: $0.0068 for 3 calls ({by_kind})" in report["latex"]
    assert r"reasoning & 120 & \$0.0012 \\" in report["latex-summary"]
    rows = list(csv.DictReader(io.StringIO(report["cost-csv"])))
    assert {row["kind"]: (row["tokens"], float(row["usd"])) for row in rows}["output"] == ("180", 0.0018)
    assert json.loads(themis("status", run_id, "--config", config, "--json").out)["cost"] == cost
    assert "cost       $0.0068 for 3 calls" in themis("status", run_id, "--config", config).out
    assert themis("estimate", "--config", config).document["estimated_cost_usd"] == pytest.approx(
        (2_250 * 2 + 3 * 256 * 10) / 1e6
    )


FORMS = ("json", "markdown", "csv", "latex", "markdown-summary", "latex-summary", "cost-csv")


def test_the_price_of_an_unknown_model_is_null_and_named_in_one_line(
    themis: Themis, server: ModelServer, tmp_path: Path
) -> None:
    (tmp_path / "prices.yaml").write_text("prices: []")
    config = asking(themis, server, cases=2)
    done = themis("run", "--config", config, "--quiet")
    cost = done.document["cost"]
    assert (cost["usd"], cost["most_usd"], cost["by_kind"]["output"]["usd"]) == (None, None, None)
    assert (cost["tokens"], cost["unpriced"]) == (2_200, ["m"])
    (line,) = [line for line in done.err.splitlines() if "cost" in line]
    assert line == f"themis: the cost is not known: there is no price of m; it can be added to {tmp_path}/prices.yaml"
    assert "No price is known of m." in themis("report", "--config", config, "--format", "markdown-summary").out
    estimate = themis("estimate", "--config", config)
    assert estimate.document["estimated_cost_usd"] is None
    assert "there is no price of m" in estimate.err
    asked = len(server.requests)
    refused = themis("run", "--config", config, "--set", "runtime.budget.usd=1", "--set", "seeds=[1]")
    assert (refused.code, len(server.requests)) == (2, asked)
    assert "runtime.budget.usd: no price of m of openai:http://127.0.0.1" in refused.err
    assert refused.err.count("\n") == 1


def test_a_reply_without_an_answer_costs_what_it_counts(themis: Themis, server: ModelServer) -> None:
    usage = {"prompt_tokens": 1_000, "completion_tokens": 100}
    with ModelServer(default=RawBody(json.dumps({"usage": usage}).encode())) as silent:
        config = asking(themis, silent, cases=1, generation_retry_attempts=2, generation_retry_delay=0.02)
        done = themis("run", "--config", config, "--quiet")
    failed = json.loads(done.out)["cost"]["failed"]
    assert failed == {"calls": 2, "tokens": 2_200, "usd": pytest.approx(2 * 0.003)}
    report = json.loads(themis("report", "--config", config).out)
    (failure,) = report["run_result"]["cases"][0]["generation_failures"].values()
    assert failure["attempts"][0]["token_usage"] == usage


@pytest.mark.few(1)
@pytest.mark.parametrize("how", ["run", "queue", pytest.param("daemon", marks=pytest.mark.slow)])
def test_a_budget_that_is_used_up_cancels_and_a_larger_one_continues(
    themis: Themis, server: ModelServer, how: str
) -> None:
    # At most $0.02 a call: 3,000 bytes of input at $2 a million tokens, and 200 tokens of output at $10.
    config = asking(themis, server, budget={"usd": 0.02}, max_attempts=1)
    if how == "run":
        done = themis("run", "--config", config, "--quiet")
        assert done.code == 3
        assert "the run was cancelled: budget: $" in done.err
    else:
        themis("submit", "--config", config)
        done = _worked(themis, config, how)
    found = done.document
    assert (found["status"], found["reason"]) == ("cancelled", "budget")
    assert found["cost"]["usd"] == pytest.approx(len(server.requests) * USD_A_CALL)
    assert 0 < found["completed_cases"] < 10
    assert len(server.requests) == found["completed_cases"]
    assert len(server.requests) * USD_A_CALL <= 0.02
    status = json.loads(themis("status", found["run_id"], "--config", config, "--json").out)
    assert (status["state"], status["reason"]) == ("cancelled", "budget")
    assert status["cost"]["usd"] == pytest.approx(len(server.requests) * USD_A_CALL)
    if how == "run":
        again = themis("run", "--config", config, "--set", "runtime.budget.usd=0.1", "--quiet").document
    else:
        again = _retried(themis, status["job"], config, how)
    assert (again["status"], again["completed_cases"], len(server.requests)) == ("completed", 10, 10)


def _worked(themis: Themis, config: Path, how: str) -> Any:
    """Have a worker run the job; returns the run as `status` or `worker run` says it."""
    if how == "queue":
        return themis("worker", "run", "--quiet")
    words = [sys.executable, "-m", "themis", "worker", "start", "--drain", "--slots", "1"]
    subprocess.run(words, check=True, capture_output=True, timeout=60)
    (row,) = themis("status", "--config", config, "--json").document  # without the cost, which is of one run
    shown = themis("status", row["run_id"], "--config", config, "--json")
    return replace(shown, out=shown.out.replace('"state"', '"status"', 1))


def _retried(themis: Themis, job: str, config: Path, how: str) -> dict[str, Any]:
    """Raise the budget of a job that was ended by it, and run the job."""
    shown = json.loads(themis("queue", "show", job, "--json").out)
    assert (shown["state"], shown["cause"], shown["failures"], shown["lost"]) == ("cancelled", "budget", 0, 0)
    assert f"themis queue retry {job} --set runtime.budget.usd=… queues it again" in shown["why"]
    assert [attempt["cause"] for attempt in shown["attempts"]] == ["budget"]
    themis("queue", "retry", job)
    stopped = _worked(themis, config, how).document  # with the same budget it stops at once
    assert (stopped["status"], stopped["reason"]) == ("cancelled", "budget")
    refused = themis("queue", "retry", job, "--set", "runtime.budget.usd=lots")
    assert refused.code == 2
    assert "budget.usd" in refused.err
    assert json.loads(themis("queue", "show", job, "--json").out)["state"] == "cancelled"
    raised = themis("queue", "retry", job, "--set", "runtime.budget.usd=0.1", "--set", "runtime.max_attempts=7")
    assert raised.document["state"] == "queued"
    assert json.loads(themis("queue", "show", job, "--json").out)["max_attempts"] == 7
    return _worked(themis, config, how).document  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("generation.generator=builtin/demo_generator", "only keys of runtime"),
        ("seeds=[1]", "only keys of runtime"),
        ("runtime=1", "only keys of runtime"),
        ("runtime.queue_root=x", "only counts when the job is submitted"),
        ("runtime.existing_run_policy=rerun", "only counts when the job is submitted"),
    ],
)
def test_only_settings_that_decide_nothing_can_be_changed_for_a_job(override: str, said: str) -> None:
    with pytest.raises(OverrideError, match=said):
        refuse_other_keys([override])


@pytest.mark.parametrize(
    "override",
    [
        "runtime.budget.usd=0",
        "runtime.budgets.usd=1",
        "runtime.budget={}",
        "runtime.environment={A: sk-1234567890abcdef12}",
    ],
)
def test_a_setting_that_cannot_be_is_refused(themis: Themis, override: str) -> None:
    _, path = themis.submit()
    manifest = manifest_file.decode(path.read_bytes(), path.name, key=None)
    with pytest.raises((ConfigError, OverrideError)):
        with_overrides(manifest, [override])


def test_other_settings_of_a_job_stay_as_they_were(themis: Themis) -> None:
    _, path = themis.submit("--set", "runtime.tags=[gpu]", "--set", "runtime.timeout_s=60")
    before = manifest_file.decode(path.read_bytes(), path.name, key=None)
    after = with_overrides(before, ["runtime.budget.tokens=5", "runtime.memory_limit_mb=512"])
    assert (after.tags, after.limits.timeout_s, after.limits.memory_limit_mb) == (("gpu",), 60.0, 512)
    assert after.payload["runtime"] == {**before.payload["runtime"], "budget": {"tokens": 5}, "memory_limit_mb": 512}
    assert RuntimeConfig.model_validate(after.payload["runtime"]).budget is not None
    assert with_overrides(after, ["runtime.tags=[]"]).tags == ()
    assert {**after.payload, "runtime": None} == {**before.payload, "runtime": None}


def _has_asked(server: ModelServer, process: "subprocess.Popen[bytes]", count: int) -> bool:
    return len(server.requests) >= count or process.poll() is not None


@pytest.mark.slow
def test_a_run_that_is_killed_and_started_again_asks_for_no_more_than_its_budget(
    themis: Themis, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server counts what arrives, whether the process that asked lives to see the answer or not."""
    (tmp_path / "prices.yaml").write_text("prices: [{model: m, input: 2, cached_input: 0.2, output: 10}]")
    monkeypatch.setenv("THEMIS_PRICES", str(tmp_path / "prices.yaml"))
    usd = 0.3
    with ModelServer(default=ANSWER, latency_s=0.05) as server:
        config = asking(themis, server, cases=400, budget={"usd": usd}, max_concurrent_tasks=8)
        words = [sys.executable, "-m", "themis", "run", "--config", str(config), "--quiet"]
        kills = 0
        for wait in (10, 25, 40):
            process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            until(partial(_has_asked, server, process, wait), "requests")
            kills += process.poll() is None
            process.kill()
            process.wait()
        done = themis(*words[3:])
        asked = len(server.requests)
    assert kills == 3
    found = done.document
    assert (found["status"], found["reason"]) == ("cancelled", "budget")
    assert asked * USD_A_CALL <= usd
    assert found["cost"]["unknown"]["executions"] == 3
    assert asked * USD_A_CALL <= found["cost"]["most_usd"] <= usd
    assert found["cost"]["usd"] <= asked * USD_A_CALL + 1e-9
    assert asked * USD_A_CALL >= usd / 4  # what was in flight at three kills has not eaten it all
