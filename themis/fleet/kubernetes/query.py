"""Query of KEDA's Postgres scaler: the number of workers that are wanted beside those that stay.

It says in SQL what `themis.fleet.sizing` says in Python, as KEDA can ask a database and nothing else; a test holds the
one to the other. Of each class of jobs one manifest is read, so that very many jobs for other workers cost nothing.
"""

import json

from themis.fleet.spec import FleetSpec

_QUERY = """\
WITH RECURSIVE clock AS (
  SELECT CAST(extract(epoch FROM clock_timestamp()) * 1000 AS bigint) AS now_ms
), classes (needs) AS (
  (SELECT needs FROM jobs WHERE state = 'queued' AND needs IS NOT NULL ORDER BY needs LIMIT 1)
  UNION ALL
  SELECT (SELECT needs FROM jobs WHERE state = 'queued' AND needs > classes.needs ORDER BY needs LIMIT 1)
  FROM classes WHERE classes.needs IS NOT NULL
), served AS (
  SELECT classes.needs FROM classes CROSS JOIN LATERAL (
    SELECT job_no FROM jobs WHERE state = 'queued' AND needs = classes.needs LIMIT 1
  ) AS one JOIN job_manifests m ON m.job_no = one.job_no
  WHERE coalesce(CAST(m.manifest AS json) -> 'tags', '[]')::jsonb <@ '{tags}'::jsonb
), ready AS (
  SELECT 1 FROM jobs, clock
  WHERE state = 'queued' AND needs IN (SELECT needs FROM served) AND cancel_requested = 0
    AND coalesce(ready_ns, submitted_ns) <= now_ms * 1000000
    AND NOT EXISTS (SELECT 1 FROM queues WHERE paused_ns IS NOT NULL)
  LIMIT {most}
), running AS (
  SELECT 1 FROM jobs, clock
  WHERE state = 'running' AND needs IS NOT NULL AND (worker LIKE '{begin}%' OR lease_until_ms < now_ms)
)
SELECT greatest(0, least({maximum}, ceil(((SELECT count(*) FROM ready) + (SELECT count(*) FROM running)) / {slots}.0))
  - {minimum})::int
"""


def workers_wanted(spec: FleetSpec) -> str:
    """Return the query, whose one value is the number of workers wanted above the minimum."""
    return _QUERY.format(
        tags=json.dumps(list(spec.tags)),
        most=spec.maximum * spec.jobs_at_once,
        begin=spec.workers_begin,
        maximum=spec.maximum,
        minimum=spec.minimum,
        slots=spec.jobs_at_once,
    )
