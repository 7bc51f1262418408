"""Splits in folders: what `save_to_disk` writes, and folders of data files, by the package `datasets`."""

import json
import math
from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter

from themis.cli.main import main
from themis.core.config import DatasetOnHub
from themis.core.dataset_config import DatasetSpec
from themis.core.dataset_inputs import dataset_from_huggingface
from themis.core.datasets import FileSource
from themis.core.datasets.first_reading import read_through
from themis.core.datasets.hub.hub_source import HubSource
from themis.core.errors import DatasetChangedError, DatasetError, PromptError
from themis.core.media.media_folder import media_bytes
from themis.core.models import Case
from themis.core.prompt_config import PromptConfig
from themis.core.prompting.few_shot import prepared
from themis.core.values.dataset_selection import DatasetSelection
from themis.core.values.hub_split import HubSplit

PNG = b"\x89PNG\r\n\x1a\n" + b"picture "
SIZES = {"test": 6, "train": 4}


def rows(split: str) -> list[dict[str, Any]]:
    return [
        {
            "id": number,
            "q": f"{split} {number}",
            "label": -1 if number == 5 else number % 2,
            "tags": [{"kind": 1}],
            "score": math.nan if number == 1 else number / 2,
            "options": ["x", "y"],
            "picture": {"bytes": PNG + b"%d" % (number % 2), "path": None},
            "more": {"depth": number},
        }
        for number in range(SIZES[split])
    ]


