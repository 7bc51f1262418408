"""A JSONL file as a stream of cases, and what it says about lines that are none."""

import gzip
import json
import os
import tracemalloc
from collections import deque
from contextlib import suppress
from itertools import islice
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from themis.core.datasets import FileSource
from themis.core.datasets.fingerprint import DatasetFingerprint, case_digest
from themis.core.datasets.first_reading import read_through
from themis.core.datasets.formats import packed_files
from themis.core.errors import DatasetChangedError, DatasetError
from themis.core.models import Case

FIELDS = {"case_id": "id", "input": "q.text", "expected_output": "answers.0"}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "cases.jsonl"


def read(file: Path, content: bytes, fields: dict[str, str] | None = None) -> list[Case]:
    file.write_bytes(content)
    return list(FileSource("d", file, fields).cases())


def refusal(file: Path, content: bytes, fields: dict[str, str] | None = None) -> str:
    with pytest.raises(DatasetError) as caught:
        read(file, content, fields)
    message = str(caught.value)
    assert "\n" not in message
    assert len(message) < 400
    return message.removeprefix(str(file))


def test_a_line_with_a_cases_own_keys_is_that_case(file: Path) -> None:
    line = b'{"case_id": "a", "input": {"q": [1, 2.5, null]}, "expected_output": "x", "metadata": {"k": "v"}}\n'
    assert read(file, line) == [
        Case(case_id="a", input={"q": [1, 2.5, None]}, expected_output="x", metadata={"k": "v"})
    ]


def test_cases_without_an_id_are_numbered_by_cases_not_by_lines(file: Path) -> None:
    content = b'\n{"input": 1}\n\n  \n{"case_id": "own", "input": 2}\n {"input": 3}\n{"input": {"case_id": "inner"}}'
    assert [case.case_id for case in read(file, content)] == ["case-1", "own", "case-3", "case-4"]


def test_a_byte_order_mark_and_windows_line_ends_are_accepted(file: Path) -> None:
    assert [case.input for case in read(file, b'\xef\xbb\xbf{"input": 1}\r\n{"input": 2}\r\n\r\n')] == [1, 2]


def test_an_empty_file_has_no_cases(file: Path) -> None:
    assert read(file, b"") == []
    assert read(file, b"\n \n") == []


def test_mapped_fields_are_found_by_dotted_paths_and_other_keys_are_ignored(file: Path) -> None:
    line = b'{"id": 17, "q": {"text": "why"}, "answers": ["so", "no"], "case_id": "not this", "more": {"x": 1}}'
    assert read(file, line, FIELDS) == [Case(case_id="17", input="why", expected_output="so")]


def test_without_a_mapped_id_cases_are_numbered(file: Path) -> None:
    assert [case.case_id for case in read(file, b'{"q": 1}\n{"q": 2}', {"input": "q"})] == ["case-1", "case-2"]


def test_metadata_can_be_mapped_to_an_object_of_texts(file: Path) -> None:
    fields = {"input": "q", "metadata": "about"}
    assert read(file, b'{"q": 1, "about": {"a": "b"}}', fields)[0].metadata == {"a": "b"}
    assert "metadata.a" in refusal(file, b'{"q": 1, "about": {"a": null}}', fields)


