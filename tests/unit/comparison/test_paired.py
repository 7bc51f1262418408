"""Paired comparison: pairs, differences, intervals, tests."""

import pytest

from themis.core.comparison.comparing import Flip, Unpaired, compare, flips
from themis.core.comparison.conclusion import conclusion
from themis.core.comparison.paired import adjusted_wald, paired_difference
from themis.core.comparison.scores import RunScores
from themis.core.read_models import BenchmarkResult, BenchmarkScoreRow

Scores = list[float] | list[float | None] | list[None]


def run(name: str, **metrics: Scores) -> RunScores:
    return RunScores(name, {metric: {f"c{no}": value for no, value in enumerate(of)} for metric, of in metrics.items()})


def test_scores_of_zero_and_one_are_compared_by_mcnemar() -> None:
    before = run("a", exact=[1.0] * 86 + [0.0] * 150 + [1.0] * 794 + [0.0] * 570)
    after = run("b", exact=[0.0] * 86 + [1.0] * 150 + [1.0] * 794 + [0.0] * 570)
    found = paired_difference(before, after, "exact")
    assert (found.pairs, found.wins, found.losses, found.ties) == (1600, 150, 86, 1364)
    assert found.mean_delta == pytest.approx(64 / 1600)
    assert (found.baseline_mean, found.candidate_mean) == (0.55, 0.59)
    assert found.test == "mcnemar"
    assert found.p_value == pytest.approx(3.716e-05, rel=1e-3)
    # Wald's interval, which so many cases hardly need to have adjusted: 0.02128 to 0.05872.
    assert (found.ci_lower, found.ci_upper) == pytest.approx((0.02128, 0.05872), abs=2e-4)


def test_other_scores_are_compared_by_permutation() -> None:
    before = run("a", f1=[0.1, 0.2, 0.3, 0.4, 0.5])
    after = run("b", f1=[0.2, 0.4, 0.5, 0.5, 0.9])
    found = paired_difference(before, after, "f1")
    assert found.test == "permutation"
    # Of 32 assignments of signs, two have a sum as far from zero.
    assert found.p_value == pytest.approx(2 / 32, abs=0.01)
    assert found.mean_delta == pytest.approx(0.2)
    # Student's interval: 2.7764451 standard errors of 0.1224745 / sqrt(5) on either side.
    assert (found.ci_lower, found.ci_upper) == pytest.approx((0.0479278, 0.3520722), abs=1e-6)


def test_cases_of_one_cluster_count_as_one() -> None:
    values = [1.0, 0.0, 1.0, 1.0, 0.0, 1.0]
    before, after = run("a", exact=[0.0] * 24), run("b", exact=[value for value in values for _ in range(4)])
    clusters = {f"c{no}": f"text {no // 4}" for no in range(24)}
    alone, clustered = paired_difference(before, after, "exact"), paired_difference(before, after, "exact", clusters)
    assert clustered.clusters == 6
    assert clustered.test == "clustered t"
    assert clustered.standard_error == pytest.approx(0.2108185)  # of six values: their deviation over root six
    assert clustered.p_value is not None
    assert alone.p_value is not None
    assert clustered.p_value > 100 * alone.p_value


def test_what_is_not_paired_is_named() -> None:
    before = RunScores("a", {"exact": {"x": 1.0, "y": None, "z": 0.0, "only a": 1.0}, "f1": {"x": 0.5}})
    after = RunScores("b", {"exact": {"x": 0.0, "y": 1.0, "z": None, "only b": None}, "bleu": {"x": 0.5}})
    found = compare(before, after)
    assert found.metrics["exact"].pairs == 1
    assert found.unpaired["exact"] == Unpaired(("only a",), ("only b",), ("y",), ("z",))
    assert (found.only_in_baseline, found.only_in_candidate) == (("f1",), ("bleu",))
    assert flips(before, after, "exact") == [Flip("exact", "x", 1.0, 0.0)]


def test_flips_are_listed_with_what_became_worse_first() -> None:
    before, after = run("a", f1=[0.5, 0.5, 0.5, 0.5]), run("b", f1=[1.0, 0.4, 0.5, 0.0])
    every = flips(before, after, "f1")
    assert [flip.case_key for flip in every] == ["c3", "c1", "c0"]
    assert [flips(before, after, "f1", most) for most in range(5)] == [every[:most] for most in range(5)]


def test_p_values_of_several_metrics_are_adjusted() -> None:
    before = run("a", one=[0.0] * 10, two=[0.0] * 10)
    after = run("b", one=[1.0] * 8 + [0.0] * 2, two=[1.0] * 6 + [0.0] * 4)
    found = compare(before, after).metrics
    assert found["one"].p_adjusted == pytest.approx(2 * 2 / 2**8)
    assert found["two"].p_adjusted == pytest.approx(2 / 2**6)


def test_without_pairs_nothing_is_said() -> None:
    found = paired_difference(run("a", exact=[None]), run("b", exact=[1.0]), "exact")
    assert (found.pairs, found.mean_delta, found.p_value) == (0, None, None)
    assert conclusion("exact", found, "a", "b") == "exact: nothing follows; no case has a score in both runs."


def test_one_pair_has_a_difference_but_no_interval() -> None:
    found = paired_difference(run("a", exact=[0.0]), run("b", exact=[1.0]), "exact")
    assert (found.mean_delta, found.standard_error, found.ci_lower) == (1.0, None, None)


def test_the_interval_of_runs_that_never_differ_is_not_a_point() -> None:
    assert adjusted_wald(0, 0, 100) == pytest.approx((-0.0271745, 0.0271745), abs=1e-6)
    assert adjusted_wald(0, 1, 1)[0] == -1.0


def test_the_conclusion_names_the_better_run_or_what_would_have_been_seen() -> None:
    before = run("a", exact=[0.0] * 100)
    better = compare(before, run("b", exact=[1.0] * 20 + [0.0] * 80)).metrics["exact"]
    assert conclusion("exact", better, "old", "new") == (
        "exact: new scores higher than old "
        "(+0.2000, 95 % interval +0.1144 to +0.2778, p = less than 0.0001, 100 pairs)."
    )
    same = compare(before, run("b", exact=[1.0] * 2 + [0.0] * 98)).metrics["exact"]
    assert "exact: no difference is shown (+0.0200, " in (said := conclusion("exact", same, "old", "new"))
    assert said.endswith("so many pairs would show a difference of 0.0394 four times out of five.")


def test_the_scores_of_single_candidates_are_no_pairs() -> None:
    rows = [
        BenchmarkScoreRow(case_id="q", case_key="1:d:q", metric_id="exact", value=value, candidate_index=index)
        for value, index in ((1.0, None), (0.0, 0), (0.5, 1))
    ]
    table = BenchmarkResult(run_id="r", metric_ids=["exact"], score_rows=rows)
    assert RunScores.of(table).scores == {"exact": {"1:d:q": 1.0}}
