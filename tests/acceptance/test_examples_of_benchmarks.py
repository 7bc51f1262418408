"""Benchmarks whose prompts show examples, with the examples of the splits that a hub serves."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.hub_server import Hub, hub_server

pytestmark = pytest.mark.slow

SUBJECTS = ("law", "math")
Rows = dict[str, list[dict[str, Any]]]


def word_problems() -> Rows:
    def made(split: str, count: int) -> list[dict[str, Any]]:
        rows = (
            (f"{split} {number}: what is 2 times {number}?", f"2 * {number}\n#### {2 * number}")
            for number in range(count)
        )
        return [{"question": question, "answer": answer} for question, answer in rows]

    return {"train": made("train", 8), "test": made("test", 2)}


def science(split: str, count: int) -> list[dict[str, Any]]:
    # Numbers as choices: only the recipe knows that the answer is the position of a label.
    choices = {"text": ["2", "3", "1"], "label": ["1", "2", "3"]}
    return [
        {"id": f"{split}-{number}", "question": f"{split} {number}?", "choices": choices, "answerKey": "2"}
        for number in range(count)
    ]


def endings(split: str, count: int) -> list[dict[str, Any]]:
    shared = {
        "activity_label": "Tea",
        "ctx_b": "he",
        "endings": ["drinks.", "flies.", "sings.", "melts."],
        "label": "0",
    }
    return [{"ind": number, "ctx_a": f"A man boils {split} {number}.", **shared} for number in range(count)]


def subjects(split: str, count: int) -> list[dict[str, Any]]:
    return [
        {
            "question_id": number,
            "question": f"{split} {number}, about {SUBJECTS[number % 2]}?",
            "options": ["yes", "no"],
            "answer": "AB"[number % 2],
            "cot_content": f"A: Let's think step by step. Thought {number}. The answer is ({'AB'[number % 2]}).",
            "category": SUBJECTS[number % 2],
        }
        for number in range(count)
    ]


BENCHMARKS: dict[str, tuple[str, str, Rows]] = {
    "gsm8k:5_shot": ("openai/gsm8k", "main", word_problems()),
    "arc:easy_25_shot": ("allenai/ai2_arc", "ARC-Easy", {"train": science("train", 30), "test": science("test", 2)}),
    "hellaswag:10_shot": (
        "Rowan/hellaswag",
        "default",
        {"train": endings("train", 12), "validation": endings("validation", 2)},
    ),
    "mmlu_pro:5_shot": (
        "TIGER-Lab/MMLU-Pro",
        "default",
        {"validation": subjects("validation", 10), "test": subjects("test", 2)},
    ),
    "bbh:navigate_3_shot": (
        "SaylorTwift/bbh",
        "navigate",
        {"test": [{"input": f"Turn {number} times. Are you back?", "target": "No"} for number in range(5)]},
    ),
}
SHOWN = {
    "gsm8k:5_shot": ("Question: train ", 5),
    "arc:easy_25_shot": ("Answer: 3\n\nQuestion: t", 25),
    "hellaswag:10_shot": (". He drinks.", 10),
    "mmlu_pro:5_shot": ("Answer: Let's think step by step. Thought ", 5),
    "bbh:navigate_3_shot": ("\nA: No\n", 3),
}
"""What the prompt of each holds for every example, and how often."""


def files(config: str, rows: Rows) -> dict[str, bytes]:
    listed = "".join(f"  - {{split: {split}, path: {split}.jsonl}}\n" for split in rows)
    card = f"---\nconfigs:\n- config_name: {config}\n  data_files:\n{listed}---\n".encode()
    lines = {f"{split}.jsonl": "\n".join(map(json.dumps, found)).encode() for split, found in rows.items()}
    return {"README.md": card, **lines}


@pytest.fixture(scope="module")
def hub() -> Iterator[Hub]:
    pytest.importorskip("datasets")
    with hub_server() as found:
        for name, config, rows in BENCHMARKS.values():
            found.commit(name, files(config, rows))
        yield found


@pytest.fixture
def themis(hub: Hub, tmp_path: Path) -> Any:
    places = {"HF_HOME": str(tmp_path / "hf"), "THEMIS_MEDIA_DIR": str(tmp_path / "media"), "HF_ENDPOINT": hub.url}
    known = {name: text for name, text in os.environ.items() if not name.startswith("HF_")}

    def call(dataset: dict[str, Any], *words: str) -> Any:
        config = {
            "generation": {"generator": "builtin/demo_generator"},
            "datasets": [dataset],
            "storage": {"store": "sqlite"},
        }
        (tmp_path / "c.yaml").write_text(json.dumps(config))
        command = [sys.executable, "-m", "themis", *words, "--config", "c.yaml"]
        ended = subprocess.run(
            command, cwd=tmp_path, env=known | places, capture_output=True, text=True, timeout=120, check=False
        )
        assert ended.returncode == 0, ended.stderr
        return json.loads(ended.stdout)

    return call


@pytest.mark.parametrize("name", BENCHMARKS)
def test_a_recipe_shows_the_examples_of_its_source(themis: Any, name: str) -> None:
    dataset = {"benchmark": name}
    (message,) = themis(dataset, "prompt", "show", "--json")["messages"]
    prompt = message["content"]
    text, count = SHOWN[name]
    assert prompt.count(text) == count, prompt
    if name == "mmlu_pro:5_shot":
        assert "about law" in prompt
        assert "about math" not in prompt, "only examples of the same subject"
    result = themis(dataset, "run")
    assert result["status"] == "completed"
    assert set(result["metric_means"].values()) == {1.0}


def test_the_number_of_examples_their_seed_and_their_form_can_be_others(themis: Any) -> None:
    changed = {"benchmark": "gsm8k:5_shot", "few_shot": {"k": 2, "seed": 4, "as": "turns"}}
    prompt = themis(changed, "prompt", "show", "--json")["messages"]
    assert [turn["role"] for turn in prompt] == ["user", "assistant"] * 2 + ["user"]
    introduced = {"benchmark": "mmlu_pro:5_shot", "few_shot": {"as": "turns"}}
    prompt = themis(introduced, "prompt", "show", "--json")["messages"]
    assert [turn["role"] for turn in prompt] == ["system", *["user", "assistant"] * 5, "user"]
    assert prompt[0]["content"].startswith("The following are multiple choice questions (with answers) about law.")
