"""The content of a dataset as one hash, and ids that are used twice."""

import hashlib
import json
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from themis.core.datasets import FileSource, InlineSource, first_reading
from themis.core.datasets.fingerprint import CASE_DIGEST_BYTES, DatasetFingerprint, Marks, case_digest
from themis.core.datasets.first_reading import read_through
from themis.core.datasets.sources import NONE_SKIPPED, CaseLeft, Skipped
from themis.core.errors import DatasetChangedError, DatasetError, DuplicateCaseIdError
from themis.core.models import Case, Dataset
from themis.core.text.canonical import canonical_json


def inline(*cases: Case) -> InlineSource:
    return InlineSource(Dataset(dataset_id="d", cases=list(cases)))


def numbered(count: int) -> list[Case]:
    return [
        Case(case_id=f"c{n}", input={"b": n, "a": "é😀"}, expected_output=n / 2, metadata={"k": "v"})
        for n in range(count)
    ]


def test_the_same_cases_have_the_same_fingerprint_listed_or_from_a_file_in_any_form(tmp_path: Path) -> None:
    cases = numbered(50)
    own, mapped = tmp_path / "own.jsonl", tmp_path / "mapped.jsonl"
    own.write_text("\n\n".join(json.dumps(case.model_dump(), ensure_ascii=False) for case in cases))
    mapped.write_text(
        "".join(
            json.dumps({"m": c.metadata, "x": {"out": c.expected_output, "in": c.input}, "id": c.case_id}) + "\n"
            for c in cases
        )
    )
    fields = {"case_id": "id", "input": "x.in", "expected_output": "x.out", "metadata": "m"}
    sources = (inline(*cases), FileSource("other", own, revision="r"), FileSource("d", mapped, fields))
    assert len({read_through(source) for source in sources}) == 1
    assert read_through(sources[0]).case_count == 50


def test_content_is_the_hash_of_the_digests_in_order() -> None:
    cases = numbered(3)
    digests = [
        hashlib.sha256(canonical_json([c.case_id, c.input, c.expected_output, c.metadata]).encode()).digest()[
            :CASE_DIGEST_BYTES
        ]
        for c in cases
    ]
    assert [case_digest(case) for case in cases] == digests
    assert read_through(inline(*cases)).content == hashlib.sha256(b"".join(digests)).hexdigest()


def test_every_part_of_a_case_and_their_order_count() -> None:
    one, two = Case(case_id="a", input=1), Case(case_id="b", input=2)
    variants = [
        [one, two],
        [two, one],
        [one],
        [],
        [one, Case(case_id="b", input=2, expected_output=0)],
        [one, Case(case_id="b", input=2, metadata={"k": "v"})],
        [one, Case(case_id="b", input="2")],
        [one, Case(case_id="b", input=2.0)],
        [one, Case(case_id="c", input=2)],
    ]
    assert len({read_through(inline(*cases)).content for cases in variants}) == len(variants)


@given(st.dictionaries(st.text(), st.integers()))
@pytest.mark.not_smoke
def test_the_order_of_keys_does_not_count(value: dict[str, Any]) -> None:
    backwards = dict(reversed(value.items()))
    assert case_digest(Case(case_id="a", input=value)) == case_digest(Case(case_id="a", input=backwards))


def test_a_repeated_id_is_named_with_its_second_place(tmp_path: Path) -> None:
    file = tmp_path / "cases.jsonl"
    file.write_text('{"case_id": "a", "input": 1}\n\n{"case_id": "b", "input": 1}\n{"case_id": "a", "input": 2}\n')
    with pytest.raises(DuplicateCaseIdError, match="case id 'a' is used twice") as caught:
        read_through(FileSource("d", file))
    assert str(caught.value).startswith(f"{file}:4: ")
    with pytest.raises(DuplicateCaseIdError, match=r"dataset 'd', case 2: case id 'a'"):
        read_through(inline(Case(case_id="a", input=1), Case(case_id="a", input=1)))


def test_a_duplicate_among_many_is_found_wherever_it_is() -> None:
    for place in (1, 500, 999):
        cases = [Case(case_id=f"c{n}", input=n) for n in range(1000)]
        cases[place] = Case(case_id="c0", input="again")
        with pytest.raises(DuplicateCaseIdError, match=rf"case {place + 1}: case id 'c0'"):
            read_through(inline(*cases))


def test_two_ids_that_share_a_hash_are_not_taken_for_duplicates(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(first_reading, "hash", len, raising=False)
    assert read_through(inline(*(Case(case_id=name, input=1) for name in "abcdef"))).case_count == 6
    with pytest.raises(DuplicateCaseIdError, match="'b'"):
        read_through(inline(*(Case(case_id=name, input=1) for name in "abcb")))


def test_a_case_that_json_cannot_hold_is_named() -> None:
    with pytest.raises(DatasetError, match=r"dataset 'd', case 2: case 'bad': holds a lone surrogate"):
        read_through(inline(Case(case_id="ok", input="😀 \\ud800"), Case(case_id="bad", input={"k": ["\ud800"]})))


def test_an_id_with_a_nul_is_refused_as_not_every_store_can_keep_it_and_an_input_is_not() -> None:
    with pytest.raises(DatasetError, match=r"dataset 'd', case 2: case 'b.x00d': its id holds a NUL character"):
        read_through(inline(Case(case_id="ok", input="a\0b"), Case(case_id="b\0d", input="x")))


@pytest.mark.slow
@pytest.mark.not_smoke
def test_what_is_kept_of_a_case_is_a_few_bytes() -> None:
    class Endless:
        dataset_id, revision, metadata = "d", None, {}  # type: ignore[var-annotated]

        def cases(self, marks: Marks | None = None) -> Iterator[Case]:
            assert marks is not None
            for number in range(20_000):
                marks.append(number)
                yield Case(case_id=f"case-{number}", input=0)

        def cases_again(self, known: DatasetFingerprint) -> Iterator[Case]:
            raise NotImplementedError

        def cases_left(self, known: DatasetFingerprint, skipped: Skipped = NONE_SKIPPED) -> Iterator[CaseLeft]:
            raise NotImplementedError

        def where(self, index: int) -> str:
            return str(index)

    tracemalloc.start()
    read_through(Endless())
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 20_000 * 80


@pytest.mark.parametrize("value", [2, float("nan"), {1, 2}, "half \ud83d"])
def test_a_listed_case_that_somebody_changed_is_named_whatever_is_in_it_now(value: Any) -> None:
    cases = [Case(case_id="a", input={"x": 0}), Case(case_id="b", input={"x": 1})]
    source = inline(*cases)
    known = read_through(source)
    assert list(source.cases_again(known)) == cases
    inputs: Any = cases[1].input
    inputs["x"] = value
    given: list[Case] = []
    with pytest.raises(DatasetChangedError, match="dataset 'd', case 2: the cases of dataset 'd' have changed"):
        given.extend(source.cases_again(known))
    assert [case.case_id for case in given] == ["a"]


def test_a_list_that_grew_or_shrank_is_another_dataset() -> None:
    dataset = Dataset(dataset_id="d", cases=numbered(3))
    source = InlineSource(dataset)
    known = read_through(source)
    last = dataset.cases.pop()
    with pytest.raises(DatasetChangedError):
        list(source.cases_again(known))
    dataset.cases.extend([last, Case(case_id="more", input=1)])
    with pytest.raises(DatasetChangedError):
        list(source.cases_again(known))
