"""`themis demo`: simulated models, evaluated through the queue by real workers while the user watches."""

import json
import os
import shlex
import subprocess
import sys
import threading
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import click

from themis.cli.begin.found_models import found_model
from themis.cli.begin.starting_files import STARTS
from themis.cli.command import command
from themis.cli.offers import values
from themis.cli.terminal.output import how_long, say, table
from themis.cli.terminal.own_command import own_command
from themis.core.errors import InvalidArgumentError, StateError

DEFAULT_FOLDER = Path("demo")
WORKERS = 2

_MOST_NAMES = 100
_IN_WORDS = {"completed": "done", "partial_failure": "done; some cases failed"}


@command("demo", "themis demo", "themis demo --path first-look")
@click.option(
    "--path",
    type=click.Path(path_type=Path),
    default=DEFAULT_FOLDER,
    show_default=True,
    metavar="FOLDER",
    help="The folder for its files and results.",
)
@click.option(
    "--model",
    metavar="PROVIDER/MODEL",
    shell_complete=values.models,
    help="Also ask this model the first 20 problems, such as ollama/gemma3:270m.",
)
def demo(*, path: Path, model: str | None) -> None:
    """Write a dataset, submit an experiment for each of several simulated models, run workers, and compare scores.

    Simulated models answer on this machine, at no cost, and err like real ones; without --model nothing leaves it. The
    files are kept, so that you can read and change them.
    """
    configs = _write(path, model)
    with (path / "data" / "problems.jsonl").open(encoding="utf-8") as file:
        problems = sum(1 for _ in file)
    whose = "simulated model" if model is None else f"model: {model}, and simulated ones"
    say(f"1. Wrote {problems} word problems and {len(configs)} experiments into {path}/, one per {whose}.")
    experiments = {config.stem: _submit(config) for config in configs}
    say(f"2. Submitted them to the queue in {path}/runs/queue: each is a file in queued/ now, safe on disk.")
    say(
        f"3. Started {WORKERS} workers. Each runs one experiment after the other: it asks the model, scores and stores:"
    )
    started = time.monotonic()
    _work(path / "runs" / "queue", {run_id: name for name, run_id in experiments.items()})
    say(f"4. The queue is empty after {how_long(time.monotonic() - started)}. The scores of each model:")
    say()
    _show_scores(configs)
    say()
    say("A case without an answer (the model gave no number) counts as wrong. One that failed (the model could not be")
    say("asked) has no score. The interval contains the accuracy with 95 % confidence.")
    say()
    ours, last = own_command(), shlex.quote(str(configs[-1]))
    say(f"What the weakest model got wrong:    {ours} cases {last} --where 'math_equivalence<1'")
    say(f"All results of one model:            {ours} report {shlex.quote(str(configs[0]))} --format markdown-summary")
    if model is None and (found := found_model(os.environ)) is not None:
        name = found.model or STARTS[found.provider].model
        again = f"{ours} demo --path {shlex.quote(str(path))} --model {shlex.quote(f'{found.provider}/{name}')}"
        say(f"Ask a real model ({found.why}):  {again}")
    say(f"Start an experiment of your own:     {ours} init --path {_free('mine')}")


def _free(name: str) -> str:
    """The name, or the first one with a number behind it under which nothing is here yet."""
    names = (name, *(f"{name}-{number}" for number in range(2, _MOST_NAMES)))
    return next((one for one in names if not Path(one).exists()), name)


def _write(folder: Path, model: str | None) -> list[Path]:
    from themis.adapters.model_names import generator_of
    from themis.demo import write_demo

    asked = None if model is None else generator_of(model)
    if folder.exists() and not folder.is_dir():
        raise InvalidArgumentError(argument="--path", detail=f"{folder} is not a folder")
    try:
        others = [] if (folder / "data" / "problems.jsonl").exists() else [*folder.glob("*.yaml"), *folder.glob("data")]
        if others:
            detail = f"{folder} contains {others[0].name} and no earlier demo; name a new folder"
            raise InvalidArgumentError(argument="--path", detail=detail)
        return write_demo(folder, asked=asked)
    except OSError as error:
        detail = f"cannot write {error.filename or folder}: {error.strerror}"
        raise InvalidArgumentError(argument="--path", detail=detail) from error


def _submit(config: Path) -> str:
    from themis.cli.targets import open_experiment
    from themis.core.submission import submit_experiment

    # A demo that ran before is to run again.
    experiment = open_experiment(config, ["runtime.existing_run_policy=rerun"])
    return submit_experiment(experiment, config_path=config).run_id


def _work(queue_root: Path, names: dict[str, str]) -> None:
    """Run the queued experiments with several workers; each call of the command runs one, as cron would."""
    problems: list[str] = []
    threads = [
        threading.Thread(target=_worker, args=(number, queue_root, names, problems), name=f"worker {number}")
        for number in range(1, WORKERS + 1)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if problems:
        raise StateError(detail=problems[0])


def _worker(number: int, queue_root: Path, names: dict[str, str], problems: list[str]) -> None:
    command_line = [sys.executable, "-m", "themis", "worker", "run", "--queue-root", str(queue_root), "--quiet"]
    while not problems:
        started = time.monotonic()
        done = subprocess.run(command_line, capture_output=True, text=True, check=False)  # noqa: S603  # our own command
        if done.returncode != 0:
            problems.append(done.stderr.strip() or f"a worker ended with {done.returncode}")
            return
        answer: dict[str, Any] = json.loads(done.stdout)
        if answer["status"] == "idle":
            return
        name = names.get(answer["run_id"], answer["run_id"][:12])
        how = _IN_WORDS.get(answer["status"], answer["status"])
        say(f"   worker {number}: {name:<8} {how}, after {how_long(time.monotonic() - started)}")


def _show_scores(configs: list[Path]) -> None:
    from themis.cli.targets import open_experiment
    from themis.core.monitor.runs import StoredRuns
    from themis.core.statistics.score_tally import ScoreTally
    from themis.core.stores.registry import location_of

    rows = []
    for config in configs:
        experiment = open_experiment(config, [])
        snapshot = experiment.compile()
        with closing(StoredRuns(location_of(experiment.storage))) as runs:
            run = next(runs.find(snapshot.run_id, 1), None)
        took = (run.ended_ms or 0) - (run.started_ms or 0) if run else 0
        found = next(iter(run.metrics.values() if run else ()), ScoreTally().summary(snapshot.total_cases))
        interval = None if found.ci_lower is None else f"{found.ci_lower:.1%} to {found.ci_upper:.1%}"
        accuracy = None if found.mean is None else f"{found.mean:.1%}"
        counts = (found.scored, found.no_answer, found.unscored)
        rows.append((config.stem, accuracy, interval, *counts, how_long(took / 1000)))
    headers = ("model", "accuracy", "95 % interval", "scored", "no answer", "failed", "took")
    for line in table(headers, rows, right=headers[1:]):
        say(f"   {line}")
