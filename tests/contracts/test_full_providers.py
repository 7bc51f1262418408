"""What every queue promises of jobs whose provider is full: they come after the others of their priority."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.processes.queue_world import World
from tests.processes.row_world import RowWorld, clocked_url
from themis.core.queue import ClaimPolicy
from themis.core.queue.picking import next_job

FULL, FREE = "openai:https://api.example.com/v1", "vllm:http://localhost:8000"


@pytest.fixture(params=["folder", "rows"])
def here(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[World]:
    with closing(World(tmp_path) if request.param == "folder" else RowWorld(clocked_url())) as world:
        yield world


def submit(here: World, run_id: str, *providers: str, priority: int = 5, tags: tuple[str, ...] = ()) -> None:
    new = here.job(run_id, providers=providers, priority=priority, tags=tags)
    here.queue.submit(new, prepare=lambda: here._make_run(run_id))


def order(here: World, *full: str) -> list[str]:
    """Claim and end all jobs, while some providers are full; returns their runs."""
    found = []
    while claim := here.queue.claim(here.owner, allow=ClaimPolicy(), full_providers=frozenset(full)).claim:
        found.append(claim.row.run_id)
        here.finish(claim)
    return found


def test_a_job_of_a_full_provider_comes_after_the_others_of_its_priority(here: World) -> None:
    submit(here, "full", FULL)
    submit(here, "half full", FREE, FULL)
    submit(here, "free", FREE)
    submit(here, "asks nobody")
    assert order(here, FULL) == ["free", "asks nobody", "full", "half full"]


def test_it_comes_before_those_of_a_later_priority(here: World) -> None:
    submit(here, "later", FREE, priority=6)
    submit(here, "full", FULL)
    submit(here, "free", FREE)
    submit(here, "first, and full", FULL, priority=4)
    assert order(here, FULL) == ["first, and full", "free", "full", "later"]


def test_it_keeps_its_place_while_no_provider_is_full(here: World) -> None:
    submit(here, "one", FULL)
    submit(here, "two", FREE)
    submit(here, "three", FULL)
    assert order(here) == ["one", "two", "three"]


def test_it_is_not_refused_when_no_other_job_is_there(here: World) -> None:
    submit(here, "one", FULL)
    submit(here, "two", FULL)
    submit(here, "of others", FREE, tags=("gpu",))
    assert order(here, FULL) == ["one", "two"]


def test_each_claim_puts_off_a_bounded_number_of_jobs_and_all_are_claimed_in_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(next_job, "PUT_OFF", 3)
    with closing(World(tmp_path)) as here:
        for number in range(5):
            submit(here, f"full {number}", FULL)
        submit(here, "free", FREE)
        assert order(here, FULL) == ["full 0", "full 1", "full 2", "free", "full 3", "full 4"]


def test_what_a_claim_put_off_is_not_listed_again_to_be_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with closing(World(tmp_path)) as here:
        for run_id in ("full", "free", "another"):
            submit(here, run_id, FULL if run_id == "full" else FREE)
        picking = here.queue._folder.parts()[2]
        monkeypatch.setattr(picking.listing, "_rescan_s", 3_600.0)
        fill, filled = picking.listing.fill, []

        def noted(*args: Any) -> None:
            filled.append(args)
            fill(*args)

        monkeypatch.setattr(picking.listing, "fill", noted)
        found = []
        for _ in range(3):
            claim = here.queue.claim(here.owner, full_providers={FULL}).claim
            assert claim is not None
            found.append(claim.row.run_id)
        assert found[:2] == ["free", "another"]
        assert found[2] == "full"
        assert len(filled) == 2  # at the first claim, and to see whether a free one has come before the last
