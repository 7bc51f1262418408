"""The cases of a snapshot are kept as JSON, the same as their own dump, in blobs that are read one at a time."""

import hashlib
import json
from enum import StrEnum

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from themis.core.config import EvaluationConfig, GenerationConfig, StorageConfig
from themis.core.errors import StoreCorruptError
from themis.core.experiment import Experiment
from themis.core.models import Case, Dataset
from themis.core.result_views.on_demand import ItemsInParts
from themis.core.snapshot import RunSnapshot
from themis.core.stores import snapshot_blobs
from themis.core.stores.snapshot_blobs import get_snapshot, put_snapshot
from themis.core.text.canonical import compact_json

TEXTS = st.text(max_size=5)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=6,
)
CASES = st.builds(
    Case, case_id=st.just("c"), input=VALUES, expected_output=VALUES, metadata=st.dictionaries(TEXTS, TEXTS, max_size=3)
)


class Blobs(dict[str, bytes]):
    """Blobs under their hashes; `read` are those that were asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.read: list[str] = []

    def get_one(self, digest: str) -> bytes:
        self.read.append(digest)
        return self[digest]

    def put(self, data: bytes) -> str:
        digest = hashlib.sha256(data).hexdigest()
        self[digest] = data
        return digest


class Colour(StrEnum):
    """A text of a class of its own."""

    RED = "red"


def snapshot_of(*cases: Case) -> RunSnapshot:
    return Experiment(
        generation=GenerationConfig(generator="builtin/demo_generator"),
        evaluation=EvaluationConfig(),
        storage=StorageConfig(store="memory"),
        datasets=[Dataset(dataset_id="d", cases=list(cases))],
    ).compile()


def kept(case: Case) -> list[bytes]:
    """The blobs that hold the cases of a snapshot, which is read again from them."""
    snapshot, blobs = snapshot_of(case), Blobs()
    digest = put_snapshot(snapshot, blobs.put)
    assert get_snapshot(digest, blobs.get_one, "here") == snapshot
    return [data for data in blobs.values() if data.startswith(b"[")]


@settings(max_examples=30)
@given(CASES)
def test_cases_are_kept_as_their_dump(case: Case) -> None:
    dump = [case.model_dump(mode="json")]
    assert kept(case) == [json.dumps(dump, separators=(",", ":")).encode()]


def test_a_text_of_another_class_is_kept_as_a_text() -> None:
    (cases,) = kept(Case(case_id="c", input={"colour": Colour.RED}))
    assert json.loads(cases)[0]["input"] == {"colour": "red"}


@pytest.fixture
def three_to_a_blob(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(snapshot_blobs, "CASES_PER_BLOB", 3)


TEN = [Case(case_id=f"c{no}", input=f"i{no}", metadata={"no": str(no)}) for no in range(10)]


def stored_cases(snapshot: RunSnapshot, blobs: Blobs) -> ItemsInParts[Case]:
    """The cases of a snapshot that was saved and read again; nothing but its document was read by then."""
    digest = put_snapshot(snapshot, blobs.put)
    blobs.read.clear()
    cases = get_snapshot(digest, blobs.get_one, "here").datasets[0].cases
    assert blobs.read == [digest]
    blobs.read.clear()
    assert isinstance(cases, ItemsInParts)
    return cases


@pytest.mark.usefixtures("three_to_a_blob")
def test_a_slice_of_the_cases_needs_the_blobs_of_that_slice() -> None:
    blobs = Blobs()
    cases = stored_cases(snapshot_of(*TEN), blobs)
    assert len(cases) == 10
    assert blobs.read == []
    assert list(cases.between(4, 7)) == TEN[4:7]
    assert [json.loads(blobs[digest])[0]["case_id"] for digest in blobs.read] == ["c3", "c6"]
    blobs.read.clear()
    first = iter(cases)
    assert next(first) == TEN[0]
    assert len(blobs.read) == 1
    assert list(first) == TEN[1:]
    assert len(blobs.read) == 4


@pytest.mark.usefixtures("three_to_a_blob")
@pytest.mark.parametrize("count", [0, 1, 2, 3, 4, 6, 7, 10])
def test_any_number_of_cases_comes_back_and_is_saved_again_as_it_was(count: int) -> None:
    blobs = Blobs()
    # A dataset of no cases is only in a run that has another one.
    snapshot = Experiment(
        generation=GenerationConfig(generator="builtin/demo_generator"),
        evaluation=EvaluationConfig(),
        storage=StorageConfig(store="memory"),
        datasets=[Dataset(dataset_id="d", cases=TEN[:count]), Dataset(dataset_id="e", cases=TEN[:1])],
    ).compile()
    digest = put_snapshot(snapshot, blobs.put)
    again = get_snapshot(digest, blobs.get_one, "here")
    assert again == snapshot
    assert list(again.listed_cases().values()) == [*TEN[:count], TEN[0]]
    assert again.model_dump(mode="json") == snapshot.model_dump(mode="json")
    assert put_snapshot(again, blobs.put) == digest
    assert RunSnapshot.model_validate(again.model_dump(exclude={"run_id"})) == snapshot


def test_large_cases_are_in_smaller_blobs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(snapshot_blobs, "CHARACTERS_PER_BLOB", 1_000)
    large = [Case(case_id=f"c{no}", input="x" * (1_500 if no == 2 else 400)) for no in range(6)]
    blobs = Blobs()
    cases = stored_cases(snapshot_of(*large), blobs)
    assert list(cases) == large
    assert [len(json.loads(blobs[digest])) for digest in blobs.read] == [2, 1, 2, 1]


@pytest.mark.usefixtures("three_to_a_blob")
def test_the_one_blob_of_an_earlier_version_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    snapshot, blobs = snapshot_of(*TEN), Blobs()
    document = snapshot.model_dump(mode="json", exclude={"run_id"})
    document["datasets"][0]["cases"] = blobs.put(compact_json(document["datasets"][0]["cases"]).encode())
    found = get_snapshot(blobs.put(compact_json(document).encode()), blobs.get_one, "here")
    assert found == snapshot
    monkeypatch.setattr(snapshot_blobs, "CASES_PER_BLOB", 10)
    assert get_snapshot(put_snapshot(snapshot, blobs.put), blobs.get_one, "here") == found
    assert json.loads(blobs[put_snapshot(snapshot, blobs.put)]) == document  # few cases are written as they were


@pytest.mark.usefixtures("three_to_a_blob")
def test_a_version_that_knows_no_parts_says_that_a_later_one_reads_them() -> None:
    blobs = Blobs()
    (dataset,) = json.loads(blobs[put_snapshot(snapshot_of(*TEN), blobs.put)])["datasets"]
    assert dataset["cases"] not in blobs
    assert "later version of Themis" in dataset["cases"]


@pytest.mark.usefixtures("three_to_a_blob")
def test_a_blob_with_other_cases_than_were_saved_is_refused() -> None:
    blobs = Blobs()
    cases = stored_cases(snapshot_of(*TEN), blobs)
    found = cases.between(3, 6)
    (damaged,) = (digest for digest, data in blobs.items() if data.startswith(b'[{"case_id":"c3"'))
    blobs[damaged] = blobs[damaged].replace(b"i4", b"i5")
    with pytest.raises(StoreCorruptError, match=f"the cases {damaged} are not those that were saved"):
        next(found)
    assert list(cases.between(0, 3)) == TEN[:3]


def test_a_snapshot_with_another_number_of_cases_than_its_blob_is_refused() -> None:
    blobs = Blobs()
    document = json.loads(blobs[put_snapshot(snapshot_of(*TEN), blobs.put)])
    document["datasets"][0]["case_count"] = 11
    found = get_snapshot(blobs.put(compact_json(document).encode()), blobs.get_one, "here")
    with pytest.raises(StoreCorruptError, match="are 10, not 11"):
        found.listed_cases()
