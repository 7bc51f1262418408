"""Whatever an experiment does to its worker: the slot goes on, the attempt is booked, and nothing lives on."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.processes.worker_world import World, processes_with, stop
from tests.support import ordinary_user
from tests.support.waiting import until

DEEDS: list[tuple[str, dict[str, float], str, str]] = [
    ("segfault", {}, "signal", "SIGSEGV"),
    ("exit", {}, "exit code", "exit code 0"),
    ("exit 3", {}, "exit code", "exit code 3"),
    ("kill itself", {}, "signal", "SIGKILL"),
    ("kill its group", {}, "signal", "SIGKILL"),
    ("stop itself", {"timeout_s": 1.0}, "time limit", "1 s"),
    ("hang deaf", {"timeout_s": 1.0}, "time limit", "was killed"),
    ("hang", {"timeout_s": 1.0}, "time limit", "1 s"),
    ("eat memory", {"memory_limit_mb": 200}, "memory limit", ""),
    ("eat memory in a child", {"memory_limit_mb": 200}, "memory limit", ""),
    ("fork without end", {"timeout_s": 1.5}, "time limit", ""),
    ("leave a grandchild, then hang", {"timeout_s": 1.0}, "time limit", "was killed"),
]


ESCAPES = frozenset({"fork without end", "leave a grandchild, then hang"})
"""What begins sessions of its own."""


@pytest.fixture(params=["root", "an ordinary user"])
def world(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[World]:
    """A world whose daemons run as one or the other user; nothing of it may live on."""
    made = World(tmp_path / "world")
    made.folder.mkdir()
    made.prepare()
    if request.param == "root" and os.geteuid() != 0:
        pytest.skip("these tests do not run as root")
    if request.param != "root" and os.geteuid() == 0:
        if not ordinary_user.is_possible():
            pytest.skip("nobody may become another user here, or util-linux is missing")
        made.user = "ordinary"
    yield made
    until(lambda: processes_with(str(made.folder)) == [], "the processes of the experiments to be gone", 5.0)


@pytest.mark.slow
@pytest.mark.parametrize("isolation", ["namespace", "supervisor"])
def test_every_misdeed_is_booked_with_its_cause_and_the_slot_goes_on(world: World, isolation: str, short: bool) -> None:
    # A sample is another one under each user and isolation: together they are all.
    deeds = DEEDS[2 * bool(world.user) + (isolation == "supervisor") :: 4] if short else DEEDS
    keys = {deed: world.submit(deed, **runtime) for deed, runtime, _, _ in deeds}
    keys["well"] = world.submit("well", "leave a grandchild")
    with world.daemon("--isolation", isolation, "--slots", "2", "--job-grace", "0.5", "--drain") as daemon:
        assert daemon.wait(180) == 0, world.said()
    for deed, _, cause, words in deeds:
        found = [(attempt.cause, attempt.message) for attempt in world.show(keys[deed]).attempts]
        assert [(deed, booked) for booked, _ in found] == [(deed, cause)], found
        assert words in found[0][1]
        assert world.state(keys[deed]) == "failed"
    assert world.state(keys["well"]) == "done"
    assert processes_with(str(world.folder)) == []
    assert "a slot was lost" not in world.said()


@pytest.mark.slow
def test_every_misdeed_but_an_escape_is_booked_where_only_groups_are_killed(world: World, short: bool) -> None:
    deeds = [deed for deed in DEEDS if deed[0] not in ESCAPES]
    deeds = deeds[bool(world.user) :: 3] if short else deeds
    keys = {deed: world.submit(deed, **runtime) for deed, runtime, _, _ in deeds}
    keys["well"] = world.submit("well", "leave a child")
    with world.daemon("--isolation", "group", "--slots", "2", "--job-grace", "0.5", "--drain") as daemon:
        assert daemon.wait(180) == 0, world.said()
    for deed, _, cause, words in deeds:
        found = [(attempt.cause, attempt.message) for attempt in world.show(keys[deed]).attempts]
        assert [(deed, booked) for booked, _ in found] == [(deed, cause)], found
        assert words in found[0][1]
    assert world.state(keys["well"]) == "done"
    assert processes_with(str(world.folder)) == []
    assert "a slot was lost" not in world.said()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("isolation", "deed"),
    [
        ("namespace", "leave a grandchild, then hang"),
        ("supervisor", "leave a grandchild, then hang"),
        ("group", "leave a child, then hang"),  # one that begins a session of its own is not reached
    ],
)
def test_no_job_outlives_a_worker_that_is_killed(world: World, isolation: str, deed: str) -> None:
    world.submit(deed)
    with world.daemon("--isolation", isolation) as daemon:
        world.noted("grandchild")
        assert len(processes_with(str(world.folder))) > 3
        daemon.kill()
        daemon.wait()
        until(lambda: processes_with(str(world.folder)) == [], "everything to be gone", 5.0)


@pytest.mark.slow
@pytest.mark.parametrize("isolation", ["supervisor", "group"])
def test_a_job_that_kills_its_supervisor_costs_itself_three_tries_and_the_slot_nothing(
    world: World, isolation: str
) -> None:
    key, well = world.submit("kill its parent"), world.submit("well")
    with world.daemon("--isolation", isolation) as daemon:
        details = world.wait_for(key, "failed")
        assert [attempt.cause for attempt in details.attempts] == ["worker lost"] * 3 + ["failed cases"]
        world.wait_for(well, "done")
        assert stop(daemon) == 0


@pytest.mark.slow
def test_what_a_job_prints_is_kept_without_end_only_in_two_parts(world: World) -> None:
    key = world.submit("flood")
    with world.daemon("--log-limit-mb", "1", "--drain") as daemon:
        assert daemon.wait(60) == 0, world.said()
    assert world.state(key) == "done"
    sizes = sorted(path.stat().st_size for path in world.queue_root.glob(f"logs/{key}/*"))
    assert len(sizes) == 2
    assert 0 < sizes[0] <= sizes[1] <= 1_100_000


@pytest.mark.slow
def test_jobs_that_close_their_streams_or_write_nonsense_to_them_are_still_settled(world: World) -> None:
    keys = [world.submit("close everything"), world.submit("lie")]
    with world.daemon("--drain") as daemon:
        assert daemon.wait(60) == 0, world.said()
    assert [world.state(key) for key in keys] == ["done", "done"]
