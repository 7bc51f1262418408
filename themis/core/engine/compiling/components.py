"""The live components of an experiment."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from themis.core.components.asked_model import provider_of
from themis.core.components.resolution import (
    GENERATOR,
    METRIC,
    PARSER,
    REDUCER,
    SELECTOR,
    Kind,
    LoadedComponent,
    load_component,
)
from themis.core.components.run_refs import ComponentRefs
from themis.core.config import EvaluationConfig, GenerationConfig
from themis.core.engine.cases.branches import LoadedView
from themis.core.engine.compiling.edits import refuse_changed
from themis.core.engine.compiling.run_judges import check_judges, load_judges, refuse_twins
from themis.core.engine.compiling.run_views import load_views


@dataclass(frozen=True, slots=True)
class Components:
    """The live components of an experiment."""

    generator: LoadedComponent
    selector: LoadedComponent | None
    reducer: LoadedComponent | None
    parsers: tuple[LoadedComponent, ...]
    metrics: tuple[LoadedComponent, ...]
    judges: tuple[LoadedComponent, ...] = ()
    views: tuple[LoadedView, ...] = ()

    @property
    def live_judges(self) -> list[Any]:
        """The judges themselves."""
        return [judge.live for judge in self.judges]

    @property
    def providers(self) -> list[str]:
        """The providers that are asked: the generator's and the judges', as far as they name one."""
        asked = (provider_of(live) for live in (self.generator.live, *self.live_judges))
        return [provider for provider in asked if provider is not None]

    def all_views(self) -> list[LoadedView]:
        """The ways in which an answer is read and scored, those outside of views as the first, with number 0."""
        return [LoadedView("", 0, self.parsers, self.metrics), *self.views]

    def refs(self) -> ComponentRefs:
        """The references of the components."""
        return ComponentRefs(
            generator=self.generator.ref,
            selector=self.selector.ref if self.selector else None,
            reducer=self.reducer.ref if self.reducer else None,
            parsers=[parser.ref for parser in self.parsers],
            metrics=[metric.ref for metric in self.metrics],
            judge_models=[judge.ref for judge in self.judges],
            views={view.name: view.refs() for view in self.views},
        )

    def check_unchanged(self) -> None:
        """Compare each component with its state when it was loaded.

        Raises:
            FingerprintChangedError: the identity of one has changed.
        """
        for component in self.each():
            refuse_changed(component.reference_now(where="experiment"), component.ref, where="experiment")

    def uses(self) -> list[str]:
        """The names of the components, and of those inside them; live objects have none."""
        return [use for component in self.each() for use in component.uses()]

    def each(self) -> list[LoadedComponent]:
        """The components of all stages and views, without those inside them."""
        evaluating = (component for view in self.all_views() for component in (*view.parsers, *view.metrics))
        stages = (self.generator, self.selector, self.reducer, *evaluating, *self.judges)
        return [component for component in stages if component is not None]


def load_components(
    generation: GenerationConfig,
    evaluation: EvaluationConfig,
    *,
    allow_modules: Sequence[str] | None = None,
    folders: Sequence[str] = (),
) -> Components:
    """Load the components that a configuration names; `folders` may hold their files, besides their modules.

    Raises:
        ComponentError: one cannot be loaded, or is of the wrong kind.
        ConfigError: two metrics or judges have the same id, or a metric asks a judge and there is none.
    """

    def load(spec: object, kind: Kind, where: str) -> LoadedComponent:
        return load_component(spec, kind, where=where, allow_modules=allow_modules, folders=folders)

    parsers = [load(spec, PARSER, f"evaluation.parsers.{no}") for no, spec in enumerate(evaluation.parsers)]
    metrics = [load(spec, METRIC, f"evaluation.metrics.{no}") for no, spec in enumerate(evaluation.metrics)]
    refuse_twins([metric.ref for metric in metrics], METRIC.name, "evaluation.metrics")
    found = Components(
        generator=load(generation.generator, GENERATOR, "generation.generator"),
        selector=load(generation.selector, SELECTOR, "generation.selector")
        if generation.selector is not None
        else None,
        reducer=load(generation.reducer, REDUCER, "generation.reducer") if generation.reducer is not None else None,
        parsers=tuple(parsers),
        metrics=tuple(metrics),
        judges=load_judges(evaluation.judge_models, load),
        views=load_views(evaluation.views, load, {metric.ref.component_id for metric in metrics}),
    )
    check_judges(found.generator, found.selector, found.metrics, found.judges)
    return found
