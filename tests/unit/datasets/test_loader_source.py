"""Datasets that a function yields: of a plug-in or of one's own, chosen from like files, read again by a worker."""

import itertools
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.installed_packages import forget, install, site_packages
from tests.support.lab import experiment
from themis.core.config import DatasetFile, DatasetLoader, ExperimentConfig, RuntimeConfig, StorageConfig
from themis.core.configuration.config_file import validate
from themis.core.datasets import FileSource, LoaderSource
from themis.core.datasets.first_reading import read_through
from themis.core.engine.compiling.compiled import recompile
from themis.core.errors import (
    ComponentError,
    ComponentImportError,
    ConfigError,
    DatasetChangedError,
    DatasetError,
    LiteralSecretError,
    MissingSecretError,
    UnknownComponentError,
)
from themis.core.evaluate import evaluate
from themis.core.experiment import Experiment
from themis.core.jobs.environment import named_variables
from themis.core.submission import run_worker_once, submit_experiment
from themis.core.values.dataset_selection import DatasetSelection, SampleConfig

_NUMBERS = itertools.count()
QUESTIONS = """
from themis.core.models import Case

def questions(count=3, subject="sums"):
    for number in range(1, count + 1):
        yield {"q": f"{number} + 1", "gold": str(number + 1), "subject": subject, "level": number}

def own_keys():
    return [{"input": "a", "expected_output": "b", "metadata": {"k": 1}}, Case(case_id="x", input="c")]

class Corpus:
    def __init__(self, count): self.count = count
    def __iter__(self): return questions(self.count)
"""
FIELDS: dict[str, Any] = {"input": "q", "expected_output": "gold", "metadata": ["subject"]}


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    with site_packages(tmp_path, monkeypatch) as folder:
        yield folder


def _offer(site: Path, source: str = QUESTIONS, name: str = "questions") -> str:
    """Install a package that offers a function of a module as `mylab/sums`; returns the module's name."""
    module = f"mylab_data_{next(_NUMBERS)}"
    install(site, "mylab-data", "2.1", {"themis.datasets": {"mylab/sums": f"{module}:{name}"}}, {module: source})
    forget()
    return module


def _source(use: str = "mylab/sums", **more: Any) -> LoaderSource:
    return LoaderSource("sums", use, more.pop("arguments", None), **{"fields": FIELDS, **more})


def test_the_cases_of_a_dataset_are_what_its_function_yields(site: Path) -> None:
    module = _offer(site)
    cases = list(_source(arguments={"count": 2}).cases())
    assert [(case.case_id, case.input, case.expected_output) for case in cases] == [
        ("case-1", "1 + 1", "2"),
        ("case-2", "2 + 1", "3"),
    ]
    assert cases[0].metadata == {"subject": "sums"}
    assert list(_source(f"{module}:questions", arguments={"count": 2}).cases()) == cases
    assert list(_source(f"{module}:Corpus", arguments={"count": 2}).cases()) == cases


def test_without_fields_the_keys_are_those_of_a_case(site: Path) -> None:
    _offer(site, name="own_keys")
    first, second = _source(fields=None).cases()
    assert (first.case_id, first.input, first.metadata) == ("case-1", "a", {"k": "1"})
    assert (second.case_id, second.input) == ("x", "c")
    assert [case.input for case in _source(fields={"input": "input"}).cases()] == ["a", "c"]


def test_what_is_yielded_is_chosen_from_like_a_file_and_is_the_same_dataset(site: Path, tmp_path: Path) -> None:
    _offer(site)
    selection = DatasetSelection(filter={"level": {"min": 2}}, shuffle=7, sample=SampleConfig(size=3, seed=1))
    loaded = _source(arguments={"count": 9}, selection=selection)
    rows = [{"q": f"{n} + 1", "gold": str(n + 1), "subject": "sums", "level": n} for n in range(1, 10)]
    path = tmp_path / "sums.jsonl"
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    filed = FileSource("sums", path, FIELDS, selection=selection)
    assert list(loaded.cases()) == list(filed.cases())
    assert len(list(loaded.cases())) == 3
    assert read_through(loaded).content == read_through(filed).content
    assert loaded.where(0).startswith("dataset 'sums' (mylab-data 2.1), mylab/sums, record ")