def test_labels_that_are_numbers_become_their_texts(file: Path) -> None:
    fields = {"input": "q", "metadata": "about"}
    assert read(file, b'{"q": 1, "about": {"a": 1, "b": 0.5}}', fields)[0].metadata == {"a": "1", "b": "0.5"}
    assert read(file, b'{"input": 1, "metadata": {"a": 1, "b": 0.5}}')[0].metadata == {"a": "1", "b": "0.5"}


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b'{"input": NaN}', "holds NaN"),
        (b'{"input": [{"a": -Infinity}]}', "holds -Infinity"),
        (b'{"input": 1e999}', "beyond the range"),
        (b'{"input": "\\ud800"}', "lone surrogate"),
        (b'{"input": {"\\udc00x": 1}}', "lone surrogate"),
        (b'{"input": "\xff"}', "not UTF-8 text (byte 12)"),
        (b'{"input": "\xed\xa0\x80"}', "not UTF-8 text"),
        (b'{"input": 1, "input": 2}', "key 'input' appears twice"),
        (b'{"input": 1, "input" : 2}', "key 'input' appears twice"),
        (b'{"input": 1, "input"\t: 2}', "key 'input' appears twice"),
        (b'{"input": 1, "input"\r: 2}', "key 'input' appears twice"),
        (b'{"input": {"a": [{"b": 1, "b": 1}]}}', "key 'b' appears twice"),
        (b'{"input": "\\":", "case_id": "a", "case_id": "b"}', "key 'case_id' appears twice"),
        (b'{"case_id": "a", "input": 1, "metadata": {"k": "v", "k": "w"}}', "key 'k' appears twice"),
        (b'{"input": 1', "is not JSON"),
        (b'{"input": 1} {"input": 2}', "is not JSON: Extra data"),
        (b'x"input": 1}', "is not JSON"),
        (b'{"input": "a\tb"}', "is not JSON"),
        (b"[1, 2]", "must be a JSON object, not a list"),
        (b"null", "must be a JSON object, not null"),
        (b"3", "must be a JSON object, not a number"),
        (b'"{}"', "must be a JSON object, not a text"),
        (b"{}", "has no 'input'"),
        (b'{"question": 1}', "`fields: {input: question}`"),
        (b'{"input": 1, "expectd_output": 2}', 'did you mean "expected_output"?'),
        (b'{"case_id": [3], "input": 1}', "case_id"),
        (b'{"case_id": true, "input": 1}', "case_id"),
        (b'{"case_id": "", "input": 1}', "case_id"),
        (b'{"input": 1, "metadata": {"n": [3]}}', "metadata.n"),
        (b'{"input": ' + b"[" * 300 + b"]" * 300 + b"}", "nested too deeply"),
        (b'{"input": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", "nested too deeply"),
        (b'{"input": ' + b"9" * 5_000 + b"}", "a number of 5000 digits"),
    ],
)
def test_a_bad_line_is_named_by_file_and_line(file: Path, line: bytes, reason: str) -> None:
    message = refusal(file, b'{"input": "fine"}\n\n' + line + b"\n")
    assert message.startswith(":3: ")
    assert reason in message


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b'{"id": "a", "q": {"text": 1}, "answers": [1], "z": NaN}', "holds NaN"),
        (b'{"id": "a", "q": {"text": 1}, "answers": [1], "z": 1e999}', "beyond the range"),
        (b'{"id": "a", "q": {"text": 1, "text": 2}, "answers": [1]}', "key 'text' appears twice"),
        (b'{"id": "a", "q": "flat", "answers": [1]}', "has no 'q.text', which fields.input names"),
        (b'{"id": "a", "q": {"text": 1}, "answers": []}', "has no 'answers.0', which fields.expected_output names"),
        (b'{"q": {"text": 1}, "answers": [1]}', "has no 'id', which fields.case_id names"),
        (b'{"id": "a", "q": {"txt": 1}, "answers": [1]}', 'which fields.input names; did you mean "q.txt"?'),
        (b'{"id": "a", "q-text": 1}', "has no 'q', which fields.input names; known are id"),
        (
            b'{"id": "a", "q": {"wording": 1, "k\\n": 2}}',
            "has no 'q.text', which fields.input names; known are q.wording",
        ),
        (b'{"id": true, "q": {"text": 1}, "answers": [1]}', "case_id"),
        (b'{"id": "a", "q": {"text": ' + b"[" * 300 + b"]" * 300 + b"}}", "nested too deeply"),
        (b"[]", "must be a JSON object"),
        (b"\xff\xfe{", "not UTF-8"),
    ],
)
def test_a_bad_line_with_mapped_fields_is_named_too(file: Path, line: bytes, reason: str) -> None:
    message = refusal(file, b"\n" + line, FIELDS)
    assert message.startswith(":2: ")
    assert reason in message


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({}, "needs a path for `input`"),
        ({"expected_output": "a"}, "needs a path for `input`"),
        ({"input": ""}, "is not a dotted path"),
        ({"input": "a..b"}, "is not a dotted path"),
        ({"input": "a", "inptu": "b"}, 'did you mean "input"?'),
    ],
)
def test_fields_that_make_no_sense_are_refused_before_the_file_is_opened(fields: dict[str, str], reason: str) -> None:
    with pytest.raises(DatasetError, match=r"fields") as caught:
        FileSource("d", "/does/not/exist", fields)
    assert reason in str(caught.value)


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    for name, reason in (("missing", "cannot be read"), ("", "not a regular file"), ("fifo", "not a regular file")):
        with pytest.raises(DatasetError, match=reason):
            list(FileSource("d", tmp_path / name).cases())


