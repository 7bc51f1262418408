"""Formulas that are written differently: by math-verify where it is installed, else different."""

import contextlib
from typing import Any

import pytest

from themis.core.builtins.answers import math_verify
from themis.core.builtins.answers.math_verify import MathVerify
from themis.core.builtins.metrics import math_equivalence
from themis.core.builtins.metrics.math_equivalence import MathEquivalence
from themis.core.contexts import ScoreContext
from themis.core.errors import InvalidArgumentError, MissingExtraError
from themis.core.models import Case, ParsedOutput, Score

needs_it = pytest.mark.skipif(not math_verify.is_available(), reason="needs math-verify")


@pytest.fixture
def without(monkeypatch: pytest.MonkeyPatch) -> None:
    """math-verify is not installed."""
    monkeypatch.setattr(math_verify, "is_available", lambda: False)
    monkeypatch.setattr(math_equivalence, "is_available", lambda: False)
    monkeypatch.setattr("themis.core.builtins.extras.is_installed", lambda _module: False)


def _scored(value: Any, expected: Any, metric: MathEquivalence | None = None) -> tuple[float, Any]:
    case = Case(case_id="a", input="q", expected_output=expected)
    parsed = ParsedOutput(value=value)
    found = (metric or MathEquivalence()).score(parsed, case, ScoreContext(run_id="r", case=case, parsed_output=parsed))
    assert isinstance(found, Score)
    return found.value, found.details["compared_by"]


@needs_it
@pytest.mark.parametrize(
    ("value", "expected", "score", "by"),
    [
        ("1 + x", "x+1", 1.0, "math-verify"),
        (r"2\sqrt{2}", r"\sqrt{8}", 1.0, "math-verify"),
        ("x^2+2x+1", "(x+1)^2", 1.0, "math-verify"),
        (r"\sqrt{4}", 2, 1.0, "math-verify"),
        (r"\{2, 1\}", r"\{1, 2\}", 1.0, "math-verify"),
        ("(2,1)", "(1,2)", 0.0, "math-verify"),
        ("x+2", "x+1", 0.0, "math-verify"),
        ("5", "5.0", 1.0, "exact"),
        ("0.333333", r"\frac{1}{3}", 0.0, "exact"),
        ("50%", "0.5", 1.0, "exact"),
        ("olleh", "hello", 0.0, "exact"),
        ("  ", "x", 0.0, "exact"),
        (r"\frac{", "x+1", 0.0, "exact"),
    ],
)
def test_formulas_are_rearranged_and_numbers_and_words_are_not(
    value: Any, expected: Any, score: float, by: str
) -> None:
    assert _scored(value, expected) == (score, by)
    assert _scored(value, expected, MathEquivalence("math-verify")) == (score, by)


@pytest.mark.usefixtures("without")
def test_without_it_formulas_are_compared_as_they_are_written() -> None:
    assert _scored("1 + x", "x+1") == (0.0, "exact")
    assert _scored("x + 1", "x+1") == (1.0, "exact")
    with pytest.raises(MissingExtraError, match=r"needs the package math-verify: pip install 'themis-eval\[math\]'"):
        MathEquivalence("math-verify")


def test_exact_rules_alone_can_be_asked_for() -> None:
    assert _scored("1 + x", "x+1", MathEquivalence("exact")) == (0.0, "exact")
    with pytest.raises(InvalidArgumentError, match="formulas: must be auto, math-verify or exact, not 'sympy'"):
        MathEquivalence("sympy")  # type: ignore[arg-type]


@needs_it
def test_what_the_metric_is_says_what_compares_formulas(monkeypatch: pytest.MonkeyPatch) -> None:
    with_it = MathEquivalence().fingerprint()
    monkeypatch.setattr(math_equivalence, "installed_version", lambda _name: "another")
    other_version = MathEquivalence().fingerprint()
    monkeypatch.setattr(math_equivalence, "is_available", lambda: False)
    without_it = MathEquivalence().fingerprint()
    assert len({with_it, other_version, without_it, MathEquivalence("exact").fingerprint()}) == 4


@pytest.mark.usefixtures("without")
def test_without_it_the_metric_is_what_it_was_before() -> None:
    assert MathEquivalence().arguments == {}


@needs_it
@pytest.mark.slow
def test_a_child_that_was_killed_is_started_again() -> None:
    verify = MathVerify()
    assert verify.equal("x+1", "1+x") is True
    assert verify._child is not None
    verify._child.kill()
    verify._child.wait()
    assert verify.equal("x+2", "1+x") is False
    child = verify._child
    verify.close()
    assert child is not None
    assert child.poll() is not None


@needs_it
@pytest.mark.slow
@pytest.mark.parametrize("bomb", ["9^{9^{9}}", "9!!!!"])
def test_a_formula_that_takes_for_ever_is_ended(bomb: str) -> None:
    verify = MathVerify(limit_s=2)
    with contextlib.suppress(TimeoutError):
        assert verify.equal(bomb, "1") in {False, None}
    assert verify.equal("x+1", "1+x") is True
    verify.close()


def test_a_comparison_that_is_ended_counts_as_different_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    class Endless:
        def equal(self, answer: str, expected: str) -> bool:
            raise TimeoutError

    metric = MathEquivalence()
    monkeypatch.setattr(metric, "_verify", Endless())
    case = Case(case_id="a", input="q", expected_output="x+1")
    parsed = ParsedOutput(value="9^{9^{9}}")
    found = metric.score(parsed, case, ScoreContext(run_id="r", case=case, parsed_output=parsed))
    assert isinstance(found, Score)
    assert found.value == 0.0
    assert "needs more than 5 s" in str(found.details["reason"])
