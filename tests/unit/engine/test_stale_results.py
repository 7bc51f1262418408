"""No result is taken for another one's: arguments, edits, labels and seeds, in one run and between two."""

import importlib.util
import itertools
import logging
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.support.lab import ScriptedGenerator, ScriptedMetric, cases, experiment, scores_of
from themis.core.config import RuntimeConfig
from themis.core.errors import ConfigError, FingerprintChangedError
from themis.core.experiment import Experiment
from themis.core.models import Case, Dataset
from themis.core.results import RunResult
from themis.core.snapshot import ComponentRef, RunSnapshot
from themis.core.stores import InMemoryRunStore, RunStore, sqlite_store
from themis.core.submission import run_worker_once, submit_experiment

GENERATOR = """
from {helper} import SUFFIX
from themis.core.models import GenerationResult
CALLS = []
class Model:
    component_id, version = "mine/model", "1"
    def __init__(self, temperature=0.0, key=""): self.temperature = temperature
    def fingerprint(self): return "never changes"
    async def generate(self, case, ctx):
        CALLS.append(case.case_id)
        return GenerationResult(candidate_id="c", final_output=f"{{self.temperature}} {{SUFFIX}}")
"""
_NUMBERS = itertools.count()


class Project:
    """A folder with a generator whose fingerprint never changes, and a helper that it imports."""

    def __init__(self, folder: Path) -> None:
        number = next(_NUMBERS)
        self.folder = folder
        self.name, self.helper = f"stale_model_{number}", f"stale_helper_{number}"
        (folder / f"{self.name}.py").write_text(GENERATOR.format(helper=self.helper))
        self.edit("one")

    def edit(self, suffix: str) -> None:
        """Edit the helper, as before the next process starts."""
        source = self.folder / f"{self.helper}.py"
        source.write_text(f"SUFFIX = {suffix!r}\n")
        # Of the same size, in the same second: its bytecode would pass for that of the new text.
        Path(importlib.util.cache_from_source(str(source))).unlink(missing_ok=True)
        importlib.invalidate_caches()
        for name in (self.name, self.helper):
            sys.modules.pop(name, None)

    def experiment(self, metrics: Any = ("builtin/exact_match",), **more: Any) -> Experiment:
        """With the generator made with these arguments."""
        facts = {name: more.pop(name) for name in ("runtime", "datasets") if name in more}
        spec = {"use": f"{self.name}:Model", "with": more} if more else f"{self.name}:Model"
        return experiment(spec, metrics=metrics, path=self.folder / "themis.sqlite3", **facts)

    @property
    def calls(self) -> list[str]:
        """Cases that the generator was called for since it was last imported or asked."""
        found: list[str] = sys.modules[self.name].CALLS
        sys.modules[self.name].CALLS = []  # type: ignore[attr-defined]
        return found


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    monkeypatch.syspath_prepend(str(tmp_path))
    return Project(tmp_path)


