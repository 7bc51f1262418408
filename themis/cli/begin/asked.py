"""Options that name a model, and how to ask and score it, without a config file."""

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import click

from themis.cli.command import json_option, quiet_option
from themis.cli.offers import values
from themis.cli.terminal.store_option import METAVAR, REFERENCE

DEFAULT_MODEL = "builtin/demo_generator"
DEFAULT_METRIC = "builtin/exact_match"
DEFAULT_PARSER = "builtin/json_identity"
CONTINUATIONS = "continuations"
CONTINUATIONS_METRIC = "builtin/acc"
TASKS = ("generate", CONTINUATIONS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """Options that all forms of the command share.

    Attributes:
        model: a short name, see `themis.adapters.model_names`.
        metrics: ids of metrics; empty for the usual one.
        parser: id of the parser; None for the usual one.
        task: `generate` or `continuations`; None for the usual one.
        samples: candidates of each case.
        max_concurrent: calls in flight at once; None for the usual limit.
        params: parameters of the model, by name.
        base_url: address of the provider's server; None for the usual one.
        api_key: reference of its key; None for the usual one.
        store: `memory`, `sqlite`, or a database file.
        as_json: print JSON on a terminal too.
        quiet: show no progress.
    """

    model: str
    metrics: tuple[str, ...]
    parser: str | None
    task: str | None
    samples: int
    max_concurrent: int | None
    params: tuple[tuple[str, Any], ...]
    base_url: str | None
    api_key: str | None
    store: str
    as_json: bool
    quiet: bool


class Param(click.ParamType[tuple[str, Any]]):
    """A parameter as `name=value`, its value in YAML."""

    name = "name=value"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, Any]:
        """Return the name and the value in a text."""
        from themis.core.configuration.yaml_text import parse_yaml

        if isinstance(value, tuple):
            return value
        name, equals, text = str(value).partition("=")
        if not equals or not name.strip():
            self.fail(f"{value!r} is not name=value, such as temperature=0.2", param, ctx)
        return name.strip(), parse_yaml(text, where=f"--param {name}")


def _option(*names: str, **settings: Any) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    return click.option(*names, **settings)


_OPTIONS = (
    _option(
        "--model",
        default=DEFAULT_MODEL,
        show_default=True,
        metavar="NAME",
        shell_complete=values.models,
        help="PROVIDER/MODEL or a component.",
    ),
    _option(
        "--metric",
        "metrics",
        multiple=True,
        metavar="ID",
        shell_complete=values.components("metric"),
        help=f"May be repeated.  [default: {DEFAULT_METRIC}, or {CONTINUATIONS_METRIC} of continuations]",
    ),
    _option(
        "--parser",
        metavar="ID",
        shell_complete=values.components("parser"),
        help=f"Finds the answer in the output.  [default: {DEFAULT_PARSER}]",
    ),
    _option(
        "--task",
        type=click.Choice(TASKS),
        metavar="TASK",
        help="generate asks for an answer, continuations for the log-likelihoods of the choices.  [default: generate]",
    ),
    _option("--samples", type=click.IntRange(1), default=1, show_default=True, help="Candidates for each case."),
    _option("--max-concurrent", type=click.IntRange(1), metavar="N", help="Calls in flight at once."),
    _option(
        "--param",
        "params",
        type=Param(),
        multiple=True,
        metavar="NAME=VALUE",
        help="A parameter of the model, such as temperature=0.2; the value is parsed as YAML. May be repeated.",
    ),
    _option("--base-url", metavar="URL", help="Address of the provider's server."),
    _option("--api-key", metavar="REFERENCE", help="The provider's key by reference, such as env:MY_KEY."),
    _option(
        "--store",
        default="memory",
        show_default=True,
        metavar=METAVAR,
        help=f"What keeps the results: a SQLite file, or a Postgres database. {REFERENCE}",
    ),
    json_option,
    quiet_option,
)


def asked_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options of `Asked` as one argument `asked`."""

    @functools.wraps(function)
    def with_asked(**given: Any) -> Any:
        names = Asked.__dataclass_fields__
        asked = Asked(**{name: value for name, value in given.items() if name in names})
        return function(asked=asked, **{name: value for name, value in given.items() if name not in names})

    wrapped: Callable[..., Any] = with_asked
    for option in reversed(_OPTIONS):
        wrapped = option(wrapped)
    return wrapped
