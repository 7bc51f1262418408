"""The state of a queue as lines of text that fit a terminal."""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from themis.cli.terminal.colours import plain
from themis.cli.terminal.fitted_table import Column, fitted_table
from themis.cli.terminal.output import ID_CHARACTERS, how_long, local_time, one_line
from themis.cli.terminal.widths import flowed, shortened, shortened_lines
from themis.core.monitor.queue_now import About, EndedJob, QueueNow, RunningJob, UpcomingJob
from themis.core.monitor.reasons import pause_text
from themis.core.queue.admin.forecast import Forecast
from themis.core.text.counts import counted

WORKERS_SHOWN = 8
STALLED_SHOWN = 2
_NARROW = 80
_HEAD_LINES, _HEAD_LINES_OF_NARROW = 2, 4
_AROUND_A_SECTION = 3  # an empty line, the title, the labels
_NS = 1e9
_FEW = 10
_MOSTLY = 0.8
_SURE = 0.2  # fraction of the middle value: a narrower range is not worth showing
_MINUTE_S, _HOUR_S, _HALF_A_DAY_S, _DAY_S = 60, 3_600, 43_200, 86_400

_RUNNING = (
    Column("job"),
    Column("run", drop=90),
    Column("name", drop=20, below=True, bare=True, yields=True),
    Column("state", drop=1, below=True, bare=True),
    Column("try", right=True, drop=50),
    Column("cases", right=True),
    Column("", right=True, drop=70),
    Column("failed", right=True, drop=5, below=True),
    Column("rate", right=True, drop=10),
    Column("left", right=True),
    Column("for", right=True, drop=60),
    Column("worker", least=8, drop=30),
    Column("provider's limit", drop=40, below=True, lines=2),
)
_WORKERS = (
    Column("worker", least=12),
    Column("state", drop=1, below=True, bare=True),
    Column("slots", right=True),
    Column("claimed", right=True, drop=20),
    Column("cases", right=True, drop=40),
    Column("host", least=8, drop=30),
    Column("pid", right=True, drop=25),
    Column("heartbeat", right=True, drop=10),
    Column("tags", least=4, drop=50),
)
_NEXT = (
    Column("job"),
    Column("run", drop=90),
    Column("name", drop=5, below=True, bare=True, yields=True),
    Column("cases", right=True, drop=4),
    Column("priority", right=True, drop=3),
    Column("try", right=True, drop=10),
    Column("not before", drop=1, below=True, bare=True),
)
_ENDED = (
    Column("job"),
    Column("run", drop=90),
    Column("name", drop=20, below=True, bare=True, yields=True),
    Column("state"),
    Column("ended", right=True, drop=10),
    Column("took", right=True, drop=5, below=True),
    Column("try", right=True, drop=30),
    Column("reason", drop=40, below=True, bare=True, yields=True, lines=2),
)


class Line(NamedTuple):
    """A line and its kind: `head`, `title`, `labels`, `row`, `good`, `bad` or `quiet`."""

    text: str
    kind: str


class _Section(NamedTuple):
    """A part of the view: its title, the number of rows that there are, its labels, and the lines of each row shown."""

    title: str
    total: int
    labels: str
    rows: list[list[Line]]

    def lines(self, shown: int, width: int) -> Iterator[Line]:
        """Yield its lines with that many rows."""
        yield Line("", "row")
        title = self.title if self.total <= shown else f"{self.title}, {shown:,} of {self.total:,}"
        yield Line(shortened(title, width), "title")
        yield Line(self.labels, "labels")
        for row in self.rows[:shown]:
            yield from row


def lines(look: QueueNow, width: int, height: int | None = None) -> list[Line]:
    """The state of a queue in lines at most `width` wide; at most `height` of them, if given (at least 24)."""
    most = _HEAD_LINES if width >= _NARROW else _HEAD_LINES_OF_NARROW
    found = [Line(text, line.kind) for line in _head(look, width) for text in shortened_lines(line.text, width, most)]
    makers = (_workers, _running, _next, _ended)
    sections = [section for make in makers if (section := make(look, width)) is not None]
    shown = [len(section.rows) for section in sections]
    if height is not None:
        room = height - len(found) - _AROUND_A_SECTION * len(sections) - 1
        if sum(len(section.rows[0]) for section in sections) > room:
            sections = [section._replace(rows=[row[:1] for row in section.rows]) for section in sections]
        shown = _shares([[len(row) for row in section.rows] for section in sections], room)
    found += [line for section, rows in zip(sections, shown, strict=True) for line in section.lines(rows, width)]
    return found[:height]


def _shares(heights: Sequence[Sequence[int]], lines: int) -> list[int]:
    """Distribute `lines` among sections in turns: rows of each that are shown, by their heights; one at least."""
    shares = [1] * len(heights)
    left = lines - sum(rows[0] for rows in heights)
    while True:
        before = list(shares)
        for place, rows in enumerate(heights):
            if shares[place] < len(rows) and rows[shares[place]] <= left:
                left -= rows[shares[place]]
                shares[place] += 1
        if shares == before:
            return shares


