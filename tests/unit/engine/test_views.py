"""Views: the same answers, read and scored in several ways."""

import json
from typing import Any

import pytest

from tests.support.lab import ScriptedGenerator, ScriptedMetric, ScriptedParser, dataset, experiment, score_rows
from themis.core.engine.compiling.compiled import recompile
from themis.core.errors import ComponentError, ConfigError, LiteralSecretError
from themis.core.experiment import Experiment
from themis.core.monitor.run_outline import outline_of
from themis.core.results import RunStatus
from themis.core.snapshot import RunSnapshot
from themis.core.stores import InMemoryRunStore

STRICT = {"parsers": [], "metrics": ["builtin/exact_match"]}


def _flexible(**facts: Any) -> dict[str, Any]:
    parser = ScriptedParser(lambda output: output.strip(".") or None, component_id="lab/strip")
    return {"parsers": [parser], "metrics": ["builtin/exact_match"], **facts}


def _with_views(generator: Any, views: dict[str, Any], **more: Any) -> Experiment:
    return experiment(generator, **{"metrics": [], "views": views, "datasets": [dataset(2)], **more})


def test_one_set_of_generations_is_scored_in_every_view() -> None:
    store, generator = InMemoryRunStore(), ScriptedGenerator(lambda case, ctx: f"{case.input}.")
    result = _with_views(generator, {"strict": STRICT, "flexible": _flexible()}).run(store=store)
    assert result.status is RunStatus.COMPLETED
    assert len(generator.calls) == 2
    assert list(result.metrics) == ["flexible/exact_match", "strict/exact_match"]
    assert {name: found.mean for name, found in result.metrics.items()} == {
        "flexible/exact_match": 1.0,
        "strict/exact_match": 0.0,
    }
    case = result.cases[0]
    assert [score.metric_id for score in case.scores] == ["flexible/exact_match", "strict/exact_match"]
    parsed = {name: found.parsed_output and found.parsed_output.value for name, found in case.views.items()}
    assert parsed == {"flexible": "a0", "strict": "a0."}
    assert [row["metric_id"] for row in score_rows(store, result)][:2] == ["flexible/exact_match", "strict/exact_match"]


def test_views_stand_beside_the_metrics_outside_of_them() -> None:
    result = _with_views(ScriptedGenerator(), {"strict": STRICT}, metrics=["builtin/exact_match"]).run(
        store=InMemoryRunStore()
    )
    assert list(result.metrics) == ["builtin/exact_match", "strict/exact_match"]


def test_no_answer_is_counted_by_view() -> None:
    result = _with_views(ScriptedGenerator(lambda case, ctx: "."), {"strict": STRICT, "flexible": _flexible()}).run(
        store=InMemoryRunStore()
    )
    assert {name: found.no_answer for name, found in result.metrics.items()} == {
        "flexible/exact_match": 2,
        "strict/exact_match": 0,
    }


def test_a_parse_that_fails_in_one_view_leaves_the_other_scored() -> None:
    store = InMemoryRunStore()
    broken = ScriptedParser(lambda output: ValueError("unreadable"), component_id="lab/broken")
    result = _with_views(ScriptedGenerator(), {"a": _flexible(parsers=[broken]), "b": STRICT}).run(store=store)
    assert result.status is RunStatus.PARTIAL_FAILURE
    assert {name: (found.scored, found.unscored) for name, found in result.metrics.items()} == {
        "a/exact_match": (0, 2),
        "b/exact_match": (2, 0),
    }
    first = result.cases[0]
    assert first.views["a"].parse_error is not None
    assert first.views["b"].parse_error is None
    assert [row["error_category"] for row in score_rows(store, result)][:2] == ["parse_failure", None]


def test_a_view_of_ones_own_metric_has_its_whole_id() -> None:
    view = {"parsers": [], "metrics": [ScriptedMetric(component_id="lab/own")]}
    assert _with_views("builtin/demo_generator", {"v": view}).compile().metric_ids == ["v/lab/own"]


def test_each_candidate_is_scored_in_every_view() -> None:
    views = {"strict": STRICT, "flexible": _flexible()}
    made = _with_views(ScriptedGenerator(), views, samples=2, score_candidates="each")
    (sample, _) = made.run(store=InMemoryRunStore()).cases[0].samples
    assert [score.metric_id for score in sample.scores] == ["flexible/exact_match", "strict/exact_match"]
    assert sorted(sample.views) == ["flexible", "strict"]
    estimate = made.estimate()
    assert (estimate.metric_count, estimate.planned_parse_tasks, estimate.planned_score_tasks) == (2, 6, 12)


