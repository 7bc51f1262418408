"""Mistakes with runs, jobs, queues and workers."""

import json
import multiprocessing
import os
import signal
import subprocess
import sys
from pathlib import Path

from tests.acceptance.mistakes.lab import Doing, Lab
from tests.acceptance.mistakes.table import Mistake
from tests.support.command_here import Done
from tests.support.project_copy import PROJECT
from tests.support.waiting import until
from themis.core.queue.folder.processes import this_process
from themis.core.queue.folder.registration import Registration
from themis.core.queue.folder.worker_report import SlotReport, WorkerReport
from themis.core.stores import run_locks
from themis.core.submission import open_queue


def after_submit(*words: str) -> Doing:
    """Submit, then do a command line; `KEY` in it stands for the beginning of the job's key."""

    def doing(lab: Lab) -> Done:
        key = lab.submitted()[:8]
        return lab(*(key if word == "KEY" else word for word in words))

    return doing


def report_by_id(lab: Lab) -> Done:
    return lab("report", json.loads(lab.run().out)["run_id"][:6])


def cancel_when_done(lab: Lab) -> Done:
    key = lab.submitted()
    lab("worker", "run")
    return lab("queue", "cancel", key)


def retry_while_running(lab: Lab) -> Done:
    key = lab.submitted()
    os.chdir(lab.folder)
    with_claim = open_queue("runs/queue").claim(this_process())
    assert with_claim.claim is not None
    try:
        return lab("queue", "retry", key)
    finally:
        with_claim.claim.abandon()


def two_of_a_name(lab: Lab) -> Done:
    lab.submitted()
    me = this_process("w1")
    registration = Registration((lab.folder / "runs/queue").absolute(), me)
    slot = SlotReport(0)
    registration.write(
        WorkerReport(me.worker, me.host, me.boot_id, me.pid, me.pid_started, "4", 1, 2, tags=(), slots=(slot,))
    )
    with registration:
        return lab("worker", "start", "--name", "w1", "--drain")


def killed_worker(lab: Lab) -> Done:
    """A job whose worker was killed: another process claims it, and ends without a word."""
    lab.submitted()

    def claim_and_die() -> None:
        os.chdir(lab.folder)
        open_queue("runs/queue").claim(this_process())
        os.kill(os.getpid(), signal.SIGKILL)

    process = multiprocessing.get_context("fork").Process(target=claim_and_die)
    process.start()
    process.join()
    return lab("queue", "list")


def killed_run(lab: Lab) -> Done:
    assert lab.process("run", "--config", "base.yaml", "--set", "generation.generator=comps:Dies").code == 9
    return lab("status")


def submitted_again(lab: Lab) -> Done:
    lab.submitted()
    lab("worker", "run")
    return lab.run(command="submit")


def run_of_somebody_else(lab: Lab) -> Done:
    run_id = json.loads(lab.validate().out)["run_id"]
    lab.write("runs/.keep", "")
    with run_locks.hold((lab.folder / "runs/themis.sqlite3").absolute(), run_id, job=None):
        return lab.run()


def submitted_elsewhere(lab: Lab) -> Done:
    lab.write("ds/q.jsonl", Path(lab.folder / "q.jsonl").read_bytes())
    lab.config("ds/e.yaml")
    assert lab("submit", "--config", "ds/e.yaml").code == 0
    return lab("worker", "start", "--drain")


def interrupted_run(lab: Lab) -> Done:
    return lab.process("run", "--config", "base.yaml", "--set", "generation.generator=comps:Interrupted")


def interrupted_at_the_start(lab: Lab) -> Done:
    """Ctrl-C while the command itself is being imported: Python imports this file of the user's first."""
    lab.write("sitecustomize.py", INTERRUPTS)
    return lab.process("run", "--config", "base.yaml", PYTHONPATH=f"{lab.folder}{os.pathsep}{PROJECT}")


