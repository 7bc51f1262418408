"""No number is larger than what works with it can bear: it is refused where it is written, by its key and bound."""

import json
import signal
import sqlite3
import threading
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from themis.core.config import ExperimentConfig
from themis.core.configuration.config_file import load_config
from themis.core.errors import ConfigError, ManifestError
from themis.core.experiment import Experiment
from themis.core.queue.model import manifest_file
from themis.core.queue.model.store_address import StoreAddress
from themis.core.stores.job_rows import job_key
from themis.core.values import bounds
from themis_workers.settings import WorkerSettings, load_settings

BASE = """
generation: {generator: builtin/demo_generator}
evaluation: {metrics: [builtin/exact_match]}
datasets: [{dataset_id: d, cases: [{case_id: a, input: x, expected_output: x}]}]
"""
HUGE = "1" + "0" * 400


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "experiment.yaml"
    path.write_text(BASE)
    return path


def _numbers(schema: dict[str, Any], path: str = "") -> list[tuple[str, dict[str, Any]]]:
    """Every number of a model, by its path, with its schema."""
    definitions = schema.get("$defs", {})

    def walk(node: dict[str, Any], path: str) -> list[tuple[str, dict[str, Any]]]:
        if "$ref" in node:
            return walk(definitions[node["$ref"].rsplit("/", 1)[-1]], path)
        found = [(path, node)] if node.get("type") in {"integer", "number"} else []
        for option in (*node.get("anyOf", ()), *node.get("oneOf", ())):
            found += walk(option, path)
        if isinstance(node.get("additionalProperties"), dict):
            found += walk(node["additionalProperties"], f"{path}.generation")
        if isinstance(node.get("items"), dict):
            found += walk(node["items"], f"{path}.0")
        for name, below in node.get("properties", {}).items():
            found += walk(below, f"{path}.{name}" if path else name)
        return found

    return walk(schema, path)


EXPERIMENT_NUMBERS = _numbers(ExperimentConfig.model_json_schema())
WORKER_NUMBERS = _numbers(WorkerSettings.model_json_schema())


@pytest.mark.parametrize(("path", "schema"), [*EXPERIMENT_NUMBERS, *WORKER_NUMBERS])
def test_every_number_that_can_be_said_has_bounds(path: str, schema: dict[str, Any]) -> None:
    assert schema.keys() & {"maximum", "exclusiveMaximum"}, path
    assert schema.keys() & {"minimum", "exclusiveMinimum"}, path


def test_there_are_numbers_to_look_at() -> None:
    assert {"runtime.timeout_s", "runtime.max_attempts", "seeds.0"} <= {path for path, _ in EXPERIMENT_NUMBERS}
    assert {"grace", "max_idle"} <= {path for path, _ in WORKER_NUMBERS}


@pytest.mark.parametrize("value", [HUGE, "1e10", "-1", ".nan", ".inf"])
@pytest.mark.parametrize(
    "key", ["timeout_s", "generation_retry_delay", "store_retry_delay", "generation_retry_backoff"]
)
def test_a_time_out_of_bounds_is_refused_by_its_key(config: Path, key: str, value: str) -> None:
    with pytest.raises(ConfigError, match=rf"runtime\.{key}: must be"):
        load_config(config, overrides=[f"runtime.{key}={value}"])


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("runtime.timeout_s", HUGE, "runtime.timeout_s: must be at most 1000000000"),
        ("runtime.timeout_s", "1e10", "runtime.timeout_s: must be at most 1000000000"),
        ("runtime.max_attempts", "1" + "0" * 20, "runtime.max_attempts: must be at most 1000000"),
        ("runtime.max_worker_lost", HUGE, "runtime.max_worker_lost: must be at most 1000000"),
        (
            "runtime.provider_rate_limits.x",
            "1e-300",
            "provider_rate_limits.x: must be at least",
        ),
        ("generation.candidate_policy.num_samples", "1" + "0" * 12, "num_samples must be no more than 1,000,000"),
        ("generation.candidate_policy.pass_k", HUGE, "pass_k must be no more than 1,000,000"),
        ("seeds", f"[{HUGE}]", "seeds.0: must be at most 18446744073709551615"),
    ],
)
def test_what_would_never_end_or_overflow_is_refused_with_its_bound(
    config: Path, key: str, value: str, words: str
) -> None:
    with pytest.raises(ConfigError, match=words):
        Experiment.from_config(config, overrides=[f"{key}={value}"]).compile()


@pytest.mark.parametrize(("option", "value"), [("grace", 1e10), ("max_idle", float("inf")), ("max_jobs", 10**20)])
def test_a_workers_options_have_bounds(option: str, value: float) -> None:
    with pytest.raises(ConfigError, match=f"^--{option.replace('_', '-')}: must be"):
        load_settings({option: value}, None)


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (("limits", "timeout_s"), 10**400),
        (("limits", "timeout_s"), 1e10),
        (("limits", "timeout_s"), -1),
        (("limits", "max_attempts"), 10**20),
        (("limits", "memory_limit_mb"), 10**20),
        (("priority",), 10),
        (("priority",), -1),
        (("submitted_at_ns",), 2**63),
        (("submitted_at_ns",), -1),
    ],
)
def test_a_manifest_with_a_number_out_of_bounds_is_none(place: tuple[str, ...], value: float) -> None:
    store = StoreAddress("sqlite", "/s", "id")
    key = job_key("run", "id")
    text = manifest_file.encode(manifest_file.Manifest(key, "run", store, manifest_file.Limits(), 5, 5, "1", {}))
    document = json.loads(text)
    below = document
    for name in place[:-1]:
        below = below[name]
    below[place[-1]] = value
    with pytest.raises(ManifestError, match=place[-1]):
        manifest_file.decode(json.dumps(document).encode(), "name", key=key)


def test_half_a_character_is_no_text_of_a_manifest() -> None:
    store = StoreAddress("sqlite", "/s", "id")
    key = job_key("run", "id")
    text = manifest_file.encode(manifest_file.Manifest(key, "run", store, manifest_file.Limits(), 5, 5, "VERSION", {}))
    with pytest.raises(ManifestError, match="surrogates not allowed"):
        manifest_file.decode(text.replace(b"VERSION", b"\\ud800"), "name", key=key)


def test_the_bounds_are_within_what_the_system_can_do() -> None:
    assert bounds.MOST_SECONDS < threading.TIMEOUT_MAX
    signal.setitimer(signal.ITIMER_REAL, bounds.MOST_SECONDS)
    signal.setitimer(signal.ITIMER_REAL, 0)
    with closing(sqlite3.connect(":memory:")) as database:
        assert database.execute("SELECT ?", (bounds.MOST_COUNT,)).fetchone() == (bounds.MOST_COUNT,)
