"""`themis gate`: whether a model may be released, by a policy over its benchmarks."""

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import click

from themis.cli.command import command, json_option
from themis.cli.errors import BAD_NEWS
from themis.cli.stored.run_names import RunPlace, is_id, places_of, store_option
from themis.cli.terminal.output import emit, is_for_people, say, say_table
from themis.core.errors import ConfigError, UnknownRunError, UnknownTargetError

if TYPE_CHECKING:
    from themis.core.comparison.gate import Judged, Measured
    from themis.core.comparison.gate_policy import GatePolicy, GateRule
    from themis.core.statistics.score_tally import MetricSummary

UNDECIDED = 8

_EXIT_CODES = {"go": 0, "no-go": BAD_NEWS, "undecided": UNDECIDED}


@command("gate", "themis gate --policy gate.yaml", "themis gate --policy gate.yaml --json")
@click.option("--policy", "file", type=click.Path(path_type=Path), required=True, help="A YAML or TOML file.")
@store_option
@json_option
def gate(*, file: Path, store_path: Path | None, as_json: bool) -> int:
    """Decide whether a model may be released: each benchmark of a policy is judged by its limits.

    Exits with 0 for go, 3 for no-go and 8 when it is undecided. A benchmark that was not measured is a no-go.
    """
    from themis.core.comparison.gate import decision
    from themis.core.comparison.gate_policy import GatePolicy
    from themis.core.configuration.config_file import read_document, validate

    policy = validate(GatePolicy, read_document(file), where=str(file))
    found = [_judged(policy, rule, file.absolute().parent, store_path) for rule in policy.benchmarks]
    decided = decision(policy, found)
    if as_json or not is_for_people():
        emit(
            {
                "decision": decided.value,
                "benchmarks": [
                    {"name": one.rule.name, "tier": one.rule.tier, "verdict": one.verdict.value, "reason": one.reason}
                    for one in found
                ],
            }
        )
    else:
        rows = [(one.rule.name, one.rule.tier, one.verdict.value, one.reason) for one in found]
        say_table(("benchmark", "tier", "verdict", "because"), rows)
        say()
        say(f"{decided.value}")
    return _EXIT_CODES[decided.value]


def _judged(policy: "GatePolicy", rule: "GateRule", folder: Path, store_path: Path | None) -> "Judged":
    """The verdict on a benchmark; config files are relative to the policy's folder."""
    from themis.core.comparison.gate import Judged, Verdict, judged

    names = [rule.candidate] if rule.baseline is None else [rule.candidate, rule.baseline]
    named = [name if is_id(name) else str(folder / name) for name in names]
    with ExitStack() as stack:
        try:
            places = places_of(stack, named, store_path)
        except (UnknownRunError, UnknownTargetError) as error:
            return Judged(rule, Verdict.MISSING, str(error))
        metric_id, candidate = _measured(rule, places[0])
        by_interval = policy.decide_by == "interval"
        if len(places) == 1:
            return judged(rule, candidate, by_interval=by_interval)
        _, baseline = _measured(rule, places[1])
        difference = _difference(rule, places, metric_id, candidate, baseline)
        return judged(rule, candidate, baseline, difference, by_interval=by_interval)


def _measured(rule: "GateRule", place: RunPlace) -> "tuple[str, Measured]":
    """The metric that a rule is about, and its value in a run."""
    from themis.core.comparison.gate import Measured
    from themis.core.stores import projections

    metrics = projections.run_result(place.store, place.run_id).metrics
    name = rule.metric or (next(iter(metrics)) if len(metrics) == 1 else None)
    if name is None:
        raise ConfigError(where=rule.name, detail=f"name its metric: {', '.join(metrics) or 'the run has none'}")
    summary = metrics.get(name)
    return name, Measured() if summary is None else _value(rule, summary)


def _value(rule: "GateRule", summary: "MetricSummary") -> "Measured":
    from themis.core.comparison.gate import Measured

    if rule.figure is None:
        return Measured(summary.mean, summary.ci_lower, summary.ci_upper)
    figure = summary.aggregates.get(rule.figure)
    return Measured() if figure is None else Measured(figure.value, figure.ci_lower, figure.ci_upper)


def _difference(
    rule: "GateRule", places: list[RunPlace], metric_id: str, candidate: "Measured", baseline: "Measured"
) -> "Measured":
    """How much the candidate differs: case by case for a mean; of other figures only the values are known."""
    from themis.core.comparison.gate import Measured
    from themis.core.comparison.paired import paired_difference
    from themis.core.comparison.scores import RunScores

    if rule.figure is not None:
        values = (candidate.value, baseline.value)
        return Measured() if None in values else Measured((candidate.value or 0.0) - (baseline.value or 0.0))
    after, before = (RunScores.read(place.store, place.run_id) for place in places)
    found = paired_difference(before, after, metric_id)
    return Measured(found.mean_delta, found.ci_lower, found.ci_upper)
