"""How fast one writer appends outcomes to a store in Postgres.

    python tests/benchmarks/bench_postgres.py [--short]

The yardstick is a bare COPY of the same rows into tables of the same columns and keys, with the same commits, each
synced to disk. Both are run in turns on one server, because a shared machine's speed changes from second to second; a
ratio is the median of the pairs' ratios. The rows of a commit are as many as a run's writer commits at once.
"""

import argparse
import statistics
import sys
import time
from collections.abc import Callable
from contextlib import closing

import psycopg

from tests.benchmarks.figures import exit_code, judged
from tests.support import postgres_server
from tests.support.lab import ScriptedGenerator, dataset, experiment
from themis.core.engine.writer import COMMIT_ROWS
from themis.core.outcomes.outcome import CaseEnd, Outcome
from themis.core.outcomes.stages import Stage
from themis.core.stores.job_rows import Fence, JobRow
from themis.core.stores.postgres.appending import Row, case_rows, outcome_rows
from themis.core.stores.postgres.store import PostgresRunStore
from themis.core.stores.sql.run_statements import CASE_COLUMNS, OUTCOME_COLUMNS

CASES_OF_A_COMMIT = COMMIT_ROWS // 4
"""Cases of one commit: each has three outcomes and an end."""
LEAST = 0.7
BODY = '{"candidate_id": "c", "latency_ms": 12.5}'
TYPES = {
    "outcomes": ("int8",) * 6 + ("float8",) + ("text",) * 4,
    "cases": ("int8",) * 3 + ("text", "bytea", "int8", "int8"),
}
JOB = JobRow("k", "r", "q", "/q", 1, "running", 1, 5, 0, None, 3, 3, None, None)


def rows_of(first: int) -> tuple[list[Outcome], list[CaseEnd]]:
    """The outcomes and ends of one commit, from case number `first` on."""
    outcomes, ends = [], []
    for no in range(first, first + CASES_OF_A_COMMIT):
        outcomes += [
            Outcome(no, Stage.GENERATE, 0, True, 1_764_000_000_000 + no, None, f'"answer {no}"', BODY, None, None),
            Outcome(no, Stage.PARSE, 0, True, 1_764_000_000_000 + no, None, f'"{no}"', "{}", None, None),
            Outcome(no, Stage.SCORE, 0, True, 1_764_000_000_000 + no, no % 7 / 7, None, "{}", None, None),
        ]
        ends.append(CaseEnd(no, 0, f"case-{no}", no.to_bytes(32, "big"), False, Stage.SCORE))
    return outcomes, ends


def seconds(work: Callable[[], None]) -> float:
    """How long some work takes."""
    begin = time.perf_counter()
    work()
    return time.perf_counter() - begin


class Bench:
    """One server with a store, and the same tables without one."""

    def __init__(self, url: str, commits: int) -> None:
        self._url = url
        self._commits = commits
        self._rounds = 0
        self.store = PostgresRunStore(url)
        self.store.initialize()
        self.store.jobs.add(JOB, "{}")
        with psycopg.connect(url, autocommit=True) as connection:
            for table in ("outcomes", "cases"):
                connection.execute(f"CREATE TABLE bare_{table} (LIKE {table} INCLUDING ALL)".encode())

    def a_round(self, *, with_copy_first: bool) -> tuple[float, float]:
        """Seconds that the store and the bare COPY take for the same rows."""
        self._rounds += 1
        portions = [rows_of(commit * CASES_OF_A_COMMIT) for commit in range(self._commits)]
        ready = [
            {"outcomes": outcome_rows(self._rounds, outcomes, {}), "cases": case_rows(self._rounds, ends)}
            for outcomes, ends in portions
        ]
        work = [lambda: self._append(portions), lambda: self._copy(ready)]
        order = (1, 0) if with_copy_first else (0, 1)
        took = {index: seconds(work[index]) for index in order}
        return took[0], took[1]

    def _append(self, portions: list[tuple[list[Outcome], list[CaseEnd]]]) -> None:
        snapshot = experiment(ScriptedGenerator(), datasets=[dataset(1, f"d{self._rounds}")]).compile()
        self.store.create_run(snapshot)
        for outcomes, ends in portions:
            self.store.append(snapshot.run_id, outcomes, ends, fence=Fence("k", 1, None))

    def _copy(self, portions: list[dict[str, list[Row]]]) -> None:
        columns = {"outcomes": OUTCOME_COLUMNS, "cases": CASE_COLUMNS}
        with psycopg.connect(self._url) as connection:
            for rows in portions:
                for table, of_table in rows.items():
                    named = ", ".join(columns[table])
                    statement = f"COPY bare_{table} ({named}) FROM STDIN (FORMAT BINARY)".encode()
                    with connection.cursor() as cursor, cursor.copy(statement) as copy:
                        copy.set_types(TYPES[table])
                        for row in of_table:
                            copy.write_row(row)
                connection.commit()


def main() -> int:
    """Print the ratio; exit code 1 when it misses its target."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--short", action="store_true", help="a few commits: shows that the benchmark runs")
    short = parser.parse_args().short
    if postgres_server.programs() is None:
        print("SKIPPED [1] no Postgres server is installed (Debian's package is postgresql)")
        return 0
    commits, rounds = (4, 2) if short else (60, 9)
    with postgres_server.servers_folder() as folder:
        server = postgres_server.Server(folder / "server", fsync="on", full_page_writes="on").start()
        try:
            bench = Bench(server.url(), commits)
            with closing(bench.store):
                bench.a_round(with_copy_first=False)
                pairs = [bench.a_round(with_copy_first=bool(number % 2)) for number in range(rounds)]
        finally:
            server.stop()
    cases = commits * CASES_OF_A_COMMIT
    ratio = statistics.median(copied / appended for appended, copied in pairs)
    print(f"append, one writer: {cases / statistics.median(took for took, _ in pairs):8,.0f} cases/s")
    print(f"bare COPY:          {cases / statistics.median(took for _, took in pairs):8,.0f} cases/s")
    target = judged("append: share of a bare COPY", f"{ratio:.2f}", f"at least {LEAST}", met=ratio >= LEAST)
    print(f"append against a bare COPY with the same synced commits: {ratio:.2f}  ({target})")
    return exit_code(short=short)


if __name__ == "__main__":
    sys.exit(main())
