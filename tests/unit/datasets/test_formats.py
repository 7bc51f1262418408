"""The same cases in every format, and what each format says about files that are none."""

import csv
import gzip
import io
import json
from pathlib import Path
from typing import Any

import pyarrow as pa  # type: ignore[import-untyped]
import pytest
from backports import zstd
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyarrow import parquet

from themis.core.datasets import FileSource
from themis.core.datasets.first_reading import read_through
from themis.core.datasets.formats import json_list, packed_files
from themis.core.errors import DatasetChangedError, DatasetError
from themis.core.models import Case

CASES: list[dict[str, Any]] = [
    {"case_id": "a", "input": "one, two", "expected_output": "N/A"},
    {"case_id": "007", "input": 'a "quoted"\nline', "expected_output": "null"},
    {"case_id": "ü", "input": "=1+1", "expected_output": None},
]
FIELDS = {"case_id": "case_id", "input": "input", "expected_output": "expected_output"}


def as_csv(rows: list[dict[str, Any]], delimiter: str = ",") -> bytes:
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, list(rows[0]), delimiter=delimiter)
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


def as_parquet(rows: list[dict[str, Any]]) -> bytes:
    file = io.BytesIO()
    parquet.write_table(pa.Table.from_pylist(rows), file)
    return file.getvalue()


def written(folder: Path, rows: list[dict[str, Any]]) -> list[Path]:
    contents = {
        "c.jsonl": b"".join(json.dumps(row).encode() + b"\n" for row in rows),
        "lines.json": b"\n".join(json.dumps(row).encode() for row in rows),
        "list.json": json.dumps(rows, indent=1, ensure_ascii=False).encode(),
        "c.csv": as_csv(rows),
        "c.tsv": as_csv(rows, "\t"),
        "c.parquet": as_parquet(rows),
    }
    for name, content in list(contents.items()):
        contents[f"{name}.gz"] = gzip.compress(content, mtime=0)
        contents[f"{name}.zst"] = zstd.compress(content)
    for name, content in contents.items():
        (folder / name).write_bytes(content)
    return [folder / name for name in contents]


def refusal(path: Path, content: bytes, fields: dict[str, Any] | None = None) -> str:
    path.write_bytes(content)
    with pytest.raises(DatasetError) as caught:
        list(FileSource("d", path, fields).cases())
    message = str(caught.value)
    assert "\n" not in message
    assert len(message) < 500
    return message.removeprefix(str(path))


@pytest.mark.parametrize("fields", [None, FIELDS])
def test_the_same_cases_have_the_same_content_in_every_format(tmp_path: Path, fields: dict[str, Any] | None) -> None:
    found = {path.name: read_through(FileSource("d", path, fields)) for path in written(tmp_path, CASES)}
    assert len(found) == 18
    assert len({known.content for known in found.values()}) == 1
    assert {known.case_count for known in found.values()} == {3}
    for name, known in found.items():
        cases = list(FileSource("d", tmp_path / name, fields).cases_again(known))
        assert cases == [Case.model_validate(case) for case in CASES], name


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=15, deadline=None)
@given(
    st.lists(
        # A CSV cannot tell an empty text from none; the ends of lines within a cell are kept as they are.
        st.tuples(st.text(min_size=1, max_size=20), st.text(min_size=1, max_size=20)).filter(
            lambda pair: "\0" not in "".join(pair)
        ),
        min_size=1,
        max_size=5,
    )
)
@pytest.mark.not_smoke
def test_any_texts_are_the_same_cases_in_every_format(tmp_path: Path, pairs: list[tuple[str, str]]) -> None:
    rows = [{"input": asked, "expected_output": gold} for asked, gold in pairs]
    contents = {read_through(FileSource("d", path)).content for path in written(tmp_path, rows)}
    assert len(contents) == 1


def test_a_cell_is_a_text_and_only_an_empty_one_is_missing(tmp_path: Path) -> None:
    cells = ["N/A", "None", "null", "007", "42", "1e5", "true", " ", "NaN", ""]
    path = tmp_path / "c.csv"
    path.write_bytes(as_csv([{"input": "q", "expected_output": cell} for cell in cells]))
    assert [case.expected_output for case in FileSource("d", path).cases()] == [*cells[:-1], None]


def test_a_byte_order_mark_is_no_part_of_the_first_columns_name(tmp_path: Path) -> None:
    path = tmp_path / "c.csv"
    path.write_bytes(b"\xef\xbb\xbfinput\r\nq\r\n\r\n")
    assert [case.input for case in FileSource("d", path).cases()] == ["q"]


def test_labels_come_from_columns_of_their_own(tmp_path: Path) -> None:
    path = tmp_path / "c.csv"
    path.write_bytes(b"input,metadata.subject,metadata.note\nq,math,\n")
    assert [case.metadata for case in FileSource("d", path).cases()] == [{"subject": "math"}]


