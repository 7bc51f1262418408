"""A submitted job says which providers it asks, and a worker begins with the jobs whose providers have room."""

import json
from contextlib import closing
from pathlib import Path

import pytest

from tests.support.lab import ScriptedGenerator, experiment
from tests.support.limit_files import fresh
from themis.core.config import RuntimeConfig
from themis.core.jobs.store_cache import StoreCache
from themis.core.queue.file_queue import FileQueue
from themis.core.queue.folder.processes import this_process
from themis.core.shared_limits.folder import FOLDER_VARIABLE
from themis.core.shared_limits.limit_file import LimitFile
from themis.core.submission import SubmissionManifest, run_worker_once, submit_experiment
from themis_workers.intake import Intake
from themis_workers.settings import WorkerSettings

KEY_IN_ADDRESS = "sk-test-4Qz81LmXw07RbT52uKfYc9Vd"
FULL = "openai:https://gw.example/v1?***"


class Asks(ScriptedGenerator):
    """A generator of its own."""

    def __init__(self) -> None:
        """Answers with the input."""
        super().__init__(component_id=f"test/{type(self).__name__}")


class AsksFull(Asks):
    """Asks a provider by an address that has a key in it."""

    provider_key = f"openai:https://gw.example/v1?key={KEY_IN_ADDRESS}"


class AsksFree(Asks):
    """Asks another provider."""

    provider_key = "vllm:http://localhost:8000"


class AsksUnnamed(Asks):
    """Asks one that it does not name."""

    provider_key = ""


@pytest.fixture(autouse=True)
def full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another process reports that calls wait for a provider."""
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path / "limits"))
    LimitFile(FULL).update(lambda now: now.with_holder(fresh(FULL, is_full=True)))


def submit(folder: Path, generator: type) -> SubmissionManifest:
    runtime = RuntimeConfig(queue_root=str(folder / "queue"))
    made = experiment(f"{__name__}:{generator.__name__}", runtime=runtime, path=folder / "s.sqlite3")
    return submit_experiment(made)


def test_a_manifest_names_the_providers_without_their_secrets(tmp_path: Path) -> None:
    written = [submit(tmp_path, kind).manifest_path.read_text() for kind in (AsksFull, AsksFree, AsksUnnamed)]
    assert [json.loads(text).get("providers") for text in written] == [[FULL], [AsksFree.provider_key], None]
    assert KEY_IN_ADDRESS not in "".join(written)


def test_one_cycle_takes_the_job_whose_provider_has_room(tmp_path: Path) -> None:
    first, second = submit(tmp_path, AsksFull), submit(tmp_path, AsksFree)
    ran = [run_worker_once(tmp_path / "queue") for _ in range(2)]
    assert [result and result.run_id for result in ran] == [second.run_id, first.run_id]


def test_a_worker_takes_it_too(tmp_path: Path) -> None:
    submit(tmp_path, AsksFull)
    second = submit(tmp_path, AsksFree)
    with closing(StoreCache()) as stores:
        queue = FileQueue(tmp_path / "queue", stores)
        settings = WorkerSettings()
        claim = Intake(queue, stores, this_process("worker"), settings).take_job().claim
        assert claim is not None
        assert claim.row.run_id == second.run_id
        claim.give_back()
