"""The setting of a run whose generations go through batches."""

import pytest
from pydantic import ValidationError

from themis.core.config import RuntimeConfig
from themis.core.values.batch import BatchConfig
from themis.core.values.durations import duration_s


@pytest.mark.parametrize(
    ("text", "seconds"), [("90s", 90), ("10m", 600), ("2h30m", 9_000), ("1d", 86_400), ("1w", 604_800)]
)
def test_a_duration_is_written_as_people_do(text: str, seconds: int) -> None:
    assert duration_s(text) == seconds


@pytest.mark.parametrize("text", ["", "10", "m", "10 m", "1.5h", "-3m", "10min", "٣m"])
def test_another_text_is_no_duration(text: str) -> None:
    assert duration_s(text) is None


def test_times_are_seconds_or_durations_and_have_defaults() -> None:
    assert RuntimeConfig().batch is None
    assert RuntimeConfig.model_validate({"batch": {}}).batch == BatchConfig(after=600.0, poll=300.0)
    found = RuntimeConfig.model_validate({"batch": {"after": "2h30m", "poll": 45}}).batch
    assert found is not None
    assert (found.after, found.poll) == (9_000.0, 45.0)
    assert RuntimeConfig.model_validate_json(RuntimeConfig(batch=found).model_dump_json()).batch == found


@pytest.mark.parametrize("value", [0, -1, "0s", "soon", "2d", "999999999999999999w", True, None, 1e9])
def test_a_time_that_cannot_be_is_refused(value: object) -> None:
    with pytest.raises(ValidationError):
        RuntimeConfig.model_validate({"batch": {"poll": value}})
