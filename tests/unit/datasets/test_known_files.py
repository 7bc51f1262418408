"""Files whose content is known by their bytes: read as before, but for the time; with any other byte read in full."""

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from themis.core.datasets import FileSource, known_files
from themis.core.datasets.fingerprint import DatasetFingerprint
from themis.core.datasets.first_reading import read_through
from themis.core.datasets.known_files import KnownFiles
from themis.core.datasets.sources import Skipped
from themis.core.errors import DatasetChangedError, DatasetError, StoreError
from themis.core.values.dataset_selection import DatasetSelection

COUNT = 40
FIELDS: dict[str, Any] = {"input": "q"}


def lines(count: int = COUNT) -> list[bytes]:
    """A line for each case; one in ten is empty."""
    return [b"" if number % 10 == 4 else b'{"q": "q%02d"}' % number for number in range(count)]


def write(path: Path, found: list[bytes]) -> None:
    """Write lines, with an end also behind the last one."""
    data = b"".join(line + b"\n" for line in found)
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "cases.jsonl"
    write(path, lines())
    return path


def source(path: Path, fields: dict[str, Any] | None = FIELDS, **selection: Any) -> FileSource:
    return FileSource("d", path, fields, selection=DatasetSelection.model_validate(selection))


def noted(found: FileSource) -> dict[str, str]:
    """What is known of the files of a dataset after a first reading."""
    files = KnownFiles()
    files.read(found)
    return files.found


def known(found: FileSource, notes: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> DatasetFingerprint:
    """The fingerprint of a dataset whose files are known, for which no case is looked at."""
    with monkeypatch.context() as patch:
        patch.setattr(known_files, "read_through", None)
        return KnownFiles(notes.get).read(found)


@pytest.mark.parametrize("name", ["cases.jsonl", "cases.jsonl.gz", "cases.txt"])
@pytest.mark.parametrize("fields", [None, FIELDS])
@pytest.mark.parametrize("selection", [{}, {"choices": {"answer_as": "index"}}])
def test_a_file_that_was_read_has_the_same_fingerprint_and_the_same_cases(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, fields: Any, selection: Any
) -> None:
    path = tmp_path / name
    write(path, [line.replace(b'"q"', b'"input"') if fields is None else line for line in lines()])
    found = source(path, fields, **selection)
    before = read_through(found)
    again = known(found, noted(found), monkeypatch)
    assert (again, again.marks) == (before, before.marks)
    assert list(found.cases_left(again)) == list(found.cases_left(before))
    assert [digest for *_, digest in found.cases_left(again)] == list(before.each_digest())


def test_the_files_of_a_pattern_are_known_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in "ab":
        write(tmp_path / f"{name}.jsonl", lines())
    found = source(tmp_path / "*.jsonl")
    assert known(found, noted(found), monkeypatch).case_count == 72
    notes = noted(found)
    (tmp_path / "a.jsonl").write_bytes(b"".join(line + b"\n" for line in reversed(lines())))
    files = KnownFiles(notes.get)
    assert files.read(found) == read_through(found)
    assert files.found.keys() == notes.keys(), "the sizes are the same, and it was read in full"


@pytest.mark.parametrize(
    "selection",
    [
        {"slice": {"stop": 5}},
        {"sample": {"size": 5}},
        {"shuffle": 1},
        {"filter": {"q": "q01"}},
        {"case_ids": ["case-1"]},
    ],
)
def test_a_part_of_a_file_or_another_order_is_not_known(file: Path, selection: Any) -> None:
    assert noted(source(file, **selection)) == {}
    part = source(file, **selection)
    assert KnownFiles(noted(source(file)).get).read(part) == read_through(part)


def test_a_file_of_another_format_is_not_known(tmp_path: Path) -> None:
    (tmp_path / "c.csv").write_text("q\na\nb\n")
    (tmp_path / "c.json").write_text('[{"q": 1}, {"q": 2}]')
    for name in ("c.csv", "c.json"):
        assert noted(source(tmp_path / name)) == {}


@pytest.mark.parametrize("changed", [b'{"q": "q0!"}', b'{"q": "q1" }', b'{"q" :"q01"}'])
def test_a_file_with_another_byte_is_read_in_full(file: Path, changed: bytes) -> None:
    notes = noted(source(file))
    write(file, [changed, *lines()[1:]])
    files = KnownFiles(notes.get)
    assert files.read(source(file)) == read_through(source(file))
    assert files.found.keys() == notes.keys()
    assert files.found != notes, "from now on this one is known"


@pytest.mark.parametrize("now", [lines()[:-1], [*lines(), b'{"q": "more"}'], []])
def test_a_file_that_grew_or_shrank_is_read_in_full(file: Path, now: list[bytes]) -> None:
    notes = noted(source(file))
    write(file, now)
    assert KnownFiles(notes.get).read(source(file)) == read_through(source(file))


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "1", '{"bytes_hash": "x"}', "content", "case_count", "bytes_hash"],
)
def test_damaged_notes_are_as_none(file: Path, text: str) -> None:
    ((key, right),) = noted(source(file)).items()
    wrong = json.dumps(json.loads(right) | {text: None}) if text.isidentifier() else text
    files = KnownFiles({key: wrong}.get)
    assert files.read(source(file)) == read_through(source(file))
    assert files.found == {key: right}