def test_a_line_beyond_the_limit_is_refused_without_being_read_whole(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(packed_files, "MAX_LINE_BYTES", 1000)
    assert ":2: is longer than" in refusal(file, b'{"input": 1}\n{"input": "' + b"x" * 10_000 + b'"}')


def test_a_case_is_found_again_by_its_index(file: Path) -> None:
    read(file, b'\n{"input": 1}\n\n{"input": 2}\n')
    source = FileSource("d", file)
    assert [source.where(index) for index in (0, 1, 2)] == [f"{file}:2", f"{file}:4", str(file)]


@pytest.mark.not_smoke
def test_memory_does_not_grow_with_the_file(file: Path) -> None:
    with file.open("w") as out:
        for number in range(2_000):
            out.write(json.dumps({"input": f"{number} {'x' * 5_000}"}) + "\n")
    source = FileSource("d", file)
    deque(islice(source.cases(), 100), maxlen=0)
    tracemalloc.start()
    deque(source.cases(), maxlen=0)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert file.stat().st_size > 10_000_000
    assert peak < 3_000_000


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(value=json_values, expected=json_values, ascii_only=st.booleans(), space=st.sampled_from(["", " ", "\t"]))
@pytest.mark.not_smoke
def test_any_json_value_is_read_as_python_reads_it(
    file: Path, value: object, expected: object, ascii_only: bool, space: str
) -> None:
    written = json.dumps(
        {"input": value, "expected_output": expected}, ensure_ascii=ascii_only, separators=(f"{space},", f"{space}:")
    )
    for fields in (None, {"input": "input", "expected_output": "expected_output"}):
        case = read(file, written.encode(), fields)[0]
        assert json.dumps([case.input, case.expected_output]) == json.dumps([value, expected])


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.binary(max_size=200))
def test_no_bytes_at_all_raise_anything_but_a_dataset_error(file: Path, content: bytes) -> None:
    file.write_bytes(content)
    for fields in (None, FIELDS):
        with suppress(DatasetError):
            again(FileSource("d", file, fields), read_through(FileSource("d", file, fields)))


CONTENT = b'{"input": 1}\n{"case_id": "b", "input": {"case_id": 2}, "metadata": {"k": "v"}}\n{"input": {"case_id": 3}}'


def again(source: FileSource, known: DatasetFingerprint) -> list[Case]:
    return list(source.cases_again(known))


def test_a_file_is_read_again_as_the_same_cases(file: Path) -> None:
    cases = read(file, CONTENT)
    assert [case.case_id for case in cases] == ["case-1", "b", "case-3"]
    source = FileSource("d", file)
    known = read_through(source)
    assert again(source, known) == cases
    assert list(known.each_digest()) == [case_digest(case) for case in cases]


def test_a_line_that_was_only_written_differently_is_the_same_case(file: Path) -> None:
    cases = read(file, CONTENT)
    source = FileSource("d", file)
    known = read_through(source)
    file.write_bytes(b'\n{"input" :\t1 }\n' + CONTENT.split(b"\n", 1)[1] + b"\n\n")
    assert again(source, known) == cases


