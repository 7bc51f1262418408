"""What a worker does all the time. A signal, a file or a message only wakes it; what is to be done is decided here."""

from themis_workers.stopping import ExitCode
from themis_workers.worker import Worker


def work(worker: Worker) -> ExitCode:
    """Claim, run, settle and wait until the worker is to end; returns what to end with."""
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
