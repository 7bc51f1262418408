"""`themis init`: a small working experiment to start from."""

from pathlib import Path

import click

from themis.cli.command import command
from themis.cli.terminal.output import say
from themis.core.errors import InvalidArgumentError

EXPERIMENT = """\
# Run it with    themis run --config experiment.yaml
# or queue it:   themis submit --config experiment.yaml --mode worker-pool

generation:
  generator: builtin/demo_generator   # knows every answer; your own is package.module:name
evaluation:
  parsers: [builtin/json_identity]    # finds the answer in the model's output
  metrics: [builtin/exact_match]      # 1 when the answer is the expected one, else 0
storage:
  store: sqlite                       # runs/themis.sqlite3, beside this file
datasets:
  - dataset_id: sample
    path: data/sample.jsonl           # one case per line
"""

SAMPLE = """\
{"case_id": "france", "input": "What is the capital of France?", "expected_output": "Paris"}
{"case_id": "japan", "input": "What is the capital of Japan?", "expected_output": "Tokyo"}
{"case_id": "kenya", "input": "What is the capital of Kenya?", "expected_output": "Nairobi"}
"""

RUN = '''\
"""Run the experiment beside this file, and print the score of each case."""

from pathlib import Path

from themis import Experiment
from themis.core import Score

result = Experiment.from_config(Path(__file__).with_name("experiment.yaml")).run()
print(f"{result.run_id[:12]} {result.status}: {result.progress.completed_cases} of {result.progress.total_cases} cases")
for case in result.cases:
    for score in case.scores:
        print(case.case_id, score.metric_id, "=", f"{score.value:g}" if isinstance(score, Score) else score.reason)
'''

FILES = {"experiment.yaml": EXPERIMENT, "data/sample.jsonl": SAMPLE, "run.py": RUN}


@command("init", "themis init --path mine", "themis run --config mine/experiment.yaml")
@click.option(
    "--path", required=True, type=click.Path(path_type=Path), metavar="FOLDER", help="Created if it does not exist."
)
def init(*, path: Path) -> None:
    """Write experiment.yaml, data/sample.jsonl and run.py into a folder, and print its path.

    They run as they are. No file is overwritten.
    """
    present = [name for name in FILES if (path / name).exists()]
    if present:
        detail = f"{path} already contains {present[0]}, which is not overwritten; name another folder"
        raise InvalidArgumentError(argument="--path", detail=detail)
    try:
        for name, text in FILES.items():
            file = path / name
            file.parent.mkdir(parents=True, exist_ok=True)
            with file.open("x", encoding="utf-8") as out:
                out.write(text)
    except OSError as error:
        detail = f"cannot write {error.filename or path}: {error.strerror}"
        raise InvalidArgumentError(argument="--path", detail=detail) from error
    say(str(path))