@pytest.fixture(params=["memory", "sqlite"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[RunStore]:
    made: RunStore = InMemoryRunStore() if request.param == "memory" else sqlite_store(tmp_path / "s.sqlite3")
    with closing(made):
        yield made


def _outputs(result: RunResult) -> set[Any]:
    return {case.generated_candidates[0].final_output for case in result.cases}


# --- arguments -------------------------------------------------------------------------------------------------------


def test_another_temperature_is_another_run_and_takes_nothing_over(project: Project) -> None:
    cold, hot = project.experiment(temperature=0.0).run(), project.experiment(temperature=0.9).run()
    assert (_outputs(cold), _outputs(hot)) == ({"0.0 one"}, {"0.9 one"})
    assert cold.run_id != hot.run_id
    assert len(project.calls) == 6


def test_an_unfinished_run_is_not_continued_with_another_temperature(project: Project) -> None:
    cold = project.experiment(temperature=0.0, datasets=[Dataset(dataset_id="lab", cases=cases(3))])
    cold.run(until_stage="generate")
    assert _outputs(project.experiment(temperature=0.9).run()) == {"0.9 one"}
    assert _outputs(cold.run()) == {"0.0 one"}
    assert len(project.calls) == 6


def test_through_a_worker_each_temperature_is_a_job_of_its_own(project: Project, tmp_path: Path) -> None:
    runtime = RuntimeConfig(queue_root=str(tmp_path / "queue"))
    ids = [submit_experiment(project.experiment(temperature=t, runtime=runtime)).run_id for t in (0.0, 0.9, 0.0)]
    assert ids[0] == ids[2] != ids[1]
    found = {result.run_id: _outputs(result) for _ in range(2) if (result := run_worker_once(tmp_path / "queue"))}
    assert found == {ids[0]: {"0.0 one"}, ids[1]: {"0.9 one"}}
    assert run_worker_once(tmp_path / "queue") is None


def test_a_reference_to_a_secret_is_part_of_a_run_and_its_value_is_not(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = set()
    for value in ("secret-one", "secret-two"):
        monkeypatch.setenv("STALE_KEY", value)
        snapshot = project.experiment(key="${STALE_KEY}").compile()
        ids.add(snapshot.run_id)
        assert value not in snapshot.model_dump_json()
    assert len(ids) == 1
    assert project.experiment(key="env:STALE_KEY").compile().run_id not in ids
    urls = [project.experiment(key=f"https://me:{word}@host").compile() for word in ("pass", "word")]
    assert urls[0].run_id == urls[1].run_id
    assert "pass" not in urls[0].model_dump_json()


def test_no_arguments_are_the_same_as_none(project: Project) -> None:
    plain = project.experiment().compile()
    assert experiment({"use": f"{project.name}:Model", "with": {}}).compile().run_id == plain.run_id
    assert "arguments" not in plain.identity.generator


class Threshold(ScriptedMetric):
    """A metric that does not say in its id what it was given."""

    def __init__(self, at: float = 0.0) -> None:
        """With a threshold."""
        super().__init__(component_id="lab/threshold")
        self.at = at


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"at": 1.0}, r"is listed twice; name one: \{use: .*:Threshold, as: <a name>\}"),
        ({}, "is listed twice; name one"),
    ],
)
def test_two_metrics_of_one_id_are_refused_with_the_reason(arguments: dict[str, Any], words: str) -> None:
    use = f"{__name__}:Threshold"
    with pytest.raises(ConfigError, match=f"metric 'lab/threshold' .*{words}"):
        experiment(metrics=[use, {"use": use, "with": arguments}]).compile()


def test_a_worker_says_in_what_a_component_is_another_one() -> None:
    generator = ScriptedGenerator()
    made = experiment(generator)
    made.compile()
    generator.version = "2"
    with pytest.raises(FingerprintChangedError, match=r"lab/generator has changed .* \(version 2, expected 1\);"):
        made.run()


# --- edits -----------------------------------------------------------------------------------------------------------


def test_an_edited_helper_takes_nothing_over_and_is_remarked_on_by_name(
    project: Project, caplog: pytest.LogCaptureFixture
) -> None:
    project.experiment().run()
    project.edit("two")
    other = project.experiment(metrics=["builtin/f1"]).run()
    assert _outputs(other) == {"0.0 two"}
    assert len(project.calls) == 3
    caplog.clear()
    with caplog.at_level(logging.WARNING, "themis.engine"):
        kept = project.experiment().run()
    assert _outputs(kept) == {"0.0 one"}
    (message,) = [record.getMessage() for record in caplog.records]
    assert f"the source of mine/model (generation.generator) was edited ({project.helper}.py), its finger" in message


