"""Source that was edited under the same fingerprint: warned about, refused, or ignored, before anything is reused."""

import logging
from pathlib import Path
from typing import Any

import pytest

from tests.support.lab import ScriptedGenerator, ScriptedMetric, dataset, experiment
from themis.core.components import resolution, source_code
from themis.core.components.source_code import Sources
from themis.core.config import RuntimeConfig
from themis.core.errors import CodeChangedError
from themis.core.identity.reuse_keys import is_plain
from themis.core.models import Dataset
from themis.core.results import RunResult
from themis.core.stores import InMemoryRunStore
from themis.core.submission import submit_experiment


class Desk:
    """A store, and components whose source a test edits."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.store = InMemoryRunStore()
        self.generator, self.metric = ScriptedGenerator(), ScriptedMetric()
        self.edited: dict[type, str] = {}
        real = source_code.sources_of

        def sources_of(classes: Any, *others: Any) -> Any:
            text = next((self.edited[kind] for kind in classes if kind in self.edited), None)
            return real(classes, *others) if text is None else Sources(text, {"mine.py": text})

        monkeypatch.setattr(resolution, "sources_of", sources_of)

    def run(self, rule: str = "warn", metric: ScriptedMetric | None = None, **facts: Any) -> RunResult:
        runtime = RuntimeConfig(code_changes=rule, **facts.pop("runtime", {}))  # type: ignore[arg-type]
        made = experiment(self.generator, metrics=[metric or self.metric], runtime=runtime, **facts)
        self.generator.calls.clear()
        self.metric.calls.clear()
        return made.run(store=self.store)

    def edit(self, kind: type, text: str = "edited") -> None:
        self.edited[kind] = text


@pytest.fixture
def desk(monkeypatch: pytest.MonkeyPatch) -> Desk:
    """A run is stored; after that the generator was edited."""
    made = Desk(monkeypatch)
    made.run()
    assert len(made.generator.calls) == 3
    made.edit(ScriptedGenerator)
    return made


OTHER = "lab/other"


def other() -> ScriptedMetric:
    return ScriptedMetric(component_id=OTHER)


def test_a_run_keeps_its_results_and_warns_of_the_edit(desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "themis.engine"):
        assert desk.run().status == "completed"
    assert desk.generator.calls == []
    (text,) = caplog.messages
    assert "the source of lab/generator (generation.generator) was edited (mine.py (new)" in text
    assert "results from before the edit are kept" in text


def test_another_run_does_not_use_what_other_code_made_and_warns_of_what_that_costs(
    desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, "themis.engine"):
        desk.run(metric=other())
    assert len(desk.generator.calls) == 3
    (text,) = caplog.messages
    assert "the source of lab/generator (generation.generator) was edited" in text
    assert text.endswith('are not used; set runtime.code_changes to "ignore" to use them all the same')


@pytest.mark.parametrize("metric", [None, other()], ids=["the same run", "another run"])
def test_an_edit_is_refused_before_anything_is_used_or_made(desk: Desk, metric: ScriptedMetric | None) -> None:
    before = desk.store.list_runs()
    with pytest.raises(CodeChangedError, match=r"the source of lab/generator \(generation.generator\) was edited \(mi"):
        desk.run("refuse", metric)
    assert desk.generator.calls == []
    assert desk.store.list_runs() == before
    assert desk.run("refuse", metric, runtime={"existing_run_policy": "rerun"}).status == "completed"


def test_an_edit_that_is_ignored_counts_for_nothing(desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "themis.engine"):
        assert desk.run("ignore").status == "completed"
        assert desk.run("ignore", other()).status == "completed"
    assert (desk.generator.calls, caplog.messages) == ([], [])


def test_what_was_taken_from_other_code_is_not_lent_as_the_work_of_this_one(desk: Desk) -> None:
    result = desk.run("ignore", other(), datasets=[dataset(4)])
    assert [case_id for case_id, _ in desk.generator.calls] == ["q3"]
    assert all(map(is_plain, desk.store.lent_keys(result.run_id)))
    desk.run("warn", ScriptedMetric(component_id="lab/third"), datasets=[dataset(4)])
    assert len(desk.generator.calls) == 4


def test_without_an_edit_the_rule_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    desk = Desk(monkeypatch)
    for rule in ("warn", "refuse", "ignore"):
        result = desk.run(rule)
        desk.run(rule, other())
        assert desk.generator.calls == []
        assert not all(map(is_plain, desk.store.lent_keys(result.run_id)))


def test_results_of_other_seeds_and_data_have_nothing_to_do_with_an_edit(desk: Desk) -> None:
    assert desk.run("refuse", seeds=[7], datasets=[Dataset(dataset_id="another", cases=dataset().cases)]).status


def test_a_replay_refuses_an_edit_of_what_it_keeps_and_takes_that_of_what_it_repeats(desk: Desk) -> None:
    made = experiment(desk.generator, metrics=[desk.metric], runtime=RuntimeConfig(code_changes="refuse"))
    with pytest.raises(CodeChangedError, match=r"lab/generator \(generation.generator\)"):
        made.replay("score", store=desk.store)
    desk.edited = {ScriptedMetric: "edited"}
    made = made.model_copy()
    desk.metric.script = lambda value, case: 0.5
    result = made.replay("score", store=desk.store)
    assert result.metrics["lab/metric"].mean == 0.5
    assert desk.run("refuse").status == "completed", "the scores are those of the code as it is"


def test_a_submit_refuses_an_edit_at_once(tmp_path: Path) -> None:
    runtime = RuntimeConfig(queue_root=str(tmp_path / "queue"), code_changes="refuse")
    path = tmp_path / "s.sqlite3"
    generator = "builtin/demo_generator"
    text = "one"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(resolution, "sources_of", lambda *_: Sources(text, {"mine.py": text}))
        experiment(generator, path=path).run()
        text = "two"
        for metrics in (["builtin/exact_match"], ["builtin/f1"]):
            with pytest.raises(CodeChangedError, match=r"\(mine.py\) under the same fingerprint"):
                submit_experiment(experiment(generator, path=path, runtime=runtime, metrics=metrics))
    assert not list((tmp_path / "queue" / "queued").glob("*"))
