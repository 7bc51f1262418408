"""The state of a queue as lines of text that fit a terminal."""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from themis.cli.terminal.fitted_table import Column, fitted, shortened
from themis.cli.terminal.output import how_long, one_line, when
from themis.core.monitor.queue_now import About, EndedJob, QueueNow, RunningJob, UpcomingJob
from themis.core.monitor.reasons import pause_text
from themis.core.queue.admin.forecast import Forecast

WORKERS_SHOWN = 8
STALLED_SHOWN = 2
_ID_CHARACTERS = 8
_AROUND_A_SECTION = 3  # an empty line, the title, the labels
_NS = 1e9
_FEW = 10
_MOSTLY = 0.8
_SURE = 0.2  # fraction of the middle value: a narrower range is not worth showing
_MINUTE_S, _HOUR_S, _HALF_A_DAY_S, _DAY_S = 60, 3_600, 43_200, 86_400

_RUNNING = (
    Column("job"),
    Column("run", drop=8),
    Column("experiment", least=24),
    Column("state"),
    Column("try", right=True, drop=5),
    Column("cases", right=True),
    Column("", right=True, drop=7),
    Column("failed", right=True),
    Column("rate", right=True, drop=2),
    Column("left", right=True),
    Column("for", right=True, drop=6),
    Column("worker", least=8, drop=3),
    Column("provider's limit", least=16, drop=4),
)
_WORKERS = (
    Column("worker", least=12),
    Column("state"),
    Column("slots", right=True),
    Column("claimed", right=True),
    Column("cases", right=True, drop=4),
    Column("host", least=8, drop=3),
    Column("pid", right=True, drop=2),
    Column("heartbeat", right=True, drop=1),
    Column("tags", least=4, drop=5),
)
_NEXT = (
    Column("job"),
    Column("run", drop=3),
    Column("experiment", least=24),
    Column("cases", right=True),
    Column("priority", right=True, drop=2),
    Column("try", right=True, drop=1),
    Column("not before"),
)
_ENDED = (
    Column("job"),
    Column("run", drop=4),
    Column("experiment", least=24),
    Column("state"),
    Column("ended", right=True, drop=1),
    Column("took", right=True, drop=2),
    Column("try", right=True, drop=3),
    Column("reason", least=16),
)


class Line(NamedTuple):
    """A line and its kind: `head`, `title`, `labels`, `row`, `good`, `bad` or `quiet`."""

    text: str
    kind: str


def lines(look: QueueNow, width: int, height: int | None = None) -> list[Line]:
    """The state of a queue in lines at most `width` wide; at most `height` of them, if given (at least 24)."""
    found = [*_head(look)]
    wanted = [min(len(look.workers), WORKERS_SHOWN), len(look.running), len(look.next), len(look.ended)]
    if height is not None:
        wanted = _shares(wanted, height - len(found) - _AROUND_A_SECTION * sum(map(bool, wanted)) - 1)
    for section, limit in zip((_workers, _running, _next, _ended), wanted, strict=True):
        found += section(look, width, limit)
    return [Line(shortened(line.text, width), line.kind) for line in found]


def _shares(wanted: Sequence[int], lines: int) -> list[int]:
    """Distribute `lines` among sections in turns; each section that wants any gets at least one."""
    shares = [min(rows, 1) for rows in wanted]
    while sum(shares) < min(lines, sum(wanted)):
        for place, rows in enumerate(wanted):
            if shares[place] < rows and sum(shares) < lines:
                shares[place] += 1
    return shares


def _head(look: QueueNow) -> Iterator[Line]:
    yield Line(f"{when(look.at_ns)}  {one_line(look.queue_root)}", "head")
    if not look.exists:
        yield Line("there is no queue here yet; the first submit makes it", "quiet")
        return
    shown = [f"{count:,} {state}" for state, count in look.counts.items() if count or state != "rejected"]
    yield Line(", ".join(shown), "row")
    if look.paused is not None:
        yield Line(one_line(pause_text(look.paused)), "bad")
    yield Line(outlook(look), "row")
    stalled = [(run.about.key[:_ID_CHARACTERS], run.stalled) for run in look.running if run.stalled is not None]
    for key, call in stalled[:STALLED_SHOWN]:
        yield Line(one_line(f"{key} has a stalled call: {call.text}"), "bad")
    for trouble in look.troubles:
        yield Line(one_line(f"last known state, as a store is unreadable: {trouble}"), "bad")


def outlook(look: QueueNow) -> str:
    """A sentence that says when a queue will be empty."""
    left = sum(look.counts.get(state, 0) for state in ("running", "queued", "waiting"))
    slots = f"{look.slots} slot{'' if look.slots == 1 else 's'}"
    if not left:
        return f"nothing is left to do; {slots}"
    found = look.forecast
    if found is None:
        return f"the time until it is empty is unknown, as no similar run has ended yet; {slots}"
    span = _span(found)
    guess = f", judging by the next {found.sampled:,}" if found.jobs > found.sampled else ""
    if found.work_s < _MOSTLY * found.middle_s:
        guess += f"; only {about(found.work_s)} of it is work, as jobs wait for a later time"
    if not look.slots:
        return f"no worker takes jobs; one slot would need {span}{guess}"
    if look.paused is not None:
        return f"paused; {span} for {slots}{guess}"
    date, _, clock = (when(look.at_ns + round(found.middle_s * _NS)) or "").partition(" ")
    at = clock[:5] if found.middle_s < _HALF_A_DAY_S else f"{date} {clock[:5]}"
    return f"empty in {span}, at {at}Z; {slots}{guess}"