def test_the_order_of_views_decides_nothing_and_their_content_decides_the_run() -> None:
    def run_id(views: dict[str, Any]) -> str:
        return _with_views("builtin/demo_generator", views).compile().run_id

    a, b = {"parsers": ["builtin/text"], "metrics": ["builtin/f1"]}, STRICT
    assert run_id({"a": a, "b": b}) == run_id({"b": b, "a": a})
    assert len({run_id({"a": a}), run_id({"b": a}), run_id({"a": b}), run_id({})}) == 4


def test_a_view_is_reused_by_another_run_under_another_name(tmp_path: Any) -> None:
    metric, path = ScriptedMetric(), tmp_path / "runs.sqlite3"
    view = {"parsers": [], "metrics": [metric]}
    _with_views(ScriptedGenerator(), {"a": view}, path=path).run()
    _with_views(ScriptedGenerator(), {"b": view}, path=path).run()
    assert len(metric.calls) == 2


def test_observers_see_a_score_under_its_id_in_the_view() -> None:
    class Subscriber:
        def __init__(self) -> None:
            self.seen: list[str] = []

        def on_event(self, event: Any) -> None:
            if event.event_type == "score_completed":
                self.seen.append(event.metric_id)

    subscriber = Subscriber()
    made = _with_views(ScriptedGenerator(), {"strict": STRICT, "flexible": _flexible()}, datasets=[dataset(1)])
    made.run(store=InMemoryRunStore(), subscribers=[subscriber])
    assert sorted(subscriber.seen) == ["flexible/exact_match", "strict/exact_match"]


@pytest.mark.parametrize(
    ("views", "metrics", "says"),
    [
        ({"v": {"metrics": ["builtin/f1", "builtin/f1"]}}, [], "there are two metrics 'v/f1'"),
        (
            {"v": {"metrics": [ScriptedMetric(component_id="m")]}},
            [ScriptedMetric(component_id="v/m")],
            "there are two metrics 'v/m'",
        ),
    ],
)
def test_two_metrics_of_one_id_are_refused(views: dict[str, Any], metrics: list[Any], says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        _with_views("builtin/demo_generator", views, metrics=metrics).compile()


@pytest.mark.parametrize("name", ["", "a/b", "builtin", "a b", "-a", "x" * 65])
def test_a_view_with_an_unusable_name_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="cannot be a view"):
        _with_views("builtin/demo_generator", {name: STRICT})


def test_a_view_without_metrics_is_refused() -> None:
    with pytest.raises(ValueError, match="metrics"):
        _with_views("builtin/demo_generator", {"v": {"metrics": []}})


def test_a_stored_run_with_views_is_known_without_its_models_and_compiled_again() -> None:
    views = {"b": {"parsers": ["builtin/text"], "metrics": ["builtin/f1"]}, "a": STRICT}
    made = _with_views("builtin/demo_generator", views, metrics=["builtin/exact_match"], score_candidates="each")
    text = json.dumps(made.compile().model_dump(mode="json", exclude={"run_id"}), sort_keys=True)
    snapshot = RunSnapshot.model_validate_json(text)
    assert snapshot.metric_columns == {0: "builtin/exact_match", 1_000: "a/exact_match", 2_000: "b/f1"}
    assert dict(outline_of(text.encode()).metrics) == snapshot.metric_columns
    again = recompile(snapshot)
    assert again.snapshot.run_id == made.compile().run_id
    found = [(view.name, view.number, len(view.parsers)) for view in again.components.views]
    assert found == [("a", 1, 0), ("b", 2, 1)]
    assert again.parts().scores_each


def test_a_secret_in_a_view_is_refused() -> None:
    component = {"use": "builtin/majority_vote", "with": {"api_key": "sk-abcdefghijklmnopqrstuvwxyz012345"}}
    with pytest.raises(LiteralSecretError, match=r"evaluation\.views\.v\.metrics"):
        _with_views("builtin/demo_generator", {"v": {"metrics": [component]}}).compile()


def test_a_component_of_a_view_that_does_not_exist_is_named_by_its_place() -> None:
    with pytest.raises(ComponentError, match=r"evaluation\.views\.v\.parsers\.0"):
        _with_views("builtin/demo_generator", {"v": {**STRICT, "parsers": ["builtin/txt"]}}).compile()
