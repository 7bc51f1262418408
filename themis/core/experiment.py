"""An experiment: what to run, as a value that can be compiled, run, and written to a file."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

from pydantic import Field, PrivateAttr

from themis.core.base import JSONValue, as_json
from themis.core.components import provenance
from themis.core.components.resolution import make_importable
from themis.core.config import ExperimentConfig, RuntimeConfig
from themis.core.configuration.config_file import load_config
from themis.core.configuration.part import Part
from themis.core.configuration.secrets import redact_urls
from themis.core.engine.batch_endpoint import endpoint_of
from themis.core.engine.calls.blocking import refuse_running_loop, run_to_end
from themis.core.engine.calls.call_thread import at_home
from themis.core.engine.compiling.compiled import CompiledRun, compile_run
from themis.core.engine.compiling.narrowing import Sample, narrowed, part_of
from themis.core.engine.compiling.run_datasets import known_in, store_if_there
from themis.core.engine.compiling.run_name import named_part
from themis.core.engine.run import RunExecution
from themis.core.engine.run_options import RunOptions, RunProgress, parse_until_stage
from themis.core.errors import InvalidArgumentError, StoreMissingError, UnknownRunError
from themis.core.protocols import TracingProvider
from themis.core.results import RunEstimate, RunResult
from themis.core.run_progress.display import shown
from themis.core.snapshot import RunProvenance, RunSnapshot
from themis.core.stores import RunStore, create_run_store, projections
from themis.core.text.run_names import Title


class Experiment(ExperimentConfig):
    """A configuration with facts about the machine it is used on, which are kept as provenance and decide nothing.

    Attributes:
        themis_version: of the installed library.
        python_version: of this interpreter.
        platform: system, release and machine.
        git_commit: of the folder that the experiment is from; None when that is not a git repository.
        dependency_versions: of the packages that Themis needs.
        provider_metadata: known facts about the model's provider.
    """

    themis_version: str = Field(default_factory=provenance.themis_version)
    python_version: str = Field(default_factory=provenance.python_version)
    platform: str = Field(default_factory=provenance.platform_name)
    git_commit: str | None = Field(default_factory=provenance.git_commit)
    dependency_versions: dict[str, str] = Field(default_factory=provenance.dependency_versions)
    provider_metadata: dict[str, JSONValue] = Field(default_factory=dict)

    _compiled: CompiledRun | None = PrivateAttr(default=None)
    _folder: Path | None = PrivateAttr(default=None)
    _file: str = PrivateAttr(default="experiment")
    _part: Part = PrivateAttr(default=Part())

    @classmethod
    def from_config(cls, path: str | Path, *, overrides: Iterable[str] | None = None) -> "Experiment":
        """Return the experiment that a YAML or TOML file describes.

        Args:
            path: the file; relative paths in it are relative to its folder, and modules there can be imported.
            overrides: `key.path=value` texts, applied before validation.

        Raises:
            ConfigError: the file cannot be read or is not a valid configuration; the message names the key.
        """
        config = load_config(path, overrides=overrides)
        folder = Path(path).absolute().parent
        experiment = cls(**dict(config), git_commit=provenance.git_commit(folder))
        experiment._folder, experiment._file = folder, str(path)
        make_importable(folder)
        return experiment

    @property
    def folder(self) -> Path | None:
        """The config file's folder, which may hold the components' modules; None for an experiment made in Python."""
        return self._folder

    @property
    def title(self) -> Title:
        """The name and the labels that its run is to get."""
        return Title(self.name, self.labels, self._part.words)

    def narrowed(self, *, limit: int | None = None, sample: Sample | None = None, cases: Iterable[str] = ()) -> Self:
        """Return the experiment with a part of each dataset's cases; a later run of all asks only for the rest.

        Args:
            limit: the first so many.
            sample: so many at random, or that number and a seed; of the first ones when there is a limit too.
            cases: those with these ids or case keys.

        Raises:
            InvalidArgumentError, ConfigError: there is no such part; the message says why.
        """
        part = part_of(limit, sample, cases)
        name = self.name and named_part(self.name, part.words)
        made = self.model_copy(update={"datasets": narrowed(self.datasets, part), "name": name})
        made._part = part  # noqa: SLF001  # of this very class
        return made

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """Return a copy of the experiment, perhaps with other fields; it is compiled from scratch."""
        copied = super().model_copy(update=update, deep=deep)
        copied._compiled = None  # noqa: SLF001  # of this very class
        return copied

    def compile(self) -> RunSnapshot:
        """Freeze identity and provenance: components are loaded and datasets read completely; nothing runs.

        Raises:
            InputError: a part of the experiment cannot be loaded; the message says which part and why.
        """
        return self.compiled().snapshot

    def compiled(self, store: RunStore | None = None) -> CompiledRun:
        """Return the live run that `compile` froze; the same object each time. `store` knows files that were read.

        Raises:
            FingerprintChangedError: a component has changed since the experiment was compiled.
            NoBatchesError: `runtime.batch` is set, and the generator's provider has no batches.
        """
        if self._compiled is None:
            folders = [] if self._folder is None else [str(self._folder)]
            made = RunProvenance(**redact_urls(as_json(self, include=set(RunProvenance.model_fields))))
            compiled = compile_run(self, made, known_in(store), where=self._file, folders=folders)
            if self.runtime.batch is not None:
                endpoint_of(compiled.components.generator.live, answers=self.generation.task == "generate")
            self._compiled = compiled
        else:
            self._compiled.components.check_unchanged()
        return self._compiled

    def estimate(self) -> RunEstimate:
        """Return an estimate of the calls and tokens of a run."""
        from themis.core.engine.estimate import estimate_run  # noqa: PLC0415  # prices

        return estimate_run(self.compiled())

    def open_store(self, *, must_exist: bool = False) -> RunStore:
        """Open the store that `storage` names; with `must_exist` it is never created.

        Raises:
            StoreMissingError: it must exist but does not.
        """
        return create_run_store(
            self.storage,
            retry_attempts=self.runtime.store_retry_attempts,
            retry_delay_s=self.runtime.store_retry_delay,
            must_exist=must_exist,
        )

    def run(
        self,
        until_stage: str = "judge",
        runtime: RuntimeConfig | None = None,
        store: RunStore | None = None,
        subscribers: Iterable[Any] | None = None,
        tracing_provider: TracingProvider | None = None,
        *,
        progress: RunProgress | bool | None = None,
    ) -> RunResult:
        """Run in this process until the end; see `run_async`.

        Raises:
            RunningLoopError: there is a running event loop, and this is not a cell of a notebook.
        """
        refuse_running_loop("run")
        work = self.run_async(until_stage, runtime, store, subscribers, tracing_provider, progress=progress)
        return run_to_end(work)

    async def run_async(
        self,
        until_stage: str = "judge",
        runtime: RuntimeConfig | None = None,
        store: RunStore | None = None,
        subscribers: Iterable[Any] | None = None,
        tracing_provider: TracingProvider | None = None,
        *,
        progress: RunProgress | bool | None = None,
    ) -> RunResult:
        """Run up to `until_stage`, continuing from the results in the store.

        Args:
            until_stage: `generate`, `reduce`, `parse`, `score` or `judge`.
            runtime: used instead of the experiment's own.
            store: used instead of the one that `storage` names.
            subscribers: notified of the run's events (see `LifecycleSubscriber`).
            tracing_provider: receives spans.
            progress: True to show it, below the cell in a notebook and else on standard error; or an object whose
                counts are kept up to date during the run.

        Raises:
            RunExistsError: the run exists and `runtime.existing_run_policy` is `error`.
            RunBusyError: another process holds the run lock.
            ThemisError: the run cannot continue; failed cases are not errors, they are in the result.
        """
        until = parse_until_stage(until_stage)
        with shown(progress) as kept_up:
            found = store or store_if_there(self.open_store)
            run, own_store = await at_home(lambda: self.compiled(found)), found or self.open_store()
            options = RunOptions(
                until=until,
                subscribers=tuple(subscribers or ()),
                tracer=tracing_provider,
                progress=kept_up,
                title=self.title,
            )
            record = await RunExecution(run, own_store, runtime or self.runtime, options).execute()
        return projections.run_result(own_store, run.snapshot.run_id, record)

    def replay(  # noqa: PLR0913  # as for `run`, and what is replayed
        self,
        stage: str,
        metric_ids: Sequence[str] | None = None,
        *,
        runtime: RuntimeConfig | None = None,
        store: RunStore | None = None,
        subscribers: Iterable[Any] | None = None,
        tracing_provider: TracingProvider | None = None,
        progress: RunProgress | bool | None = None,
    ) -> RunResult:
        """Run the stored run again from a stage on, in this process until the end; see `replay_async`.

        Raises:
            RunningLoopError: there is a running event loop, and this is not a cell of a notebook.
        """
        refuse_running_loop("replay")
        return run_to_end(
            self.replay_async(
                stage,
                metric_ids,
                runtime=runtime,
                store=store,
                subscribers=subscribers,
                tracing_provider=tracing_provider,
                progress=progress,
            )
        )

    async def replay_async(  # noqa: PLR0913  # as for `run_async`, and what is replayed
        self,
        stage: str,
        metric_ids: Sequence[str] | None = None,
        *,
        runtime: RuntimeConfig | None = None,
        store: RunStore | None = None,
        subscribers: Iterable[Any] | None = None,
        tracing_provider: TracingProvider | None = None,
        progress: RunProgress | bool | None = None,
    ) -> RunResult:
        """Run the stored run again from a stage on; what earlier stages left is used, and no generator is called.

        The results replace those of the run when all of them are there; until then, and after an error, it is as it
        was. The same call continues a replay that was interrupted.

        Args:
            stage: the first stage: `reduce`, `parse`, `score` or `judge`.
            metric_ids: the metrics that are scored or judged again; all when not given.
            runtime: used instead of the experiment's own.
            store: used instead of the one that `storage` names; a run in memory is in no other.
            subscribers: notified of the replay's events (see `LifecycleSubscriber`).
            tracing_provider: receives spans.
            progress: as for `run_async`.

        Raises:
            UnknownRunError: the run is not in the store.
            NothingToReplayError: no case of it has its generations yet.
            InvalidArgumentError: the run has no such stage or metric, or the store is not given.
            RunBusyError: another process holds the run lock.
            ThemisError: the replay cannot continue.
        """
        from themis.core.engine import replaying  # noqa: PLC0415  # few runs are replays

        with shown(progress) as kept_up:
            run = await at_home(self.compiled)
            request = replaying.replay_request(run.snapshot, stage, metric_ids)
            own_store = store or self._stored_in(run.snapshot.run_id)
            options = RunOptions(subscribers=tuple(subscribers or ()), tracer=tracing_provider, progress=kept_up)
            return await replaying.replayed(run, own_store, runtime or self.runtime, options, request)

    def rejudge(self, metric_ids: Sequence[str] | None = None, **options: Any) -> RunResult:
        """Ask the judges again: `replay` from `judge`, with its other arguments as `options`."""
        refuse_running_loop("rejudge")
        return self.replay("judge", metric_ids, **options)

    async def rejudge_async(self, metric_ids: Sequence[str] | None = None, **options: Any) -> RunResult:
        """Ask the judges again: `replay_async` from `judge`, with its other arguments as `options`."""
        return await self.replay_async("judge", metric_ids, **options)

    def _stored_in(self, run_id: str) -> RunStore:
        """Open the store that holds the run."""
        if self.storage.store == "memory":
            detail = "storage.store is memory, which no other run has seen; give the store that the run is in"
            raise InvalidArgumentError(argument="store", detail=detail)
        try:
            return self.open_store(must_exist=True)
        except StoreMissingError as error:
            raise UnknownRunError(run_id=run_id, nearest=f": there is no {error.facts['path']} yet") from None
