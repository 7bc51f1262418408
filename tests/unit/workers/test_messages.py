"""Whatever processes have to tell each other arrives whole, or is refused where it is said."""

import errno
import json
from dataclasses import replace

import pytest

from themis.core.errors import ComponentError
from themis.core.job_run import classify
from themis.core.queue import manifest_file
from themis.core.queue.manifest_file import Limits, Manifest, StoreAddress
from themis.core.stores.job_rows import job_key
from workers import messages
from workers.children import keeper
from workers.exits import Reports

STORE = StoreAddress("sqlite", "/srv/runs/themis.sqlite3", "id")


def _largest_manifest(sign: str) -> str:
    """The text of a manifest as large as one may be, of a sign that JSON escapes."""
    manifest = Manifest(
        key=job_key("run", STORE.id),
        run_id="run",
        store=STORE,
        limits=Limits(),
        priority=5,
        submitted_ns=1,
        version="1",
        payload={"text": ""},
    )
    room = manifest_file.MAX_BYTES - len(manifest_file.encode(manifest)) - 1
    count = room // (len(json.dumps(sign)) - 2)
    return manifest_file.encode(replace(manifest, payload={"text": sign * count})).decode()


@pytest.mark.parametrize("sign", ['"', "\\", "漢"])
def test_the_largest_manifest_arrives_in_an_order(sign: str) -> None:
    text = _largest_manifest(sign)
    assert len(text) > manifest_file.MAX_BYTES - 10
    order = {"do": "run", "manifest": text, "log": "/" * 4_000}
    ours, its = messages.pair()
    with ours, its:
        messages.send(ours, order)
        assert messages.receive(its) == order


def test_a_message_that_would_be_cut_on_its_way_is_refused() -> None:
    ours, its = messages.pair()
    with ours, its, pytest.raises(OSError, match="is longer than") as raised:
        messages.send(ours, {"text": "x" * messages.MAX_BYTES})
    assert raised.value.errno == errno.EMSGSIZE


@pytest.mark.parametrize("sign", ["z", "é", "漢", "🦉", "\x00", '"', "\ud800"])
def test_how_an_attempt_ended_fits_into_a_report_however_long_its_message_is(sign: str) -> None:
    outcome = classify(ValueError(sign * 1_000_000))
    report = {"progress": [2**53] * 3, "outcome": {"cause": outcome.cause, "message": outcome.message}}
    line = json.dumps(report)
    assert len(line) <= keeper._LONGEST_REPORT_BYTES
    reports = Reports()
    reports.take(line)
    assert reports.outcome == outcome
    assert outcome.message.startswith("ValueError: ")
    assert outcome.message.endswith(" bytes)")


def test_an_error_of_ours_is_cut_too() -> None:
    outcome = classify(ComponentError(where="x", reference="y", detail="é" * 1_000_000))
    assert len(outcome.message.encode()) <= 4_000
