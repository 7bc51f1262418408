"""Log of the requests that came, and the questions that a test asks about their times."""

import json
from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from dataclasses import dataclass, field
from http import HTTPStatus
from operator import attrgetter
from typing import Any

RESOURCES = frozenset({"models", "files", "batches", "message_batches", "count_tokens", "unknown"})
"""Kinds of requests that ask no model."""
MINUTE_S = 60.0
ARRIVED_S = attrgetter("arrived_s")


@dataclass(slots=True)
class Request:
    """One request, complete once it has ended.

    Attributes:
        number: counts from 0, in the order of arrival.
        kind: the dialect, such as `chat`, or the resource, such as `models`.
        method: of HTTP.
        path: without the query.
        query: the parameters after the path.
        headers: by their names in lower case; empty when the log keeps no content.
        body: as it came; empty when the log keeps no content.
        data: the JSON object in the body; empty when the log keeps no content.
        question: the last text of the user.
        batch_id: of a batch's line, which is not a request of HTTP.
        custom_id: of a batch's line.
        in_flight: how many were being served when it came, itself included.
        arrived_s: on the monotonic clock.
        arrived_at: on the wall clock, in seconds since 1970.
        ended_s: on the monotonic clock; None while it is served.
        ended_at: on the wall clock.
        status: of the reply; None when none was sent.
        retry_after_s: what the reply asked the client to wait.
        was_left: whether the client went away before the reply was complete.
    """

    number: int
    kind: str
    method: str
    path: str
    headers: dict[str, str]
    in_flight: int
    arrived_s: float
    arrived_at: float
    query: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    data: dict[str, Any] = field(default_factory=dict)
    question: str = ""
    batch_id: str | None = None
    custom_id: str | None = None
    ended_s: float | None = None
    ended_at: float | None = None
    status: int | None = None
    retry_after_s: float | None = None
    was_left: bool = False

    @property
    def key(self) -> str:
        """The API key that came with it."""
        bearer = self.headers.get("authorization", "")
        return self.headers.get("x-api-key") or bearer.removeprefix("Bearer ")

    @property
    def is_question(self) -> bool:
        """Whether it asks a model."""
        return self.kind not in RESOURCES

    def take(self, body: bytes) -> None:
        """Keep its body, and the object in it when it is one.

        Raises:
            ValueError: the body is not a JSON object.
        """
        self.body = body
        data = json.loads(body) if body else {}
        if not isinstance(data, dict):
            raise ValueError(data)  # noqa: TRY004  # the same as for what is not JSON
        self.data = data

    def forget_content(self) -> None:
        """Drop what takes memory."""
        self.headers, self.body, self.data, self.question = {}, b"", {}, ""


def most_in_any(times: Iterable[float], window_s: float) -> int:
    """The largest number of times in a window that begins at any of them and is open at its end."""
    ordered = sorted(times)
    return max((bisect_left(ordered, begin + window_s) - place for place, begin in enumerate(ordered)), default=0)


def fewest_in_any(times: Iterable[float], window_s: float) -> int | None:
    """The smallest number of times in a window between the first and the last of them; None when it is longer."""
    ordered = sorted(times)
    # The fewest are in a window that begins right behind one of the times.
    begins = [begin for begin in ordered if begin + window_s <= ordered[-1]]
    return min(
        (bisect_left(ordered, begin + window_s) - bisect_right(ordered, begin) for begin in begins), default=None
    )


def summary(requests: Iterable[Request], grace_s: float = 0.0) -> dict[str, int]:
    """The counts of a log, for another process."""
    questions = [request for request in requests if request.is_question]
    return {
        "questions": len(questions),
        "answered": len(answered(questions)),
        "most_at_once": most_at_once(questions),
        "most_in_a_minute": most_in_any(map(ARRIVED_S, questions), MINUTE_S),
        "most_answered_in_a_minute": most_in_any(map(ARRIVED_S, answered(questions)), MINUTE_S),
        "retry_after_violations": len(retry_after_violations(questions, grace_s)),
    }


def answered(requests: Iterable[Request]) -> list[Request]:
    """The requests that had a reply which is not an error."""
    return [request for request in requests if request.status == HTTPStatus.OK]


def most_at_once(requests: Iterable[Request]) -> int:
    """The largest number of requests that were served at the same time."""
    return max((request.in_flight for request in requests), default=0)


def retry_after_violations(requests: Iterable[Request], grace_s: float = 0.0) -> list[Request]:
    """Requests that came while a Retry-After was running.

    It runs from the end of the reply that asks for it. A request that was on its way already is not one of the client's
    faults: `grace_s` seconds from the beginning are not looked at.
    """
    ordered = sorted(requests, key=ARRIVED_S)
    arrivals = list(map(ARRIVED_S, ordered))
    early: dict[int, Request] = {}
    for asking in ordered:
        if asking.retry_after_s is not None and asking.ended_s is not None:
            # The client's wait begins a little later than here, and ends so: a request on the dot is in time.
            first = bisect_left(arrivals, asking.ended_s + grace_s)
            behind = bisect_left(arrivals, asking.ended_s + asking.retry_after_s)
            early.update((request.number, request) for request in ordered[first:behind])
    return sorted(early.values(), key=attrgetter("number"))
