"""Stores are behind one port: nobody outside its folder knows what a store keeps its rows in."""

import re
from pathlib import Path

import pytest

import themis
import themis_workers
from tests.support.lab import experiment
from themis.core.config import StorageConfig
from themis.core.errors import ConfigError, LiteralSecretError, StoreError
from themis.core.stores import InMemoryRunStore, RunStore, registry
from themis.core.stores.backend import Patience
from themis.core.stores.reading import StoreLocation
from themis.core.stores.registry import location_of, open_store
from themis.core.submission import submit_experiment

PACKAGES = [Path(str(package.__file__)).parent for package in (themis, themis_workers)]
FOLDER = PACKAGES[0] / "core" / "stores" / "sqlite"
NAMED = {
    "themis/__init__.py": "the public names",
    "themis/core/__init__.py": "the public names",
    "themis/core/stores/__init__.py": "the public names",
    "themis/core/evaluate.py": "the store to write in place of a path",
    "themis/core/stores/registry.py": "where each kind of store is found",
    "themis/cli/quick_eval.py": "the ends of a database's name",
    "themis/cli/begin/asked.py": "the help of an option that takes a database",
    "themis/cli/stored/merge.py": "the files of its examples",
    "themis/core/configuration/default_paths.py": "the kind of store where no config file names one",
}


def test_no_code_outside_its_folder_names_sqlite() -> None:
    found = set()
    for package in PACKAGES:
        for path in package.rglob("*.py"):
            code = re.sub(r'""".*?"""|#[^\n]*', "", path.read_text(encoding="utf-8"), flags=re.DOTALL)
            if FOLDER not in path.parents and re.search("sqlite", code, re.IGNORECASE):
                found.add(path.relative_to(package.parent).as_posix())
    assert found == set(NAMED)


def test_a_store_is_found_again_by_what_is_said_of_it(tmp_path: Path) -> None:
    lists = StorageConfig(store="sqlite", parameters={"path": str(tmp_path / "s")})
    assert location_of(lists) == StoreLocation("sqlite", str(tmp_path / "s"))
    with pytest.raises(StoreError, match=r"/s: is not there"):
        open_store(location_of(lists), Patience())
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(ConfigError, match="'memory' cannot be reached by a worker in another process"):
        location_of(StorageConfig(store="memory"))


def test_a_registered_kind_is_said_by_its_parameters_with_secrets_as_references(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(registry, "_registered", {})
    monkeypatch.setenv("LAB_URL", "lab://user:pw@host")
    seen: list[StorageConfig] = []

    def build(config: StorageConfig) -> RunStore:
        seen.append(config)
        raise StoreError(path="lab", detail="is away")

    registry.register_store_backend(name="lab", builder=build)
    location = location_of(StorageConfig(store="lab", parameters={"url": "env:LAB_URL", "shelf": 3}))
    assert location == StoreLocation("lab", '{"shelf":3,"url":"env:LAB_URL"}')
    with pytest.raises(StoreError, match="lab: is away"):
        open_store(location, Patience())
    assert seen == [StorageConfig(store="lab", parameters={"url": "lab://user:pw@host", "shelf": 3})]
    with pytest.raises(StoreError, match="does not say where a store of kind 'lab' is"):
        open_store(StoreLocation("lab", "/a/path"), Patience())


def test_a_store_whose_url_holds_a_password_is_not_submitted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "_registered", {})

    def build(config: StorageConfig) -> RunStore:
        raise AssertionError

    registry.register_store_backend("lab", build)
    storage = StorageConfig(store="lab", parameters={"url": "lab://user:secret-word@host/runs"})
    with pytest.raises(LiteralSecretError) as raised:
        submit_experiment(experiment().model_copy(update={"storage": storage}))
    assert "storage.parameters" in str(raised.value)
    assert "secret-word" not in str(raised.value)


def test_a_bug_in_somebodys_builder_is_not_called_a_mistake_in_the_configuration(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(registry, "_registered", {})

    def build(config: StorageConfig) -> RunStore:
        msg = "bug"
        raise TypeError(msg)

    registry.register_store_backend("lab", build)
    with pytest.raises(TypeError, match="bug"):
        registry.create_run_store(StorageConfig(store="lab"))


def test_a_store_that_no_other_process_finds_is_not_submitted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "_registered", {})
    registry.register_store_backend("lab", lambda _: InMemoryRunStore())
    with pytest.raises(ConfigError, match="'lab' keeps nothing that a worker in another process could find"):
        submit_experiment(experiment().model_copy(update={"storage": StorageConfig(store="lab")}))
