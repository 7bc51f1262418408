"""The real job of the documentation is as short as its page says, and needs no loop; other tests follow the page."""

import copy
import re
import shlex
from itertools import product
from pathlib import Path

import yaml

from tests.acceptance.test_documentation import BLOCK, TOP, blocks_of, commands_of
from themis.core.configuration.config_file import overridden
from themis.core.configuration.sweeps.sweep_file import sweep_in

PAGE = TOP / "docs" / "guides" / "a-real-job.md"
MOST_COMMANDS = 12
OF_A_SHELL = re.compile(r"[|;&<>`*]|\$\(|\b(?:for|while|until|do|done|xargs|seq|parallel|make|bash|sh|python)\b")


def commands() -> list[str]:
    """All commands of the page, those too that no test follows."""
    found = BLOCK.finditer(PAGE.read_text(encoding="utf-8"))
    texts = [block["text"].replace("\\\n", " ") for block in found if block["language"] in {"console", "bash"}]
    return [line.removeprefix("$ ") for text in texts for line in text.splitlines() if line.startswith("$ ")]


def of_kind(verb: str) -> list[list[str]]:
    return [words for words in map(shlex.split, commands()) if words[1] == verb]


def test_the_job_takes_at_most_twelve_commands_and_each_of_them_is_followed() -> None:
    followed = [
        command for block in blocks_of(PAGE) if block.language == "console" for command, _ in commands_of(block)
    ]
    assert commands() == followed
    assert 0 < len(followed) <= MOST_COMMANDS


def test_no_command_of_the_job_is_a_loop_or_a_pipe() -> None:
    for command in commands():
        outside_quotes = re.sub(r"'[^']*'", "", command)
        assert not OF_A_SHELL.search(outside_quotes), command
        assert command.startswith("themis ")


def test_the_job_is_two_models_two_prompts_and_two_seeds_by_one_command(tmp_path: Path) -> None:
    (submit,) = of_kind("submit")
    config, option, file = submit[2:]
    assert option == "--sweep-file"
    texts = {block.name: block.text for block in blocks_of(PAGE)}
    (tmp_path / file).write_text(texts[file])
    document = yaml.safe_load(texts[config])
    runs = [overridden(copy.deepcopy(document), row.overrides) for row in sweep_in(tmp_path / file).rows]
    kinds = [
        (run["generation"]["generator"]["with"]["model_id"], run["generation"]["prompt"]["system"], *run["seeds"])
        for run in runs
    ]
    models, prompts, seeds = ({kind[place] for kind in kinds} for place in range(3))
    assert (len(models), len(prompts), len(seeds)) == (2, 2, 2)
    assert sorted(kinds) == sorted(product(models, prompts, seeds))
    assert document["generation"] in [run["generation"] for run in runs], "its two cases are of one of them"


def test_two_workers_do_the_job_at_a_time_and_it_ends_with_a_comparison_and_a_report() -> None:
    meanwhile = [block for block in blocks_of(PAGE) if block.meanwhile]
    names = [words[words.index("--name") + 1] for words in of_kind("worker")]
    assert len(meanwhile) == len(set(names)) == 2
    assert of_kind("compare")
    assert shlex.split(commands()[-1])[1] == "report"


def test_the_page_shows_the_means_that_it_computes() -> None:
    text = PAGE.read_text(encoding="utf-8")
    of_runs = r"^\w{8}  model=(\w+),prompt=(\w+),seed=\d  completed  16/16 +([\d.]+)  "
    rows = re.findall(of_runs, text, re.MULTILINE)
    assert len(rows) == 8
    computed = re.findall(r'\("(\w+)", "(\w+)"\): ([\d.]+),', text)
    assert len(computed) == 4
    for model, prompt, mean in computed:
        of_both_seeds = [float(value) for *kind, value in rows if kind == [model, prompt]]
        assert sum(of_both_seeds) / 2 == float(mean)
