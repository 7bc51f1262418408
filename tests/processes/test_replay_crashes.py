"""A replay may be killed at any step: the run has its old results or the new ones, and a second replay ends the first.

The new results differ from the old ones in every case: the metric reads its score from a file.
"""

from contextlib import closing
from pathlib import Path

import pytest

from tests.processes.crash_points import kill_at, steps_of
from themis.core.config import EvaluationConfig, GenerationConfig, RuntimeConfig, StorageConfig
from themis.core.contexts import GenerateContext, ScoreContext
from themis.core.engine import writer
from themis.core.experiment import Experiment
from themis.core.models import Case, Dataset, GenerationResult, ParsedOutput, Score
from themis.core.outcomes.stages import Stage

CASES = 24
SCORE_FILE, CALLS_FILE, GENERATED_FILE = "score.txt", "scored.txt", "generated.txt"


class RecordingGenerator:
    """Answers with the expected output, and writes down each call."""

    component_id = "test/recording_generator"
    version = "1"

    def __init__(self, folder: str) -> None:
        self.folder = Path(folder)

    def fingerprint(self) -> str:
        """Always the same."""
        return "1"

    async def generate(self, case: Case, ctx: GenerateContext) -> GenerationResult:
        """The expected output."""
        with (self.folder / GENERATED_FILE).open("a", encoding="utf-8") as file:
            file.write(f"{case.case_id}\n")
        return GenerationResult(candidate_id=f"{case.case_id}-{ctx.seed}", final_output=case.expected_output)


class FileMetric:
    """Scores what a file says, and writes down each call."""

    component_id = "test/file_metric"
    version = "1"

    def __init__(self, folder: str) -> None:
        self.folder = Path(folder)

    def fingerprint(self) -> str:
        """Always the same."""
        return "1"

    def score(self, parsed: ParsedOutput, case: Case, ctx: ScoreContext) -> Score:
        """The number in the file."""
        del parsed, ctx
        with (self.folder / CALLS_FILE).open("a", encoding="utf-8") as file:
            file.write(f"{case.case_id}\n")
        return Score(metric_id=self.component_id, value=float((self.folder / SCORE_FILE).read_text(encoding="utf-8")))


def experiment(folder: Path) -> Experiment:
    """A few cases, one after the other."""
    arguments = {"folder": str(folder)}
    cases = [Case(case_id=f"c{number}", input=number, expected_output=number) for number in range(CASES)]
    return Experiment(
        generation=GenerationConfig(generator={"use": f"{__name__}:RecordingGenerator", "with": arguments}),
        evaluation=EvaluationConfig(metrics=[{"use": f"{__name__}:FileMetric", "with": arguments}]),
        storage=StorageConfig(store="sqlite", parameters={"path": str(folder / "themis.sqlite3")}),
        runtime=RuntimeConfig(max_concurrent_tasks=1),
        datasets=[Dataset(dataset_id="few", cases=cases)],
    )


def replay(folder: Path) -> None:
    """Replay the run, committing every few outcomes."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(writer, "COMMIT_ROWS", 8)
        patch.setattr(writer, "MAX_WAITING_ROWS", 8)
        experiment(folder).replay("score")


def scored_run(folder: Path) -> Path:
    """A folder with a run whose scores are 0.25, and whose metric now gives 0.75."""
    folder.mkdir()
    (folder / SCORE_FILE).write_text("0.25")
    experiment(folder).run()
    (folder / SCORE_FILE).write_text("0.75")
    (folder / CALLS_FILE).write_text("")
    return folder


def scores(folder: Path) -> list[float | None]:
    """The stored score of each case."""
    made = experiment(folder)
    with closing(made.open_store()) as store:
        found = store.outcomes_between(made.compile().run_id, 0, CASES)
    return [outcome.value for outcome in found if outcome.stage is Stage.SCORE]


def calls(folder: Path, name: str = CALLS_FILE) -> int:
    """How often the metric was called for a replay, or another component."""
    return len((folder / name).read_text(encoding="utf-8").splitlines())


OLD, NEW = [0.25] * CASES, [0.75] * CASES


@pytest.mark.parametrize("points", ["two", pytest.param("all", marks=pytest.mark.slow)])
def test_killed_at_any_step_a_replay_leaves_the_old_or_the_new_results_and_is_continued(
    points: str, tmp_path: Path
) -> None:
    calm = scored_run(tmp_path / "calm")
    assert scores(calm) == OLD
    steps = steps_of(replay, calm)
    assert scores(calm) == NEW
    commits = [number for number, step in enumerate(steps) if step.startswith("commit")]
    for point in range(len(steps)) if points == "all" else (commits[1], commits[-1]):
        folder = scored_run(tmp_path / f"at {point}")
        assert kill_at(point, replay, folder), steps[point]
        assert scores(folder) in (OLD, NEW), steps[point]
        before = calls(folder)
        replay(folder)
        assert scores(folder) == NEW, steps[point]
        again = calls(folder) - before
        if point == commits[-1]:
            assert (before, again) == (CASES, 0), "all was committed, but for the end"
        assert again + before >= CASES
        assert calls(folder, GENERATED_FILE) == CASES, "only the run itself generated"