def about(seconds: float) -> str:
    """A duration, rounded as a prediction should be."""
    if seconds < _FEW:
        return f"{max(seconds, 1.0):.0f} s"
    if seconds < _MINUTE_S:
        return f"{round(seconds, -1):.0f} s" if seconds < _MINUTE_S - 5 else "1 min"
    if seconds < 2 * _HOUR_S:
        return f"{seconds / _MINUTE_S:.0f} min"
    if seconds < 2 * _DAY_S:
        return f"{seconds / _HOUR_S:.1f} h"
    return f"{seconds / _DAY_S:.1f} d"


def _span(found: Forecast) -> str:
    is_sure = found.high_s - found.low_s < _SURE * found.middle_s
    return f"about {about(found.middle_s)}" + ("" if is_sure else f" ({about(found.low_s)} to {about(found.high_s)})")


def _workers(look: QueueNow, width: int, limit: int) -> Iterator[Line]:
    rows = []
    for seen in look.workers[:limit]:
        report = seen.report
        ago_s = max(look.at_ns - report.heartbeat_ns, 0) / _NS
        rows.append(
            (
                report.worker,
                seen.state + (f": {shortened(one_line(report.why), 40)}" if report.why and seen.alive else ""),
                f"{seen.busy}/{len(report.slots)}",
                f"{report.claimed:,}",
                f"{report.cases:,}",
                report.host,
                report.pid,
                f"{about(ago_s)} ago",
                ",".join(report.tags) or None,
            )
        )
    kinds = ["row" if seen.alive else "bad" for seen in look.workers]
    yield from _section("workers", _WORKERS, rows, kinds, len(look.workers), width)


def _running(look: QueueNow, width: int, limit: int) -> Iterator[Line]:
    shown = look.running[:limit]
    kinds = ["bad" if run.state == "lost" else "row" for run in shown]
    yield from _section("running", _RUNNING, [_run_row(run) for run in shown], kinds, len(look.running), width)


def _run_row(run: RunningJob) -> Sequence[Any]:
    worker = run.worker if run.slot is None else f"{run.worker}/{run.slot}"
    return (
        *_about(run.about),
        None if run.state == "running" else run.state,
        run.attempt,
        f"{run.done:,}/{run.total:,}",
        f"{100 * run.done // run.total}%" if run.total else None,
        f"{run.failed:,}",
        _rate(run.rate),
        about(run.left_s) if run.left_s is not None else None,
        how_long(run.for_s) if run.for_s is not None else None,
        worker,
        "; ".join(state.short_text if len(run.limits) == 1 else state.text for state in run.limits) or None,
    )


def _next(look: QueueNow, width: int, limit: int) -> Iterator[Line]:
    rows = [_next_row(job, look.at_ns) for job in look.next[:limit]]
    count = look.counts.get("queued", 0) + look.counts.get("waiting", 0)
    yield from _section("next", _NEXT, rows, ["row"] * len(rows), count, width)


def _next_row(job: UpcomingJob, now_ns: int) -> Sequence[Any]:
    wait_s = ((job.ready_ns or 0) - now_ns) / _NS
    return (
        *_about(job.about),
        f"{job.total:,}" if job.about.run_id else None,
        job.priority,
        job.attempt if job.attempt > 1 else None,
        f"in {about(wait_s)}" if wait_s > 0 else None,
    )


def _ended(look: QueueNow, width: int, limit: int) -> Iterator[Line]:
    rows = [_ended_row(job, look.at_ns) for job in look.ended[:limit]]
    kinds = [{"done": "good", "failed": "bad"}.get(job.state, "quiet") for job in look.ended]
    yield from _section("ended last", _ENDED, rows, kinds, len(rows), width)


def _ended_row(job: EndedJob, now_ns: int) -> Sequence[Any]:
    return (
        *_about(job.about),
        job.state,
        f"{about(max(now_ns - job.ended_ns, 0) / _NS)} ago",
        how_long(job.took_s) if job.took_s is not None else None,
        job.attempt if job.attempt > 1 else None,
        job.reason or None,
    )


def _section(
    title: str, columns: Sequence[Column], rows: Sequence[Sequence[Any]], kinds: Sequence[str], total: int, width: int
) -> Iterator[Line]:
    """Yield a table with its title, and the total if rows are left out; nothing without rows."""
    if not rows:
        return
    yield Line("", "row")
    yield Line(title if total <= len(rows) else f"{title}, {len(rows):,} of {total:,}", "title")
    labels, *texts = fitted(columns, rows, width)
    yield Line(labels, "labels")
    yield from (Line(text, kind) for text, kind in zip(texts, kinds, strict=False))


def _about(found: About) -> tuple[str, str | None, str]:
    """The beginnings of a job's key and its run's id, which commands accept, and its name or its experiment."""
    run = found.run_id[:_ID_CHARACTERS] if found.run_id else None
    datasets = ", ".join(found.datasets)
    experiment = found.generator.removeprefix("builtin/") + (f" on {datasets}" if datasets else "")
    key = found.key if "." in found.key else found.key[:_ID_CHARACTERS]  # the key of a shard is shown in full
    return key, run, found.name or experiment


def _rate(rate: float | None) -> str | None:
    """Cases per second, or per minute, hour or day for low rates."""
    if rate is None:
        return None
    for name, seconds in (("s", 1), ("min", _MINUTE_S), ("h", _HOUR_S)):
        if rate * seconds >= 1:
            return f"{rate * seconds:,.0f}/{name}" if rate * seconds >= _FEW else f"{rate * seconds:.1f}/{name}"
    return f"{rate * _DAY_S:.1f}/d"
