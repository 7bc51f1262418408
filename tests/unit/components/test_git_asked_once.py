"""Git is asked about a folder each time, but for a block in which it is asked once."""

from pathlib import Path

import pytest

from themis.core.components import provenance
from themis.core.components.provenance import git_asked_once, git_commit


def test_within_a_block_git_is_asked_once_about_each_folder_and_after_it_each_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def answer(place: str) -> None:
        asked.append(place)

    monkeypatch.setattr(provenance, "_ask_git", answer)
    with git_asked_once():
        for folder in (tmp_path, tmp_path.parent, tmp_path, tmp_path.parent):
            assert git_commit(folder) is None
    assert asked == [str(tmp_path), str(tmp_path.parent)]
    git_commit(tmp_path)
    git_commit(tmp_path)
    assert asked[2:] == [str(tmp_path)] * 2
