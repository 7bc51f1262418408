"""`themis gate`: whether a model may be released, by a policy over its benchmarks."""

from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from themis.cli.command import command, json_option
from themis.cli.errors import BAD_NEWS
from themis.cli.stored.edited_scores import edited_option, scores_of, with_edits
from themis.cli.stored.run_names import RunPlace, is_id, places_of, store_option
from themis.cli.terminal.output import emit, is_for_people, say, say_table
from themis.core.errors import ConfigError, UnknownRunError, UnknownTargetError

if TYPE_CHECKING:
    from themis.core.comparison.gate import Judged, Measured
    from themis.core.comparison.gate_policy import GatePolicy, GateRule
    from themis.core.statistics.score_tally import MetricSummary
    from themis.core.stores.reading import StoreLocation

UNDECIDED = 8

_EXIT_CODES = {"go": 0, "no-go": BAD_NEWS, "undecided": UNDECIDED}


@command("gate", "themis gate --policy gate.yaml", "themis gate --policy gate.yaml --json")
@click.option("--policy", "file", type=click.Path(path_type=Path), required=True, help="A YAML or TOML file.")
@edited_option
@store_option
@json_option
def gate(*, file: Path, edited: bool, store: "StoreLocation | None", as_json: bool) -> int:
    """Decide whether a model may be released: each benchmark of a policy is judged by its limits.

    Exits with 0 for go, 3 for no-go and 8 when it is undecided. A benchmark that was not measured is a no-go.
    """
    from themis.core.comparison.gate import decision
    from themis.core.comparison.gate_policy import GatePolicy
    from themis.core.configuration.config_file import read_document, validate

    policy = validate(GatePolicy, read_document(file), where=str(file))
    look = _Look(file.absolute().parent, store, edited=edited)
    found = [_judged(policy, rule, look) for rule in policy.benchmarks]
    decided = decision(policy, found)
    if as_json or not is_for_people():
        emit(
            {
                "decision": decided.value,
                **({"edited": True} if edited else {}),
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


@dataclass(frozen=True, slots=True)
class _Look:
    """Where runs are looked for, and whether their scores are taken as they were edited."""

    folder: Path
    store: "StoreLocation | None"
    edited: bool


def _judged(policy: "GatePolicy", rule: "GateRule", look: _Look) -> "Judged":
    """The verdict on a benchmark; config files are relative to the policy's folder."""
    from themis.core.comparison.gate import Judged, Verdict, judged

    names = [rule.candidate] if rule.baseline is None else [rule.candidate, rule.baseline]
    named = [name if is_id(name) else str(look.folder / name) for name in names]
    with ExitStack() as stack:
        try:
            places = places_of(stack, named, look.store)
        except (UnknownRunError, UnknownTargetError) as error:
            return Judged(rule, Verdict.MISSING, str(error))
        metric_id, candidate = _measured(rule, places[0], edited=look.edited)
        by_interval = policy.decide_by == "interval"
        if len(places) == 1:
            return judged(rule, candidate, by_interval=by_interval)
        _, baseline = _measured(rule, places[1], edited=look.edited)
        difference = _difference(rule, places, metric_id, (candidate, baseline), edited=look.edited)
        return judged(rule, candidate, baseline, difference, by_interval=by_interval)


def _measured(rule: "GateRule", place: RunPlace, *, edited: bool) -> "tuple[str, Measured]":
    """The metric that a rule is about, and its value in a run."""
    from themis.core.comparison.gate import Measured
    from themis.core.stores import projections

    metrics = projections.run_result(place.store, place.run_id).metrics
    name = rule.metric or (next(iter(metrics)) if len(metrics) == 1 else None)
    if name is None:
        raise ConfigError(where=rule.name, detail=f"name its metric: {', '.join(metrics) or 'the run has none'}")
    summary = metrics.get(name)
    if summary is not None and edited and rule.figure is None:
        summary = with_edits(place, name, summary)
    return name, Measured() if summary is None else _value(rule, summary)


def _value(rule: "GateRule", summary: "MetricSummary") -> "Measured":
    from themis.core.comparison.gate import Measured

    if rule.figure is None:
        return Measured(summary.mean, summary.ci_lower, summary.ci_upper)
    figure = summary.aggregates.get(rule.figure)
    return Measured() if figure is None else Measured(figure.value, figure.ci_lower, figure.ci_upper)


def _difference(
    rule: "GateRule", places: list[RunPlace], metric_id: str, found: "tuple[Measured, Measured]", *, edited: bool
) -> "Measured":
    """How much the candidate differs: case by case for a mean; of other figures only the values are known."""
    from themis.core.comparison.gate import Measured
    from themis.core.comparison.paired import paired_difference

    if rule.figure is not None:
        candidate, baseline = found
        values = (candidate.value, baseline.value)
        return Measured() if None in values else Measured((candidate.value or 0.0) - (baseline.value or 0.0))
    after, before = (scores_of(place, edited=edited)[0] for place in places)
    paired = paired_difference(before, after, metric_id)
    return Measured(paired.mean_delta, paired.ci_lower, paired.ci_upper)
