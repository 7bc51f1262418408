"""Quota files: private, changed by one process at a time, and never a reason to fail."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from themis.core.engine.limits.sharing import ledger as ledger_module
from themis.core.engine.limits.sharing.exchange import Report
from themis.core.engine.limits.sharing.ledger import HostLedger
from themis.core.errors import LimitFileError
from themis.core.processes import identity
from themis.core.shared_limits import account, quota_file, quota_pages
from themis.core.shared_limits.account import account_of
from themis.core.shared_limits.folder import FOLDER_VARIABLE
from themis.core.shared_limits.quota_document import (
    Pause,
    QuotaDocument,
    QuotaHolder,
    Slots,
    TokenState,
)
from themis.core.shared_limits.quota_file import QuotaFile
from themis.core.shared_limits.quota_pages import PAGE_BYTES
from themis.core.shared_limits.quota_text import decode, encode
from themis.core.values.adaptive import AdaptiveConfig, AdaptiveState
from themis.core.values.run_rules import NO_OPERATOR, RunRules

NAME = "openai:https://api.openai.com/v1"
KEY = "sk-test-4Qz81LmXw07RbT52uKfYc9Vd"
RULES = RunRules(tasks=8, concurrency=3, requests_per_minute=600.0, adaptive=AdaptiveConfig(max=9))


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path / "limits"))
    return tmp_path / "limits"


@pytest.fixture
def remarks() -> list[str]:
    return []


def holder(**facts: float) -> QuotaHolder:
    return QuotaHolder(pid=os.getpid(), pid_started=1, at=time.monotonic(), rules=RULES, **facts)  # type: ignore[arg-type]


def hold(document: QuotaDocument, number: int) -> list[int]:
    document.holders[number] = holder()
    return sorted(document.holders)


def opened(remarks: list[str]) -> QuotaFile:
    return QuotaFile(NAME, KEY, remarks.append)


def test_it_is_read_as_it_was_written() -> None:
    document = QuotaDocument(
        NAME,
        "boot",
        {3: holder(in_flight=1, waiting=4, granted=2, served=7.5)},
        next_request=12.25,
        free=[Slots(1.5, 0.1, 3)],
        tokens=TokenState(3.5, [[1.0, 1.25, 70.0]]),
        pause=Pause(30.0, 2.0, "retry-after"),
        adaptive=AdaptiveState(17.5),
    )
    document.holders[3].slots = Slots(2.5, 0.1, 1)
    assert decode(encode(document), NAME) == document
    empty = QuotaDocument(NAME)
    assert decode(encode(empty), NAME) == empty


_ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda kids: st.lists(kids) | st.dictionaries(st.text(), kids),
    max_leaves=8,
)


@given(st.sampled_from(["later", "holders", "free", "log", "pause", "adaptive", "next_request", "provider"]), _ANYTHING)
@pytest.mark.not_smoke
def test_whatever_it_holds_is_a_quota_or_refused(key: str, value: object) -> None:
    import json  # noqa: PLC0415  # only here

    words = {**json.loads(encode(QuotaDocument(NAME))), key: value}
    try:
        found = decode(json.dumps(words).encode(), NAME)
    except ValueError:
        return
    assert decode(encode(found), NAME) == found


def test_it_is_private_and_each_process_has_a_number_until_it_closes(folder: Path, remarks: list[str]) -> None:
    first, second = opened(remarks), opened(remarks)
    assert first.update(hold) == ([0],)
    assert second.update(hold) == ([0, 1],)
    assert folder.stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o600}
    second.close()
    assert first.update(hold) == ([0],), "who has closed it is gone at once"
    first.close()
    assert remarks == []


DIES = """
import sys, time
from themis.core.shared_limits.quota_document import QuotaHolder, Slots
from themis.core.shared_limits.quota_file import QuotaFile
from themis.core.values.run_rules import RunRules

def hold(document, number):
    now = time.monotonic()
    slots = Slots(now + 60.0, 1.0, 2)
    document.holders[number] = QuotaHolder(1, 1, now, RunRules(tasks=1), in_flight=5, granted=5, slots=slots)