def _head(look: QueueNow, width: int) -> Iterator[Line]:
    yield Line(f"{local_time(look.at_ns)}  {one_line(look.queue_root)}", "head")
    if not look.exists:
        yield Line("there is no queue here yet; the first submit makes it", "quiet")
        return
    shown = [f"{count:,} {state}" for state, count in look.counts.items() if count or state != "rejected"]
    with_commas = [*(f"{one}," for one in shown[:-1]), *shown[-1:]]
    for text in flowed(with_commas, width, first="", then="", gap=" "):
        yield Line(text, "row")
    if look.paused is not None:
        yield Line(one_line(pause_text(look.paused)), "bad")
    yield Line(outlook(look), "row")
    stalled = [(run.about.key[:ID_CHARACTERS], run.stalled) for run in look.running if run.stalled is not None]
    for key, call in stalled[:STALLED_SHOWN]:
        yield Line(one_line(f"{key} has a stalled call: {call.text}"), "bad")
    for trouble in look.troubles:
        yield Line(one_line(f"last known state, as a store is unreadable: {trouble}"), "bad")


def outlook(look: QueueNow) -> str:
    """A sentence that says when a queue will be empty."""
    left = sum(look.counts.get(state, 0) for state in ("running", "queued", "waiting"))
    slots = counted(look.slots, "slot")
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
    return f"empty in {span}, at {_clock(look.at_ns, found.middle_s)}; {slots}{guess}"


def _clock(now_ns: int, seconds: float) -> str:
    """A time to the minute, with its zone, and with its date if it is far."""
    date, clock, zone = (local_time(now_ns + round(seconds * _NS)) or "- - -").split(" ", 2)
    return f"{clock[:5]} {zone}" if seconds < _HALF_A_DAY_S else f"{date} {clock[:5]} {zone}"


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


def _workers(look: QueueNow, width: int) -> _Section | None:
    rows = []
    for seen in look.workers[:WORKERS_SHOWN]:
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
    return _section(("workers", len(look.workers)), _WORKERS, rows, kinds, width)


def _running(look: QueueNow, width: int) -> _Section | None:
    kinds = ["bad" if run.state == "lost" else "row" for run in look.running]
    rows = [_run_row(run) for run in look.running]
    return _section(("running", len(rows)), _RUNNING, rows, kinds, width)


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


def _next(look: QueueNow, width: int) -> _Section | None:
    rows = [_next_row(job, look.at_ns) for job in look.next]
    count = look.counts.get("queued", 0) + look.counts.get("waiting", 0)
    return _section(("next", count), _NEXT, rows, ["row"] * len(rows), width)


def _next_row(job: UpcomingJob, now_ns: int) -> Sequence[Any]:
    wait_s = ((job.ready_ns or 0) - now_ns) / _NS
    return (
        *_about(job.about),
        f"{job.total:,}" if job.about.run_id else None,
        job.priority,
        job.attempt if job.attempt > 1 else None,
        job.after_text or (f"in {about(wait_s)}" if wait_s > 0 else None),
    )


def _ended(look: QueueNow, width: int) -> _Section | None:
    rows = [_ended_row(job, look.at_ns) for job in look.ended]
    kinds = [{"done": "good", "failed": "bad"}.get(job.state, "quiet") for job in look.ended]
    return _section(("ended last", len(rows)), _ENDED, rows, kinds, width)


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
    title: tuple[str, int], columns: Sequence[Column], rows: Sequence[Sequence[Any]], kinds: Sequence[str], width: int
) -> _Section | None:
    """A table with its title and the number of rows that there are; None without rows."""
    if not rows:
        return None
    table = fitted_table(columns, rows, width)
    found = [[Line(plain(line), kind) for line in lines] for lines, kind in zip(table.rows, kinds, strict=False)]
    return _Section(*title, plain(table.headers), found)


def _about(found: About) -> tuple[str, str | None, str]:
    """The beginnings of a job's key and its run's id, which commands accept, and its name or its experiment."""
    run = found.run_id[:ID_CHARACTERS] if found.run_id else None
    datasets = ", ".join(found.datasets)
    experiment = found.generator.removeprefix("builtin/") + (f" on {datasets}" if datasets else "")
    key = found.key if "." in found.key else found.key[:ID_CHARACTERS]  # the key of a shard is shown in full
    return key, run, found.name or experiment


def _rate(rate: float | None) -> str | None:
    """Cases per second, or per minute, hour or day for low rates."""
    if rate is None:
        return None
    for name, seconds in (("s", 1), ("min", _MINUTE_S), ("h", _HOUR_S)):
        if rate * seconds >= 1:
            return f"{rate * seconds:,.0f}/{name}" if rate * seconds >= _FEW else f"{rate * seconds:.1f}/{name}"
    return f"{rate * _DAY_S:.1f}/d"
