"""`themis model check`: one request to the model of an experiment, before thousands are paid for."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from themis.cli.command import command, config_options, group, json_option
from themis.cli.targets import open_experiment
from themis.cli.terminal.output import cut, emit, is_for_people, note, one_line, say

if TYPE_CHECKING:
    from themis.cli.begin.probe import Probe

DEFAULT_TIMEOUT_S = 120.0

_ANSWER_BYTES = 1_000


@group("model", "themis model check experiment.yaml")
def model() -> None:
    """Check the model of an experiment."""


@command(
    "check",
    "themis model check experiment.yaml",
    "themis model check experiment.yaml --set generation.generator.with.model_id=gpt-5.4",
)
@config_options
@click.option(
    "--timeout",
    "timeout_s",
    type=click.FloatRange(0, min_open=True),
    default=DEFAULT_TIMEOUT_S,
    show_default=True,
    metavar="S",
    help="Seconds to wait for the answer.",
)
@json_option
def check(*, config: Path, overrides: Sequence[str], timeout_s: float, as_json: bool) -> int:
    """Ask the model once: the first case of the experiment, with its prompt and parameters. Nothing is stored.

    Says whether the key was found, which model answered, how fast and how, and the provider's limits. Exits with 2 for
    a mistake in the config, and with 4 when the provider cannot answer now; a line says what to change.
    """
    experiment = open_experiment(config, overrides)
    from themis.cli.begin.probe import probe

    found = probe(experiment, config, timeout_s)
    report = _report(found)
    if is_for_people(as_json=as_json):
        _say(report)
    else:
        emit(report)
    if found.problem is None:
        return 0
    begin = "" if found.result is not None else "error: "
    note(f"{begin}{found.problem.what}; {found.problem.mend}")
    return found.problem.exit_code


model.add_command(check)


def _report(found: "Probe") -> dict[str, Any]:
    """Return the outcome as JSON."""
    from themis.cli.begin.probe import address_of
    from themis.core.components.asked_model import model_of, provider_of

    live = None if found.generator is None else found.generator.live
    result = found.result
    artifacts: Mapping[str, Any] = (result.artifacts if result is not None else None) or {}
    latency_ms = found.latency_ms if result is None or result.latency_ms is None else result.latency_ms
    return {
        "answered": result is not None,
        "generator": None if found.generator is None else found.generator.ref.component_id,
        "provider": provider_of(live),
        "address": address_of(live),
        "api_mode": getattr(live, "api_mode", None),
        "keys": [{"argument": key.argument, "reference": key.reference, "found": key.found} for key in found.keys],
        "model": model_of(live),
        "served_model": None if result is None else result.served_model,
        "latency_ms": None if latency_ms is None else round(latency_ms, 1),
        "first_token_ms": artifacts.get("first_token_ms"),
        "finish_reason": None if result is None else result.finish_reason,
        "token_usage": None if result is None else result.token_usage,
        "answer": None if result is None else _shortened(result.final_output),
        "rate_limit": artifacts.get("rate_limit") or {},
        "supports": None if found.generator is None or result is None else _supported(found, artifacts),
        "problems": [] if found.problem is None else [found.problem.document()],
    }


def _supported(found: "Probe", artifacts: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the model and its server can do, as far as one request shows it."""
    assert found.generator is not None  # noqa: S101  # the caller has looked
    assert found.result is not None  # noqa: S101  # the same
    target = found.generator.ref.target
    params = (target.arguments if target is not None else {}).get("params")
    not_sent = [str(name) for name in artifacts.get("not_sent") or ()]
    return {
        "parameters": [name for name in params if name not in not_sent] if isinstance(params, dict) else [],
        "not_sent": not_sent,
        "token_counts": bool(found.result.token_usage),
        "reasoning": found.result.reasoning is not None,
        "rate_limit_headers": bool(artifacts.get("rate_limit")),
        "request_id": artifacts.get("provider_request_id") is not None,
        "streaming": "first_token_ms" in artifacts,
        **({} if found.result.continuations is None else {"log_likelihoods": True}),
    }


def _shortened(output: Any) -> Any:
    return cut(output, _ANSWER_BYTES) if isinstance(output, str) else output


def _say(report: Mapping[str, Any]) -> None:
    """Print the outcome for people."""
    keys = [f"{key['reference']} {'found' if key['found'] else 'NOT SET'}" for key in report["keys"]]
    latency = "" if report["latency_ms"] is None else f"{report['latency_ms']:,.0f} ms"
    if report["first_token_ms"] is not None:
        latency += f", the first token after {report['first_token_ms']:,.0f} ms"
    served = report["served_model"]
    lines = {
        "generator": report["generator"],
        "address": report["address"],
        "api": report["api_mode"],
        "key": ", ".join(keys) or "none is named",
        "model": report["model"],
        "answered by": served,
        "latency": latency,
        "tokens": _counts(report["token_usage"] or {}),
        "ended by": report["finish_reason"],
        "limits": _counts(report["rate_limit"]),
        "supports": _in_words(report["supports"] or {}),
        "answer": None if report["answer"] is None else one_line(str(report["answer"])),
    }
    for name, value in lines.items():
        if value:
            say(f"{name:<12} {value}")
    say("the model answers" if report["answered"] else "no answer")


def _counts(found: Mapping[str, Any]) -> str:
    """Return figures by name as a text: `12 prompt tokens, 3 completion tokens`."""
    return ", ".join(f"{value:,.6g} {name.replace('_', ' ')}" for name, value in found.items())


def _in_words(supports: Mapping[str, Any]) -> str:
    """Return what was seen to work as a text."""
    said = [name.replace("_", " ") for name, value in supports.items() if value is True]
    lists = {name: supports[name] for name in ("parameters", "not_sent") if supports.get(name)}
    said += [f"{name.replace('_', ' ')}: {', '.join(found)}" for name, found in lists.items()]
    return "; ".join(said)