def interrupted_worker(lab: Lab) -> Done:
    lab.submitted("generation.generator=comps:Slow")
    command = [sys.executable, "-m", "themis", "worker", "start", "--drain"]
    with subprocess.Popen(
        command,
        cwd=lab.folder,
        env={**os.environ, "PYTHONPATH": str(PROJECT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),  # noqa: PLW1509
    ) as worker:
        try:
            until(lambda: "running" in lab("queue", "list").out.split(), "a running job")
            worker.send_signal(signal.SIGINT)
            out, err = worker.communicate(timeout=60)
        finally:
            worker.kill()
    return Done(worker.returncode, out, err)


def worker_without_the_key(lab: Lab) -> Done:
    keyed = {"generator": {"use": "comps:Keyed", "with": {"key": "env:KEY_OF_THE_MISTAKES"}}}
    config = lab.config("keyed.yaml", generation=keyed)
    done = lab("submit", "--config", config, KEY_OF_THE_MISTAKES="sesame-open-1")
    assert done.code == 0, done.err
    return lab("worker", "run")


def own_workers_module(lab: Lab) -> Done:
    lab.submitted()
    lab.write("workers.py", "raise RuntimeError('my own')\n")
    return lab.process("worker", "start", "--drain", PYTHONPATH=f"{lab.folder}{os.pathsep}{PROJECT}")


def changed_data(lab: Lab) -> Done:
    lab.submitted()
    lab.write("q.jsonl", '{"id": "z", "question": "q", "answer": "a"}\n')
    return lab("worker", "run")


INTERRUPTS = """
import os, signal, sys

def watch(event, arguments):
    if event == "import" and arguments[0] == "click":
        os.kill(os.getpid(), signal.SIGINT)

sys.addaudithook(watch)
"""

MISTAKES = [
    Mistake(
        "51",
        "the key of a job that is none",
        "A",
        after_submit("queue", "show", "zzz"),
        2,
        ("it is not the beginning of an id, which has 0-9 and a-f; themis list shows all runs",),
    ),
    Mistake(
        "51b",
        "a key that nothing has",
        "A",
        after_submit("queue", "show", "0000"),
        2,
        ("0000: no name, run or job begins so; themis list shows all runs",),
    ),
    Mistake(
        "52", "the key of a job given to status", "works", after_submit("status", "KEY"), 0, ("state      queued",)
    ),
    Mistake("53", "a report by the id of a run", "works", report_by_id, 0, ('"status":"completed"',)),
    Mistake(
        "54",
        "a job cancelled that is done",
        "A",
        cancel_when_done,
        0,
        ("nothing was cancelled: it had ended before, and is done",),
    ),
    Mistake(
        "55",
        "a running job retried",
        "A",
        retry_while_running,
        2,
        (" is running: only a failed or cancelled job can be retried",),
    ),
    Mistake(
        "56",
        "two workers of one name",
        "A",
        two_of_a_name,
        2,
        (
            "worker 'w1': a worker of that name already runs on this queue; choose another --name, ",
            "or stop it first: themis worker stop w1",
        ),
    ),
    Mistake(
        "57",
        "a worker in a folder without a queue",
        "A",
        lambda lab: lab("worker", "--queue-root", "nowhere", "--drain"),
        2,
        ("/nowhere: there is no queue to --drain; the first submit makes it: is this the right folder",),
    ),
    Mistake(
        "58",
        "a report before any run",
        "A",
        lambda lab: lab("report", "--config", "base.yaml"),
        2,
        ("not in this store: there is no ", "/runs/themis.sqlite3 yet"),
    ),
    Mistake("59", "a worker that was killed", "A", killed_worker, 0, ("orphan", "the next worker recovers it")),
    Mistake(
        "60",
        "a run that was killed",
        "A",
        killed_run,
        0,
        ("failed", "interrupted: process ", " ended before the run had; the same command continues it"),
        is_slow=True,
    ),
    Mistake(
        "68",
        "Ctrl-C during a run",
        "A",
        interrupted_run,
        130,
        ("interrupted; finished cases are kept, and the same command continues with the rest",),
        is_slow=True,
    ),
    Mistake(
        "69",
        "Ctrl-C in the first moments",
        "A",
        interrupted_at_the_start,
        130,
        ("themis: interrupted",),
        is_slow=True,
    ),
    Mistake(
        "70",
        "Ctrl-C for a worker with a job",
        "A",
        interrupted_worker,
        0,
        ("Ctrl-C again",),
        is_slow=True,
    ),
    Mistake(
        "71",
        "a worker without the key of the model",
        "A",
        worker_without_the_key,
        0,
        ("the secret KEY_OF_THE_MISTAKES is not set; set it in the environment of the process",),
    ),
    Mistake("73", "a module `workers` of one's own", "works", own_workers_module, 0, (), is_slow=True),
    Mistake(
        "75",
        "submitted there, and worked here",
        "A",
        submitted_elsewhere,
        2,
        ("/runs/queue: there is no queue to --drain; the first submit makes it: is this the right folder",),
    ),
    Mistake(
        "76",
        "submitted twice",
        "A",
        submitted_again,
        0,
        ("is completed; --set runtime.existing_run_policy=rerun runs it again",),
    ),
    Mistake(
        "77",
        "run while a worker runs it",
        "A",
        run_of_somebody_else,
        4,
        ("run lock held by process ", "two processes would pay for each case twice; wait for it (themis run --wait)"),
    ),
    Mistake(
        "81",
        "data that changed after it was submitted",
        "A",
        changed_data,
        0,
        ("the cases of dataset 'q' have changed since the run was made; restore the file or make a new run",),
    ),
]
