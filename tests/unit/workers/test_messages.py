"""Whatever processes have to tell each other has one type and one form, and what is of no such type is refused."""

import json
from dataclasses import asdict, dataclass, replace
from types import SimpleNamespace
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from themis.core.configuration.provider_names import public_name
from themis.core.engine.stalled_calls import _described
from themis.core.errors import ComponentError, MessageError
from themis.core.jobs.claimed_job import classify
from themis.core.outcomes.stages import Stage
from themis.core.processes.isolation import Isolation
from themis.core.queue.model.outages import Lack
from themis.core.queue.model.states import AttemptOutcome, Cause
from themis.core.values.provider_state import ProviderState
from themis.core.values.stalled_call import StalledCall
from themis_workers import messages
from themis_workers.children import slot_supervisor
from themis_workers.messages import (
    ClaimLost,
    Exited,
    Kill,
    Message,
    NotStarted,
    ProgressReport,
    Ready,
    Refused,
    RunEnded,
    RunJob,
    Secret,
    Started,
    StartSupervisor,
    Stopped,
    Terminate,
    decode,
    encode,
)

_REST = b'"limits": [], "stalled": null}'
_LIMIT = ProviderState(
    "openai:https://api.openai.com/v1", limit=24, most=100, in_flight=7, waiting=2, why="429 3 s ago"
)
_STALLED = StalledCall("q\u00fc", "d", "generation", "lab/slow", for_s=301.5, others=2)

EXAMPLES: list[Message] = [
    StartSupervisor(),
    RunJob("k", 3, '{"a": "\\u00fc"}', "/srv/\udcff.log", 10),
    RunJob("k", 2**53, "", "/log", 10, allow_modules=("a", "b"), device="0", cgroup="/sys/fs/cgroup/x"),
    RunJob("k", 1, "", "/log", 10, allow_modules=()),
    Terminate(),
    Kill(),
    *(Ready(isolation, 7) for isolation in Isolation),
    Refused("no"),
    Started(12),
    NotStarted("no process"),
    Exited(-9),
    ProgressReport(3, 2, 1),
    ProgressReport(3, 2, 1, limits=(_LIMIT, replace(_LIMIT, limit=None, most=None)), stalled=_STALLED),
    RunEnded(Cause.TRANSIENT, "503", retry_after_s=7, lack=None),
    RunEnded(Cause.OUTAGE, "full", lack=Lack.SCARCE),
    Stopped(),
    ClaimLost(),
    Secret("KEY", "s\udcffcret\n", is_key=True),
]


@pytest.mark.parametrize("message", EXAMPLES, ids=repr)
def test_a_message_is_read_as_it_was_written(message: Message) -> None:
    data = encode(message)
    assert decode(data) == message
    assert b"\n" not in data
    assert data.isascii()


def test_every_type_of_message_has_an_example() -> None:
    assert {type(message) for message in EXAMPLES} == set(get_args(messages.Message))


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "not JSON"),
        (b"{", "not JSON"),
        (b"\xff", "not JSON"),
        (b"[" * 100_000, "not JSON"),
        (b"[]", "type is unknown"),
        (b"null", "type is unknown"),
        (b"{}", "type is unknown"),
        (b'{"type": "Order"}', "type is unknown"),
        (b'{"type": ["Kill"]}', "type is unknown"),
        (b'{"type": "Report"}', "type is unknown"),
        (b'{"type": "ProgressReport", "total": 1, "done": 1}', "ProgressReport lacks failed"),
        (b'{"type": "ProgressReport", "total": 1, "done": 1, "failed": true, ' + _REST, "ProgressReport.failed is not"),
        (b'{"type": "ProgressReport", "total": 1, "done": 1, "failed": -1, ' + _REST, "negative"),
        (b'{"type": "ProgressReport", "total": 1, "done": 1, "failed": 1e99, ' + _REST, "ProgressReport.failed is not"),
        (
            b'{"type": "ProgressReport", "total": 1, "done": 1, "failed": 1' + b"0" * 400 + b", " + _REST,
            "ProgressReport.failed is not",
        ),
        (b'{"type": "ProgressReport", "total": 1, "done": 1, "failed": 1' + b"0" * 9_000 + b"}", "not JSON"),
        (b'{"type": "Started", "pid": 0}', "is not a PID"),
        (b'{"type": "Started", "pid": -1}', "is not a PID"),
        (b'{"type": "Ready", "isolation": "group", "pid": 0}', "is not a PID"),
        (b'{"type": "Exited", "exit_code": "0"}', "Exited.exit_code is not"),
        (b'{"type": "Ready", "isolation": "wishful", "pid": 1}', "Ready.isolation is not"),
        (b'{"type": "RunEnded", "cause": "worker lost", "message": "", "retry_after_s": null, "lack": null}', "cannot"),
        (b'{"type": "RunEnded", "cause": "cancelled", "message": "", "retry_after_s": null, "lack": null}', "cannot"),
        (
            b'{"type": "RunEnded", "cause": ["done"], "message": "", "retry_after_s": null, "lack": null}',
            "cause is not",
        ),
        (b'{"type": "RunEnded", "cause": "done", "message": "", "retry_after_s": NaN, "lack": null}', "retry_after_s"),
        (b'{"type": "RunEnded", "cause": "done", "message": "", "retry_after_s": true, "lack": null}', "retry_after_s"),
        (b'{"type": "RunEnded", "cause": "done", "message": "", "retry_after_s": null, "lack": "luck"}', "lack is not"),
        (
            b'{"type": "RunEnded", "cause": "done", "message": null, "retry_after_s": null, "lack": null}',
            "message is not",
        ),
        (b'{"type": "Secret", "name": "A", "value": "b", "is_key": 1}', "Secret.is_key is not"),
    ],
)
def test_what_is_no_message_of_ours_is_refused_as_a_whole(data: bytes, words: str) -> None:
    with pytest.raises(MessageError, match=words):
        decode(data)