@pytest.mark.parametrize(
    ("metadata", "labels"),
    [
        (["subject", "source.year"], {"subject": "math", "source.year": "2020"}),
        ("*", {"subject": "math", "level": "3"}),
        ("source", {"year": "2020"}),
    ],
)
def test_other_values_are_labels_on_request(tmp_path: Path, metadata: Any, labels: dict[str, str]) -> None:
    row = {"q": "why", "a": "so", "subject": "math", "level": 3}
    fields = {"input": "q", "expected_output": "a", "metadata": metadata}
    path = tmp_path / "c.jsonl"
    nested = {} if metadata == "*" else {"source": {"year": 2020}}
    path.write_text(json.dumps(row | nested))
    assert [case.metadata for case in FileSource("d", path, fields).cases()] == [labels]
    if metadata != "source":
        flat = {} if metadata == "*" else {"source.year": 2020}
        (tmp_path / "c.csv").write_bytes(as_csv([row | flat]))
        assert [case.metadata for case in FileSource("d", tmp_path / "c.csv", fields).cases()] == [labels]


def test_parquets_own_kinds_of_values_become_json(tmp_path: Path) -> None:
    table = pa.table(
        {
            "q": pa.array([{"text": "why", "at": [1, 2]}]),
            "day": pa.array([18_000], pa.date32()),
            "price": pa.array(["1.50"]).cast(pa.decimal128(5, 2)),
            "nothing": pa.array([float("nan")]),
            "kind": pa.array(["x"]).dictionary_encode(),
        }
    )
    parquet.write_table(table, tmp_path / "c.parquet")
    fields: dict[str, Any] = {"input": "q", "expected_output": "nothing", "metadata": ["day", "price", "kind"]}
    (case,) = FileSource("d", tmp_path / "c.parquet", fields).cases()
    assert case.input == {"text": "why", "at": [1, 2]}
    assert case.expected_output is None
    assert case.metadata == {"day": "2019-04-14", "price": "1.50", "kind": "x"}


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("c.csv", b"input,expected_output\nq\n", ":2: has 1 cells, and the header has 2"),
        ("c.csv", b'input\n"a\nb"\nq,r\n', ":4: has 2 cells, and the header has 1"),
        ("c.csv", b"input\n\xff\n", ":2: is not UTF-8 text (byte 1); save it as UTF-8"),
        (
            "c.csv",
            gzip.compress(b"input\n", mtime=0),
            ":1: is not UTF-8 text (byte 2); it is packed with gzip",
        ),
        ("c.csv", b'input\n"open\n', ":2: is not CSV: it ends within a quoted cell"),
        ("c.csv", b'input\n"a"b\n', ":2: is not CSV: a quoted cell goes on after its quote"),
        ("c.csv", b"input\ra\rb\r", ":1: is not CSV: a line ends with a carriage return alone"),
        ("c.csv", b"input,input\n1,2\n", ":1: has two columns 'input'"),
        ("c.csv", b"input,expectd_output\n1,2\n", ":1: unknown column 'expectd_output'; did you mean"),
        ("c.csv", b"question,answer\n1,2\n", "map this file's columns with `fields`"),
        ("c.csv", b"input;expected_output\n1;2\n", ":1: unknown column 'input;expected_output'"),
        ("c.csv", b"input;expected_output\n1;2\n", "are its cells separated by ';'? Here it must be ','"),
        ("c.csv", b"input,expected_output\n,2\n", ":2: has no value for the case's input"),
        ("c.csv", b"input,case_id\nq,\n", ":2: has no value for the case's case_id"),
        ("c.tsv", b"input,expected_output\n1,2\n", "are its cells separated by ','? Here it must be '\\t'"),
        ("c.json", b'{"input": 1', ":1: is not JSON"),
        ("c.json", b'[{"input": 1}', ": is not JSON: expecting ']' (line 1)"),
        ("c.json", b'[{"input": 1},\n\n{"input": }]', ": is not JSON: Expecting value (line 3)"),
        ("c.json", b'[{"input": 1}\n] x', ": is not JSON: there is more after the list (line 2)"),
        ("c.json", b'[{"input": 1}, 2]', ":1: must be a JSON object, not a number"),
        ("c.json", b'[{"input": 1},\n {"input": NaN}]', ":2: holds NaN"),
        ("c.json", b'[{"input": "\xff"}]', ": is not UTF-8 text (after line 1)"),
        ("c.json", b"[" * 200_000, ": is not JSON: it is nested too deeply"),
        ("c.json", b'{"data": [{"input": 1}]}', ":1: unknown key 'data'"),
        ("c.parquet", b"PAR1", ": is not a Parquet file, or is damaged"),
        ("c.parquet", as_parquet(CASES)[:-9], ": is not a Parquet file, or is damaged"),
        ("c.parquet", as_parquet([{"q": "1"}]), ": unknown column 'q'"),
        ("c.parquet", as_parquet([{"input": b"\x00\xff"}]), ", row 1: input"),
        ("c.parquet", as_parquet([{"input": "q", "case_id": ["a"]}]), ", row 1: case_id"),
        ("c.parquet.gz", gzip.compress(as_parquet(CASES))[:-60], ": cannot be unpacked: Compressed file ended"),
        ("c.csv.gz", gzip.compress(b"input\n" + b"q\n" * 99_999)[:-60], ": cannot be unpacked: Compressed file ended"),
        ("c.csv.zst", zstd.compress(b"input\n" + b"q\n" * 99_999)[:-10], ": cannot be unpacked: Compressed file ended"),
        ("c.jsonl.zst", b'{"input": 1}\n', ": cannot be unpacked: Unable to decompress"),
    ],
)
def test_what_is_no_file_of_cases_is_said_with_its_place(tmp_path: Path, name: str, content: bytes, words: str) -> None:
    assert words in refusal(tmp_path / name, content)


