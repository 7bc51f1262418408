"""Setting of traces: whether a run sends them, and whether prompts and answers are in them."""

from typing import Annotated

from pydantic import BeforeValidator

from themis.core.base import FrozenModel


class TracingConfig(FrozenModel):
    """Settings of the traces of a run; where they go is up to the variables `OTEL_…` of the environment.

    Attributes:
        content: whether prompts, answers and judges' reasons are in them; None leaves that to the variable
            `OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT`.
    """

    content: bool | None = None


def _in_full(value: object) -> object:
    return {} if value is True else value


Tracing = Annotated[TracingConfig | bool | None, BeforeValidator(_in_full)]
"""Whether a run is traced, and how: true for the usual settings; None leaves it to the variable `THEMIS_TRACING`."""
