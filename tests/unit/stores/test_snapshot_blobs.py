"""The cases of a snapshot are kept as JSON, the same as their own dump, and come back equal."""

import hashlib
import json
from enum import StrEnum

from hypothesis import given, settings
from hypothesis import strategies as st

from themis.core.config import EvaluationConfig, GenerationConfig, StorageConfig
from themis.core.experiment import Experiment
from themis.core.models import Case, Dataset
from themis.core.snapshot import RunSnapshot
from themis.core.stores.snapshot_blobs import get_snapshot, put_snapshot

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
    """Blobs under their hashes."""

    def put(self, data: bytes) -> str:
        digest = hashlib.sha256(data).hexdigest()
        self[digest] = data
        return digest


class Colour(StrEnum):
    """A text of a class of its own."""

    RED = "red"


def snapshot_of(case: Case) -> RunSnapshot:
    return Experiment(
        generation=GenerationConfig(generator="builtin/demo_generator"),
        evaluation=EvaluationConfig(),
        storage=StorageConfig(store="memory"),
        datasets=[Dataset(dataset_id="d", cases=[case])],
    ).compile()


def kept(case: Case) -> list[bytes]:
    """The blobs that hold the cases of a snapshot, which is read again from them."""
    snapshot, blobs = snapshot_of(case), Blobs()
    digest = put_snapshot(snapshot, blobs.put)
    assert get_snapshot(digest, blobs.__getitem__).run_id == snapshot.run_id
    return [data for data in blobs.values() if data.startswith(b"[")]


@settings(max_examples=30)
@given(CASES)
def test_cases_are_kept_as_their_dump(case: Case) -> None:
    dump = [case.model_dump(mode="json")]
    assert kept(case) == [json.dumps(dump, separators=(",", ":")).encode()]


def test_a_text_of_another_class_is_kept_as_a_text() -> None:
    (cases,) = kept(Case(case_id="c", input={"colour": Colour.RED}))
    assert json.loads(cases)[0]["input"] == {"colour": "red"}