def test_a_worker_remarks_on_an_edit_since_the_submit_and_lends_what_it_made_as_its_own(
    project: Project, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    runtime = RuntimeConfig(queue_root=str(tmp_path / "queue"))
    submit_experiment(project.experiment(runtime=runtime))
    project.edit("two")
    with caplog.at_level(logging.WARNING, "themis.engine"):
        result = run_worker_once(tmp_path / "queue")
    assert result is not None
    assert _outputs(result) == {"0.0 two"}
    assert f"was edited ({project.helper}.py)" in caplog.text
    assert _outputs(project.experiment(metrics=["builtin/f1"]).run()) == {"0.0 two"}
    assert len(project.calls) == 3, "what was made after the edit is taken over after the edit"
    project.edit("one")
    assert _outputs(project.experiment(metrics=["builtin/bleu"]).run()) == {"0.0 one"}


def test_a_run_that_was_continued_after_an_edit_lends_nothing_of_what_was_edited(project: Project) -> None:
    project.experiment().run(until_stage="generate")
    project.edit("two")
    project.experiment().run()
    assert len(project.calls) == 0, "continuing keeps what is there"
    assert _outputs(project.experiment(metrics=["builtin/f1"]).run()) == {"0.0 two"}
    project.edit("one")
    assert _outputs(project.experiment(metrics=["builtin/bleu"]).run()) == {"0.0 one"}
    assert len(project.calls) == 3, "which of the outcomes were made before the edit is not known"


def test_a_run_stored_by_version_4_0_is_not_called_edited_for_what_it_did_not_look_at(
    project: Project, caplog: pytest.LogCaptureFixture
) -> None:
    made = project.experiment()
    snapshot = made.compile()
    first = next(iter((snapshot.component_refs.generator.sources or {}).items()))
    assert first[0] == f"{project.name}.py"
    digest = ComponentRef(component_id="c", version="1", fingerprint="f", source_hash=f"{first[1]}{'0' * 48}")
    refs = snapshot.component_refs.model_copy(
        update={
            "generator": digest.model_copy(update={"target": snapshot.component_refs.generator.target}),
            "metrics": [ref.model_copy(update={"sources": None}) for ref in snapshot.component_refs.metrics],
        }
    )
    with closing(made.open_store()) as store:
        store.create_run(snapshot.model_copy(update={"component_refs": refs}))
    with caplog.at_level(logging.WARNING, "themis.engine"):
        made.run()
    assert "generation.generator" not in caplog.text


# --- labels ----------------------------------------------------------------------------------------------------------


class Labelled(ScriptedMetric):
    """Scores by the dataset's label."""

    def score(self, parsed: Any, case: Case, ctx: Any) -> Any:
        self.calls.append(case.case_id)
        return super().score(parsed, case, ctx).model_copy(update={"value": float(ctx.dataset_metadata["w"])})


def test_scores_follow_their_dataset_when_the_order_changes_and_the_labels_do_not(store: RunStore) -> None:
    def run(*named: tuple[str, str]) -> dict[str, float]:
        data = [Dataset(dataset_id=name, cases=cases(1), metadata={"w": weight}) for name, weight in named]
        result = experiment(ScriptedGenerator(), metrics=[Labelled()], datasets=data).run(store=store)
        return {case.dataset_id: scores_of(case)[0] for case in result.cases}

    assert run(("a", "1"), ("b", "2")) == {"a": 1.0, "b": 2.0}
    assert run(("b", "1"), ("a", "2")) == {"b": 1.0, "a": 2.0}
    assert run(("b", "1"), ("a", "1"), ("c", "5")) == {"b": 1.0, "a": 1.0, "c": 5.0}


def test_another_dataset_beside_it_does_not_score_a_dataset_again(store: RunStore) -> None:
    metric = Labelled()
    one = Dataset(dataset_id="a", cases=cases(2), metadata={"w": "1"})
    other = Dataset(dataset_id="b", cases=cases(3), metadata={"w": "2"})
    experiment(ScriptedGenerator(), metrics=[metric], datasets=[one]).run(store=store)
    metric.calls.clear()
    experiment(ScriptedGenerator(), metrics=[metric], datasets=[other, one]).run(store=store)
    assert len(set(metric.calls)) == 3


# --- seeds -----------------------------------------------------------------------------------------------------------


class SeedMetric(ScriptedMetric):
    """Counts the seeds that it is told instead of the cases."""

    def score(self, parsed: Any, case: Case, ctx: Any) -> Any:
        found = super().score(parsed, case, ctx)
        self.calls[-1] = ctx.seed
        return found


def _seen(store: RunStore, **facts: Any) -> tuple[list[list[str]], int]:
    """What each candidate of each case said, which is its seed, and how many were generated for it."""
    generator = ScriptedGenerator(lambda case, ctx: str(ctx.seed))
    result = experiment(generator, **facts).run(store=store)
    said = [[str(found.final_output) for found in case.generated_candidates] for case in result.cases]
    return said, len(generator.calls)


def _data(revision: str | None = None, dataset_id: str = "lab", count: int = 2) -> list[Dataset]:
    return [Dataset(dataset_id=dataset_id, cases=cases(count), revision=revision)]


def test_seeds_are_the_same_whatever_the_store_held_before(store: RunStore) -> None:
    empty = InMemoryRunStore()
    alone, _ = _seen(empty, metrics=[ScriptedMetric(component_id="lab/other")], datasets=_data(), samples=2)
    first, made = _seen(store, metrics=[ScriptedMetric()], datasets=_data(), samples=2)
    later, more = _seen(store, metrics=[ScriptedMetric(component_id="lab/other")], datasets=_data(), samples=2)
    assert first == later == alone
    assert (made, more) == (4, 0)


def test_more_samples_keep_the_first_ones_with_their_seeds(store: RunStore) -> None:
    one, _ = _seen(store, datasets=_data())
    three, made = _seen(store, datasets=_data(), samples=3)
    assert [found[:1] for found in three] == one
    assert len(set(three[0])) == 3
    assert made == 4
    assert _seen(InMemoryRunStore(), datasets=_data(), samples=3)[0] == three


def test_another_revision_is_another_sample_unless_seeds_were_given(store: RunStore) -> None:
    plain, first = _seen(store, datasets=_data())
    bumped, again = _seen(store, datasets=_data("2"))
    assert (first, again) == (2, 2)
    assert plain[0] != bumped[0]
    back, none = _seen(store, datasets=_data(), metrics=[ScriptedMetric()])
    assert (back, none) == (plain, 0)
    _seen(store, datasets=_data("3"), seeds=[7])
    assert _seen(store, datasets=_data("4"), seeds=[7])[1] == 0


def test_a_given_seed_takes_over_what_was_made_with_the_same_one_derived(store: RunStore) -> None:
    derived, _ = _seen(store, datasets=_data())
    given, made = _seen(store, datasets=_data(), seeds=[int(derived[0][0])])
    assert (given, made) == (derived, 0)


def test_datasets_of_a_run_are_sampled_apart(store: RunStore) -> None:
    both, _ = _seen(store, datasets=[*_data(), *_data(dataset_id="b")])
    assert both[0] != both[2]
    assert _seen(store, datasets=_data(dataset_id="b"))[0] == both[2:]
    metric = SeedMetric()
    _seen(store, datasets=[*_data(count=1), *_data(dataset_id="b", count=1)], metrics=[metric])
    assert metric.calls == [int(both[0][0]), int(both[2][0])]


def test_an_edit_of_the_source_keeps_the_seeds_of_a_run(project: Project) -> None:
    before = project.experiment().compile()
    project.edit("two")
    after = project.experiment().compile()
    assert before.component_refs != after.component_refs
    assert before.seeds(0) == after.seeds(0)


def test_a_run_begun_by_version_4_0_is_continued_with_the_seeds_that_it_was_begun_with(store: RunStore) -> None:
    generator = ScriptedGenerator(lambda case, ctx: str(ctx.seed))
    made = experiment(generator, samples=2, datasets=_data(count=3))
    new = made.compile()
    old: RunSnapshot = new.model_copy(
        update={"datasets": [d.model_copy(update={"derived_seeds": None}) for d in new.datasets]}
    )
    assert old.run_id == new.run_id
    assert set(old.seeds(0)).isdisjoint(new.seeds(0))
    store.create_run(old)
    result = made.run(store=store)
    said = {tuple(str(found.final_output) for found in case.generated_candidates) for case in result.cases}
    assert said == {tuple(map(str, old.seeds(0)))}
    assert _seen(store, datasets=_data(count=3), metrics=[ScriptedMetric()])[1] == 3, "other seeds: nothing to take"
    made.run(store=store, runtime=RuntimeConfig(existing_run_policy="rerun"))
    assert {seed for _, seed in generator.calls} == set(old.seeds(0))


def test_the_seeds_of_a_run_are_recorded_and_are_31_bits() -> None:
    snapshot = experiment(samples=50).compile()
    read = RunSnapshot.model_validate(snapshot.model_dump(mode="json", exclude={"run_id"}))
    assert read.seeds(0) == snapshot.seeds(0) == snapshot.datasets[0].derived_seeds
    assert len(set(snapshot.seeds(0))) == 50
    assert all(0 <= seed < 2**31 for seed in snapshot.seeds(0))
    assert experiment(samples=2, seeds=[1, 2]).compile().datasets[0].derived_seeds is None
