"""A compiled run: its snapshot, its live components, and the sources of its cases."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from themis.core.config import EvaluationConfig, ExperimentConfig, GenerationConfig
from themis.core.configuration.secrets import redact_urls
from themis.core.dataset_config import DatasetGiven
from themis.core.datasets import CaseSource
from themis.core.datasets.fingerprint import DatasetFingerprint
from themis.core.datasets.known_files import KnownFiles
from themis.core.engine.cases.pipeline import Parts
from themis.core.engine.compiling.components import Components, load_components
from themis.core.engine.compiling.edits import refuse_changed
from themis.core.engine.compiling.prompt_files import unchanged_files
from themis.core.engine.compiling.run_continuations import continuation_template, refuse_several
from themis.core.engine.compiling.run_datasets import (
    read_again,
    refuse_unusable,
    snapshot_dataset,
    source_of,
    stored_source,
    without_passwords,
)
from themis.core.engine.compiling.run_judges import metric_kinds
from themis.core.engine.compiling.run_prompt import (
    block_rendering_of,
    prompt_of,
    refuse_other_rendering,
    run_prompt,
)
from themis.core.engine.compiling.run_secrets import refuse_secrets
from themis.core.engine.compiling.seed_count import checked_count
from themis.core.engine.component_failures import bugs_logged
from themis.core.identity.derived_seeds import with_derived_seeds
from themis.core.prompting.media_parts import MediaFinder
from themis.core.snapshot import PURE, RunIdentity, RunProvenance, RunSnapshot, SnapshotDataset


@dataclass(frozen=True, slots=True)
class CompiledRun:
    """Parts of a run; `fingerprints` are of the content of `sources`, `stored` is what it was recompiled from.

    `finder` finds the files that its prompts name; `known_files` is to be kept in its store, see `KnownFiles`.
    """

    snapshot: RunSnapshot
    components: Components
    sources: tuple[CaseSource, ...]
    fingerprints: tuple[DatasetFingerprint, ...]
    stored: RunSnapshot | None = None
    finder: MediaFinder | None = None
    known_files: Mapping[str, str] = field(default_factory=dict)

    def parts(self) -> Parts:
        """The parts that the pipeline needs."""
        return Parts(
            run_id=self.snapshot.run_id,
            generator=self.components.generator,
            selector=self.components.selector,
            reducer=self.components.reducer,
            views=tuple(self.components.all_views()),
            scores_each=self.snapshot.scores_each,
            judges=self.components.judges,
            seeds=tuple(tuple(self.snapshot.seeds(no)) for no in range(len(self.snapshot.datasets))),
            prompt_spec=self.snapshot.identity.generation_prompt_spec,
            on_no_answer=self.snapshot.identity.on_no_answer,
            left_out=frozenset(self.snapshot.identity.on_stop),
            seeds_are_given=bool(self.snapshot.identity.seeds),
            prompt=self.snapshot.identity.prompt,
            finder=self.finder,
            continuation=self.snapshot.identity.continuation,
        )

    def with_seeds_of(self, stored: RunSnapshot) -> "CompiledRun":
        """The same run with the seeds that it began with; an earlier version derived other ones."""
        datasets = [
            dataset.model_copy(update={"derived_seeds": before.derived_seeds})
            for dataset, before in zip(self.snapshot.datasets, stored.datasets, strict=True)
        ]
        return replace(self, snapshot=self.snapshot.model_copy(update={"datasets": datasets}))


@bugs_logged()
def compile_run(
    config: ExperimentConfig,
    provenance: RunProvenance,
    known: KnownFiles | None = None,
    *,
    where: str = "experiment",
    folders: Sequence[str] = (),
) -> CompiledRun:
    """Compile the run that a configuration describes: load its components, and read its datasets once.

    Args:
        config: the experiment.
        provenance: the environment of the run.
        known: reads the datasets.
        where: the beginning of error messages.
        folders: folders that may hold files named by components, besides their modules.

    Raises:
        ConfigError: the configuration does not describe a valid run.
        LiteralSecretError: it contains a secret; one in a URL is only removed from what is stored.
        ComponentError, DatasetError: a component or dataset cannot be loaded.
    """
    generation, evaluation, known = config.generation, config.evaluation, known or KnownFiles()
    refuse_secrets(config, provenance, where)
    count = checked_count(config, where)
    components = load_components(generation, evaluation, folders=folders)
    specs = [without_passwords(dataset) for dataset in config.datasets]
    sources = tuple(source_of(dataset) for dataset in specs)
    fingerprints = tuple(known.read(source) for source in sources)
    datasets = _snapshots(specs, sources, fingerprints, where)
    refs, kinds = components.refs(), metric_kinds(components.metrics, count)
    prompt = prompt_of(generation.prompt_spec)
    media_folder = folders[0] if folders else None
    templates = run_prompt(generation, sources, where, folder=media_folder, generator=components.generator.live)
    refuse_several(generation, count)
    prompt_templates = None if templates is None else templates.prompt
    continuation = continuation_template(generation, evaluation, components.generator.live, prompt_templates, sources)
    identity = RunIdentity(
        datasets=[dataset.identity() for dataset in datasets],
        **refs.identity(),
        candidate_policy=redact_urls(generation.candidate_policy),
        generation_prompt_spec=prompt,
        evaluation_prompt_spec=prompt_of(evaluation.prompt_spec),
        judge_config=redact_urls(evaluation.judge_config),
        workflow_overrides=redact_urls(evaluation.workflow_overrides),
        seeds=config.seeds[:count],
        on_no_answer=evaluation.on_no_answer,
        on_stop=evaluation.on_stop,
        block_rendering=block_rendering_of(prompt),
        prompt=prompt_templates,
        task=generation.task,
        continuation=continuation,
        score_candidates=evaluation.score_candidates,
    )
    snapshot = RunSnapshot(
        identity=identity,
        provenance=provenance,
        component_refs=refs,
        datasets=datasets,
        metric_kinds=dict.fromkeys(refs.columns().values(), PURE) | kinds,
        media_folder=None if templates is None or templates.prompt.media is None else media_folder,
    )
    finder, made = None if templates is None else templates.finder, with_derived_seeds(snapshot)
    return CompiledRun(made, components, sources, fingerprints, finder=finder, known_files=known.found)


def _snapshots(
    specs: Sequence[DatasetGiven], sources: Sequence[CaseSource], found: Sequence[DatasetFingerprint], where: str
) -> list[SnapshotDataset]:
    """The snapshots of the datasets of a run, which are usable together."""
    datasets = [snapshot_dataset(*of_one) for of_one in zip(specs, sources, found, strict=True)]
    refuse_unusable(datasets, sources, where)
    return datasets


@bugs_logged()
def recompile(
    snapshot: RunSnapshot,
    known: KnownFiles | None = None,
    *,
    allow_modules: Sequence[str] | None = None,
    folders: Sequence[str] = (),
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
        score_candidates=identity.score_candidates,
        views={name: view.targets() for name, view in refs.views.items()},
        judge_models=[ref.target for ref in refs.judge_models],
        prompt_spec=identity.evaluation_prompt_spec,
        judge_config=identity.judge_config,
        workflow_overrides=identity.workflow_overrides,
    )
    components = load_components(generation, evaluation, allow_modules=allow_modules, folders=folders)
    found_refs = components.refs()
    for place, expected in refs.all().items():
        refuse_changed(found_refs.all()[place], expected, where=place)
    sources = tuple(stored_source(dataset, allow_modules) for dataset in snapshot.datasets)
    known = known or KnownFiles()
    fingerprints = tuple(read_again(*of_one, known) for of_one in zip(sources, snapshot.datasets, strict=True))
    finder = unchanged_files(identity.prompt, sources, snapshot.media_folder)
    here = snapshot.model_copy(update={"component_refs": found_refs})
    return CompiledRun(here, components, sources, fingerprints, stored=snapshot, finder=finder, known_files=known.found)