def test_notes_that_cannot_be_read_are_as_none(file: Path) -> None:
    def find(key: str) -> str | None:
        raise StoreError(path=file, detail=key)

    assert KnownFiles(find).read(source(file)) == read_through(source(file))


def test_what_is_known_by_some_rules_is_not_known_by_others(file: Path) -> None:
    notes = noted(source(file))
    others = [source(file, {"input": "q", "metadata": ["q"]}), source(file, shuffle_choices=1)]
    assert len({*notes, *(key for other in others for key in noted(other))}) == 3


def test_a_file_that_is_not_there_or_is_no_dataset_is_refused_as_ever(tmp_path: Path, file: Path) -> None:
    notes = noted(source(file))
    with pytest.raises(DatasetError, match="cannot be read: No such file"):
        KnownFiles(notes.get).read(source(tmp_path / "no.jsonl"))
    with pytest.raises(DatasetError, match="no file matches this pattern"):
        KnownFiles(notes.get).read(source(tmp_path / "no*.jsonl"))
    with pytest.raises(DatasetError, match="half of a character"):
        KnownFiles(notes.get).read(FileSource("\ud800", file, FIELDS))


# --- the second reading ----------------------------------------------------------------------------------------------


def left(found: FileSource, fingerprint: DatasetFingerprint, *, begin: int = 0) -> list[tuple[int, Any]]:
    """The cases that are read again, without those before one; the others are skipped."""
    skipped = Skipped(bytes([1]) * begin)
    return [(index, case.input) for index, case, _ in found.cases_left(fingerprint, skipped)]


@pytest.mark.parametrize("line", [1, 30])
def test_a_case_that_changed_since_is_named_also_where_it_is_skipped(
    file: Path, monkeypatch: pytest.MonkeyPatch, line: int
) -> None:
    found = source(file)
    fingerprint = known(found, noted(found), monkeypatch)
    now = lines()
    now[line] = b'{"q": "q!!"}'
    write(file, now)
    given: list[Any] = []
    with pytest.raises(DatasetChangedError, match=rf"cases\.jsonl:{line + 1}"):
        given.extend(index for index, *_ in found.cases_left(fingerprint, Skipped(bytes([1]) * 10)))


def test_lines_that_were_only_written_differently_since_are_the_same_cases(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = source(file)
    fingerprint = known(found, noted(found), monkeypatch)
    expected = left(found, fingerprint, begin=10)
    write(file, [b"", *(line.replace(b": ", b"  :") for line in lines()), b" \t"])
    assert left(found, fingerprint, begin=10) == expected
    assert len(expected) == 26


@pytest.mark.parametrize("now", [lines()[:-1], [*lines(), b'{"q": "more"}'], [], [*lines()[:-1], b'{"q": "q']])
def test_a_file_that_grew_or_shrank_since_is_another_dataset(
    file: Path, monkeypatch: pytest.MonkeyPatch, now: list[bytes]
) -> None:
    found = source(file)
    fingerprint = known(found, noted(found), monkeypatch)
    write(file, now)
    with pytest.raises(DatasetChangedError):
        left(found, fingerprint, begin=10)


def test_a_file_that_went_away_since_cannot_be_read(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = source(file)
    fingerprint = known(found, noted(found), monkeypatch)
    file.unlink()
    with pytest.raises(DatasetError, match="cannot be read"):
        left(found, fingerprint)


def test_a_reading_ends_where_it_is_told_to(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = source(file)
    fingerprint = known(found, noted(found), monkeypatch)
    write(file, [*lines()[:20], b"no case"])
    skipped = Skipped(bytes([1, 0] * 5), 18)
    assert [index for index, *_ in found.cases_left(fingerprint, skipped)] == [1, 3, 5, 7, *range(9, 18)]
