"""Each command that shows a running job shows what its provider bears, and which call has stalled."""

import json
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.support import lab
from tests.unit.workers.test_registry import report_of
from themis.cli.main import main
from themis.cli.watch.view import lines
from themis.core.config import RuntimeConfig
from themis.core.jobs.store_cache import StoreCache
from themis.core.monitor.queue_watcher import QueueWatcher
from themis.core.queue import FileQueue
from themis.core.queue.folder.processes import this_process
from themis.core.queue.folder.worker_report import SlotReport
from themis.core.submission import submit_experiment
from themis.core.values.provider_state import ProviderState
from themis.core.values.stalled_call import StalledCall
from themis_workers.registry import Registration

NAME = "openai:https://api.openai.com/v1"
LIMIT = ProviderState(NAME, limit=24, most=100, in_flight=23, waiting=7, why="429 3 s ago; recovering")
STALLED = StalledCall("q1\x1b[2J", "lab", "generation", "generator/openai", for_s=309.0, others=2)
LIMIT_TEXT = f"{NAME} 24 of 100 at once (429 3 s ago; recovering)"
STALLED_TEXT = (
    "generation of case q1\N{REPLACEMENT CHARACTER}[2J of dataset lab by generator/openai for 5 min 9 s, and 2 more"
)
Command = Callable[..., str]


class Job:
    """A job that a worker says it runs."""

    def __init__(self, root: Path, key: str, run_id: str, registration: Registration) -> None:
        self.root, self.key, self.run_id = root, key, run_id
        self._registration = registration

    def tells(self, *limits: ProviderState, stalled: StalledCall | None = None, **facts: Any) -> None:
        """Have its worker report so."""
        slot = SlotReport(0, key=self.key, run_id=self.run_id, attempt=1, limits=limits, stalled=stalled)
        self._registration.write(report_of("w", slots=(slot, SlotReport(1)), **facts))


@pytest.fixture
def claimed(tmp_path: Path) -> Iterator[Job]:
    root = tmp_path / "queue"
    runtime = RuntimeConfig(queue_root=str(root))
    submit_experiment(lab.experiment(path=tmp_path / "runs.sqlite3", runtime=runtime), mode="worker_pool")
    with closing(StoreCache()) as stores, Registration(root, this_process("w")) as registration:
        claim = FileQueue(root, stores).claim(this_process("w")).claim
        assert claim is not None
        found = Job(root, claim.key, claim.manifest.run_id, registration)
        found.tells(LIMIT, stalled=STALLED)
        yield found
        claim.abandon()


@pytest.fixture
def themis(claimed: Job, capsys: pytest.CaptureFixture[str]) -> Command:
    def call(*words: str) -> str:
        assert main([*words, "--queue-root", str(claimed.root)]) == 0
        return capsys.readouterr().out

    return call


def test_queue_show_names_them(claimed: Job, themis: Command) -> None:
    shown = themis("queue", "show", claimed.key).splitlines()
    assert f"provider   {LIMIT_TEXT}" in shown
    assert f"stalled    {STALLED_TEXT}" in shown
    document = json.loads(themis("queue", "show", claimed.key, "--json"))
    assert document["limits"][0]["limit"] == 24
    assert document["stalled"]["case_id"] == "q1\x1b[2J"
    claimed.tells()
    assert "provider  " not in themis("queue", "show", claimed.key)
    document = json.loads(themis("queue", "show", claimed.key, "--json"))
    assert (document["limits"], document["stalled"]) == ([], None)


def test_status_of_the_run_names_them(claimed: Job, themis: Command) -> None:
    shown = themis("status", claimed.run_id[:8]).splitlines()
    assert f"provider   {LIMIT_TEXT}" in shown
    assert f"stalled    {STALLED_TEXT}" in shown
    assert json.loads(themis("status", claimed.run_id, "--json"))["stalled"]["for_s"] == 309.0


