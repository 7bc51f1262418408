"""Why two runs have different ids, in words, and what one would use of the other."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.support.lab import ScriptedGenerator, ScriptedMetric, ScriptedParser, cases, experiment
from themis.core.components import resolution
from themis.core.components.source_code import Sources
from themis.core.config import DatasetFile
from themis.core.errors import UnknownRunError
from themis.core.experiment import Experiment
from themis.core.models import Case, Dataset
from themis.core.prompts import PromptSpec
from themis.core.run_differences import RunDifference, compiled_side, difference_of, stored_side
from themis.core.stores import InMemoryRunStore


def made(**facts: Any) -> Experiment:
    """An experiment whose parts are told apart by what they say of themselves."""
    generator = ScriptedGenerator(**facts.pop("generator", {}))
    generator.version = facts.pop("version", "1")
    parser = ScriptedParser(lambda output: output, **{"component_id": "lab/parser", **facts.pop("parser", {})})
    metrics = [ScriptedMetric(component_id=name) for name in facts.pop("metrics", ["lab/metric"])]
    return experiment(generator, parser=parser, metrics=metrics, **facts)


def compared(before: Experiment, now: Experiment) -> RunDifference:
    return difference_of(compiled_side(before.compiled()), compiled_side(now.compiled()))


def fields(found: RunDifference) -> list[str]:
    return [f"{field.key}: {field.difference}" for field in found.fields]


def reused(found: RunDifference) -> dict[str, tuple[int, int]]:
    return {one.results: (one.cases, one.total) for one in found.reused}


def data(*several: Case, **facts: Any) -> list[Dataset]:
    return [Dataset(dataset_id="lab", cases=list(several), **facts)]


OTHER = Case(case_id="q1", input="another", expected_output="a1")

CHANGES: dict[str, tuple[dict[str, Any], list[str]]] = {
    "nothing": ({}, []),
    "a version": ({"version": "2"}, ["generation.generator.version: 1, now 2"]),
    "a fingerprint": (
        {"generator": {"fingerprint": "two"}},
        ["generation.generator.fingerprint: one, now two"],
    ),
    "a parser": (
        {"parser": {"component_id": "lab/p2"}},
        [f"evaluation.parsers: {text}" for text in ("lab/parser is gone", "lab/p2 is new")],
    ),
    "metrics": (
        {"metrics": ["lab/other", "lab/metric"]},
        ["evaluation.metrics: lab/other is new"],
    ),
    "seeds": ({"seeds": [7]}, ["seeds: is new: [7]"]),
    "samples": ({"samples": 2}, ["generation.candidate_policy.num_samples: is new: 2"]),
    "the prompt": (
        {"prompt": PromptSpec(instructions="Be brief.")},
        ["generation.prompt_spec.instructions: is new: Be brief."],
    ),
    "a revision": ({"datasets": data(*cases(3), revision="2")}, ["datasets lab.revision: is new: 2"]),
    "a label": ({"datasets": data(*cases(3), metadata={"x": "1"})}, ["datasets lab.metadata.x: is new: 1"]),
    "cases": (
        {"datasets": data(cases(1)[0], OTHER, *cases(2, first=3))},
        ["datasets lab: its content changed: of 3 cases 1 changed, 2 added, 1 removed"],
    ),
    "the order of cases": ({"datasets": data(*reversed(cases(3)))}, ["datasets lab: its cases are in another order"]),
    "another dataset": (
        {"datasets": [*data(*cases(3)), Dataset(dataset_id="more", cases=cases(2))]},
        ["datasets more: is new: 2 cases"],
    ),
}


@pytest.mark.parametrize("change", CHANGES)
def test_each_part_of_the_identity_that_differs_is_named_with_both_values(change: str) -> None:
    facts, words = CHANGES[change]
    found = compared(made(), made(**facts))
    assert fields(found) == words
    assert found.same == (not words)
    assert found.run_ids == (made().compile().run_id, made(**facts).compile().run_id)
    assert bool(fields(compared(made(**facts), made()))) == bool(words)


def test_arguments_of_a_component_are_compared_one_by_one() -> None:
    def with_pattern(pattern: str) -> Experiment:
        return experiment(parser={"use": "builtin/regex", "with": {"pattern": pattern}})

    found = compared(with_pattern("(a)"), with_pattern("(b)"))
    assert fields(found)[-1] == "evaluation.parsers builtin/regex.arguments.pattern: (a), now (b)"


def test_what_is_used_again_is_counted_by_cases() -> None:
    everything = {"generations": (3, 3), "parses": (3, 3)}
    assert reused(compared(made(), made())) == {}
    assert reused(compared(made(), made(metrics=["lab/other"]))) == {**everything, "scores of lab/other": (0, 3)}
    assert reused(compared(made(), made(parser={"fingerprint": "two"}))) == {
        "generations": (3, 3),
        "parses": (0, 3),
        "scores of lab/metric": (0, 3),
    }
    changed = made(datasets=data(cases(1)[0], OTHER, *cases(2, first=2)))
    assert reused(compared(made(), changed)) == dict.fromkeys(("generations", "parses", "scores of lab/metric"), (2, 4))
    assert reused(compared(made(seeds=[1, 2], samples=2), made(seeds=[1, 3], samples=2)))["generations"] == (3, 6)
    assert set(reused(compared(made(), made(version="2"))).values()) == {(0, 3)}


def test_single_candidates_and_views_are_counted_with_the_others() -> None:
    ways: dict[str, Any] = {
        "samples": 2,
        "score_candidates": "each",
        "metrics": ["builtin/exact_match"],
        "views": {"loose": {"parsers": ["builtin/text"], "metrics": ["builtin/f1"]}},
    }
    before = compiled_side(experiment(ScriptedGenerator(), **ways).compiled())
    ways["views"]["loose"]["metrics"] = ["builtin/contains"]
    found = difference_of(before, compiled_side(experiment(ScriptedGenerator(), **ways).compiled()))
    count = before.snapshot.total_cases
    assert [(one.results, one.cases, one.total) for one in found.reused] == [
        ("generations", 2 * count, 2 * count),
        ("scores of builtin/exact_match", 3 * count, 3 * count),
        ("parses", 3 * count, 3 * count),
        ("scores of loose/contains", 0, 3 * count),
    ]


def test_what_is_said_to_be_used_is_what_a_run_uses() -> None:
    generator = ScriptedGenerator()
    store = InMemoryRunStore()
    before = experiment(generator, datasets=data(*cases(5)))
    now = experiment(generator, metrics=["builtin/f1"], datasets=data(*cases(3, first=3)))
    said = reused(compared(before, now))["generations"]
    before.run(store=store)
    generator.calls.clear()
    now.run(store=store)
    assert said == (3 - len(generator.calls), 3) == (2, 3)


def test_an_edit_of_the_source_is_no_difference_of_the_ids_and_said_all_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    before = compiled_side(made().compiled())
    monkeypatch.setattr(resolution, "sources_of", lambda *_: Sources("edited", {"mine.py": "edited"}))
    found = difference_of(before, compiled_side(made().compiled()))
    assert found.same
    assert [edit.key for edit in found.code] == ["generation.generator", "evaluation.parsers.0", "evaluation.metrics.0"]
    assert "mine.py (new)" in found.code[0].parts


def test_stored_runs_are_compared_as_far_as_their_cases_are_known(tmp_path: Path) -> None:
    path = tmp_path / "cases.jsonl"
    store = InMemoryRunStore()
    run_ids = []
    for count in (3, 4):
        path.write_text("".join(json.dumps(case.model_dump()) + "\n" for case in cases(count)))
        made_of_file = made(datasets=[DatasetFile(dataset_id="file", path=str(path))])
        run_ids.append(made_of_file.compile().run_id)
        store.create_run(made_of_file.compile())
        unknown = stored_side(store, run_ids[-1])
        assert unknown.digests == (None,)
        made_of_file.run(store=store)
    before, now = (stored_side(store, run_id) for run_id in run_ids)
    assert fields(difference_of(before, now)) == ["datasets file: its content changed: of 3 cases 1 added"]
    (text,) = fields(difference_of(before, unknown))
    assert text == (
        "datasets file: its content changed (3 cases, now 4); which cases is not known until all of the stored run's"
        " have ended"
    )
    assert fields(difference_of(stored_side(store, run_ids[0]), before)) == []
    with pytest.raises(UnknownRunError):
        stored_side(store, "f" * 64)
