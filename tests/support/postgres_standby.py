"""Two Postgres servers, of which the second is the synchronous standby of the first and takes its place."""

import subprocess
import time
from pathlib import Path
from typing import Self

import psycopg

from tests.support.postgres_server import Server

NAME = "standby"
PATIENCE_S = 30.0


class ReplicatedServers:
    """A primary, whose commits are acknowledged when a standby has them too, and that standby.

    Attributes:
        primary: the server that writes, until `fail_over`.
        standby: the one that follows, which writes afterwards.
    """

    def __init__(self, folder: Path, **settings: str) -> None:
        """Both have `settings` besides those of replication; `start` makes and starts them."""
        self._standby_folder = folder / NAME
        self._settings = settings
        self.primary = Server(folder / "primary", synchronous_standby_names=NAME, **settings)

    def start(self) -> Self:
        """Start the primary, copy it, start the copy as its standby, and wait until commits wait for it."""
        self.primary.start()
        source = f"{self.primary.url()}?application_name={NAME}"
        self.standby = Server.copied(source, self._standby_folder, **self._settings).start()
        with psycopg.connect(self.primary.url(), autocommit=True) as session:
            patient_until = time.monotonic() + PATIENCE_S
            while not session.execute("SELECT 1 FROM pg_stat_replication WHERE sync_state = 'sync'").fetchone():
                assert time.monotonic() < patient_until, "no standby follows"
                time.sleep(0.05)
        return self

    def crash_and_restart(self, away_s: float) -> None:
        """End the primary as a crash does, and start it again after a while."""
        self.primary.stop("immediate")
        time.sleep(away_s)
        self.primary.start()

    def fail_over(self) -> None:
        """End the primary as a crash does, and let the standby take its place."""
        self.primary.stop("immediate")
        self.standby.promote()

    def stop(self) -> None:
        """End both, whichever run."""
        for server in (self.primary, self.standby):
            try:
                server.stop("immediate")
            except subprocess.CalledProcessError:
                continue  # it has been ended before