@pytest.mark.parametrize(
    ("before", "after", "line"),
    [
        (b'"input": 1', b'"input": 2', ":1"),
        (b'"case_id": "b"', b'"case_id": "B"', ":2"),
        (b'"v"', b'"w"', ":2"),
        (b'"case_id": 3', b'"case_id": 4', ":3"),
        (b'{"input": 1}\n', b"", ":1"),
        (b'\n{"input": {"case_id": 3}}', b"", ""),
        (b'{"case_id": 3}}', b'{"case_id": 3}}\n{"input": 4}', ":4"),
    ],
)
def test_the_first_line_that_changed_is_named_and_no_case_of_it_is_given(
    file: Path, before: bytes, after: bytes, line: str
) -> None:
    cases = read(file, CONTENT)
    source = FileSource("d", file)
    known = read_through(source)
    file.write_bytes(CONTENT.replace(before, after))
    given: list[Case] = []
    with pytest.raises(DatasetChangedError) as caught:
        given.extend(source.cases_again(known))
    assert str(caught.value).startswith(f"{file}{line}: the cases of dataset 'd' have changed")
    assert given == cases[: int(line.removeprefix(":")) - 1 if line else 2]


@pytest.mark.parametrize("line", [b'{"input": NaN}', b'{"input": 1, "input": 1}', b"{"])
def test_a_line_that_became_none_is_a_change_too(file: Path, line: bytes) -> None:
    read(file, CONTENT)
    source = FileSource("d", file)
    known = read_through(source)
    file.write_bytes(CONTENT.replace(b'{"input": 1}', line))
    with pytest.raises(DatasetChangedError, match=f"{file}:1: the cases of dataset 'd' have changed"):
        again(source, known)


def test_a_packed_file_is_read_like_the_file_that_it_packs(tmp_path: Path) -> None:
    content = b'\xef\xbb\xbf{"input": 1}\n\n{"input": 2}\n'
    plain, packed = tmp_path / "c.jsonl", tmp_path / "c.jsonl.gz"
    plain.write_bytes(content)
    packed.write_bytes(gzip.compress(content, mtime=0))
    found = read_through(FileSource("d", packed))
    assert found == read_through(FileSource("d", plain))
    assert [case.input for case in FileSource("d", packed).cases_again(found)] == [1, 2]
    assert FileSource("d", packed).where(1) == f"{packed}:3"


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("c.jsonl.gz", b'{"input": 1}\n', ": cannot be unpacked: Not a gzipped file"),
        (
            "c.jsonl.gz",
            gzip.compress(b'{"input": 1}\n' * 999, mtime=0)[:40],
            ": cannot be unpacked: Compressed file ended",
        ),
        (
            "c.jsonl.gz",
            gzip.compress(b"[1]\n", mtime=0),
            ":1: must be a JSON object, not a list; cases are JSON objects, one per",
        ),
        (
            "c.jsonl",
            gzip.compress(b'{"input": 1}\n', mtime=0),
            "; it is packed with gzip: let its name end in .gz, or unpack it",
        ),
        ("c.jsonl.zst", b"\x28\xb5\x2f\xfd\x00", ": cannot be unpacked: Compressed file ended"),
        ("c.jsonl", b"\x28\xb5\x2f\xfd\x00", "; it is packed with zstd: let its name end in .zst, or unpack it"),
        ("c.jsonl", b"PK\x03\x04", "; it is packed with zip: unpack it"),
        ("c.jsonl", b'[{"input": 1}]', "let the name of a file with a list of them end in .json"),
    ],
)
def test_a_file_of_another_kind_is_refused_with_what_it_is(
    tmp_path: Path, name: str, content: bytes, words: str
) -> None:
    message = refusal(tmp_path / name, content)
    assert words in message


@pytest.mark.parametrize("fields", [None, {"case_id": "case_id", "input": "input"}])
def test_a_number_as_an_id_is_its_text(file: Path, fields: dict[str, str] | None) -> None:
    assert [
        case.case_id for case in read(file, b'{"case_id": 3, "input": 1}\n{"input": 1, "case_id": -1}', fields)
    ] == [
        "3",
        "-1",
    ]
    file.write_bytes(b'{"case_id": 3, "input": 1}\n{"case_id": "3", "input": 1}')
    with pytest.raises(DatasetError, match="case id '3' is used twice"):
        read_through(FileSource("d", file))
