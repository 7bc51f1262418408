"""The outline of a run says which of its stages did anything, as its snapshot does."""

import pytest

from tests.support import lab
from themis.core.monitor.run_outline import UNKNOWN, outline_of
from themis.core.outcomes.stages import until_name


@pytest.mark.parametrize(
    ("metrics", "through", "last"),
    [
        (("builtin/exact_match",), "judge", "score"),
        (("builtin/exact_match",), "generate", "generate"),
        ((), "judge", "parse"),
    ],
)
def test_a_stage_that_had_nothing_to_do_is_not_named(metrics: tuple[str, ...], through: str, last: str) -> None:
    snapshot = lab.experiment(metrics=metrics).compile()
    outline = outline_of(snapshot.model_dump_json().encode())
    assert outline.last_stage(through) == last
    assert until_name(outline.last) == until_name(snapshot.last_stage)


def test_of_an_unknown_run_the_stage_stays_that_of_its_row() -> None:
    assert UNKNOWN.last_stage("judge") == "judge"
