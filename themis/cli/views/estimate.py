"""An estimate for people: what a run would ask, and what that would cost."""

from collections.abc import Mapping
from typing import Any

from themis.cli.terminal.fitted_table import Column, say_table_fitted
from themis.cli.terminal.output import ID_CHARACTERS, say
from themis.cli.terminal.prose import say_facts, say_text
from themis.core.reporting.costs import dollars

_TASKS = (
    ("generate", "planned_generation_tasks", "estimated_generation_input_tokens", "estimated_generation_output_tokens"),
    ("reduce", "planned_reduction_tasks", None, None),
    ("parse", "planned_parse_tasks", None, None),
    ("score", "planned_score_tasks", None, None),
    ("judge", None, "estimated_judge_prompt_tokens", "estimated_judge_output_tokens"),
)
_COLUMNS = (
    Column("stage"),
    Column("tasks", right=True),
    Column("tokens in", right=True, drop=1, below=True),
    Column("tokens out", right=True, drop=2, below=True),
)


def say_estimate(found: Mapping[str, Any]) -> None:
    """Print an estimate, given as JSON."""
    say_facts(
        [
            ("run", found["run_id"][:ID_CHARACTERS]),
            ("cases", f"{found['total_cases']:,}"),
            ("answers", f"{found['candidate_count']:,} per case"),
            ("metrics", _metrics(found)),
            ("tokens", f"{found['estimated_total_tokens']:,}"),
            ("cost", dollars(found["estimated_cost_usd"])),
        ]
    )
    say()
    rows = [(stage, *(_count(found, key) for key in keys)) for stage, *keys in _TASKS]
    say_table_fitted(_COLUMNS, [row for row in rows if any(row[1:])])
    assumed = [f"{name.replace('_', ' ')} {text}" for name, text in found["assumptions"].items() if text is not None]
    if assumed:
        say_text(f"Assumed: {', '.join(assumed)}.")
    for sentence in found.get("detection", {}).get("conclusions", ()):
        say_text(sentence)


def _metrics(found: Mapping[str, Any]) -> str:
    judged = found["workflow_metric_count"]
    return f"{found['metric_count']:,}" + (f", {judged:,} with judges" if judged else "")


def _count(found: Mapping[str, Any], key: str | None) -> str | None:
    return f"{found[key]:,}" if key is not None and found[key] else None