file = QuotaFile(sys.argv[1], sys.argv[2], print)
file.update(hold)
print("holds", flush=True)
time.sleep(60)
"""


def test_who_is_killed_gives_everything_back_at_once(remarks: list[str]) -> None:
    file = opened(remarks)
    with subprocess.Popen([sys.executable, "-c", DIES, NAME, KEY], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "holds\n"
        assert file.update(hold) == ([0, 1],)
        process.kill()
        process.wait()
        assert file.update(lambda document, number: (sorted(document.holders), document.free[0].count)) == (([1], 2),)
    file.close()


def test_a_forked_child_keeps_nobody_alive(remarks: list[str]) -> None:
    first, second = opened(remarks), opened(remarks)
    first.update(hold)
    child = os.fork()
    if child == 0:
        time.sleep(60)
        os._exit(0)
    try:
        first.close()
        assert second.update(hold) == ([0],), "the number is free"
    finally:
        os.kill(child, 9)
        os.waitpid(child, 0)
        second.close()


LEAVES_A_CHILD = """
import os, sys, time
from themis.core.shared_limits.quota_document import QuotaHolder
from themis.core.shared_limits.quota_file import QuotaFile
from themis.core.values.run_rules import RunRules

def hold(document, number):
    document.holders[number] = QuotaHolder(1, 1, time.monotonic(), RunRules(tasks=1))

file = QuotaFile(sys.argv[1], sys.argv[2], print)
file.update(hold)
if os.fork() == 0:  # the child tells, once it has closed what it inherited
    print(os.getpid(), flush=True)
