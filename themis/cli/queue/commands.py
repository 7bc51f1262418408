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

    A job is named by its key, or by the beginning of its key.
    """


for member in (list_jobs, show, watch, logs, cancel, retry, set_place, pause, resume, prune, doctor):
    queue.add_command(member)
