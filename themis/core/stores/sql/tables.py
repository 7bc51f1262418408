"""Tables of a store, in the words of SQLite: those of the first version, and the steps from each version to the next.

A new file gets both, so that it has exactly the tables of an upgraded one. A later table or column is another step, see
`schema_numbers`; the tables of the first version never change.
"""

_RUNS: tuple[str, ...] = (
    """
    CREATE TABLE IF NOT EXISTS runs (
        run_no INTEGER PRIMARY KEY,
        run_id TEXT NOT NULL UNIQUE,
        status TEXT NOT NULL,
        completed_through TEXT,
        total_cases INTEGER NOT NULL,
        snapshot TEXT NOT NULL,
        error TEXT,
        created_ms INTEGER NOT NULL,
        started_ms INTEGER,
        ended_ms INTEGER
    )
    """,
    """
    CREATE TABLE IF NOT EXISTS reuse_keys (
        reuse_key TEXT NOT NULL,
        run_no INTEGER NOT NULL,
        name TEXT NOT NULL,
        PRIMARY KEY (reuse_key, run_no, name)
    ) WITHOUT ROWID
    """,
    """
    CREATE TABLE IF NOT EXISTS cases (
        run_no INTEGER NOT NULL,
        case_no INTEGER NOT NULL,
        dataset_no INTEGER NOT NULL,
        case_id TEXT NOT NULL,
        digest BLOB NOT NULL,
        failed INTEGER NOT NULL,
        through INTEGER NOT NULL,
        PRIMARY KEY (run_no, case_no)
    ) WITHOUT ROWID
    """,
    """
    CREATE TABLE IF NOT EXISTS outcomes (
        run_no INTEGER NOT NULL,
        case_no INTEGER NOT NULL,
        stage INTEGER NOT NULL,
        item INTEGER NOT NULL,
        ok INTEGER NOT NULL,
        finished_ms INTEGER NOT NULL,
        value REAL,
        output TEXT,
        body TEXT NOT NULL,
        retries TEXT,
        PRIMARY KEY (run_no, case_no, stage, item)
    ) WITHOUT ROWID
    """,
    """
    CREATE TABLE IF NOT EXISTS blobs (
        digest TEXT PRIMARY KEY,
        data BLOB NOT NULL
    ) WITHOUT ROWID
    """,
)

_JOBS: tuple[str, ...] = (
    """
    CREATE TABLE IF NOT EXISTS store_meta (
        key TEXT PRIMARY KEY,
        value TEXT NOT NULL
    )
    """,
    # Numbered in the order of submission, which is about the order of claiming: neighbours change together.
    """
    CREATE TABLE IF NOT EXISTS jobs (
        job_no INTEGER PRIMARY KEY,
        key TEXT NOT NULL UNIQUE,
        run_id TEXT NOT NULL,
        queue_id TEXT NOT NULL,
        queue_root TEXT NOT NULL,
        version BIGINT NOT NULL,
        state TEXT NOT NULL,
        attempt INTEGER NOT NULL,
        priority INTEGER NOT NULL,
        submitted_ns BIGINT NOT NULL,
        ready_ns BIGINT,
        max_attempts INTEGER NOT NULL,
        max_worker_lost INTEGER NOT NULL,
        timeout_s REAL,
        memory_limit_mb INTEGER,
        failures INTEGER NOT NULL,
        lost INTEGER NOT NULL,
        cancel_requested INTEGER NOT NULL,
        token TEXT,
        worker TEXT,
        host TEXT,
        boot_id TEXT,
        pid INTEGER,
        pid_started BIGINT,
        job_pid INTEGER,
        job_pid_started BIGINT,
        cause TEXT,
        message TEXT,
        started_ns BIGINT,
        ended_ns BIGINT,
        updated_ns BIGINT NOT NULL
    )
    """,
    # Separate from the row: a manifest may be large and rarely changes, and the row changes twice an attempt.
    """
    CREATE TABLE IF NOT EXISTS job_manifests (
        job_no INTEGER PRIMARY KEY,
        manifest TEXT NOT NULL
    )
    """,
    """
    CREATE TABLE IF NOT EXISTS job_attempts (
        job_no INTEGER NOT NULL,
        attempt INTEGER NOT NULL,
        token TEXT NOT NULL,
        worker TEXT NOT NULL,
        host TEXT NOT NULL,
        pid INTEGER NOT NULL,
        started_ns BIGINT NOT NULL,
        ended_ns BIGINT NOT NULL,
        cause TEXT NOT NULL,
        message TEXT NOT NULL,
        exit_code INTEGER,
        PRIMARY KEY (job_no, attempt)
    ) WITHOUT ROWID
    """,
)

