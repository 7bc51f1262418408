"""The size of a fleet follows from the jobs, and its description is checked."""

from pathlib import Path
from typing import Any

import pytest

from themis.core.errors import FleetError, QueueRootError, TagError
from themis.core.monitor.places.demand import Demand
from themis.fleet.sizing import Missing, demand_of, missing, wanted, why_none
from themis.fleet.spec import FleetSpec
from themis.fleet.worker_words import worker_words


def spec(**facts: Any) -> FleetSpec:
    return FleetSpec(**{"name": "big", "place": Path("/srv/queue"), **facts})


@pytest.mark.parametrize(
    ("ready", "running", "slots", "expected"),
    [(0, 0, 1, 2), (3, 0, 1, 3), (3, 2, 1, 5), (9, 0, 4, 3), (8, 0, 4, 2), (100, 100, 1, 16), (0, 1, 1, 2)],
)
def test_there_is_a_slot_for_each_job_within_the_bounds(ready: int, running: int, slots: int, expected: int) -> None:
    assert wanted(spec(minimum=2, maximum=16, slots=slots), Demand(ready, running)) == expected


@pytest.mark.parametrize(
    ("there", "expected"),
    [(0, Missing(2, 3)), (1, Missing(1, 3)), (2, Missing(0, 3)), (5, Missing(0, 0)), (9, Missing(0, 0))],
)
def test_workers_below_the_minimum_stay_and_none_is_ended(there: int, expected: Missing) -> None:
    assert missing(spec(minimum=2, maximum=16), Demand(5, 0), there) == expected


@pytest.mark.parametrize(
    ("place", "demand", "there", "told"),
    [
        ("nowhere", Demand(0, 0), 0, "there is no queue at"),
        (".", Demand(0, 0), 0, "no job waits for such workers"),
        (".", Demand(0, 0, ("needs a worker with the tag gpu",)), 0, "would leave jobs that wait: one needs a worker"),
        (".", Demand(0, 0, ("a", "b", "c")), 0, "one a; and 2 other reasons"),
        (".", Demand(1, 0), 1, "this fleet has 1 worker already"),
        (".", Demand(1, 0), 0, None),
    ],
)
def test_a_fleet_that_starts_nobody_says_why(
    tmp_path: Path, place: str, demand: Demand, there: int, told: str | None
) -> None:
    found = why_none(spec(place=tmp_path / place, maximum=4), demand, there)
    assert found is None if told is None else told in (found or "")


def test_a_file_in_the_place_of_a_queue_is_refused(tmp_path: Path) -> None:
    (tmp_path / "experiment.yaml").touch()
    with pytest.raises(QueueRootError, match="is not a folder"):
        demand_of(spec(place=tmp_path / "experiment.yaml"))


@pytest.mark.parametrize("name", ["", "Big", "1st", "a.b", "a_b", "ends-", "x" * 41, "x\n", 'x"'])
def test_a_name_that_some_engine_would_not_take_is_refused(name: str) -> None:
    with pytest.raises(FleetError, match="a name is at most 40"):
        spec(name=name)


@pytest.mark.parametrize("bounds", [{"minimum": 3, "maximum": 2}, {"maximum": 0}, {"minimum": -1}])
def test_bounds_that_bound_nothing_are_refused(bounds: dict[str, int]) -> None:
    with pytest.raises(FleetError, match="0 <= min <= max"):
        spec(**bounds)


def test_a_tag_is_one() -> None:
    with pytest.raises(TagError):
        spec(tags=("GPU!",))


def test_a_worker_is_an_ordinary_one_that_ends_without_work_unless_it_is_below_the_minimum() -> None:
    words = " ".join(worker_words(spec(tags=("gpu",), slots=2, max_idle_s=60), lasting=False))
    assert words == "worker start --queue-root /srv/queue --grace 90 --preemptible --slots 2 --tags gpu --max-idle 60"
    assert "--max-idle" not in worker_words(spec(), lasting=True)
    assert "--version-mismatch refuse" in " ".join(worker_words(spec(version_mismatch="refuse"), lasting=True))


def test_several_gpus_are_a_slot_each_or_all_of_them_for_one_job() -> None:
    assert (spec(gpus=4).jobs_at_once, "--slots" in worker_words(spec(gpus=4), lasting=True)) == (4, False)
    alone = worker_words(spec(gpus=4, slots=1), lasting=True)
    assert alone[alone.index("--slots") + 1] == "1"
