"""The judges of a run: they are named, told apart, and remarked on when they may favour the model under test."""

import logging
import re
from collections.abc import Callable, Sequence
from itertools import count
from typing import Any

from themis.core.components.asked_model import model_of, provider_of
from themis.core.components.metric_families import PURE, SELECTION, family_of
from themis.core.components.references import ComponentRef
from themis.core.components.resolution import JUDGE, Kind, LoadedComponent
from themis.core.errors import ConfigError

logger = logging.getLogger("themis.engine")

PLACE = "evaluation.judge_models"

_VENDORS = ("openai:https://api.openai.com", "anthropic:https://api.anthropic.com")
"""Beginnings of the keys of providers whose models are all of one family."""

_FAMILY = re.compile(r"[a-z]+")


def load_judges(specs: Sequence[Any], load: Callable[[Any, Kind, str], LoadedComponent]) -> tuple[LoadedComponent, ...]:
    """Return the judges; one that is listed again exactly as before gets a number behind its name.

    Raises:
        ComponentError: one cannot be loaded, or is none.
        ConfigError: two that differ have the same id.
    """
    judges: list[LoadedComponent] = []
    for number, spec in enumerate(specs):
        where = f"{PLACE}.{number}"
        loaded = load(spec, JUDGE, where)
        known = {judge.ref.component_id: judge.ref.target for judge in judges}
        target = loaded.ref.target
        if target is not None and known.get(loaded.ref.component_id) == target:
            named = next(name for no in count(2) if (name := f"{loaded.ref.component_id}-{no}") not in known)
            loaded = load(target.model_copy(update={"named": named}), JUDGE, where)
        judges.append(loaded)
    refuse_twins([judge.ref for judge in judges], JUDGE.name, PLACE)
    return tuple(judges)


def metric_kinds(metrics: Sequence[LoadedComponent], candidates: int) -> dict[str, str]:
    """Return the family of each metric, by the id under which it is shown, in a run with so many candidates per case.

    Raises:
        ConfigError: a metric compares candidates, and there is only one.
    """
    kinds = {metric.ref.component_id: family_of(metric.live) for metric in metrics}
    comparing = [metric_id for metric_id, kind in kinds.items() if kind == SELECTION]
    if comparing and candidates == 1:
        detail = f"metric {comparing[0]!r} compares two candidates or more; set generation.candidate_policy.num_samples"
        raise ConfigError(where="evaluation.metrics", detail=detail)
    return kinds


def check_judges(
    generator: LoadedComponent,
    selector: LoadedComponent | None,
    metrics: Sequence[LoadedComponent],
    judges: Sequence[LoadedComponent],
) -> None:
    """Refuse a metric that lacks its judge, and remark on judges that nobody asks or that may not be impartial.

    Raises:
        ConfigError: a metric asks a judge, and none is named.
    """
    judged = [metric.ref.component_id for metric in metrics if family_of(metric.live) != PURE]
    if judged and not judges:
        detail = f"metric {judged[0]!r} asks a judge; name one: {PLACE}: [<a judge, or any generator>]"
        raise ConfigError(where=PLACE, detail=detail)
    if judges and not judged and selector is None:
        logger.warning("%s: no metric asks a judge: they are part of the run's id, and nothing else", PLACE)
    kin = [judge.ref.component_id for judge in judges if _is_kin(judge.live, generator.live)]
    if kin and (judged or selector is not None):
        logger.warning(
            "%s: %s is of the family of the model that is judged (%s), and models tend to favour their own kind",
            PLACE,
            ", ".join(kin),
            model_of(generator.live),
        )


def refuse_twins(refs: Sequence[ComponentRef], kind: str, where: str) -> None:
    """Refuse two components with the same id, under which their results would be confused.

    Raises:
        ConfigError: there are two.
    """
    known: set[str] = set()
    for ref in refs:
        if ref.component_id in known:
            use = None if ref.target is None else ref.target.use
            mend = "give each a component_id of its own" if use is None else f"name one: {{use: {use}, as: <a name>}}"
            raise ConfigError(where=where, detail=f"{kind} {ref.component_id!r} is listed twice; {mend}")
        known.add(ref.component_id)


def _is_kin(judge: Any, generator: Any) -> bool:
    """Whether two models are a vendor's own at one place, or have names that begin with the same word."""
    ours, theirs = model_of(judge), model_of(generator)
    if ours is None or theirs is None:
        return False
    provider = provider_of(judge)
    if provider is not None and provider == provider_of(generator) and provider.startswith(_VENDORS):
        return True
    return ours == theirs or _family(ours) == _family(theirs) != ""


def _family(model: str) -> str:
    """Return the first word of a model's name without its vendor: `gpt`, `claude`, `llama`."""
    found = _FAMILY.match(model.lower().rpartition("/")[2])
    return found.group() if found else ""
