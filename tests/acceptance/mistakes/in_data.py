"""Mistakes in data, and in how they are described."""

import gzip
import json
from typing import Any

from tests.acceptance.mistakes.lab import Doing, Lab
from tests.acceptance.mistakes.table import Mistake
from tests.support.command_here import Done


def line(case_id: str = "a") -> str:
    return json.dumps({"id": case_id, "question": "1 + 1", "answer": "2"}) + "\n"


def data(name: str, content: str | bytes, **more: Any) -> Doing:
    return lambda lab: lab.data(name, content, **more)


def cases(**case: Any) -> Doing:
    def doing(lab: Lab) -> Done:
        listed = [{"case_id": "a", "input": "1 + 1", "expected_output": "2", **case}]
        datasets = [{"dataset_id": "d", "cases": listed}]
        return lab.run(config=lab.config("listed.yaml", datasets=datasets))

    return doing


def missing_file(lab: Lab) -> Done:
    return lab.run("datasets.0.path=nothere.jsonl")


COMPLETED = ('"status":"completed"', '"builtin/exact_match":1.0')
MISTAKES = [
    Mistake(
        "24",
        "a line that is not JSON",
        "A",
        data("bad.jsonl", line() + '{"id": "b", "question": "x" "y"}\n'),
        2,
        ("/bad.jsonl:2: is not JSON: Expecting ',' delimiter (column 29)",),
    ),
    Mistake("25", "CSV", "works", data("q.csv", "id,question,answer\na,1 + 1,2\n"), 0, COMPLETED),
    Mistake("26", "a compressed file", "works", data("h.jsonl.gz", gzip.compress(line().encode())), 0, COMPLETED),
    Mistake("27", "a JSON array", "works", data("arr.json", f"[{line()}]"), 0, COMPLETED),
    Mistake(
        "28",
        "an empty file",
        "A",
        data("empty.jsonl", ""),
        2,
        ("data.yaml: datasets: there is no case to run in ", "/empty.jsonl"),
    ),
    Mistake(
        "29",
        "an id twice",
        "A",
        data("dup.jsonl", line() * 2),
        2,
        ("/dup.jsonl:2: case id 'a' is used twice; case ids must be unique within a dataset",),
    ),
    Mistake("30", "a file that is not there", "A", missing_file, 2, ("/nothere.jsonl: cannot be read: No such file",)),
    Mistake(
        "31",
        "a wrong name of a field",
        "A",
        data("q.jsonl", line(), fields={"input": "quesstion"}),
        2,
        ("/q.jsonl:1: has no 'quesstion', which fields.input names; did you mean \"question\"?",),
    ),
    Mistake(
        "32",
        "no names of fields",
        "A",
        data("q.jsonl", line(), fields=None),
        2,
        ("/q.jsonl:1: unknown key 'id'; known are ", "as in `fields: {input: question}`"),
    ),
    Mistake(
        "33",
        "a wrong field of a case",
        "A",
        data("q.jsonl", line(), fields={"input": "question", "expected": "answer"}),
        2,
        ("data.yaml: datasets.0.fields: a case has no field 'expected'; did you mean \"expected_output\"?",),
    ),
    Mistake("34", "a number for an id", "works", cases(case_id=1), 0, COMPLETED),
    Mistake("35", "a number that the model says as a text", "works", cases(expected_output=2), 0, COMPLETED),
]
