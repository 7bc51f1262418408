"""Estimate of a run's tasks and tokens, without running it."""

import json

from themis.core.base import JSONValue
from themis.core.engine.compiling.compiled import CompiledRun
from themis.core.results import RunEstimate

_CHARACTERS_A_TOKEN = 4
_OUTPUT_TOKENS_A_CANDIDATE = 256


def estimate_run(run: CompiledRun) -> RunEstimate:
    """Count the tasks of a run exactly and its tokens roughly; every prompt is rendered, none is sent."""
    snapshot = run.snapshot
    total, candidates = snapshot.total_cases, snapshot.candidate_count
    metrics = len(snapshot.metric_ids)
    spec = snapshot.identity.generation_prompt_spec
    characters = sum(
        len(_as_text(spec.render_input(case.input) if spec else case.input))
        for source, known in zip(run.sources, run.fingerprints, strict=True)
        for case in source.cases_again(known)
    )
    input_tokens = candidates * -(-characters // _CHARACTERS_A_TOKEN)
    output_tokens = total * candidates * _OUTPUT_TOKENS_A_CANDIDATE
    return RunEstimate(
        run_id=snapshot.run_id,
        total_cases=total,
        candidate_count=candidates,
        metric_count=metrics,
        pure_metric_count=metrics,
        workflow_metric_count=0,
        planned_generation_tasks=total * candidates,
        planned_reduction_tasks=total if run.components.reducer else 0,
        planned_parse_tasks=total if run.components.parsers else 0,
        planned_score_tasks=total * metrics,
        estimated_generation_input_tokens=input_tokens,
        estimated_generation_output_tokens=output_tokens,
        estimated_judge_prompt_tokens=0,
        estimated_judge_output_tokens=0,
        estimated_total_tokens=input_tokens + output_tokens,
        assumptions={
            "characters_per_token": _CHARACTERS_A_TOKEN,
            "output_tokens_per_candidate": _OUTPUT_TOKENS_A_CANDIDATE,
            "retries": "none",
        },
    )


def _as_text(value: JSONValue) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
