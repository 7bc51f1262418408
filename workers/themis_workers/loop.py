"""Main loop of a worker. Signals, files and messages only wake it; each round decides what is to be done."""

from themis_workers.stopping import ExitCode
from themis_workers.worker import Worker


def work(worker: Worker) -> ExitCode:
    """Claim, run, settle and wait until the worker is to end; returns the exit code."""
    while True:
        worker.heed_requests()
        worker.look_after_runs()
        worker.settle_ended()
        worker.recover_orphans()
        worker.take_jobs()
        worker.report()
        if worker.is_finished():
            return worker.exit_code
        worker.wait()
