"""A benchmark that can be run: its cases as a dataset, and the experiment that puts them to a model."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from pydantic import TypeAdapter

from themis.catalog.benchmark import Benchmark
from themis.catalog.facts import Source
from themis.catalog.hub import hub_keys
from themis.catalog.recipe import dataset_keys, evaluation_keys, generation_keys, require, require_examples
from themis.core.config import DatasetFile, ExperimentConfig, StorageConfig
from themis.core.configuration.config_file import validate
from themis.core.dataset_config import DatasetSpec
from themis.core.datasets.case_rows import CaseRows
from themis.core.datasets.fields import Fields
from themis.core.datasets.multiple_choice import with_shuffled_choices
from themis.core.datasets.record_filter import filter_of
from themis.core.engine.compiling.run_datasets import source_of
from themis.core.errors import DatasetError
from themis.core.experiment import Experiment
from themis.core.models import Dataset
from themis.core.prompt_config import PromptConfig, RunPrompt

RowLoader = Callable[[Source], Iterable[Mapping[str, Any]]]
"""A function that gives the records of a source."""

DEMO_GENERATOR = "builtin/demo_generator"


class BenchmarkDefinition(Benchmark):
    """A benchmark of the catalog, or one of its variants."""

    def materialize_dataset(self, loader: RowLoader | None = None) -> Dataset:
        """Return the benchmark's cases in full.

        Args:
            loader: gives the records of its source; without it they are read from there.

        Raises:
            BenchmarkSourceError: this version cannot load the source.
            DatasetError: a record is not one of this benchmark; the message names its number.
        """
        if loader is None:
            return self._loaded()
        rows, is_wanted = CaseRows(Fields(self.fields, self.choices.answer_as)), filter_of(self.filter)
        cases = []
        for number, row in enumerate(loader(self.source), start=1):
            try:
                if is_wanted(row):
                    cases.append(rows.case(row, number))
            except ValueError as error:
                raise DatasetError(where=f"{self.benchmark_id}, record {number}", detail=str(error)) from None
        if self.shuffle_choices is not None:
            cases = [with_shuffled_choices(case, self.shuffle_choices) for case in cases]
        keys = dataset_keys(self)
        return Dataset(
            dataset_id=keys["dataset_id"], cases=cases, revision=self.source.revision, metadata=keys["metadata"]
        )

    def _loaded(self) -> Dataset:
        spec: Any = TypeAdapter(DatasetSpec).validate_python({**dataset_keys(self), **hub_keys(self)})
        source = source_of(spec)
        return Dataset(
            dataset_id=source.dataset_id,
            cases=list(source.cases()),
            revision=source.revision,
            metadata=dict(source.metadata),
        )

    def sample_prompt(self) -> RunPrompt:
        """Return the prompt, with examples of the sample where it shows some: at most as many as the sample has.

        Raises:
            PromptError: the sample has none.
        """
        prompt = self.prompt or PromptConfig()
        made = RunPrompt(system=prompt.system, template=prompt.template)
        few_shot = prompt.few_shot
        if few_shot is None:
            return made
        rows = CaseRows(Fields(few_shot.fields or self.fields, self.choices.answer_as))
        cases = [rows.case(row, number) for number, row in enumerate(self.sample.examples, start=1)]
        from themis.core.prompting.few_shot import with_examples  # noqa: PLC0415  # Jinja2 costs 30 ms

        groups = Counter(case.metadata.get(few_shot.same or "") for case in cases)
        fewer = few_shot.model_copy(update={"k": min(few_shot.k, *groups.values()) if groups else few_shot.k})
        return with_examples(made, fewer, cases, f"the sample of {self.benchmark_id}")

    def build_experiment(
        self,
        dataset: Dataset | DatasetFile | None = None,
        model: Any = None,
        storage: StorageConfig | None = None,
        examples: str | None = None,
    ) -> Experiment:
        """Return the experiment that puts the benchmark to a model.

        Args:
            dataset: the cases; without it those of its source.
            model: the generator, as in an experiment; without it `builtin/demo_generator`.
            storage: where results are kept; without it in memory.
            examples: the file of the examples in its prompt, if it shows some; without it the split of its source.

        Raises:
            BenchmarkNeedError: the recipe needs something that this version does not have, or examples.
            BenchmarkSourceError: this version cannot load the source.
        """
        require(self, {}, {})
        require_examples(self, examples, has_splits=dataset is None)
        raw = {
            "generation": {"generator": DEMO_GENERATOR if model is None else model, **generation_keys(self, examples)},
            "evaluation": evaluation_keys(self),
            "storage": storage or {"store": "memory"},
            "datasets": [{**dataset_keys(self), **hub_keys(self)} if dataset is None else dataset],
        }
        config = validate(ExperimentConfig, raw, where=self.benchmark_id)
        return Experiment(**{name: getattr(config, name) for name in ExperimentConfig.model_fields})
