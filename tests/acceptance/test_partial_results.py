"""What there is of a run that is still going can be read, and is said to be partial."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.model_module import model_module
from tests.support.waiting import until

Themis = Any
"""The fixture's class: see conftest."""

CASES = 40
GATED_MODEL = model_module("""
    while int(case.metadata["no"]) >= 15 and not Path("open").exists():
        await asyncio.sleep(0.02)
    return GenerationResult(candidate_id=case.case_id, final_output=case.expected_output)
""")
MODULE = "gated_model_of_the_acceptance_tests"


@pytest.fixture
def going(themis: Themis) -> Iterator[subprocess.Popen[bytes]]:
    """A worker that has ended fifteen of forty cases of `gated.yaml`, and goes on when the file `open` is there."""
    Path(f"{MODULE}.py").write_text(GATED_MODEL, encoding="utf-8")
    cases = [
        {"case_id": f"c{no}", "input": "x", "expected_output": "y", "metadata": {"no": str(no)}} for no in range(CASES)
    ]
    themis.write(
        "gated.yaml",
        {
            **themis.experiment,
            "generation": {"generator": f"{MODULE}:Model"},
            "datasets": [{"dataset_id": "d", "cases": cases}],
        },
    )
    themis("submit", "--config", "gated.yaml")
    process = subprocess.Popen([sys.executable, "-m", "themis", "worker", "run", "--quiet"], stdout=subprocess.PIPE)
    try:
        until(lambda: themis("status", "--json").document[0]["completed_cases"] >= 15, "15 cases", every_s=0.05)
        yield process
    finally:
        process.kill()
        process.communicate()


@pytest.mark.slow
def test_a_run_that_is_still_going_is_read_as_far_as_it_is_and_said_to_be_partial(
    themis: Themis, going: subprocess.Popen[bytes]
) -> None:
    (row,) = themis("status", "--json").document
    assert (row["state"], row["completed_cases"], row["total_cases"], row["partial"]) == ("running", 15, CASES, True)
    assert row["metric_means"] == {"builtin/exact_match": 1.0}
    assert "scores     exact_match 1.0000, so far\n" in themis("status", row["run_id"][:8]).out
    note = "themis: partial: 15 of 40 cases have ended, and the run is running; these are the results so far\n"
    check = themis("quickcheck", "--config", "gated.yaml")
    assert (check.document["completed_cases"], len(check.document["score_rows"]), check.err) == (15, 15, note)
    whole = themis("report", "--config", "gated.yaml")
    assert (whole.document["run_result"]["status"], len(whole.document["run_result"]["cases"])) == ("running", 15)
    assert whole.err == note
    table = themis("report", "--config", "gated.yaml", "--format", "csv")
    assert (len(table.out.splitlines()), table.err) == (16, note)
    words = "partial: 15 of 40 cases have ended, and the run is running"
    for form, said in (
        ("markdown", f"\n- missing: {words}\n"),
        ("markdown-summary", f"\nThis report is {words}.\n"),
        ("latex", f"% {words}\n"),
        ("latex-summary", f"\n% {words}\n"),
    ):
        assert said in themis("report", "--config", "gated.yaml", "--format", form).out

    Path("open").touch()
    going.wait(timeout=60)
    assert themis("quickcheck", "--config", "gated.yaml").err == ""
    assert "partial" not in themis("report", "--config", "gated.yaml", "--format", "markdown").out
    assert not themis("status", row["run_id"], "--json").document["partial"]


@pytest.mark.slow
def test_the_watch_shows_how_far_a_run_in_another_process_is(themis: Themis, going: subprocess.Popen[bytes]) -> None:
    look = themis("queue", "watch", "--once", "--json").document
    (run,) = look["running"]
    assert (run["done"], run["total"], run["failed"], run["state"]) == (15, CASES, 0, "running")
    assert (run["generator"], run["datasets"], run["attempt"]) == ("test/model", ["d"], 1)
    assert (look["slots"], look["counts"]["running"]) == (1, 1)
    assert look["forecast"]["middle_s"] > 0
    going.kill()
    going.wait()
    (lost,) = themis("queue", "watch", "--once", "--json").document["running"]
    assert lost["state"] == "lost"
    assert "  lost  " in themis("queue", "watch", "--once").out
