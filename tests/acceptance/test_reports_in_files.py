"""`themis report` for other programs: what it prints, read by the programs that are for it."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from pyarrow import parquet  # type: ignore[import-untyped]

CONFIG = ("--config", "failing.yaml")
COMMAND = [sys.executable, "-m", "themis", "report", *CONFIG, "--format"]


@pytest.mark.slow
def test_a_report_is_redirected_into_a_file_that_its_program_reads(themis: Any) -> None:
    themis.failing(of=5, failures=2)
    themis("run", *CONFIG)
    (mean,) = themis("quickcheck", *CONFIG).document["metrics"].values()
    for form in ("jsonl", "junit", "parquet"):
        with Path(f"scores.{form}").open("wb") as file:
            subprocess.run([*COMMAND, form], stdout=file, check=True)
    rows = [json.loads(line) for line in Path("scores.jsonl").read_text(encoding="utf-8").splitlines()]
    assert [row["value"] for row in rows].count(None) == mean["unscored"] == 2
    assert parquet.read_table("scores.parquet").column("value").to_pylist() == [row["value"] for row in rows]
    (suite,) = ET.parse("scores.junit").getroot()  # noqa: S314  # what the command has just written
    assert (suite.attrib["tests"], suite.attrib["errors"]) == (str(mean["total"]), str(mean["unscored"]))
    figures = {found.attrib["name"]: found.attrib["value"] for found in suite.iter("property")}
    assert figures["mean"] == repr(mean["mean"])


@pytest.mark.slow
def test_what_is_not_text_is_not_printed_on_a_terminal(themis: Any) -> None:
    themis.failing(of=2, failures=0)
    themis("run", *CONFIG)
    terminal, other_end = os.openpty()
    try:
        done = subprocess.run([*COMMAND, "parquet"], stdout=other_end, stderr=subprocess.PIPE, text=True, check=False)
    finally:
        os.close(terminal)
        os.close(other_end)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "a terminal shows only text; redirect it to a file" in done.stderr