def test_a_record_that_is_another_one_when_it_is_read_again_is_noticed(site: Path) -> None:
    source = "calls = []\ndef rows():\n    calls.append(1)\n    yield {'input': 1}\n    yield {'input': len(calls)}\n"
    _offer(site, source, "rows")
    found = _source(fields=None)
    known = read_through(found)
    again = found.cases_again(known)
    assert next(again).input == 1
    with pytest.raises(DatasetChangedError, match=r"mylab/sums, record 2: the cases of dataset 'sums' have changed"):
        next(again)


WRONG = [
    ("def rows():\n    yield {'input': 1}\n    yield {}['x']", "mylab/sums, after record 1: KeyError: 'x'"),
    ("def rows(): raise SystemExit(3)", "mylab/sums: SystemExit: 3"),
    ("def rows(): return 7", "mylab/sums: must return an iterable of records, not a int"),
    ("def rows(): return {'input': 1}", "mylab/sums: must return an iterable of records, not a dict"),
    ("def rows(): return 'text'", "mylab/sums: must return an iterable of records, not a str"),
    ("async def rows(): return []", "mylab/sums: must return an iterable of records, not a coroutine"),
    ("def rows(needed): return []", "mylab/sums: TypeError: rows() missing 1 required positional argument: 'needed'"),
    ("def rows(): return [7]", "mylab/sums, record 1: must be a Case or a mapping with `input`, not a int"),
    ("def rows(): return [{'inptu': 1}]", "record 1: unknown key 'inptu'; did you mean \"input\"?"),
    ("def rows(): return [{'input': {1, 2}}]", "record 1: input: a set is not JSON"),
    ("def rows(): return [{'input': float('nan')}]", "record 1: input: nan is not a number that JSON has"),
    ("def rows(): return [{'input': 1, 'case_id': 'a'}] * 2", "record 2: case id 'a' is used twice"),
    ("rows = 7", "mylab/sums: is not a function that yields records"),
]


@pytest.mark.parametrize(("source", "said"), WRONG)
def test_a_function_that_yields_no_cases_is_one_line_that_names_its_package(site: Path, source: str, said: str) -> None:
    _offer(site, source, "rows")
    with pytest.raises(DatasetError) as caught:
        read_through(_source(fields=None))
    assert str(caught.value).startswith("dataset 'sums' (mylab-data 2.1), mylab/sums")
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_dataset_that_nothing_yields_is_refused_with_the_nearest_id(site: Path) -> None:
    _offer(site)
    with pytest.raises(
        UnknownComponentError, match="dataset 'sums': no component 'mylab/sum'; did you mean \"mylab/su"
    ):
        _source("mylab/sum")
    with pytest.raises(ComponentError, match="no component 'builtin/text'"):
        _source("builtin/text")
    with pytest.raises(ComponentImportError, match="is not among the allowed ones"):
        _source(allow_modules=["mine"])


def _spec(**more: Any) -> dict[str, Any]:
    return {"dataset_id": "sums", "use": "mylab/sums", "fields": FIELDS, **more}


def test_the_configuration_writes_a_dataset_s_arguments_as_with() -> None:
    raw = {
        "generation": {"generator": "builtin/demo_generator"},
        "evaluation": {},
        "storage": {"store": "memory"},
        "datasets": [_spec(**{"with": {"count": 2}, "filter": {"level": 1}})],
    }
    (found,) = validate(ExperimentConfig, raw, where="f").datasets
    assert isinstance(found, DatasetLoader)
    assert found.arguments == {"count": 2}
    assert found.model_dump(by_alias=True)["with"] == {"count": 2}


@pytest.mark.parametrize(
    ("dataset", "said"),
    [
        (_spec(path="a.jsonl"), "datasets.0: has `path` and a `use`"),
        (_spec(cases=[]), "datasets.0: has `cases` and a `use`"),
        (_spec(wth={}), "unknown key 'datasets.0.wth'; did you mean \"with\"?"),
        (_spec(use=""), "datasets.0.use: "),
        (
            {"dataset_id": "sums", "with": {"count": 2}},
            "datasets.0: has neither `cases` nor a `path` nor `huggingface` nor",
        ),
        (
            {"dataset_id": "sums", "cases": [], "with": {}},
            "datasets.0: has `with`, which is about records, but no `path`",
        ),
        (_spec(**{"with": [1]}), "datasets.0.with: "),
    ],
)
def test_a_dataset_that_is_wrongly_configured_is_refused_by_its_key(dataset: dict[str, Any], said: str) -> None:
    raw = {"generation": {"generator": "x"}, "evaluation": {}, "storage": {"store": "memory"}, "datasets": [dataset]}
    with pytest.raises(ConfigError) as caught:
        validate(ExperimentConfig, raw, where="f")
    assert said in str(caught.value)


