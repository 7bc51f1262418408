"""A Postgres server for tests: on loopback, in a folder of its own, one for all processes of a run of the tests.

The programs are those of the system. They refuse to run as root, who has them run as `nobody`. Whoever needs the server
first starts it, and the last process that has used it stops it. A test gets a schema of its own in its process's
database, which takes a hundredth of the time that a database takes.
"""

import atexit
import contextlib
import fcntl
import itertools
import json
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any, Self

import psycopg
import pytest

PLACES = ("/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin", "/usr/local/pgsql/bin", "/opt/homebrew/opt/postgresql*/bin")
USER = "themis"
# What a crash of the machine would need: these servers live for one run of the tests.
UNSAFE = {"fsync": "off", "full_page_writes": "off"}
_SETTINGS = {"listen_addresses": "127.0.0.1", "unix_socket_directories": "", "max_connections": "200"}

_numbers = itertools.count()


@lru_cache
def programs() -> Path | None:
    """The folder of the server's programs, the newest if there are several; None where there are none."""
    on_path = shutil.which("initdb")
    found = [Path(on_path).resolve().parent] if on_path else []
    found += sorted((place for pattern in PLACES for place in Path("/").glob(pattern[1:])), reverse=True)
    return next((place for place in found if (place / "initdb").exists()), None)


def needed() -> Path:
    """The folder of the server's programs; the test is skipped where there are none."""
    found = programs()
    if found is None:
        pytest.skip("no Postgres server is installed (Debian's package is postgresql)")
    try:
        pwd.getpwuid(os.geteuid())
    except KeyError:
        pytest.skip("this user has no name, which a Postgres server asks for")
    return found


@contextmanager
def servers_folder() -> Iterator[Path]:
    """A folder that the user of a server may enter, until the end of the block."""
    with tempfile.TemporaryDirectory(prefix="themis-servers-") as name:
        Path(name).chmod(0o755)
        yield Path(name)


class Server:
    """A server, whose data is in a folder."""

    def __init__(self, folder: Path, *, primary: "Server | None" = None, **settings: str) -> None:
        """Make the data, unless they are there, as a copy of those of a `primary`; `start` starts it."""
        self._bin = needed()
        self._folder = folder
        self._settings = {**_SETTINGS, **UNSAFE, **settings}
        self.port = _free_port()
        if not (folder / "data").exists():
            folder.mkdir(mode=0o755, parents=True, exist_ok=True)
            if os.geteuid() == 0:
                os.chown(folder, *_nobody())
            data = str(folder / "data")
            if primary is None:
                options = ["-U", USER, "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync"]
                self._run("initdb", "-D", data, *options)
            else:
                where = ["-h", "127.0.0.1", "-p", str(primary.port), "-U", USER]
                self._run(
                    "pg_basebackup", "-D", data, *where, "--write-recovery-conf", "--checkpoint=fast", "--no-sync"
                )

    def url(self, database: str = "postgres", *, user: str = USER, host: str = "127.0.0.1") -> str:
        """The address of one of its databases."""
        return f"postgresql://{user}@{host}:{self.port}/{database}"

    def start(self) -> Self:
        """Start it, and wait until it takes connections."""
        given = {**self._settings, "port": str(self.port)}
        options = " ".join(f"-c {name}='{value}'" for name, value in given.items())
        log = str(self._folder / "log")
        self._run("pg_ctl", "-D", str(self._folder / "data"), "-o", options, "-l", log, "-w", "-t", "60", "start")
        return self

    def stop(self, how: str = "fast") -> None:
        """Stop it: `fast` ends the connections first, `immediate` is a crash."""
        self._run("pg_ctl", "-D", str(self._folder / "data"), "-m", how, "-w", "stop")

    def kill(self) -> None:
        """Kill all of its processes, without warning, as the end of its machine does; none if they are dead already."""
        data = self._folder / "data"
        first = int((data / "postmaster.pid").read_text().split()[0])
        with contextlib.suppress(OSError):
            if str(data) not in Path(f"/proc/{first}/cmdline").read_text():
                return
        with contextlib.suppress(ProcessLookupError):
            os.kill(first, signal.SIGSTOP)  # it starts no others, and ends none in order
        for pid in [*_children(first), first]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def standby(self, folder: Path, name: str, **settings: str) -> "Server":
        """Start a standby of this server, called `name` there, with its data in `folder`; `promote` ends that."""
        made = Server(folder, primary=self, cluster_name=name, **settings)
        return made.start()

    def promote(self) -> None:
        """Have a standby take over: from then on it can be written."""
        self._run("pg_ctl", "-D", str(self._folder / "data"), "-w", "promote")

    def adopt_key(self, key: Path) -> None:
        """Use the private key in a file, which the server wants for itself."""
        key.chmod(0o600)
        if os.geteuid() == 0:
            os.chown(key, *_nobody())
        self._settings["ssl_key_file"] = str(key)

    def _run(self, program: str, *arguments: str) -> None:
        who: dict[str, Any] = {}
        if os.geteuid() == 0:
            user, group = _nobody()
            who = {"user": user, "group": group, "extra_groups": []}
        with (self._folder / f"{program}.log").open("wb") as log:
            subprocess.run(
                [self._bin / program, *arguments], check=True, cwd="/", stdin=subprocess.DEVNULL, stdout=log,
                stderr=log, start_new_session=True, **who,
            )  # fmt: skip


def schema_url() -> str:
    """The address of a new, empty schema in this process's database on the server of this run of the tests."""
    database = _database(os.getpid())
    schema = f"s{os.getpid()}_{next(_numbers)}"  # roles, which tests name like it, are those of all processes
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute(f'CREATE SCHEMA "{schema}"'.encode())
    return f"{database}?options=-csearch_path%3D{schema}"


@lru_cache
def _database(pid: int) -> str:
    server = shared_server()
    name = f"of_{pid}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}".encode())
    return server.replace("/postgres", f"/{name}")


@lru_cache
def shared_server() -> str:
    """The address of the server of this run of the tests, started by the first process that asks."""
    needed()
    key = os.environ.get("PYTEST_XDIST_TESTRUNUID", str(os.getpid()))[:16]
    folder = Path(tempfile.gettempdir()) / f"themis-postgres-{os.geteuid()}-{key}"
    folder.mkdir(mode=0o755, exist_ok=True)
    users = os.open(folder / "users", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    with (folder / "starting").open("w") as starting:
        fcntl.flock(starting, fcntl.LOCK_EX)
        fcntl.flock(users, fcntl.LOCK_SH)
        address = folder / "address.json"
        if not address.exists():
            server = Server(folder / "server").start()
            address.write_text(json.dumps(server.url()))
        found = str(json.loads(address.read_text()))
    atexit.register(_leave, folder, users, os.getpid())
    return found


def _leave(folder: Path, users: int, pid: int) -> None:
    """Stop the server, if no other process of the tests uses it."""
    if os.getpid() != pid:
        return
    with (folder / "starting").open("w") as starting:
        fcntl.flock(starting, fcntl.LOCK_EX)
        try:
            fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return
        Server(folder / "server").stop("immediate")
        # By a process of its own: there are many files, and this one may be ended before they are all gone.
        subprocess.Popen(["/bin/rm", "-rf", str(folder)], start_new_session=True)


def _children(parent: int) -> list[int]:
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):  # it has ended
            after_name = stat.read_text().rpartition(")")[2].split()
            if int(after_name[1]) == parent:
                found.append(int(stat.parent.name))
    return found


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def _nobody() -> tuple[int, int]:
    who = pwd.getpwnam("nobody")
    return who.pw_uid, who.pw_gid
