"""Why a job is not running: values in, sentences out."""

import dataclasses

import pytest

from themis.core.monitor.reasons import Surroundings, pause_text, reasons
from themis.core.queue.folder.pausing import Pause
from themis.core.queue.folder.worker_registry import SeenWorker
from themis.core.queue.folder.worker_report import SlotReport, WorkerReport
from themis.core.stores.job_rows import JobRow, Owner

pytestmark = pytest.mark.usefixtures("in_utc")

NOW_NS = 1_800_000_000_000_000_000
HOUR_NS = 3_600_000_000_000
ROW = JobRow("0" * 16, "run", "q", "/q", 4, "queued", 1, 5, 1, None, 3, 2, None, None)
FREE = SlotReport(slot=0)
BUSY = SlotReport(slot=0, key="1" * 16)


def worker(
    name: str = "w", *, alive: bool = True, slots: tuple[SlotReport, ...] = (FREE,), **facts: object
) -> SeenWorker:
    report = WorkerReport(name, "host", "boot", 7, 8, "4.0.0", 1, 2, slots=slots)
    return SeenWorker(dataclasses.replace(report, **facts), alive)  # type: ignore[arg-type]


def why(row: JobRow = ROW, **facts: object) -> list[tuple[str, str]]:
    around = Surroundings(now_ns=NOW_NS, **facts)  # type: ignore[arg-type]
    return [(reason.word, reason.text) for reason in reasons(row, around)]


def test_a_paused_queue_says_by_whom_since_when_and_why() -> None:
    pause = Pause("anna@node1", NOW_NS, "the endpoint is down")
    text = "the queue is paused, by anna@node1 at 2027-01-15 08:00:00 UTC: the endpoint is down"
    assert why(pause=pause, before=7) == [("paused", text)]
    assert pause_text(Pause(None, NOW_NS, None)) == "the queue is paused"


def test_a_job_waits_for_its_time() -> None:
    (found,) = why(ROW._replace(ready_ns=NOW_NS + HOUR_NS))
    assert found == ("not before", "it waits until 2027-01-15 09:00:00 UTC, for 1 h 0 min more")
    assert why(ROW._replace(ready_ns=NOW_NS - 1))[0][0] == "next"


def test_a_job_that_failed_waits_and_says_which_try_it_was_and_why_it_failed() -> None:
    row = ROW._replace(ready_ns=NOW_NS + 4_000_000_000, failures=2, attempt=5, cause="transient")
    text = "it waits until 2027-01-15 08:00:04 UTC, for 4.0 s more, after attempt 5 failed (transient): 2 of 3 tries"
    assert why(row) == [("backoff", text)]


def test_a_job_whose_provider_works_on_a_batch_says_how_far_that_is() -> None:
    said = "waits for the batch of openai: batch_1 in_progress 34 of 100"
    row = ROW._replace(ready_ns=NOW_NS + HOUR_NS, attempt=5, cause="batch", message=said)
    assert why(row) == [("batch", f"it {said}; waits until 2027-01-15 09:00:00 UTC, for 1 h 0 min more")]
    assert why(row._replace(ready_ns=NOW_NS - 1))[0][0] == "next"


def test_everything_that_keeps_all_workers_from_it_is_said() -> None:
    row = ROW._replace(ready_ns=NOW_NS + HOUR_NS, cancel_requested=True)
    found = why(row, pause=Pause(None, 1, None), store_error="/x: is not there", tags=["gpu"], workers=[worker()])
    assert [word for word, _ in found] == ["store", "paused", "cancel requested", "not before", "tags"]
    assert found[0][1] == "its store cannot be opened: /x: is not there"
    assert found[-1][1] == "no live worker has its tags: gpu"


def test_a_worker_with_more_tags_than_are_asked_for_will_do() -> None:
    assert "tags" not in dict(why(tags=["gpu"], workers=[worker(tags=("big", "gpu"))]))
    split = [worker("a", tags=("gpu",)), worker("b", tags=("big",))]
    assert "tags" in dict(why(tags=["gpu", "big"], workers=split)), "one worker must have them all"
    assert "tags" in dict(why(tags=["gpu"], workers=[worker(), worker("dead", alive=False, tags=("gpu",))]))


@pytest.mark.parametrize(
    ("before", "said"), [(0, "it is the next job to be taken"), (1, "1 job is ahead"), (1_234, "1,234 jobs are ahead")]
)
def test_its_place_in_the_order_is_said(before: int, said: str) -> None:
    assert why(before=before, workers=[worker()])[0][1].startswith(said)


def test_dead_workers_are_none() -> None:
    assert [word for word, _ in why(workers=[worker(alive=False)])] == ["next", "no worker"]
    assert [word for word, _ in why(workers=[])] == ["next", "no worker"]


def test_workers_that_take_nothing_are_named_with_their_reasons() -> None:
    found = dict(why(workers=[worker("a", state="draining"), worker("b", why="the disk is full")]))
    assert found["workers wait"] == "no worker takes jobs now: a: draining; b: the disk is full"


def test_workers_whose_slots_are_all_taken_are_busy() -> None:
    assert dict(why(workers=[worker(slots=(BUSY, BUSY)), worker("b", slots=(BUSY,))]))["busy"] == (
        "every slot is taken: 3 of 3"
    )
    assert "busy" not in dict(why(workers=[worker(slots=(BUSY, FREE))]))


def test_a_running_job_is_amiss_when_its_worker_is_dead_or_suspended() -> None:
    row = ROW._replace(state="running", owner=Owner("w", "host", "boot", 7, 8))
    assert why(row, held=True) == []
    assert why(row, held=False)[0][0] == "worker lost"
    suspended = ("suspended", "its worker, pid 7, is suspended: continue that process, or kill it")
    assert why(row, held=True, suspended=True) == [suspended]
    asked = row._replace(cancel_requested=True)
    assert [word for word, _ in why(asked, held=True, suspended=True)] == ["suspended", "cancel requested"]


def test_a_job_that_somebody_moves_says_so_and_an_ended_one_nothing() -> None:
    assert why(held=True) == [("locked", "it is locked: a worker or a command is moving it now")]
    for state in ("done", "failed", "cancelled"):
        assert why(ROW._replace(state=state), pause=Pause(None, 1, None), store_error="x") == []
