"""`themis queue`: the queue, for people."""

from themis.cli.command import group
from themis.cli.queue_change import cancel, pause, resume, retry, set_place
from themis.cli.queue_doctor import doctor
from themis.cli.queue_list import list_jobs
from themis.cli.queue_logs import logs
from themis.cli.queue_prune import prune
from themis.cli.queue_show import show
from themis.cli.queue_watch import watch


@group("queue", "themis queue list", "themis queue show 4f1c")
def queue() -> None:
    """Look at jobs, change what becomes of them, pause a queue, and put it right.

    A job is named by its key, or by the beginning of it.
    """


for member in (list_jobs, show, watch, logs, cancel, retry, set_place, pause, resume, prune, doctor):
    queue.add_command(member)
