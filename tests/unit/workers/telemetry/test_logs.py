"""A line an event, whatever the texts in it try."""

import io
import json
import logging
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn

import pytest

from themis_workers.telemetry import logs


class Log(io.StringIO):
    """A stream, and what was written to it."""

    @property
    def line(self) -> str:
        (line,) = self.getvalue().splitlines()
        return line

    @property
    def document(self) -> Any:
        return json.loads(self.line)


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    root = logging.getLogger()
    before = (root.level, root.handlers[:])
    yield
    root.handlers[:] = before[1]
    root.setLevel(before[0])
    logging.getLogger("workers").setLevel(logging.NOTSET)


@pytest.fixture
def text() -> Log:
    log = Log()
    logs.configure("text", log, "w1")
    return log


@pytest.fixture
def objects() -> Log:
    log = Log()
    logs.configure("json", log, "w1")
    return log


HOSTILE = [
    "a\nb",
    "a\r\n2026-01-01T00:00:00.000Z INFO    forged",
    "\x1b[2J\x1b]0;title\x07",
    "\x85\u2028\u2029\x0b\x0c",
    "\u202egnp.exe",
    "\ud800",
    "\x00",
    'x" key="other',
    "x key=other",
    "=",
    "",
    "é 日本",
]


def test_people_read_the_time_the_level_the_event_and_its_facts(text: Log) -> None:
    logs.tell("attempt ended", key="4f1c", attempt=2, cause="exit code", took_s=1.5, pid=None)
    when, rest = text.line.split(" ", 1)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", when)
    assert rest == 'INFO    attempt ended key=4f1c attempt=2 cause="exit code" took_s=1.5'


def test_programs_read_an_object(objects: Log) -> None:
    logs.warn("hook failed", key="4f1c", exit_code=3, lines=["a\nb"], mean=0.5, pid=None)
    found = objects.document
    assert found.pop("at").endswith("Z")
    assert found == {
        "level": "warning",
        "event": "hook failed",
        "worker": "w1",
        "key": "4f1c",
        "exit_code": 3,
        "lines": ["a\nb"],
        "mean": 0.5,
    }


@pytest.mark.parametrize("hostile", HOSTILE)
def test_no_text_forges_a_line_or_a_fact_for_people(text: Log, hostile: str) -> None:
    logs.tell("ended", message=hostile, key="real")
    assert text.line.isprintable()
    facts = dict(word.split("=", 1) for word in shlex.split(text.line)[3:])
    assert set(facts) == {"message", "key"}
    assert facts["key"] == "real"


@pytest.mark.parametrize("hostile", HOSTILE)
def test_no_text_forges_a_line_for_programs_and_none_is_changed(objects: Log, hostile: str) -> None:
    logs.tell("ended", message=hostile, level_="x")
    assert objects.line.isascii()
    assert objects.document["message"] == hostile


@pytest.mark.parametrize("log_format", ["text", "json"])
@pytest.mark.parametrize(
    "fact",
    [
        "posted to https://user:hunter2@example.org/x",
        ["https://user:hunter2@example.org"],
        {"https://user:hunter2@example.org": {"deep": ("postgresql://u:hunter2@h/db",)}},
        ValueError("bad https://user:hunter2@example.org"),
    ],
)
def test_a_password_in_a_url_is_not_shown(log_format: logs.LogFormat, fact: Any) -> None:
    log = Log()
    logs.configure(log_format, log, "w")
    logs.tell("said", fact=fact)
    logging.getLogger("workers.any").warning("to https://user:hunter2@example.org")
    assert "hunter2" not in log.getvalue()
    assert "***@" in log.getvalue()


def test_facts_do_not_replace_what_every_object_has(objects: Log) -> None:
    logging.getLogger("workers").info("true", extra={"facts": {"worker": "false", "at": 0, "event": "x", "key": "k"}})
    found = objects.document
    assert (found["worker"], found["event"], found["key"]) == ("w1", "true", "k")
    assert found["at"] != 0


def test_what_json_has_not_is_said_in_words(objects: Log) -> None:
    class Odd:
        def __str__(self) -> str:
            return "odd"

    nested: list[Any] = []
    for _ in range(2_000):
        nested = [nested]
    logs.tell("x", nan=float("nan"), path=Path("/a"), odd=Odd(), empty={}, long="y" * 9_999, many=list(range(999)))
    found = objects.document
    assert (found["nan"], found["path"], found["odd"], found["empty"]) == ("nan", "/a", "odd", {})
    assert (len(found["long"]), len(found["many"])) == (4_001, 100)
    logs.tell("x", nested=nested)
    assert json.loads(objects.getvalue().splitlines()[1])["nested"] == [[[[[[[["…"]]]]]]]]


@pytest.mark.parametrize("log_format", ["text", "json"])
def test_an_exception_is_one_line_too(log_format: logs.LogFormat) -> None:
    log = Log()
    logs.configure(log_format, log, "w")
    try:
        raise LookupError("no\nanswer")  # noqa: EM101, TRY003, TRY301  # the message is the test
    except LookupError:
        logging.getLogger("themis_workers.loop").exception("could not claim")
    assert "could not claim" in log.line
    assert "LookupError: no" in log.line
    assert "test_an_exception_is_one_line_too" in log.line


def test_other_libraries_say_only_warnings_and_in_the_same_form(objects: Log) -> None:
    logging.getLogger("watchdog.observers").info("chatter")
    logging.getLogger("watchdog.observers").warning("limit %d\nreached", 5)
    assert objects.document["event"] == "limit 5\nreached"


def test_to_configure_again_replaces_what_was(text: Log) -> None:
    again = Log()
    logs.configure("json", again, "w2")
    logs.tell("x")
    assert text.getvalue() == ""
    assert again.document["worker"] == "w2"


def test_a_log_that_cannot_be_written_hurts_nobody(capfd: pytest.CaptureFixture[str]) -> None:
    class Full(io.StringIO):
        def write(self, text: str) -> NoReturn:
            raise OSError(28, "No space left on device")

    class Bad:
        def __str__(self) -> NoReturn:
            raise RuntimeError

    logs.configure("text", Full(), "w")
    logs.tell("x")
    logs.configure("text", Log(), "w")
    logs.tell("x", bad=Bad())
    assert capfd.readouterr() == ("", "")


def test_a_line_is_written_whole(text: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[str] = []
    monkeypatch.setattr(text, "write", written.append)
    logs.tell("x", key="k")
    assert len(written) == 1
    assert written[0].endswith("key=k\n")
