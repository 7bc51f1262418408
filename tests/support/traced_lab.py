"""An experiment whose model fails in several ways, with a judge: what there is to trace, in a few cases."""

from pathlib import Path
from typing import Any

import yaml

from tests.support.model_server import Answer, Failure, Request, Usage
from tests.support.model_server.failures import throttled

KEY = "sk-test-4Qz81LmXw07RbT52uKfYc9Vd"
HEADER_KEY = "hc-9f3Kx27PqLs64ZtVbN18mHyW"
JUDGE = "judge-model"
MODEL = "asked-model"
USAGE = Usage(prompt=12, output=5, cached=4, reasoning=2)


class Provider:
    """Answers each question, but refuses `broken`; and judges."""

    def __init__(self, *, throttles: bool = False, repeats: bool = False) -> None:
        """With `throttles` the first question is only answered after a 429; `repeats` the key that comes with it."""
        self._throttles = throttles
        self._repeats = repeats

    def __call__(self, request: Request) -> Any:
        if request.data["model"] == JUDGE:
            return Answer("It is right.\nVERDICT: PASS", usage=Usage(prompt=30, output=7))
        if self._throttles:
            self._throttles = False
            return throttled(0.01)
        if "broken" in request.question:
            return Failure(400, f"no such thing, says {request.key}")
        if self._repeats:
            return Answer(f"Your key is {request.key}", served_model=f"m-{request.key}", finish=f"by {request.key}")
        return Answer("Paris", usage=USAGE, served_model="asked-model-2026")


def document(url: str, **runtime: Any) -> dict[str, Any]:
    """The content of a config file; `runtime` are keys of that section."""

    def generator(model: str, **more: Any) -> dict[str, Any]:
        return {"use": "openai", "with": {"model_id": model, "base_url": url, "api_key": "env:MODEL_KEY", **more}}

    params = {"temperature": 0.5, "max_tokens": 64, "stop": ["END"], "top_p": 1}
    return {
        "generation": {"generator": generator(MODEL, params=params)},
        "evaluation": {
            "metrics": [
                "builtin/exact_match",
                {"use": "builtin/llm_rubric", "with": {"rubric": "The answer is right."}, "as": "right"},
            ],
            "parsers": ["builtin/text"],
            "judge_models": [{**generator(JUDGE), "as": "judge"}],
        },
        "storage": {"store": "sqlite"},
        "runtime": {"max_concurrent_tasks": 1, **runtime},
        "datasets": [
            {
                "dataset_id": "capitals",
                "cases": [
                    {"case_id": "france", "input": "Capital of France?", "expected_output": "Paris"},
                    {"case_id": "none", "input": "broken", "expected_output": "Paris"},
                ],
            }
        ],
        "seeds": [7],
    }


def write(folder: Path, url: str, **runtime: Any) -> Path:
    """Write the config file."""
    config = folder / "experiment.yaml"
    config.write_text(yaml.safe_dump(document(url, **runtime)), encoding="utf-8")
    return config
