"""A compiled run: its snapshot, its live components, and the sources of its cases."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches

from themis.core.components.references import ComponentRef, reference
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
from themis.core.config import EvaluationConfig, ExperimentConfig, GenerationConfig
from themis.core.configuration.secrets import redact_urls
from themis.core.datasets import CaseSource
from themis.core.datasets.fingerprint import DatasetFingerprint
from themis.core.datasets.first_reading import read_through
from themis.core.engine.cases.pipeline import Parts
from themis.core.engine.compiling.edits import refuse_changed
from themis.core.engine.compiling.run_datasets import (
    refuse_unusable,
    snapshot_dataset,
    source_of,
    stored_source,
    without_passwords,
)
from themis.core.engine.compiling.run_prompt import (
    block_rendering_of,
    prompt_of,
    refuse_other_rendering,
    run_prompt,
)
from themis.core.engine.compiling.run_secrets import refuse_secrets
from themis.core.errors import ConfigError, DatasetChangedError
from themis.core.identity.derived_seeds import with_derived_seeds
from themis.core.snapshot import (
    COUNT_KEYS,
    PURE,
    ComponentRefs,
    RunIdentity,
    RunProvenance,
    RunSnapshot,
    candidate_count,
)

_MISTYPED = 0.8
"""Similarity, from 0 to 1, above which an unknown key of a candidate policy counts as a misspelled one."""


@dataclass(frozen=True, slots=True)
class Components:
    """The live components of an experiment."""

    generator: LoadedComponent
    selector: LoadedComponent | None
    reducer: LoadedComponent | None
    parsers: tuple[LoadedComponent, ...]
    metrics: tuple[LoadedComponent, ...]

    def refs(self) -> ComponentRefs:
        """The references of the components."""
        return ComponentRefs(
            generator=self.generator.ref,
            selector=self.selector.ref if self.selector else None,
            reducer=self.reducer.ref if self.reducer else None,
            parsers=[parser.ref for parser in self.parsers],
            metrics=[metric.ref for metric in self.metrics],
        )

    def check_unchanged(self) -> None:
        """Compare each component with its state when it was loaded.

        Raises:
            FingerprintChangedError: the identity of one has changed.
        """
        for component in (self.generator, self.selector, self.reducer, *self.parsers, *self.metrics):
            if component is not None:
                now = reference(component.live, component.ref.target, where="experiment", folders=component.folders)
                refuse_changed(now, component.ref, where="experiment")


@dataclass(frozen=True, slots=True)
class CompiledRun:
    """Parts of a run; `fingerprints` are of the content of `sources`, `stored` is what it was recompiled from."""

    snapshot: RunSnapshot
    components: Components
    sources: tuple[CaseSource, ...]
    fingerprints: tuple[DatasetFingerprint, ...]
    stored: RunSnapshot | None = None

    def parts(self) -> Parts:
        """The parts that the pipeline needs."""
        return Parts(
            run_id=self.snapshot.run_id,
            generator=self.components.generator,
            selector=self.components.selector,
            reducer=self.components.reducer,
            parser=self.components.parsers[0] if self.components.parsers else None,
            metrics=self.components.metrics,
            seeds=tuple(tuple(self.snapshot.seeds(no)) for no in range(len(self.snapshot.datasets))),
            prompt_spec=self.snapshot.identity.generation_prompt_spec,
            on_no_answer=self.snapshot.identity.on_no_answer,
            left_out=frozenset(self.snapshot.identity.on_stop),
            seeds_are_given=bool(self.snapshot.identity.seeds),
            prompt=self.snapshot.identity.prompt,
        )

    def with_seeds_of(self, stored: RunSnapshot) -> "CompiledRun":
        """The same run with the seeds that it began with; an earlier version derived other ones."""
        datasets = [
            dataset.model_copy(update={"derived_seeds": before.derived_seeds})
            for dataset, before in zip(self.snapshot.datasets, stored.datasets, strict=True)
        ]
        return replace(self, snapshot=self.snapshot.model_copy(update={"datasets": datasets}))


def provider_of(run: CompiledRun) -> str | None:
    """The provider that the generator of a run calls; None when it names none."""
    provider = getattr(run.components.generator.live, "provider_key", None)
    return provider if isinstance(provider, str) else None


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
        ConfigError: two metrics have the same id, or judge models are configured.
    """

    def load(spec: object, kind: Kind, where: str) -> LoadedComponent:
        return load_component(spec, kind, where=where, allow_modules=allow_modules, folders=folders)

    if evaluation.judge_models:
        raise ConfigError(where="evaluation.judge_models", detail="this version of Themis does not support judges")
    parsers = [load(spec, PARSER, f"evaluation.parsers.{no}") for no, spec in enumerate(evaluation.parsers)]
    metrics = [load(spec, METRIC, f"evaluation.metrics.{no}") for no, spec in enumerate(evaluation.metrics)]
    _refuse_twins([metric.ref for metric in metrics])
    return Components(
        generator=load(generation.generator, GENERATOR, "generation.generator"),
        selector=load(generation.selector, SELECTOR, "generation.selector")
        if generation.selector is not None
        else None,
        reducer=load(generation.reducer, REDUCER, "generation.reducer") if generation.reducer is not None else None,
        parsers=tuple(parsers),
        metrics=tuple(metrics),
    )


