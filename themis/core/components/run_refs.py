"""References of the components of a run, by role and by view."""

from typing import Any

from pydantic import Field

from themis.core.base import FrozenModel, JSONValue
from themis.core.components.references import ComponentRef
from themis.core.config import ViewConfig
from themis.core.outcomes.items import Item, id_in_view


class ViewRefs(FrozenModel):
    """The components of a view."""

    parsers: list[ComponentRef] = Field(default_factory=list)
    metrics: list[ComponentRef] = Field(default_factory=list)

    def identity(self) -> dict[str, list[dict[str, JSONValue]]]:
        """The part that decides a `run_id`."""
        return {
            "parsers": [ref.identity() for ref in self.parsers],
            "metrics": [ref.identity() for ref in self.metrics],
        }

    def targets(self) -> ViewConfig:
        """The view as a configuration names it, to load it again."""
        return ViewConfig(parsers=[ref.target for ref in self.parsers], metrics=[ref.target for ref in self.metrics])


class ComponentRefs(FrozenModel):
    """The components of a run, by role; those of its views by the view's name."""

    generator: ComponentRef
    selector: ComponentRef | None = None
    reducer: ComponentRef | None = None
    parsers: list[ComponentRef] = Field(default_factory=list)
    metrics: list[ComponentRef] = Field(default_factory=list)
    judge_models: list[ComponentRef] = Field(default_factory=list)
    views: dict[str, ViewRefs] = Field(default_factory=dict, exclude_if=lambda value: not value)

    def numbered_views(self) -> dict[int, tuple[str, ViewRefs]]:
        """Return the views by their numbers, which follow the order of their names."""
        return dict(enumerate(sorted(self.views.items()), 1))

    def parsers_of(self, view: int) -> list[ComponentRef]:
        """Return the parsers of a view, by its number."""
        return self.numbered_views()[view][1].parsers if view else self.parsers

    def identity(self) -> dict[str, Any]:
        """The parts that decide a `run_id`, by the names of the fields of `RunIdentity`."""
        return {
            "generator": self.generator.identity(),
            "selector": self.selector.identity() if self.selector else None,
            "reducer": self.reducer.identity() if self.reducer else None,
            "parsers": [ref.identity() for ref in self.parsers],
            "metrics": [ref.identity() for ref in self.metrics],
            "judge_models": [ref.identity() for ref in self.judge_models],
            "views": {name: view.identity() for name, view in self.views.items()},
        }

    def columns(self) -> dict[int, str]:
        """Return the ids of the metrics by their column, see `Item`, in order: those outside of views first."""
        found = {Item(no).column: ref.component_id for no, ref in enumerate(self.metrics)}
        for number, (name, view) in self.numbered_views().items():
            found |= {
                Item(no, number).column: id_in_view(name, ref.component_id) for no, ref in enumerate(view.metrics)
            }
        return found

    def all(self) -> dict[str, ComponentRef]:
        """Return every component by its path in the configuration."""
        single = {
            "generation.generator": self.generator,
            "generation.selector": self.selector,
            "generation.reducer": self.reducer,
        }
        found = {place: ref for place, ref in single.items() if ref is not None}
        for role in ("parsers", "metrics", "judge_models"):
            found |= {f"evaluation.{role}.{index}": ref for index, ref in enumerate(getattr(self, role))}
        for name, view in self.views.items():
            for role in ("parsers", "metrics"):
                places = enumerate(getattr(view, role))
                found |= {f"evaluation.views.{name}.{role}.{index}": ref for index, ref in places}
        return found
