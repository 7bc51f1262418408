"""The real job of the documentation is as short as its page says, and needs no loop; other tests follow the page."""

import re
import shlex
from itertools import product

import yaml

from tests.acceptance.test_documentation import BLOCK, TOP, blocks_of, commands_of

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


def test_the_job_is_two_models_two_prompts_and_two_seeds() -> None:
    files = {
        block.name: yaml.safe_load(block.text) for block in blocks_of(PAGE) if (block.name or "").endswith(".yaml")
    }
    submitted = {
        (words[words.index("--set") + 1], name) for words in of_kind("submit") for name in words if name in files
    }
    runs = [
        (one["generation"]["generator"]["with"]["model_id"], one["generation"]["prompt"]["system"], seeds)
        for seeds, name in sorted(submitted)
        for one in [files[name]]
    ]
    models, prompts, seeds = ({run[place] for run in runs} for place in range(3))
    assert (len(models), len(prompts), len(seeds)) == (2, 2, 2)
    assert sorted(runs) == sorted(product(models, prompts, seeds))


def test_two_workers_do_the_job_at_a_time_and_it_ends_with_a_comparison_and_a_report() -> None:
    meanwhile = [block for block in blocks_of(PAGE) if block.meanwhile]
    names = [words[words.index("--name") + 1] for words in of_kind("worker")]
    assert len(meanwhile) == len(set(names)) == 2
    assert of_kind("compare")
    assert shlex.split(commands()[-1])[1] == "report"


def test_the_page_shows_the_means_that_it_computes() -> None:
    text = PAGE.read_text(encoding="utf-8")
    rows = re.findall(
        r"completed  16/16 +([\d.]+) .*\n(?:  .*\n)*?  (?:.*  )?labels model=(\w+), prompt=(\w+), seed=\d$",
        text,
        re.MULTILINE,
    )
    assert len(rows) == 8
    computed = re.findall(r'\("(\w+)", "(\w+)"\): ([\d.]+),', text)
    assert len(computed) == 4
    for model, prompt, mean in computed:
        of_both_seeds = [float(value) for value, *kind in rows if kind == [model, prompt]]
        assert sum(of_both_seeds) / 2 == float(mean)
