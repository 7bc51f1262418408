"""The folder that the session takes place in: five experiments with simulated models, slow enough to be watched."""

from pathlib import Path
from typing import NamedTuple

import yaml

from themis.demo import write_demo


class Model(NamedTuple):
    """A simulated model; `latency_ms` is how long an answer takes, on average."""

    name: str
    skill: float
    latency_ms: int


MODELS = (
    # These two run first. One is cancelled half-way: it must not end before the command to cancel it has started.
    Model("sage", 0.95, 400),
    Model("scholar", 0.9, 400),
    Model("scout", 0.8, 120),
    Model("squire", 0.6, 120),
    Model("sprout", 0.4, 100),
)
_PROBLEMS = 240
_AT_ONCE = 4


def furnish(folder: Path) -> None:
    """Write one config file for each model to `folder`, and the problems beside them."""
    config, *others = write_demo(folder, problems=_PROBLEMS)
    document = yaml.safe_load(config.read_text(encoding="utf-8"))
    for file in (config, *others):
        file.unlink()
    document["runtime"]["max_concurrent_tasks"] = _AT_ONCE
    for model in MODELS:
        document["generation"]["generator"]["with"] = {**model._asdict(), "seed": 7, "failure_rate": 0.0}
        text = yaml.safe_dump(document, sort_keys=False)
        (folder / f"{model.name}.yaml").write_text(text, encoding="utf-8")
