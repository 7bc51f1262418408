"""Preloading: once in a line of processes."""

import pytest

from themis_workers import preloading


def test_what_was_preloaded_is_not_preloaded_again(monkeypatch: pytest.MonkeyPatch) -> None:
    rehearsals: list[str] = []
    monkeypatch.setattr(preloading, "rehearse", lambda: rehearsals.append("rehearsal"))
    preloading.preload.cache_clear()
    preloading.preload()
    preloading.preload()
    preloading.preload.cache_clear()
    assert rehearsals == ["rehearsal"]
