"""Commits of data sets, and failures of the hub in our words, with stand-ins for its packages."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from themis.core.datasets.hub.commits import commit_of
from themis.core.datasets.hub.failures import failure_of
from themis.core.datasets.hub.library import HubLibrary
from themis.core.datasets.hub.opened_split import open_split
from themis.core.errors import DatasetError, HubUnavailableError
from themis.core.values.hub_split import HubSplit

COMMIT = "c" * 40
SPLIT = HubSplit(name="org/set", split="test")


def library(cache: Path, answer: Any, *, is_offline: bool = False) -> HubLibrary:
    def dataset_info(name: str, *, revision: str, timeout: float) -> Any:
        assert (name, timeout > 0) == ("org/set", True)
        if isinstance(answer, Exception):
            raise answer
        return SimpleNamespace(sha=answer[revision])

    config = SimpleNamespace(HF_HUB_OFFLINE=is_offline, HF_ENDPOINT="http://hub", HF_DATASETS_CACHE=cache)
    hub = SimpleNamespace(
        HfApi=lambda *, endpoint: SimpleNamespace(dataset_info=dataset_info),
        constants=SimpleNamespace(HF_HUB_CACHE=str(cache)),
    )
    return HubLibrary(SimpleNamespace(config=config), hub)


def test_a_branch_is_resolved_once_and_known_offline_afterwards(tmp_path: Path) -> None:
    assert commit_of(SPLIT, library(tmp_path, {"main": COMMIT})) == COMMIT
    tag = SPLIT.model_copy(update={"revision": "v1"})
    with pytest.raises(DatasetError, match=r"which commit 'v1' is, is not known here"):
        commit_of(tag, library(tmp_path, {}, is_offline=True))
    assert commit_of(SPLIT, library(tmp_path, {}, is_offline=True)) == COMMIT


def test_a_commit_needs_no_question(tmp_path: Path) -> None:
    assert commit_of(SPLIT.model_copy(update={"revision": COMMIT}), library(tmp_path, {})) == COMMIT


def test_a_folder_here_that_is_called_like_a_data_set_is_never_taken_for_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "org" / "set").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DatasetError, match=r"is the name of a file or folder here too: write \./org/set"):
        open_split(SPLIT, COMMIT, library(tmp_path, {"main": COMMIT}))


@pytest.mark.slow
def test_what_is_not_prepared_here_is_not_asked_for_offline(tmp_path: Path) -> None:
    pytest.importorskip("datasets.naming")
    with pytest.raises(DatasetError, match=rf"HF_HUB_OFFLINE is set, and it is not prepared in .* at commit {COMMIT}"):
        open_split(SPLIT, COMMIT, library(tmp_path, {}, is_offline=True))
    for config in ("a", "b"):
        folder = tmp_path / "org___set" / config / "0.0.0" / COMMIT
        folder.mkdir(parents=True)
        (folder / "dataset_info.json").write_text("{}")
    with pytest.raises(DatasetError, match="it has several configs: name one of a, b"):
        open_split(SPLIT, COMMIT, library(tmp_path, {}, is_offline=True))


def test_another_commit_than_the_one_that_was_asked_for_is_refused(tmp_path: Path) -> None:
    here = library(tmp_path, {COMMIT: COMMIT})
    here.datasets.load_dataset_builder = lambda *_, **__: SimpleNamespace(hash="d" * 40)
    with pytest.raises(DatasetError, match=f"its commit {COMMIT} cannot be loaded"):
        open_split(SPLIT, COMMIT, here)


def test_a_hub_that_cannot_be_reached_says_where_and_can_be_tried_again(tmp_path: Path) -> None:
    with pytest.raises(HubUnavailableError, match=r"hub at http://hub cannot be reached: refused") as caught:
        commit_of(SPLIT, library(tmp_path, ConnectionError("refused")))
    assert caught.value.retryable
    assert caught.value.exit_code == 4


def test_each_refusal_says_what_to_do(tmp_path: Path) -> None:
    def named(name: str, *bases: type[Exception]) -> Exception:
        found: Exception = type(name, bases or (OSError,), {})("no\nway")
        return found

    gated = type("GatedRepoError", (type("RepositoryNotFoundError", (OSError,), {}),), {})
    here = library(tmp_path, {})
    for error, words in [
        (gated(), r"is gated: accept its terms at http://hub/datasets/org/set, .* HF_TOKEN"),
        (named("RepositoryNotFoundError"), "is not on the hub, or is private"),
        (named("RevisionNotFoundError"), "has no revision None"),
        (named("Odd", ValueError), "cannot be loaded: Odd: no way$"),
    ]:
        with pytest.raises(DatasetError, match=words):
            raise failure_of(error, SPLIT, here)


def test_a_busy_hub_is_unreachable_and_a_cause_counts_too(tmp_path: Path) -> None:
    busy = OSError("busy")
    busy.response = SimpleNamespace(status_code=503)  # type: ignore[attr-defined]
    outer = ValueError("no data")
    outer.__cause__ = busy
    assert isinstance(failure_of(outer, SPLIT, library(tmp_path, {})), HubUnavailableError)
    assert isinstance(failure_of(outer, SPLIT, library(tmp_path, {}, is_offline=True)), DatasetError)
