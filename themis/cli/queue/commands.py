"""The commands of `themis queue`."""

from themis.cli.command import group

MEMBERS = {
    "list": "queue.list:list_jobs",
    "show": "queue.show:show",
    "watch": "watch.command:watch",
    "logs": "queue.logs:logs",
    "cancel": "queue.job_commands:cancel",
    "retry": "queue.job_commands:retry",
    "set": "queue.job_commands:set_place",
    "pause": "queue.job_commands:pause",
    "resume": "queue.job_commands:resume",
    "prune": "queue.prune:prune",
    "doctor": "queue.doctor:doctor",
}


@group("queue", "themis queue list", "themis queue show 4f1c", members=MEMBERS)
def queue() -> None:
    """List, cancel, retry and prune jobs; pause, watch and repair a queue.

    TARGET names a job: by the name of its run, or the beginning of the run's id or its key (4 digits at least), or by a
    config file; run:, job: and name: say which.
    """
