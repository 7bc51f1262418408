"""Webhook: a URL that gets a POST of JSON when a job has ended, retried on errors that may pass."""

import base64
import contextlib
import http.client
import threading
import urllib.error
import urllib.parse
import urllib.request
from dataclasses import dataclass, replace

from themis.core.components.provenance import themis_version
from themis.core.configuration.secrets import resolve_references
from themis.core.errors import ConfigError, ForbiddenAddressError, MissingSecretError
from themis_workers.notifications.event import JobEnded
from themis_workers.notifications.posting import post
from themis_workers.telemetry import logs

TIMEOUT_S = 10.0
"""Seconds that the server has to answer."""

FIRST_WAIT_S = 1.0
"""Seconds before the first retry; doubled for each further one."""

_WHERE = "webhook"
_REPETITIONS = 3
_LONGEST_WAIT_S = 60.0
_MOST_REDIRECTS = 5
_REDIRECTS = frozenset({301, 302, 307, 308})  # 303 asks for a GET, which delivers nothing
_TOO_MANY_REQUESTS = 429
_SERVER_ERRORS = range(500, 600)


@dataclass(frozen=True, slots=True)
class _Target:
    """Destination of a POST.

    Attributes:
        url: without credentials.
        authorization: header with the credentials; None without any.
    """

    url: str
    authorization: str | None

    @property
    def origin(self) -> str:
        """The part of the URL that may be logged: the path or query may contain secrets."""
        parts = urllib.parse.urlsplit(self.url)
        return f"{parts.scheme}://{parts.netloc}"


@dataclass(frozen=True, slots=True)
class _Failure:
    """Failure of a POST: the reason, whether a retry may help, and the seconds to wait before it."""

    reason: str
    again: bool = False
    after_s: float = 0.0


class Webhook:
    """A URL to notify of ended jobs.

    A redirect is followed, as a POST, to the same scheme only; credentials go to no other host. Neither the URL nor a
    redirect leads to a link-local or metadata address, see `addresses`. Proxies are those of the environment
    (`HTTPS_PROXY`, `NO_PROXY` …). If a response is lost, the event is sent twice, with the same key
    and attempt.

    Args:
        url: http or https; references in it are resolved at each POST. Credentials become an Authorization header.
        timeout_s, first_wait_s: see `TIMEOUT_S` and `FIRST_WAIT_S`.

    Raises:
        ConfigError: the URL is invalid, or a secret that it names is not set.
    """

    def __init__(self, url: str, *, timeout_s: float = TIMEOUT_S, first_wait_s: float = FIRST_WAIT_S) -> None:
        self._url = url
        self._timeout_s = timeout_s
        self._waits_s = [first_wait_s * 2**number for number in range(_REPETITIONS)]
        self._target()

    def deliver(self, event: JobEnded, closing: threading.Event) -> None:
        """POST the event, and log the result; a failure raises nothing. `closing` cuts the waits short."""
        try:
            target = self._target()
        except ConfigError as error:
            logs.warn("webhook failed", key=event.key, error=str(error))
            return
        body = event.to_json()
        failure = self._post(target, body)
        for wait_s in self._waits_s:
            if failure is None or not failure.again:
                break
            closing.wait(min(max(wait_s, failure.after_s), _LONGEST_WAIT_S))
            failure = self._post(target, body)
        if failure is None:
            logs.tell("webhook delivered", key=event.key, url=target.origin)
        else:
            logs.warn("webhook failed", key=event.key, url=target.origin, error=failure.reason)

    def abandon(self) -> None:
        """Do nothing: a POST under way ends with the process."""

    def _target(self) -> _Target:
        try:
            return _target(str(resolve_references(self._url, where=_WHERE)))
        except MissingSecretError:
            raise
        except ValueError as error:
            raise ConfigError(where=_WHERE, detail=str(error)) from None

    def _post(self, target: _Target, body: bytes) -> _Failure | None:
        """POST once, following redirects; returns None if it was delivered."""
        for _ in range(_MOST_REDIRECTS):
            try:
                post(_request(target, body), self._timeout_s)
            except urllib.error.HTTPError as error:
                error.close()
                place = error.headers.get("Location")
                if error.code not in _REDIRECTS or not place:
                    return _answered(error)
                try:
                    target = _redirected(target, place)
                except ValueError as refusal:
                    return _Failure(f"redirect refused: {refusal}")
            except (ForbiddenAddressError, OSError, http.client.HTTPException) as error:
                return _unanswered(error)
            else:
                return None
        return _Failure("too many redirects")


def _target(url: str) -> _Target:
    """Split a URL into the URL to request and its credentials.

    Raises:
        ValueError: the URL is invalid; the message shows nothing of it.
    """
    if not url.isascii() or not url.isprintable() or " " in url:
        msg = "holds a space, a control character or a letter beyond ASCII; percent-encode it"
        raise ValueError(msg)
    parts = _split(url)
    if parts is None:
        msg = "must be a URL that begins with http:// or https:// and names a host"
        raise ValueError(msg)
    credentials, _, host = parts.netloc.rpartition("@")
    plain = urllib.parse.urlunsplit((parts.scheme, host, parts.path or "/", parts.query, ""))
    if not credentials:
        return _Target(plain, None)
    user, _, password = credentials.partition(":")
    pair = f"{urllib.parse.unquote(user)}:{urllib.parse.unquote(password)}"
    return _Target(plain, f"Basic {base64.b64encode(pair.encode()).decode()}")


def _split(url: str) -> urllib.parse.SplitResult | None:
    """Parts of a URL that can be POSTed to; None for any other."""
    with contextlib.suppress(ValueError):  # an invalid port, an unclosed bracket
        parts = urllib.parse.urlsplit(url)
        if parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0:
            return parts
    return None


def _redirected(target: _Target, place: str) -> _Target:
    """Resolve the target of a redirect.

    Raises:
        ValueError: it leads to another scheme, or is not a valid URL.
    """
    found = _target(urllib.parse.urljoin(target.url, place))
    if found.url.partition(":")[0] != target.url.partition(":")[0]:
        msg = "it leads to another scheme"
        raise ValueError(msg)
    return replace(found, authorization=target.authorization if found.origin == target.origin else None)


def _request(target: _Target, body: bytes) -> urllib.request.Request:
    headers = {"Content-Type": "application/json", "User-Agent": f"themis/{themis_version()}"}
    if target.authorization is not None:
        headers["Authorization"] = target.authorization
    return urllib.request.Request(target.url, data=body, headers=headers, method="POST")  # noqa: S310  # http(s), checked


def _unanswered(error: Exception) -> _Failure:
    if isinstance(error, http.client.HTTPException):
        return _Failure(f"no HTTP answer ({type(error).__name__})", again=True)
    return _Failure(str(getattr(error, "reason", error)), again=isinstance(error, OSError))


def _answered(error: urllib.error.HTTPError) -> _Failure:
    again = error.code == _TOO_MANY_REQUESTS or error.code in _SERVER_ERRORS
    after = error.headers.get("Retry-After", "")
    after_s = float(after) if after.isascii() and after.isdecimal() and len(after) <= len("86400") else 0.0
    return _Failure(f"answered {error.code}", again=again, after_s=after_s)
