"""Errors of a model provider: its answers that are not one, told apart by what follows from them.

The engine knows no class of these: it reads attributes, which a user's own generator may raise too.

    retryable   the same call may succeed later
    throttled   the provider asks for fewer calls: waiting uses up no attempt
    breaks      every call will fail the same way: after several in a row the run stops
    of_case     this case is at fault, and others may succeed: the run does not stop for it
    unsent      the request has not reached the provider, and is not charged for
    stops_run   the experiment itself must be changed: the run stops at once
    config_key  the key of the configuration to change
"""

from dataclasses import dataclass, field

from themis.core.errors.base import InputError, StateError, ThemisError, UnavailableError


@dataclass(frozen=True, slots=True)
class ProviderReply:
    """Facts of a provider's reply for programs.

    Attributes:
        status_code: of HTTP; None without a reply.
        retry_after_s: seconds that it asks to wait; None when it does not say.
        request_id: its name for the request.
        rate_limit: its limits and what is left of them, see `themis.adapters.rate_limit_headers`.
        token_usage: the tokens that it has counted, see `GenerationResult`; None when it does not say.
    """

    status_code: int | None = None
    retry_after_s: float | None = None
    request_id: str | None = None
    rate_limit: dict[str, float] = field(default_factory=dict)
    token_usage: dict[str, int] | None = None


class ProviderError(ThemisError, RuntimeError):
    """{provider}: {detail}"""

    reply: ProviderReply
    retryable: bool = False
    throttled: bool = False
    breaks: bool = False
    of_case: bool = False
    stops_run: bool = False
    unsent: bool = False
    category: str | None = None

    @property
    def status_code(self) -> int | None:
        """Status of the reply; None without one."""
        return self.reply.status_code

    @property
    def retry_after_s(self) -> float | None:
        """Seconds that the provider asks to wait."""
        return self.reply.retry_after_s

    @property
    def rate_limit(self) -> dict[str, float]:
        """The provider's limits and what is left of them."""
        return self.reply.rate_limit

    @property
    def token_usage(self) -> dict[str, int] | None:
        """The tokens that the provider has counted for it all the same; None when it does not say."""
        return self.reply.token_usage


class ProviderThrottledError(ProviderError):
    """{provider}: asks for fewer requests: {detail}"""

    retryable = True
    throttled = True


class ProviderUnavailableError(ProviderError):
    """{provider}: cannot answer now: {detail}"""

    retryable = True


class ProviderUnreachableError(ProviderError):
    """{provider}: cannot be reached: {what} ({detail}); {mend}"""

    retryable = True
    breaks = True
    unsent = True


class ProviderKeyError(ProviderError):
    """{provider}: refuses the API key: {detail}; check the key that api_key of the generator refers to"""

    breaks = True


class ProviderQuotaError(ProviderError):
    """{provider}: the account's quota or credit is used up: {detail}"""

    breaks = True


class ProviderNotFoundError(ProviderError):
    """{provider}: has no such model or address: {detail}; check model_id and base_url of the generator"""

    breaks = True


class InvalidRequestError(ProviderError):
    """{provider}: refuses the request: {detail}"""

    breaks = True


class RefusedParameterError(ProviderError):
    """{provider}: the model does not accept {key}: {detail}; remove it, or list {name!r} in drop_params to leave it out"""

    stops_run = True

    @property
    def config_key(self) -> str:
        """Key of the configuration to change."""
        return str(self.facts["key"])


class RefusedCaseError(ProviderError):
    """{provider}: refuses the input of this case: {detail}"""

    of_case = True


class UnsendableCaseError(ProviderError):
    """{provider}: the input of this case cannot be sent: {detail}"""

    of_case = True


class BadResponseError(ProviderError):
    """{provider}: gave a reply that is not an answer: {detail}"""

    retryable = True
    category = "bad_response"


class NoContinuationsError(ProviderError):
    """{provider}: cannot say the log-likelihoods of continuations: {detail}"""

    stops_run = True
    config_key = "generation.generator"


class GraphOutputError(ProviderError):
    """{provider}: the output of the graph has no key {key!r}, which output_key names; it has {found}"""

    breaks = True


class StalledStreamError(ProviderError):
    """{provider}: sent nothing for {seconds:g} s in the middle of its answer"""

    retryable = True


class RunStoppedError(InputError):
    """the run stopped: {detail}; finished cases are stored, and the run continues when it is started again"""

    key: str | None


class BrokenOffError(StateError):
    """the run stopped: {detail}"""


class RepeatedFailureError(BrokenOffError):
    """the run stopped, as {what} failed {failures} times in a row in the same way, the last time: {detail}; mend the cause and start it again: finished cases are stored, and it continues (a larger runtime.breaker.failures lets more cases fail first)"""

    exit_code = 3
    retryable: bool


class ProviderOutageError(BrokenOffError):
    """the run stopped after {failures} failures in a row, the last one: {detail}; finished cases are stored, and the run continues when it is started again"""

    exit_code = 4
    retry_after_s: float | None


class KeyRefusedError(ProviderOutageError):
    """the run stopped after {failures} failures in a row, the last one: {detail}; mend the key and start it again: finished cases are stored, and the run continues"""


class LimitFileError(UnavailableError):
    """limits of providers: {path}: {detail}"""


class NoBatchesError(InputError):
    """runtime.batch: {generator} {detail}; remove runtime.batch, or ask a provider that has batches, by the generator openai or anthropic"""


class BatchesRefusedError(ProviderOutageError):
    """the provider does not take the batches of this run: {detail}; finished cases are stored, and the run continues when it is started again"""


class BatchWaitError(StateError):
    """{detail}"""

    retry_after_s: float