FIRST_TABLES: tuple[str, ...] = (*_RUNS, *_JOBS)
"""Statements that make the tables of version 1."""

UPGRADES: dict[int, tuple[str, ...]] = {
    1: ("ALTER TABLE jobs ADD COLUMN lease_until_ms BIGINT",),
    2: ("ALTER TABLE outcomes ADD COLUMN category TEXT",),
    # Few generations have a category: without an index all of a run's rows would be read to count them.
    3: ("CREATE INDEX IF NOT EXISTS answer_ends ON outcomes (run_no) WHERE stage = 1 AND category IS NOT NULL",),
    4: (
        """
        CREATE TABLE IF NOT EXISTS spends (
            run_no INTEGER NOT NULL,
            execution INTEGER NOT NULL,
            spend TEXT NOT NULL,
            PRIMARY KEY (run_no, execution)
        ) WITHOUT ROWID
        """,
    ),
    5: (
        """
        CREATE TABLE IF NOT EXISTS batches (
            run_no INTEGER NOT NULL,
            number INTEGER NOT NULL,
            nonce TEXT NOT NULL,
            state TEXT NOT NULL,
            first_line INTEGER NOT NULL,
            last_line INTEGER NOT NULL,
            lines INTEGER NOT NULL,
            intended_ms INTEGER NOT NULL,
            due_ms INTEGER NOT NULL,
            file_id TEXT,
            batch_id TEXT,
            adopted INTEGER NOT NULL,
            cancelled INTEGER NOT NULL,
            status TEXT,
            PRIMARY KEY (run_no, number)
        ) WITHOUT ROWID
        """,
    ),
    6: (
        """
        CREATE TABLE IF NOT EXISTS aggregates (
            run_no INTEGER NOT NULL,
            item INTEGER NOT NULL,
            figures TEXT NOT NULL,
            PRIMARY KEY (run_no, item)
        ) WITHOUT ROWID
        """,
    ),
    7: (
        """
        CREATE TABLE IF NOT EXISTS judge_calls (
            run_no INTEGER NOT NULL,
            case_no INTEGER NOT NULL,
            item INTEGER NOT NULL,
            call_id TEXT NOT NULL,
            cache_key TEXT NOT NULL,
            finished_ms INTEGER NOT NULL,
            response TEXT NOT NULL,
            PRIMARY KEY (run_no, case_no, item, call_id)
        ) WITHOUT ROWID
        """,
        "CREATE INDEX IF NOT EXISTS judge_cache ON judge_calls (cache_key)",
    ),
    # What a replay has done is in `cases` and `outcomes`, under the negative number of its run, until it ends.
    8: (
        """
        CREATE TABLE IF NOT EXISTS replays (
            run_no INTEGER PRIMARY KEY,
            request TEXT NOT NULL
        )
        """,
    ),
    # Of no run: what people said of a judge's verdicts holds for every run that asks that judge by that rubric.
    9: (
        """
        CREATE TABLE IF NOT EXISTS calibrations (
            key TEXT PRIMARY KEY,
            calibration TEXT NOT NULL
        ) WITHOUT ROWID
        """,
    ),
    # A run that an older version adds has no name, until this one runs or submits it.
    10: (
        "ALTER TABLE runs ADD COLUMN name TEXT",
        "ALTER TABLE runs ADD COLUMN labels TEXT",
        "CREATE INDEX IF NOT EXISTS run_names ON runs (name)",
    ),
    # Names of the case beside its number: a run that is cleared to run again has no rows in `cases`.
    11: (
        """
        CREATE TABLE IF NOT EXISTS score_edits (
            run_no INTEGER NOT NULL,
            number INTEGER NOT NULL,
            case_no INTEGER NOT NULL,
            item INTEGER NOT NULL,
            dataset_id TEXT NOT NULL,
            case_id TEXT NOT NULL,
            value REAL,
            withdraws INTEGER,
            measured REAL,
            answer TEXT NOT NULL,
            edited_by TEXT NOT NULL,
            why TEXT NOT NULL,
            edited_ms INTEGER NOT NULL,
            PRIMARY KEY (run_no, number)
        ) WITHOUT ROWID
        """,
    ),
    # Queues without a folder, which only a store on a server has.
    12: (),
    13: (
        """
        CREATE TABLE IF NOT EXISTS run_groups (
            name TEXT NOT NULL,
            run_no INTEGER NOT NULL,
            place INTEGER NOT NULL,
            row_name TEXT NOT NULL,
            PRIMARY KEY (name, run_no)
        ) WITHOUT ROWID
        """,
    ),
    # A job that an older version settles keeps what is known of its cases, and its deaths are charged to it alone.
    14: (
        "ALTER TABLE jobs ADD COLUMN case_losses TEXT",
        "ALTER TABLE job_attempts ADD COLUMN in_flight TEXT",
    ),
    # Only jobs that others wait for are in the index, and only as long as something is to be done for those.
    15: (
        "ALTER TABLE jobs ADD COLUMN predecessors TEXT",
        "ALTER TABLE jobs ADD COLUMN awaited INTEGER NOT NULL DEFAULT 0",
        "CREATE INDEX IF NOT EXISTS jobs_awaited ON jobs (queue_id, state, awaited) WHERE awaited <> 0",
        """
        CREATE TABLE IF NOT EXISTS job_dependents (
            predecessor TEXT NOT NULL,
            mark INTEGER NOT NULL,
            job_no INTEGER NOT NULL,
            PRIMARY KEY (predecessor, mark, job_no)
        ) WITHOUT ROWID
        """,
    ),
    # Jobs that share the cases of a run: the run ends with the last of them.
    16: (
        """
        CREATE TABLE IF NOT EXISTS run_shards (
            run_no INTEGER NOT NULL,
            number INTEGER NOT NULL, total INTEGER NOT NULL,
            first_case INTEGER NOT NULL, stop_case INTEGER NOT NULL,
            key TEXT NOT NULL, settled INTEGER NOT NULL DEFAULT 0,
            finished BIGINT NOT NULL DEFAULT 0,
            ended INTEGER NOT NULL DEFAULT 0, failed INTEGER NOT NULL DEFAULT 0, answered INTEGER NOT NULL DEFAULT 0,
            through INTEGER,
            PRIMARY KEY (run_no, number)
        ) WITHOUT ROWID
        """,
    ),
    # Shards that an older version carries out count their failures alone.
    17: ("ALTER TABLE runs ADD COLUMN failure_rows TEXT",),
}
"""For each version, the statements that lead from it to the next."""

SCHEMA_VERSION = 18

SCHEMA: tuple[str, ...] = (*FIRST_TABLES, *(step for version in sorted(UPGRADES) for step in UPGRADES[version]))
"""Statements that make the tables of `SCHEMA_VERSION`."""

JOB_TABLES: tuple[str, ...] = (*_JOBS, *UPGRADES[1], *UPGRADES[14], *UPGRADES[15])
"""Statements that make the tables of jobs alone."""
