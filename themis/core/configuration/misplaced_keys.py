"""Keys that people expect of an experiment, and where their wish is written."""

from collections.abc import Sequence

_OF_MODELS = frozenset(
    {"temperature", "top_p", "top_k", "max_tokens", "stop", "frequency_penalty", "presence_penalty", "reasoning_effort"}
)
_ELSEWHERE = {
    "model": "generation.generator: {use: openai, with: {model_id: …}} names a model",
    "model_id": "generation.generator: {use: openai, with: {model_id: …}} names a model",
    "metrics": "evaluation.metrics",
    "parsers": "evaluation.parsers",
    "num_samples": "generation.candidate_policy.num_samples",
    "max_concurrent_tasks": "runtime.max_concurrent_tasks",
    "judge_models": "evaluation.judge_models",
}


def misplaced_hint(path: Sequence[int | str]) -> str:
    """Return the end of a message about an unknown key that belongs elsewhere; nothing for another one.

    Args:
        path: of the key in the file.
    """
    if len(path) > 1 and path[0] not in {"generation", "evaluation", "runtime"}:
        return ""
    key = str(path[-1])
    if key in _OF_MODELS:
        return f"; a parameter of the model is written as generation.generator.with.params.{key}"
    place = _ELSEWHERE.get(key)
    if place is None or place == ".".join(map(str, path)):
        return ""
    return f"; {place}" if " " in place else f"; it belongs at {place}"