def test_a_missing_column_is_named_with_the_nearest_one(tmp_path: Path) -> None:
    message = refusal(tmp_path / "c.csv", b"question,answer\nq,a\n", {"input": "qestion"})
    assert message == ":2: has no 'qestion', which fields.input names; did you mean \"question\"?"


def test_a_list_of_many_items_is_read_without_holding_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_list, "_CHUNK_BYTES", 7)
    rows = [{"input": "ü" * number, "expected_output": [number, {"a": 1.5}]} for number in range(40)]
    path = tmp_path / "c.json"
    path.write_bytes(json.dumps(rows, ensure_ascii=False, indent=2).encode("utf-8-sig"))
    assert [case.input for case in FileSource("d", path).cases()] == [row["input"] for row in rows]
    assert FileSource("d", path).where(2) == f"{path}:20"


@pytest.mark.parametrize("name", ["c.csv", "c.json", "c.jsonl"])
def test_nothing_longer_than_the_limit_is_held(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setattr(packed_files, "MAX_LINE_BYTES", 1_000_000)
    monkeypatch.setattr(json_list, "MAX_LINE_BYTES", 1_000_000)
    long = b"x" * 1_500_000
    content = {"c.csv": b"input\n" + long, "c.json": b'[{"input": "' + long, "c.jsonl": b'{"input": "' + long}
    assert "longer than" in refusal(tmp_path / name, content[name])


@pytest.mark.parametrize("name", ["c.jsonl", "list.json", "c.csv", "c.tsv", "c.parquet", "c.csv.zst"])
def test_a_change_of_any_format_is_noticed_when_it_is_read_again(tmp_path: Path, name: str) -> None:
    written(tmp_path, CASES)
    known = read_through(FileSource("d", tmp_path / name))
    for changed in ([CASES[0], {**CASES[1], "input": "other"}, CASES[2]], CASES[:2]):
        written(tmp_path, changed)
        with pytest.raises(DatasetChangedError, match="have changed"):
            list(FileSource("d", tmp_path / name).cases_again(known))
    written(tmp_path, CASES)
    assert len(list(FileSource("d", tmp_path / name).cases_again(known))) == 3


def test_other_columns_over_the_same_cells_are_a_change(tmp_path: Path) -> None:
    path = tmp_path / "c.csv"
    path.write_bytes(b"input,expected_output\nx,y\n")
    known = read_through(FileSource("d", path))
    path.write_bytes(b"expected_output,input\nx,y\n")
    with pytest.raises(DatasetChangedError):
        list(FileSource("d", path).cases_again(known))


def test_files_of_a_pattern_are_read_in_the_order_of_their_names(tmp_path: Path) -> None:
    (tmp_path / "p2.csv").write_bytes(b"input\nc\n")
    (tmp_path / "p1.jsonl").write_bytes(b'{"input": "a"}\n{"input": "b"}\n')
    source = FileSource("d", tmp_path / "p*")
    assert [(case.case_id, case.input) for case in source.cases()] == [
        ("case-1", "a"),
        ("case-2", "b"),
        ("case-3", "c"),
    ]
    assert source.where(2) == f"{tmp_path / 'p2.csv'}:2"
    assert list(source.cases_again(read_through(source))) == list(source.cases())
    with pytest.raises(DatasetError, match="no file matches this pattern"):
        list(FileSource("d", tmp_path / "x*").cases())


def test_a_file_whose_own_name_looks_like_a_pattern_is_that_file(tmp_path: Path) -> None:
    path = tmp_path / "set[1].jsonl"
    path.write_bytes(b'{"input": "a"}\n')
    assert [case.input for case in FileSource("d", path).cases()] == ["a"]


def test_the_home_of_the_user_is_understood(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "c.csv").write_bytes(b"input\na\n")
    assert [case.input for case in FileSource("d", "~/c.csv").cases()] == ["a"]
