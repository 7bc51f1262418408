"""Which providers are full is read from the reports of the processes that ask them."""

from pathlib import Path

import pytest

from tests.support.limit_files import fresh
from themis.core.shared_limits.folder import FOLDER_VARIABLE
from themis.core.shared_limits.full_providers import LOOK_EVERY_S, FullProviders, full_providers
from themis.core.shared_limits.limit_file import LimitFile

NAME, OTHER = "openai:https://api.example.com/v1", "vllm:http://localhost:8000"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path / "limits"))
    return tmp_path / "limits"


def report(name: str, *, is_full: bool, boot_id: str | None = None) -> None:
    facts = {} if boot_id is None else {"boot_id": boot_id}
    holder = fresh(name, is_full=is_full, **facts)
    LimitFile(name).update(lambda now: now.with_holder(holder))


def test_a_provider_is_full_when_a_living_process_says_so() -> None:
    report(NAME, is_full=True)
    report(OTHER, is_full=False)
    assert full_providers() == {NAME}


def test_a_process_of_before_the_last_start_of_the_machine_says_nothing() -> None:
    report(NAME, is_full=True, boot_id="of the start before")
    assert full_providers() == frozenset()


def test_no_provider_is_full_where_there_are_no_files_or_only_bad_ones(folder: Path) -> None:
    assert full_providers() == frozenset()
    folder.mkdir()
    (folder / "bad.json").write_text("{")
    report(NAME, is_full=True)
    assert full_providers() == {NAME}


def test_no_provider_is_full_where_the_folder_cannot_be_read(folder: Path) -> None:
    folder.write_text("a file")
    assert full_providers() == frozenset()


def test_no_provider_is_full_is_believed_for_a_moment_and_that_one_is_never(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    full = FullProviders()
    assert full() == frozenset()
    report(NAME, is_full=True)
    now[0] += LOOK_EVERY_S * 0.9
    assert full() == frozenset()
    now[0] += LOOK_EVERY_S * 0.2
    assert full() == {NAME}
    report(NAME, is_full=False)
    assert full() == frozenset()
