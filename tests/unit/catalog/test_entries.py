"""Every benchmark on its sample: its prompt, its parser and its metric, as a text that a person has read.

`THEMIS_WRITE_SNAPSHOTS=1 pytest tests/unit/catalog` writes the texts again: read what has changed, then commit it.
"""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from themis.catalog import BenchmarkDefinition, get_benchmark, list_benchmark_ids, validate_benchmark
from themis.catalog.files import all_names
from themis.catalog.validation import rendered_prompts, scored_answer

SNAPSHOTS = Path(__file__).parent / "snapshots"
NAMES = list_benchmark_ids()
EVERY_NAME = [name for base in NAMES for name in all_names(get_benchmark(base))]


def forms_of(base: str) -> list[BenchmarkDefinition]:
    """A benchmark, and one variant of each of its groups."""
    found = get_benchmark(base)
    firsts = [f"{base}:{group.names[0]}" for group in found.variants if group.same_as is None]
    return [get_benchmark(name) for name in [*([] if found.variant_needed else [base]), *firsts]]


def as_text(benchmark: BenchmarkDefinition) -> str:
    """What a benchmark asks about its sample, and what it makes of answers, for a reader."""
    dataset = benchmark.materialize_dataset(lambda _source: benchmark.sample.rows)
    lines = [f"##### {benchmark.benchmark_id}: {benchmark.source.title}"]
    if benchmark.rubric is not None:
        lines.append(f"--- rubric: {benchmark.rubric}")
    for case, prompt in zip(dataset.cases, rendered_prompts(benchmark, dataset), strict=True):
        lines += [f"=== {case.case_id}", shown(prompt), f"--- expected: {as_json(case.expected_output)}"]
        if case.metadata:
            lines.append(f"--- labels: {as_json(case.metadata)}")
    for answer in benchmark.sample.answers if benchmark.task == "generate" else []:
        value, score = scored_answer(benchmark, dataset.cases[answer.row], answer.text)
        case_id = dataset.cases[answer.row].case_id
        lines.append(f"{case_id} <- {as_json(answer.text)}\n    parsed {as_json(value)}, score {as_json(score)}")
    return "\n".join(lines)


def shown(prompt: Any) -> str:
    return prompt if isinstance(prompt, str) else as_json(prompt)


def as_json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True)


@pytest.mark.parametrize("base", NAMES)
def test_a_benchmark_asks_and_scores_what_a_person_has_read(base: str) -> None:
    text = "\n\n".join(map(as_text, forms_of(base))) + "\n"
    file = SNAPSHOTS / f"{base}.txt"
    if os.environ.get("THEMIS_WRITE_SNAPSHOTS"):
        file.write_text(text, encoding="utf-8")
    assert file.read_text(encoding="utf-8") == text


def test_no_text_is_left_of_a_benchmark_that_is_gone() -> None:
    assert sorted(file.stem for file in SNAPSHOTS.iterdir()) == NAMES


@pytest.mark.slow
def test_every_benchmark_and_every_variant_passes_its_checks() -> None:
    failed = {name: found.checks for name in EVERY_NAME if not (found := validate_benchmark(name)).passed}
    assert failed == {}
    assert len(EVERY_NAME) > 150


@pytest.mark.slow
def test_a_benchmark_that_needs_nothing_is_scored_on_its_sample() -> None:
    for name in EVERY_NAME:
        benchmark = get_benchmark(name)
        if not benchmark.needs:
            assert validate_benchmark(name).checks["score_smoke"].status == "passed", name
            scores = {answer.score for answer in benchmark.sample.answers}
            assert 1.0 in scores, name


@pytest.mark.parametrize("name", NAMES)
def test_a_fact_that_nobody_looked_up_is_called_unverified_and_one_that_somebody_did_has_its_place(name: str) -> None:
    benchmark = get_benchmark(name)
    assert "revision" in benchmark.unverified or len(benchmark.source.revision or "") == 40
    if benchmark.licence is not None:
        assert benchmark.references, f"{name}: nothing says where its licence was looked up"
    for figure in benchmark.published:
        assert figure.reference.startswith("https://"), name
    for fact in ("licence", "gated", "canary", "paper"):
        assert (fact in benchmark.unverified) == (getattr(benchmark, fact) is None), (name, fact)
