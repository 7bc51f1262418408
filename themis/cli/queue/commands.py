"""The commands of `themis queue`."""

from themis.cli.command import group
from themis.cli.queue.doctor import doctor
from themis.cli.queue.job_commands import cancel, pause, resume, retry, set_place
from themis.cli.queue.list import list_jobs
from themis.cli.queue.logs import logs
from themis.cli.queue.prune import prune
from themis.cli.queue.show import show
from themis.cli.watch.command import watch


@group("queue", "themis queue list", "themis queue show 4f1c")
def queue() -> None:
    """List, cancel, retry and prune jobs; pause, watch and repair a queue.

    TARGET names a job: by the name of its run, or the beginning of the run's id or its key (4 digits at least), or by a
    config file; run:, job: and name: say which.
    """


for member in (list_jobs, show, watch, logs, cancel, retry, set_place, pause, resume, prune, doctor):
    queue.add_command(member)