def compile_run(
    config: ExperimentConfig, provenance: RunProvenance, *, where: str = "experiment", folders: Sequence[str] = ()
) -> CompiledRun:
    """Compile the run that a configuration describes: load its components, and read its datasets once.

    Args:
        config: the experiment.
        provenance: the environment of the run.
        where: the beginning of error messages.
        folders: folders that may hold files named by components, besides their modules.

    Raises:
        ConfigError: the configuration does not describe a valid run.
        LiteralSecretError: it contains a secret; one in a URL is only removed from what is stored.
        ComponentError, DatasetError: a component or dataset cannot be loaded.
    """
    generation, evaluation = config.generation, config.evaluation
    refuse_secrets(config, provenance, where)
    count = _check_seeds(config, where)
    components = load_components(generation, evaluation, folders=folders)
    specs = [without_passwords(dataset) for dataset in config.datasets]
    sources = tuple(source_of(dataset) for dataset in specs)
    fingerprints = tuple(read_through(source) for source in sources)
    datasets = [snapshot_dataset(spec, found) for spec, found in zip(specs, fingerprints, strict=True)]
    refuse_unusable(datasets, where)
    refs = components.refs()
    prompt = prompt_of(generation.prompt_spec)
    templates = run_prompt(generation, sources, where)
    identity = RunIdentity(
        datasets=[dataset.identity() for dataset in datasets],
        generator=refs.generator.identity(),
        selector=refs.selector.identity() if refs.selector else None,
        reducer=refs.reducer.identity() if refs.reducer else None,
        parsers=[ref.identity() for ref in refs.parsers],
        metrics=[ref.identity() for ref in refs.metrics],
        judge_models=[],
        candidate_policy=redact_urls(generation.candidate_policy),
        generation_prompt_spec=prompt,
        evaluation_prompt_spec=prompt_of(evaluation.prompt_spec),
        judge_config=redact_urls(evaluation.judge_config),
        workflow_overrides=redact_urls(evaluation.workflow_overrides),
        seeds=config.seeds[:count],
        on_no_answer=evaluation.on_no_answer,
        on_stop=evaluation.on_stop,
        block_rendering=block_rendering_of(prompt),
        prompt=templates,
    )
    snapshot = RunSnapshot(
        identity=identity,
        provenance=provenance,
        component_refs=refs,
        datasets=datasets,
        metric_kinds={ref.component_id: PURE for ref in refs.metrics},
    )
    return CompiledRun(with_derived_seeds(snapshot), components, sources, fingerprints)


def recompile(
    snapshot: RunSnapshot, *, allow_modules: Sequence[str] | None = None, folders: Sequence[str] = ()
) -> CompiledRun:
    """Compile a stored run again in this process, and check it against its snapshot.

    Its components are described as they are here: their source may differ, see `RunExecution`.

    Raises:
        ComponentError: a component cannot be loaded here.
        FingerprintChangedError: a component has changed, or the prompt would be rendered differently.
        DatasetError, DatasetChangedError: a dataset cannot be read here, or has changed.
    """
    refs, identity = snapshot.component_refs, snapshot.identity
    refuse_other_rendering(identity)
    generation = GenerationConfig(
        generator=refs.generator.target,
        candidate_policy=identity.candidate_policy,
        prompt_spec=identity.generation_prompt_spec,
        selector=refs.selector.target if refs.selector else None,
        reducer=refs.reducer.target if refs.reducer else None,
    )
    evaluation = EvaluationConfig(
        metrics=[ref.target for ref in refs.metrics],
        parsers=[ref.target for ref in refs.parsers],
        prompt_spec=identity.evaluation_prompt_spec,
        judge_config=identity.judge_config,
        workflow_overrides=identity.workflow_overrides,
    )
    components = load_components(generation, evaluation, allow_modules=allow_modules, folders=folders)
    found_refs = components.refs()
    for place, expected in refs.all().items():
        refuse_changed(found_refs.all()[place], expected, where=place)
    sources = tuple(stored_source(dataset) for dataset in snapshot.datasets)
    fingerprints = tuple(read_through(source) for source in sources)
    for found, dataset in zip(fingerprints, snapshot.datasets, strict=True):
        if found.content != dataset.content:
            raise DatasetChangedError(where=dataset.path or "store", dataset_id=dataset.dataset_id)
    here = snapshot.model_copy(update={"component_refs": found_refs})
    return CompiledRun(here, components, sources, fingerprints, stored=snapshot)


def _refuse_twins(metrics: list[ComponentRef]) -> None:
    known: dict[str, ComponentRef] = {}
    for metric in metrics:
        before = known.setdefault(metric.component_id, metric)
        if before is not metric:
            detail = f"metric {metric.component_id!r} is listed twice"
            if before.identity() != metric.identity():
                detail += (
                    ", with different settings; scores are stored by metric id, so give each a component_id that says"
                    " what it measures"
                )
            raise ConfigError(where="evaluation.metrics", detail=detail)


def _check_seeds(config: ExperimentConfig, where: str) -> int:
    policy = config.generation.candidate_policy
    for key in policy:
        near = get_close_matches(key, COUNT_KEYS, n=1, cutoff=_MISTYPED)
        if near and key not in COUNT_KEYS:
            detail = f"generation.candidate_policy: unknown key {key!r}; did you mean {near[0]!r}?"
            raise ConfigError(where=where, detail=detail)
    try:
        count = candidate_count(policy)
    except ValueError as error:
        raise ConfigError(where=where, detail=f"generation.{error}") from None
    if config.seeds and len(config.seeds) != count:
        detail = f"seeds: there are {len(config.seeds)}, but {count} candidates per case; give one for each, or none"
        raise ConfigError(where=where, detail=detail)
    return count