time.sleep(60)
"""


def test_a_forked_child_keeps_nobody_alive_who_was_killed(remarks: list[str]) -> None:
    file = opened(remarks)
    command = [sys.executable, "-c", LEAVES_A_CHILD, NAME, KEY]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        child = int(process.stdout.readline())
        try:
            process.kill()
            process.wait()
            assert file.update(lambda document, number: sorted(document.holders)) == ([],)
        finally:
            os.kill(child, 9)
    file.close()


def test_after_a_restart_of_the_machine_nothing_counts(monkeypatch: pytest.MonkeyPatch, remarks: list[str]) -> None:
    def take(document: QuotaDocument, number: int) -> None:
        hold(document, number)
        document.next_request = time.monotonic() + 50.0

    file = opened(remarks)
    file.update(take)
    file.close()
    later = identity.Place("another boot", 1)
    monkeypatch.setattr(identity, "this_place", lambda: later)
    file = opened(remarks)
    assert file.update(lambda document, _: (document.boot_id, document.holders, document.next_request)) == (
        ("another boot", {}, 0.0),
    )
    file.close()


def test_a_page_that_was_half_written_is_not_used(remarks: list[str]) -> None:
    file = opened(remarks)
    for at in (1.0, 2.0, 3.0):
        file.update(lambda document, _, at=at: setattr(document, "next_request", at))  # type: ignore[misc]
    with file.path.open("r+b") as content:  # the third writing is on the first page
        content.seek(80)
        content.write(b"spoiled")
    assert file.update(lambda document, _: document.next_request) == (2.0,)
    file.close()
    assert remarks == []


@pytest.mark.parametrize("content", [b"{nonsense", b"x" * 2_000_000, b"themis-quota 01 zz", b"\0" * 100 + b"1"])
def test_a_damaged_file_is_set_aside_with_one_remark(content: bytes, remarks: list[str]) -> None:
    file = opened(remarks)
    file.path.write_bytes(content)
    assert file.update(hold) == ([0],)
    assert len(remarks) == 1
    assert "it was set aside" in remarks[0]
    aside = file.path.with_suffix(".damaged")
    assert aside.read_bytes() == content[: 2 * PAGE_BYTES]
    assert aside.stat().st_mode & 0o777 == 0o600
    assert file.update(hold) == ([0],)
    file.close()
    assert len(remarks) == 1


def test_what_a_newer_version_wrote_is_left_alone(remarks: list[str]) -> None:
    file = opened(remarks)
    content = b"themis-quota 02 0000000000000001 00000002 00000000\n{}"
    file.path.write_bytes(content)
    with pytest.raises(LimitFileError, match="a newer version of Themis wrote it"):
        file.update(hold)
    assert file.path.read_bytes() == content
    file.close()


def test_what_a_later_version_adds_is_kept_by_whoever_changes_the_file(remarks: list[str]) -> None:
    file, other = opened(remarks), opened(remarks)
    assert file.update(hold) == ([0],)
    page = quota_pages.read(file._descriptor)
    words = json.loads(page.data)
    words["images"] = {"log": [[1.0, 2]]}
    words["holders"][0].append({"priority": 3})
    quota_pages.write(file._descriptor, page, json.dumps(words).encode())
    assert other.update(hold) == ([0, 1],)
    assert other.update(lambda document, number: document.drop(number, time.monotonic())) == (None,)
    found = json.loads(quota_pages.read(file._descriptor).data)
    assert found["images"] == {"log": [[1.0, 2]]}
    assert found["holders"] == [[*words["holders"][0]]]
    assert remarks == []


def test_links_and_pipes_are_not_followed(folder: Path, remarks: list[str], tmp_path: Path) -> None:
    path = opened(remarks).path
    path.unlink()
    (tmp_path / "elsewhere").write_text("mine")
    path.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(LimitFileError):
        opened(remarks)
    path.unlink()
    os.mkfifo(path)
    with pytest.raises(LimitFileError, match="not a file of this user"):
        opened(remarks)
    assert (tmp_path / "elsewhere").read_text() == "mine"


def test_a_file_that_is_removed_is_made_again(remarks: list[str]) -> None:
    first, second = opened(remarks), opened(remarks)
    first.update(hold)
    first.path.unlink()
    assert second.update(hold) == ([0],)
    assert first.update(hold) == ([0, 1],)
    for file in (first, second):
        file.close()


def test_files_that_nobody_has_used_for_long_are_removed(folder: Path, remarks: list[str]) -> None:
    old = opened(remarks)
    old.update(hold)
    old.close()
    os.utime(old.path, (0, 0))
    QuotaFile("another", None, remarks.append).close()
    assert not old.path.exists()


# --- without the file


def terms(ledger: HostLedger) -> object:
    return ledger.exchange(Report(RULES, NO_OPERATOR, wanted=1, waiting=1), time.monotonic())


def test_a_folder_that_cannot_be_used_is_one_remark_and_limits_of_its_own(folder: Path, remarks: list[str]) -> None:
    folder.write_text("a file")
    ledger = HostLedger(NAME, KEY, remarks.append)
    found = ledger.exchange(Report(RULES, NO_OPERATOR, wanted=1, waiting=1), time.monotonic())
    assert found is not None
    assert (found.processes, found.limit, found.slice is not None) == (1, 3, True)
    assert terms(ledger) is not None
    assert len(remarks) == 1
    assert remarks[0].startswith("limits of a provider are not shared with other processes: ")
    ledger.close(time.monotonic())


def test_a_lock_that_is_never_freed_is_waited_for_only_so_long(
    monkeypatch: pytest.MonkeyPatch, remarks: list[str]
) -> None:
    monkeypatch.setattr(ledger_module, "PATIENCE_S", 0.05)
    ledger, other = HostLedger(NAME, KEY, remarks.append), opened(remarks)
    assert terms(ledger) is not None
    assert other._lock()
    assert terms(ledger) is None
    time.sleep(0.06)
    assert terms(ledger) is not None
    assert "another process keeps it locked" in remarks[0]
    other.close()
    monkeypatch.setattr(ledger_module, "RETRY_S", 0.0)
    ledger._retry_at = 0.0
    assert terms(ledger) is not None
    assert ledger._memory is None, "and it is shared again"
    ledger.close(time.monotonic())


# --- keys


def test_keys_are_told_apart_by_a_slow_hash_with_random_bytes_of_the_folder(tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    assert account_of(KEY, one) == account_of(KEY, one) != account_of(KEY + "x", one)
    assert account_of(KEY, one) != account_of(KEY, two)
    assert account_of(None, one) == account_of("", one) == ""
    assert (one / "salt").stat().st_mode & 0o777 == 0o600
    (one / "salt").write_bytes(b"short")
    assert len(account_of(KEY, one)) == 20
    assert len((one / "salt").read_bytes()) == 32


def test_the_hash_is_as_slow_as_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.undo()
    began_s = time.perf_counter()
    account_of("a key that nobody has had hashed", tmp_path)
    assert time.perf_counter() - began_s > 0.005
    assert account._COST * account._BLOCK >= 2**16
    assert quota_file.SUFFIX == ".quota"