def test_the_same_cases_are_the_same_run_whoever_yields_them(site: Path, tmp_path: Path) -> None:
    _offer(site)
    path = tmp_path / "sums.jsonl"
    path.write_text('{"q": "1 + 1", "gold": "2", "subject": "sums"}\n')
    loaded = DatasetLoader(**_spec(arguments={"count": 1}))
    filed = DatasetFile(dataset_id="sums", path=str(path), fields=FIELDS)
    ids = [experiment(datasets=[spec]).compile().run_id for spec in (loaded, filed)]
    assert ids[0] == ids[1]
    assert experiment(datasets=[DatasetLoader(**_spec())]).compile().run_id != ids[0]


def test_a_dataset_of_a_plug_in_can_be_evaluated_from_python(site: Path) -> None:
    _offer(site)
    data = DatasetLoader(**_spec(arguments={"count": 2}))
    result = evaluate(model="builtin/demo_generator", data=data, metric="builtin/exact_match")
    assert result.metrics["builtin/exact_match"].mean == 1.0
    assert result.progress.total_cases == 2


def _queued(folder: Path, **more: Any) -> Experiment:
    return experiment(
        "builtin/demo_generator",
        metrics=["builtin/exact_match"],
        datasets=[DatasetLoader(**_spec(**more))],
        runtime=RuntimeConfig(queue_root=str(folder / "queue")),
        path=folder / "themis.sqlite3",
    )


def test_a_worker_reads_the_dataset_again_and_its_manifest_names_the_package(site: Path, tmp_path: Path) -> None:
    _offer(site)
    submitted = submit_experiment(_queued(tmp_path, arguments={"count": 2}))
    assert json.loads(submitted.manifest_path.read_text())["distributions"]["mylab-data"] == "2.1"
    assert submitted.snapshot.datasets[0].loader is not None
    result = run_worker_once(tmp_path / "queue")
    assert result is not None
    assert result.metrics["builtin/exact_match"].mean == 1.0


def test_a_worker_imports_the_function_of_a_dataset_only_where_its_module_is_allowed(site: Path) -> None:
    module = _offer(site)
    snapshot = experiment(
        "builtin/demo_generator", metrics=["builtin/f1"], datasets=[DatasetLoader(**_spec())]
    ).compile()
    assert recompile(snapshot, allow_modules=[module]).snapshot.run_id == snapshot.run_id
    with pytest.raises(ComponentImportError, match=f"module {module} is not among the allowed ones"):
        recompile(snapshot, allow_modules=["mine"])


def test_a_secret_of_a_dataset_is_resolved_when_it_is_read_and_stored_as_its_reference(
    site: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _offer(site, "def rows(key):\n    yield {'q': str(len(key)), 'gold': '7', 'subject': 's'}\n", "rows")
    lab = _queued(tmp_path, arguments={"key": "env:LAB_API_KEY"})
    with pytest.raises(MissingSecretError, match="LAB_API_KEY"):
        lab.compile()
    monkeypatch.setenv("LAB_API_KEY", "s3cr3t7")
    snapshot = lab.compile()
    loader = snapshot.datasets[0].loader
    assert loader is not None
    assert loader.arguments == {"key": "env:LAB_API_KEY"}
    assert "LAB_API_KEY" in named_variables(snapshot, lab.runtime)
    with pytest.raises(LiteralSecretError, match=r"datasets.*api_key"):
        _queued(tmp_path, arguments={"api_key": "abc123"}).compile()
    address = {"key": "https://me:word@host/x"}
    with pytest.raises(LiteralSecretError, match=r"with\.key"):
        submit_experiment(_queued(tmp_path, arguments=address))


def test_the_traceback_of_a_bug_in_a_dataset_is_logged(site: Path, caplog: pytest.LogCaptureFixture) -> None:
    module = _offer(site, "def rows():\n    yield {}['x']\n", "rows")
    storage = StorageConfig(store="memory")
    with pytest.raises(DatasetError, match="KeyError: 'x'"):
        experiment(datasets=[DatasetLoader(dataset_id="d", use="mylab/sums")]).model_copy(
            update={"storage": storage}
        ).compile()
    (record,) = (record for record in caplog.records if record.name == "themis.engine")
    assert f'{module}.py", line 2, in rows' in record.getMessage()