def test_a_message_of_a_newer_version_is_read_without_the_fields_that_it_has_besides() -> None:
    report = ProgressReport(3, 2, 1, limits=(_LIMIT,))
    document = json.loads(encode(report)) | {"spent_usd": 1.5, "nested": {"a": []}}
    document["limits"][0]["more"] = "x"
    assert decode(json.dumps(document).encode()) == report
    assert decode(b'{"type": "Kill", "pid": 1}') == Kill()


def test_a_message_of_an_earlier_version_is_read_with_the_defaults_of_the_fields_that_it_lacks() -> None:
    assert decode(b'{"type": "ProgressReport", "total": 3, "done": 2, "failed": 1}') == ProgressReport(3, 2, 1)
    assert decode(b'{"type": "RunEnded", "cause": "done", "message": ""}') == RunEnded(Cause.DONE, "")


@pytest.mark.parametrize("modules", ["a", [1], {}, [["a"]]])
def test_a_list_of_words_is_nothing_else(modules: object) -> None:
    document = json.loads(encode(RunJob("k", 1, "", "/log", 1))) | {"allow_modules": modules}
    with pytest.raises(MessageError, match="allow_modules"):
        decode(json.dumps(document).encode())


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        ({"limits": None}, "limits is not valid"),
        ({"limits": {}}, "limits is not valid"),
        ({"limits": ["24"]}, "limits is not valid"),
        ({"limits": [{}]}, "limits lacks provider"),
        ({"limits": [{**asdict(_LIMIT), "in_flight": None}]}, "limits.in_flight is not valid"),
        ({"limits": [{**asdict(_LIMIT), "waiting": True}]}, "limits.waiting is not valid"),
        ({"limits": [{**asdict(_LIMIT), "limit": -1}]}, "limits is not valid: a number of calls is out of range"),
        ({"limits": [asdict(_LIMIT)] * 5}, "too many providers"),
        ({"stalled": []}, "stalled is not valid"),
        ({"stalled": {**asdict(_STALLED), "for_s": -1}}, "stalled is not valid: a number is out of range"),
        ({"stalled": {**asdict(_STALLED), "for_s": "long"}}, "stalled.for_s is not valid"),
        ({"stalled": {**asdict(_STALLED), "others": 1.5}}, "stalled.others is not valid"),
    ],
)
def test_a_limit_or_a_call_that_is_none_is_refused(facts: dict[str, Any], words: str) -> None:
    document = json.loads(encode(ProgressReport(3, 2, 1))) | facts
    with pytest.raises(MessageError, match=words):
        decode(json.dumps(document).encode())


_ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda kids: st.lists(kids) | st.dictionaries(st.text(), kids),
    max_leaves=5,
)


@given(
    kind=st.sampled_from(get_args(messages.Message)),
    fields=st.dictionaries(
        st.sampled_from(
            ["total", "done", "failed", "limits", "stalled", "cause", "message", "retry_after_s", "lack", "pid", "why"]
        ),
        _ANYTHING,
    ),
)
def test_whatever_is_said_is_a_message_or_refused(kind: type[Message], fields: dict[str, Any]) -> None:
    data = json.dumps({"type": kind.__name__, **fields}).encode()
    try:
        found = decode(data)
    except MessageError:
        return
    assert isinstance(found, kind)
    assert decode(encode(found)) == found


@pytest.mark.few(2)
@pytest.mark.parametrize("sign", ["z", "é", "漢", "🦉", "\x00", '"', "\ud800"])
def test_how_an_attempt_ended_fits_into_a_report_however_long_its_message_is(sign: str) -> None:
    outcome = classify(ValueError(sign * 1_000_000))
    line = encode(RunEnded.by(outcome))
    assert len(line) <= slot_supervisor._LONGEST_REPORT_BYTES
    report = decode(line)
    assert isinstance(report, RunEnded)
    assert report.outcome == outcome
    assert outcome.message.startswith("ValueError: ")
    assert outcome.message.endswith(" bytes)")


def test_the_longest_report_of_progress_is_not_too_long_for_the_pipe() -> None:
    name = public_name("openai:https://" + "🦉" * 1_000)
    limit = replace(_LIMIT, provider=name, why="🦉" * 100)
    stalled = _described((_Step(), _Work("\ud800" * 1_000_000)), 1.0, 0)  # type: ignore[arg-type]
    report = ProgressReport(2**53, 2**53, 2**53, limits=(limit,) * messages.MOST_PROVIDERS, stalled=stalled)
    line = encode(report)
    size = len(line)
    assert size <= slot_supervisor._LONGEST_REPORT_BYTES
    is_read_as_written = decode(line) == report
    assert is_read_as_written


@dataclass
class _Step:
    stage: Stage = Stage.GENERATE
    component: str = "\x00" * 1_000_000


class _Work:
    def __init__(self, name: str) -> None:
        self.case = SimpleNamespace(case_id=name)
        self.dataset = SimpleNamespace(dataset_id=name)


def test_an_outcome_survives_being_said() -> None:
    outcome = AttemptOutcome(Cause.OUTAGE, "full", retry_after_s=2.5, lack=Lack.BROKEN)
    assert RunEnded.by(outcome).outcome == outcome
    assert RunEnded.by(replace(outcome, exit_code=9)).outcome == outcome, "the worker knows that itself"


def test_an_error_of_ours_is_cut_too() -> None:
    outcome = classify(ComponentError(where="x", reference="y", detail="é" * 1_000_000))
    assert len(outcome.message.encode()) <= 4_000
