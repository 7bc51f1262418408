"""A component that gives its key away in every way it can: the key is in no file, and in nothing that is printed."""

import base64
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.support.web_server import Server, answer

KEY = 'sk-lab-7Q/w+9"Zr4Tn8Xc2Vb6Mk0Lp3Hd5'
FORMS = (
    KEY,
    quote(KEY, safe=""),
    json.dumps(KEY)[1:-1],
    base64.b64encode(KEY.encode()).decode()[:-4],
    KEY.encode().hex(),
    KEY[:18],
    KEY[-18:],
)

INDISCREET = """
import base64, json, logging, os, subprocess, sys
from urllib.parse import quote
from themis.core.models import GenerationResult, Message, ParsedOutput, Score, ScoreError, TraceStep

class Passing(Exception):
    retryable = True

class Indiscreet:
    version = "1"
    def __init__(self, api_key):
        self.key, self.tried = api_key, set()
        self.component_id = f"lab/{api_key}"
        print("made with", api_key)
    def fingerprint(self):
        return f"model {self.key}"
    def print_it(self):
        print("the key is", self.key)
        print("the key is", self.key, file=sys.stderr)
        logging.getLogger("lab").warning("the key is %s", self.key)
    def print_past_python(self):
        os.write(1, self.key.encode())
        for piece in (self.key[:9], self.key[9:], "\\n"):
            os.write(2, piece.encode())
        subprocess.run([sys.executable, "-c", "import os; os.system('echo $LAB_KEY')"])
    async def generate(self, case, ctx):
        key, deed = self.key, case.input
        self.print_it()
        if os.environ.get("PAST_PYTHON"):
            self.print_past_python()
        if deed == "raise":
            raise RuntimeError(f"401: bad key {key}")
        if deed == "raise a url":
            raise ValueError(f"https://host/v1?api_key={quote(key, safe='')} is not there")
        if deed == "raise a header":
            raise KeyError("Basic " + base64.b64encode(f"user:{key}".encode()).decode())
        if deed == "raise a part":
            raise ValueError(f"api key {key[:20]}... ({key[-20:]})")
        if deed == "raise in json":
            raise ValueError(json.dumps({"key": key}) + key.encode().hex() + repr(key))
        if deed == "raise, then not" and deed not in self.tried:
            self.tried.add(deed)
            raise Passing(f"429 for {key}")
        return GenerationResult(
            candidate_id=f"c-{key}",
            final_output={"said": f"my key is {key}", key: [key]},
            trace=[TraceStep(step_name=key, step_type="t", input={"key": key}, output={}, metadata={})],
            conversation=[Message(role="user", content=key)],
            artifacts={"raw_response": {"headers": {"Authorization": f"Bearer {key}"}}},
        )
    def parse(self, candidate, ctx):
        if self.key in str(candidate.final_output):
            return ParsedOutput(value=self.key, metadata={"key": self.key})
        raise ValueError("the key was taken away before the end")
    def score(self, parsed, case, ctx):
        if case.case_id == "c0":
            return ScoreError(metric_id=self.component_id, reason=f"no score with {self.key}", details={"k": self.key})
        return Score(metric_id=self.component_id, value=1.0, details={"key": self.key})

class IndiscreetMetric(Indiscreet):
    pass
"""

HOOK = """
import os, sys
sys.stdout.write(sys.stdin.read() + os.environ["THEMIS_REASON"])
open(sys.argv[1], "a").write(os.environ["THEMIS_REASON"])
"""

DEEDS = ("well", "raise, then not", "raise", "raise a url", "raise a header", "raise a part", "raise in json")


@pytest.fixture
def server() -> Iterator[Server]:
    with Server(answer(200)) as made:
        threading.Thread(target=made.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        yield made
        made.shutdown()


def config(folder: Path, name: str, *deeds: str) -> None:
    use = {"with": {"api_key": "env:LAB_KEY"}}
    cases = [{"case_id": f"c{no}", "input": deed, "expected_output": "x"} for no, deed in enumerate(deeds)]
    document = {
        "generation": {"generator": {"use": "indiscreet:Indiscreet", **use}},
        "evaluation": {
            "parsers": [{"use": "indiscreet:Indiscreet", **use}],
            "metrics": [{"use": "indiscreet:IndiscreetMetric", **use}],
        },
        "storage": {"store": "sqlite"},
        "runtime": {"max_attempts": 2, "max_concurrent_tasks": 2, "environment": {"COPY": "${LAB_KEY}"}},
        "datasets": [{"dataset_id": name, "cases": cases}],
    }
    (folder / f"{name}.yaml").write_text(json.dumps(document))


@pytest.mark.slow
def test_a_key_that_a_component_gives_away_in_every_way_is_found_nowhere(tmp_path: Path, server: Server) -> None:
    (tmp_path / "indiscreet.py").write_text(INDISCREET)
    (tmp_path / "hook.py").write_text(HOOK)
    config(tmp_path, "all", *DEEDS)
    config(tmp_path, "bad", "raise", "raise a header")
    environment = {**os.environ, "LAB_KEY": KEY, "PYTHONDONTWRITEBYTECODE": "1"}
    ended: dict[str, int] = {}

    def themis(*words: str, **more: str) -> None:
        number = len(ended)
        with (tmp_path / f"{number}.out").open("wb") as out, (tmp_path / f"{number}.err").open("wb") as err:
            done = subprocess.run(
                [sys.executable, "-m", "themis", *words],
                cwd=tmp_path,
                env={**environment, **more},
                stdout=out,
                stderr=err,
                check=False,
                timeout=120,
            )
        ended[" ".join(words)] = done.returncode

    themis("run", "--config", "all.yaml", THEMIS_DEBUG="1")
    themis("run", "--config", "bad.yaml")
    for form in ("json", "markdown", "csv", "latex"):
        themis("report", "--config", "all.yaml", "--format", form)
    rerun = ("--set", "runtime.existing_run_policy=rerun")
    themis("submit", "--config", "all.yaml", *rerun)
    themis("submit", "--config", "bad.yaml", *rerun)
    hook = f"{sys.executable} {tmp_path / 'hook.py'} {tmp_path / 'told'}"
    told = ("--hook", hook, "--webhook", server.url, "--log-format", "json", "--metrics-file", "m.prom")
    themis("worker", "start", "--drain", *told, "--health-file", "health", PAST_PYTHON="1")
    themis("queue", "list")
    assert ended["run --config all.yaml"] == 0
    assert ended["run --config bad.yaml"] == 3

    (tmp_path / "posted").write_bytes(b"\n".join(body for _, _, _, body in server.seen))
    files = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    found = [(path.name, form) for path, data in files.items() for form in FORMS if form.encode() in data]
    assert found == []
    # It was everywhere, or this would show nothing.
    shown = {path.name for path, data in files.items() if b"[secret LAB_KEY]" in data}
    assert {"themis.sqlite3", "0.out", "0.err", "1.err", "2.out", "4.out", "1.log", "told", "posted"} <= shown
    logs = [data for path, data in files.items() if path.name == "1.log"]
    assert all(data.count(b"[secret LAB_KEY]") > 5 for data in logs)
    # A key that is used is still the key: what was parsed, within the run, had it.
    assert b"taken away" not in b"".join(data for path, data in files.items() if path.suffix != ".py")