def made(split: str) -> Any:
    datasets, arrow = pytest.importorskip("datasets"), pytest.importorskip("pyarrow")
    features = datasets.Features(
        {
            "id": datasets.Value("int64"),
            "q": datasets.Value("string"),
            "label": datasets.ClassLabel(names=["no", "yes"]),
            "tags": datasets.List({"kind": datasets.ClassLabel(names=["easy", "hard"])}),
            "score": datasets.Value("float64"),
            "options": datasets.List(datasets.Value("string")),
            "picture": datasets.Image(),
            "more": {"depth": datasets.Value("int32")},
        }
    )
    table = arrow.Table.from_pylist(rows(split), schema=arrow.schema(list(features.arrow_schema)))
    return datasets.Dataset(table, info=datasets.DatasetInfo(features=features), split=split)


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folders with the same rows: saved in full, saved one split, and Parquet files."""
    datasets = pytest.importorskip("datasets")
    datasets.disable_progress_bars()
    top = tmp_path_factory.mktemp("hub")
    splits = {name: made(name) for name in SIZES}
    datasets.DatasetDict(splits).save_to_disk(str(top / "all"))
    splits["test"].save_to_disk(str(top / "one"))
    for name, split in splits.items():
        (top / "files" / "data").mkdir(parents=True, exist_ok=True)
        split.to_parquet(str(top / "files" / "data" / f"{name}-00000-of-00001.parquet"))
    return top


@pytest.fixture(autouse=True)
def caches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    datasets = pytest.importorskip("datasets")
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", str(tmp_path / "prepared"))
    monkeypatch.setenv("THEMIS_MEDIA_DIR", str(tmp_path / "media"))


FIELDS: dict[str, Any] = {"input": "q", "expected_output": "label", "case_id": "id", "metadata": ["score"]}


def source(folder: Path, fields: dict[str, Any] | None = None, **more: Any) -> HubSource:
    selection = DatasetSelection.model_validate({name: more.pop(name) for name in [*more] if name != "split"})
    split = HubSplit(name=str(folder), split=more.get("split", "test"))
    return HubSource("d", split, FIELDS if fields is None else fields, selection=selection)


def ids(found: HubSource) -> list[str]:
    return [case.case_id for case in found.cases()]


@pytest.mark.parametrize("name", ["all", "one", "files"])
def test_each_form_of_a_folder_gives_the_same_cases(folders: Path, name: str) -> None:
    cases = list(source(folders / name).cases())
    assert cases[0] == Case(case_id="0", input="test 0", expected_output="no", metadata={"score": "0.0"})
    assert [case.expected_output for case in cases] == ["no", "yes", "no", "yes", "no", None], "-1 is not a label"
    assert [case.metadata.get("score") for case in cases[:3]] == ["0.0", None, "1.0"], "NaN is missing"


def test_a_split_has_the_fingerprint_of_a_file_with_the_same_texts(folders: Path, tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text("q,label\n" + "".join(f"test {number},{'yes' if number % 2 else 'no'}\n" for number in range(5)))
    fields = {"input": "q", "expected_output": "label"}
    of_hub = read_through(source(folders / "all", fields, slice={"stop": 5}))
    assert of_hub.content == read_through(FileSource("d", path, fields)).content


def test_labels_within_lists_are_texts_and_objects_stay_objects(folders: Path) -> None:
    found = source(folders / "all", {"input": "tags", "expected_output": "more"})
    case = next(iter(found.cases()))
    assert (case.input, case.expected_output) == ([{"kind": "hard"}], {"depth": 0})


def test_a_picture_is_named_by_its_content_and_kept(folders: Path, tmp_path: Path) -> None:
    found = [str(case.input) for case in source(folders / "all", {"input": "picture"}).cases()]
    assert len(set(found)) == 2
    assert [media_bytes(name) for name in found[:2]] == [PNG + b"0", PNG + b"1"]
    assert len([path for path in (tmp_path / "media").rglob("*") if path.is_file()]) == 2


def test_a_picture_that_no_field_names_is_not_kept(folders: Path, tmp_path: Path) -> None:
    assert len(ids(source(folders / "all", {"input": "q", "metadata": ["id"]}))) == 6
    assert not (tmp_path / "media").exists()


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({"filter": {"label": "yes"}}, ["1", "3"]),
        ({"filter": {"id": {"min": 2, "max": 3}}}, ["2", "3"]),
        ({"slice": {"start": 1, "stop": 3}}, ["1", "2"]),
        ({"shuffle": 7, "slice": {"stop": 3}}, None),
        ({"sample": {"size": 2, "seed": 7}}, None),
    ],
)
def test_cases_are_chosen_as_in_a_file(
    folders: Path, tmp_path: Path, more: dict[str, Any], expected: list[str] | None
) -> None:
    path = tmp_path / "rows.csv"
    path.write_text("id,label\n" + "".join(f"{number},{'yes' if number in (1, 3) else 'no'}\n" for number in range(6)))
    of_file = FileSource(
        "d", path, {"input": "label", "case_id": "id"}, selection=DatasetSelection.model_validate(more)
    )
    found = ids(source(folders / "all", **more))
    assert found == [case.case_id for case in of_file.cases()]
    assert expected in (None, found)


def test_choices_and_an_answer_are_fields(folders: Path) -> None:
    found = source(folders / "all", {"input": "q", "choices": "options", "answer": "tags.0.kind"})
    with pytest.raises(DatasetError, match=r"row 1: the answer 'hard' is not a choice"):
        list(found.cases())
    case = next(iter(source(folders / "all", {"input": "q", "choices": "options", "answer": "more.depth"}).cases()))
    assert (case.input, case.expected_output) == ({"question": "test 0", "choices": ["x", "y"]}, "A")


def test_a_changed_split_is_noticed_when_it_is_read_again(folders: Path) -> None:
    known = read_through(source(folders / "all", {"input": "q"}))
    assert len(list(source(folders / "all", {"input": "q"}).cases_again(known))) == 6
    with pytest.raises(DatasetChangedError, match="row 1"):
        list(source(folders / "all", {"input": "label"}).cases_again(known))


def test_examples_come_from_another_split_of_the_same_data_set(folders: Path) -> None:
    config = PromptConfig.model_validate({"few_shot": {"split": "train", "k": 2}})
    shots = prepared(config, [source(folders / "all")]).shots
    assert [(shot.input, shot.expected_output) for shot in shots] == [
        ("train 0", "no"),
        ("train 1", "yes"),
        ("train 2", "no"),
    ]
    with pytest.raises(PromptError, match=r"few_shot\.split: no dataset has `huggingface`"):
        prepared(config, [])


@pytest.mark.parametrize(
    ("folder", "split", "fields", "reason"),
    [
        ("nothing", "test", FIELDS, "there is no folder"),
        ("all", "tset", FIELDS, r"has no split 'tset'; there are test, train"),
        ("one", "train", FIELDS, r"has no split 'train'; there are test"),
        ("files", "tset", FIELDS, r"has no split 'tset'; there are test, train"),
        ("all", "test", {"input": "qq"}, r"row 1: has no 'qq', which fields.input names; did you mean \"q\"\?"),
    ],
)
def test_what_is_not_there_is_named(folders: Path, folder: str, split: str, fields: Any, reason: str) -> None:
    with pytest.raises(DatasetError, match=rf"dataset '.*{folder}:{split}'.*{reason}"):
        ids(source(folders / folder, fields, split=split))


def test_a_folder_that_is_no_data_set_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"cannot be loaded: .*") as caught:
        ids(source(tmp_path))
    assert "\n" not in str(caught.value)
    (tmp_path / "state.json").write_text("{")
    with pytest.raises(DatasetError, match=r"cannot be loaded"):
        ids(source(tmp_path))


def test_a_row_reads_no_file_that_is_not_of_its_data_set(tmp_path: Path) -> None:
    arrow, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    datasets = pytest.importorskip("datasets")
    secret = tmp_path / "secret.png"
    secret.write_bytes(PNG)
    features = datasets.Features({"p": datasets.Image()})
    for number, place in enumerate([str(secret), "https://example.org/a.png", "hf://datasets/other/set@main/a.png"]):
        table = arrow.Table.from_pylist([{"p": {"bytes": None, "path": place}}], schema=features.arrow_schema)
        folder = tmp_path / str(number)
        folder.mkdir()
        parquet.write_table(table, folder / "test.parquet")
        with pytest.raises(DatasetError, match=r"row 1: column 'p': the file .* does not belong to the data set"):
            ids(source(folder, {"input": "p"}))


def test_data_files_that_were_changed_are_read_as_they_are_now(tmp_path: Path) -> None:
    folder = tmp_path / "changing"
    folder.mkdir()
    for text in ("before", "after, and longer"):
        (folder / "test.jsonl").write_text(f'{{"q": "{text}"}}\n')
        assert [case.input for case in source(folder, {"input": "q"}).cases()] == [text]


def test_a_split_is_put_to_a_model_without_a_config_file(folders: Path, capsys: pytest.CaptureFixture[str]) -> None:
    name = str(folders / "all")
    words = ["--dataset", name, "--split", "test", "--input-field", "q", "--case-id-field", "id"]
    scored = ["--expected-output-field", "label", "--sample", "2", "--json"]
    assert main(["quick-eval", "huggingface", *words, *scored]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["total_cases"], found["metric_means"]) == (2, {"builtin/exact_match": 1.0})
    assert main(["quick-eval", "huggingface", *words, "--config", "c"]) == 2
    assert "was written by save_to_disk, and has no `config`" in capsys.readouterr().err


def test_a_function_reads_a_split_too(folders: Path) -> None:
    name = str(folders / "all")
    found = dataset_from_huggingface(
        dataset_name=name, split="train", input_field="q", expected_output_field="label", case_id_field="id"
    )
    assert (found.dataset_id, found.revision, len(found.cases)) == (f"{name}:train", None, 4)
    assert found.cases[1] == Case(case_id="1", input="train 1", expected_output="yes")
    with pytest.raises(DatasetError, match=r"'a b' is not a name such as org/name"):
        dataset_from_huggingface(dataset_name="a b", split="train", input_field="q")


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({"name": "a/b/c", "split": "s"}, "is not a name"),
        ({"name": "a/..", "split": "s"}, "is not a name"),
        ({"name": "a/b", "split": "s", "revision": "../x"}, "is not a branch"),
        ({"name": "./a", "split": "s", "revision": "main"}, "a folder has no `revision`"),
        ({"name": "a/b"}, "split"),
    ],
)
def test_a_split_that_cannot_be_is_refused(given: dict[str, Any], reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        DatasetOnHub.model_validate({"dataset_id": "d", "huggingface": given})


def test_a_dataset_is_of_one_place() -> None:
    split = {"name": "a/b", "split": "s"}
    assert DatasetOnHub.model_validate({"dataset_id": "d", "huggingface": split}).path is None
    spec = TypeAdapter(DatasetSpec)
    assert isinstance(spec.validate_python({"dataset_id": "d", "huggingface": split}), DatasetOnHub)
    others: list[tuple[dict[str, Any], str]] = [
        ({"path": "x"}, "has `path` and a `huggingface`"),
        ({"cases": []}, "has `cases` and a `huggingface`"),
        ({"revision": "x"}, "has a `revision`, which stands under `huggingface`"),
    ]
    for more, reason in others:
        with pytest.raises(ValueError, match=reason):
            spec.validate_python({"dataset_id": "d", "huggingface": split, **more})
    with pytest.raises(ValueError, match="has neither `cases` nor a `path` nor `huggingface`"):
        spec.validate_python({"dataset_id": "d"})
