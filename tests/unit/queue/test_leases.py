"""Leases of a worker's claims, which a thread of their own renews."""

import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from tests.processes.queue_world import World, world
from tests.support.waiting import until
from themis.core.errors import StoreBusyError
from themis.core.queue import Claim, leases
from themis.core.queue.folder.lease_end import now_s
from themis.core.queue.leases import Leases
from themis.core.stores.job_rows import Change, Fence


class Beats:
    """The beats that a world's store is asked for, which can fail."""

    def __init__(self, here: World) -> None:
        self.asked: list[list[str]] = []
        self.is_away = False
        self._beat = here.store.beat
        here.store.beat = self.beat  # type: ignore[method-assign]

    def beat(self, fences: Sequence[Fence], lease_ms: int) -> dict[str, bool]:
        self.asked.append([fence.key for fence in fences])
        if self.is_away:
            raise StoreBusyError(path="p", seconds=1.0)
        return self._beat(fences, lease_ms)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    monkeypatch.setattr(leases, "BEAT_S", 0.02)
    with world(tmp_path, host="a") as opened:
        yield opened


@pytest.fixture
def kept() -> Iterator[Leases]:
    made = Leases()
    yield made
    made.close()


def _claims(here: World, count: int) -> list[Claim]:
    for number in range(count):
        here.submit(f"run-{number}")
    claims = [here.claim() for _ in range(count)]
    assert all(claim is not None and claim.lease is not None for claim in claims)
    return [claim for claim in claims if claim is not None]


def _put_back(claim: Claim, seconds: float) -> None:
    assert claim.lease is not None
    claim.lease.renewed(now_s() - seconds)


def test_one_beat_renews_all_claims_until_they_are_settled(here: World, kept: Leases) -> None:
    claims, beats = _claims(here, 3), Beats(here)
    for claim in claims:
        _put_back(claim, 30.0)
        kept.keep(claim)
    keys = [claim.key for claim in claims]
    until(lambda: keys in beats.asked, "a beat for all")
    until(lambda: not any(claim.lease and claim.lease.is_due for claim in claims), "the renewals")
    here.finish(claims[0])
    until(lambda: beats.asked[-1] == keys[1:], "a beat for those that are left")
    assert not any(kept.is_lost(claim) for claim in claims[1:])


def test_a_store_that_is_away_ends_no_claim_and_what_it_says_then_counts(here: World, kept: Leases) -> None:
    claims, beats = _claims(here, 2), Beats(here)
    beats.is_away = True
    for claim in claims:
        kept.keep(claim)
    until(lambda: len(beats.asked) > 3, "some beats")
    for claim in claims:
        _put_back(claim, 100.0)
        assert not claim.lease or claim.lease.is_over
        assert not kept.is_lost(claim)
    lost, kept_on = claims
    here.store.change(lost.fence, lambda row: Change(row._replace(version=row.version + 1, token="of another")))  # noqa: S106
    beats.is_away = False
    until(lambda: kept.is_lost(lost), "the loss to be noticed")
    until(lambda: kept_on.lease is not None and kept_on.lease.holds(), "the other lease to be renewed")
    assert not kept.is_lost(kept_on)


def test_a_request_to_cancel_comes_with_the_beat(here: World, kept: Leases) -> None:
    first, second = _claims(here, 2)
    for claim in (first, second):
        kept.keep(claim)
    here.store.request_cancel(second.key)
    until(lambda: kept.is_cancelled(second), "the request")
    assert not kept.is_cancelled(first)


def test_a_queue_of_one_host_needs_no_beats(tmp_path: Path, kept: Leases) -> None:
    with world(tmp_path) as here:
        here.submit("run-1")
        claim, beats = here.claim(), Beats(here)
        assert claim is not None
        kept.keep(claim)
        time.sleep(0.1)
        assert beats.asked == []