def test_status_of_all_runs_names_the_stalled_call(claimed: Job, themis: Command) -> None:
    row_shown = themis("status").splitlines()[-1]
    assert row_shown.startswith(claimed.run_id[:8])
    assert f" a stalled call: {STALLED_TEXT} " in row_shown
    (row,) = json.loads(themis("status", "--json"))
    assert (row["limits"][0]["provider"], row["stalled"]["others"]) == (NAME, 2)
    claimed.tells(LIMIT)
    assert "stalled" not in themis("status")


def test_worker_list_names_them(claimed: Job, themis: Command) -> None:
    shown = themis("worker", "list").splitlines()
    assert shown[-1] == f"w, slot 0, has a stalled call: {STALLED_TEXT}"
    assert ["w", "0", NAME, *["24", "of", "100", "at", "once", "23", "7", "429", "3", "s", "ago;", "recovering"]] in [
        line.split() for line in shown
    ]
    (worker,) = json.loads(themis("worker", "list", "--json"))["workers"]
    assert worker["slots"][0]["limits"][0]["why"] == "429 3 s ago; recovering"
    assert worker["slots"][1]["stalled"] is None


def test_queue_watch_names_them(claimed: Job, themis: Command) -> None:
    shown = themis("queue", "watch", "--once").splitlines()
    assert f"{claimed.key[:8]} has a stalled call: {STALLED_TEXT}"[:120] in [line[:120] for line in shown]
    (running,) = json.loads(themis("queue", "watch", "--once", "--json"))["running"]
    assert (running["limits"][0]["limit"], running["stalled"]["stage"]) == (24, "generation")
    with closing(QueueWatcher(claimed.root)) as watcher:
        look = watcher.look()
    wide = [line.text for line in lines(look, 220)]
    assert any("24 of 100 at once (429 3 s ago; recovering)" in text for text in wide)
    narrow = [line.text for line in lines(look, 80, 24)]
    assert len(narrow) <= 24
    assert all(len(text) <= 80 for text in narrow)


def test_a_worker_that_is_dead_says_nothing_about_a_call(tmp_path: Path, claimed: Job, themis: Command) -> None:
    path = claimed.root / "workers" / "w.json"
    path.write_text(path.read_text(encoding="utf-8").replace('"w"', '"gone"'), encoding="utf-8")
    path.rename(path.with_name("gone.json"))
    assert "stalled" not in themis("status")
    assert "stalled  " not in themis("queue", "show", claimed.key)


@pytest.mark.few(2)
@pytest.mark.parametrize(
    "facts",
    [
        {"limits": [{"provider": "p"}]},
        {"limits": [{"provider": "p", "limit": 1, "most": 1, "in_flight": "1", "waiting": None, "why": "x"}]},
        {"limits": 7},
        {"stalled": {"case_id": "q"}},
        {"stalled": [1]},
    ],
    ids=str,
)
def test_a_report_that_is_not_valid_is_no_report(facts: dict[str, Any], claimed: Job, themis: Command) -> None:
    path = claimed.root / "workers" / "w.json"
    document = json.loads(path.read_text(encoding="utf-8"))
    document["slots"][0] |= facts
    path.write_text(json.dumps(document), encoding="utf-8")
    assert "stalled" not in themis("status")
    assert "provider  " not in themis("queue", "show", claimed.key)


def test_numbers_that_cannot_be_are_no_report(claimed: Job, themis: Command) -> None:
    path = claimed.root / "workers" / "w.json"
    before = path.read_text(encoding="utf-8")
    for was, hostile in (
        ('"limit":24', '"limit":-24'),
        ('"in_flight":23', f'"in_flight":{10**30}'),
        ("309.0", "1e999"),
    ):
        assert was in before
        path.write_text(before.replace(was, hostile), encoding="utf-8")
        assert "stalled" not in themis("status")
        assert "24" not in themis("worker", "list")
