"""The environment of a job: the worker's, less secrets that the job does not name, plus its own."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.support.lab import experiment
from themis.core.config import RuntimeConfig
from themis.core.configuration.config_file import load_config
from themis.core.configuration.secrets import is_secret_variable, referenced_variables
from themis.core.errors import ConfigError, LiteralSecretError, MissingSecretError
from themis.core.jobs.environment import WorkerEnvironment, job_environment, named_variables
from themis.core.submission import submit_experiment

HARMLESS = {
    "PATH": "/usr/bin",
    "HOME": "/home/me",
    "PWD": "/home/me",
    "OLDPWD": "/",
    "LANG": "C.UTF-8",
    "SSH_AUTH_SOCK": "/run/agent.sock",
    "CREDENTIALS_DIRECTORY": "/run/credentials/themis",
    "AWS_ACCESS_KEY_ID": "me",
    "AWS_WEB_IDENTITY_TOKEN_FILE": "/run/token",
    "MAX_TOKENS": "100",
    "TOKENIZERS_PARALLELISM": "false",
    "CUDA_VISIBLE_DEVICES": "0",
    "HTTPS_PROXY": "http://proxy:3128",
    "LD_PRELOAD": "/usr/lib/libjemalloc.so",
    "XAUTHORITY": "/home/me/.Xauthority",
    "VLLM_API_KEY": "EMPTY",
}
SECRETS = {
    "OPENAI_API_KEY": "x",
    "OPENAI_API_KEY_2": "x",
    "HF_TOKEN": "x",
    "AWS_SECRET_ACCESS_KEY": "x",
    "AWS_SESSION_TOKEN": "x",
    "PGPASSWORD": "x",
    "MYSQL_PWD": "x",
    "DB_PASS": "x",
    "GITHUB_PAT": "x",
    "AZURE_OPENAI_KEY": "x",
    "AZURE_CLIENT_SECRET": "x",
    "CLIENT_SECRETS": "x",
    "PASSPHRASE": "x",
    "GOOGLE_APPLICATION_CREDENTIALS": "/home/me/key.json",
    "openai_api_key": "x",
    "PLAIN_NAME": f"sk-{'a' * 24}",
    "ALSO_PLAIN": f"  ghp_{'a' * 30}\n",
    "PEM": "-----BEGIN PRIVATE KEY-----\nabc\n",
    "DATABASE_URL": "postgresql://me:hunter2@host/db",
    "http_proxy": "http://me:hunter2@proxy:3128",
}
WORKER = WorkerEnvironment(HARMLESS | SECRETS)


@pytest.mark.parametrize("name", HARMLESS)
def test_what_is_no_secret_is_kept(name: str) -> None:
    assert not is_secret_variable(name, HARMLESS[name])


@pytest.mark.parametrize("name", SECRETS)
def test_what_looks_like_a_secret_by_name_or_value_is_one(name: str) -> None:
    assert is_secret_variable(name, SECRETS[name])


def test_a_job_has_the_worker_s_environment_less_the_secrets_it_does_not_name() -> None:
    before = dict(WORKER.variables)
    assert job_environment(WORKER, RuntimeConfig(), ()) == HARMLESS
    assert before == WORKER.variables
    assert job_environment(WORKER, RuntimeConfig(), ["HF_TOKEN", "NOT_THERE"]) == HARMLESS | {"HF_TOKEN": "x"}


def test_a_job_has_its_own_variables_before_the_worker_s() -> None:
    own = {"LANG": "de_DE.UTF-8", "HF_TOKEN": "${OPENAI_API_KEY}", "NEW": "a${PWD}b", "PATH": "", "LD_PRELOAD": "mine"}
    found = job_environment(WORKER, RuntimeConfig(environment=own), ())
    assert found == HARMLESS | own | {"HF_TOKEN": "x", "NEW": "a/home/meb"}


def test_references_are_resolved_in_the_worker_s_environment_not_in_one_another(tmp_path: Path) -> None:
    (tmp_path / "lab-key").write_text("from a file\n", encoding="utf-8")
    worker = {"A": "1", "CREDENTIALS_DIRECTORY": str(tmp_path)}
    own = {"A": "2", "B": "${A}", "C": "env:A", "D": "secret://lab-key"}
    found = job_environment(WorkerEnvironment(worker), RuntimeConfig(environment=own), ())
    assert found == worker | {"A": "2", "B": "1", "C": "1", "D": "from a file"}


@pytest.mark.parametrize("reference", ["${NOT_THERE}", "env:NOT_THERE", "secret://not-there"])
def test_a_reference_to_nothing_is_missed_by_its_variable(reference: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NOT_THERE", "in this process, which is not the worker")
    with pytest.raises(MissingSecretError, match=r"runtime\.environment\.KEY: the secret .*(NOT_THERE|not-there)"):
        job_environment(WorkerEnvironment({}), RuntimeConfig(environment={"KEY": reference}), ())


def test_a_secret_that_no_environment_can_hold_is_refused(tmp_path: Path) -> None:
    (tmp_path / "binary").write_bytes(b"a\0b")
    runtime = RuntimeConfig(environment={"KEY": "secret://binary"})
    with pytest.raises(ConfigError, match=r"runtime\.environment\.KEY: its secret holds a NUL"):
        job_environment(WorkerEnvironment({"CREDENTIALS_DIRECTORY": str(tmp_path)}), runtime, ())


@pytest.mark.parametrize(
    ("value", "names"),
    [
        ({"a": ["${X}-${Y}", {"b": "env:Z"}], "c": "secret://w", "d": 1}, {"X", "Y", "Z"}),
        ("see env:X and $Y", set()),
        (None, set()),
    ],
)
def test_references_name_their_variables(value: Any, names: set[str]) -> None:
    assert referenced_variables(value) == names


def test_a_job_names_what_its_components_and_its_environment_refer_to() -> None:
    arguments = {"arguments": {"api_key": "${OPENAI_API_KEY}"}}
    snapshot = experiment().compile()
    refs = snapshot.component_refs
    target = refs.generator.target
    assert target is not None
    keyed = refs.generator.model_copy(update={"target": target.model_copy(update=arguments)})
    named = named_variables(
        snapshot.model_copy(update={"component_refs": refs.model_copy(update={"generator": keyed})}),
        RuntimeConfig(environment={"A": "${HF_TOKEN}"}),
    )
    assert named == {"OPENAI_API_KEY", "HF_TOKEN"}
    assert job_environment(WORKER, RuntimeConfig(), named) == HARMLESS | {"OPENAI_API_KEY": "x", "HF_TOKEN": "x"}


@pytest.mark.parametrize("name", ["", "A=B", "1A", "a-b", "A B", "Ä", "A\n"])
def test_what_is_no_name_of_a_variable_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="is not a valid variable name"):
        RuntimeConfig(environment={name: "x"})


def test_a_value_with_a_nul_is_refused() -> None:
    with pytest.raises(ValueError, match="A holds a NUL"):
        RuntimeConfig(environment={"A": "x\0y"})


@pytest.mark.parametrize(
    ("name", "literal"),
    [("OPENAI_API_KEY", "hunter2"), ("PGPASSWORD", "hunter2"), ("MYSQL_PWD", "hunter2"), ("PLAIN", f"sk-{'a' * 24}")],
)
def test_a_literal_secret_is_refused_in_a_file_and_in_python(tmp_path: Path, name: str, literal: str) -> None:
    file = tmp_path / "experiment.yaml"
    base = "generation: {generator: builtin/demo_generator}\nevaluation: {}\n"
    file.write_text(f"{base}runtime: {{environment: {{{name}: {literal}}}}}\n", encoding="utf-8")
    with pytest.raises(LiteralSecretError, match=rf"runtime\.environment\.{name} holds what looks like a secret"):
        load_config(file)
    with pytest.raises(LiteralSecretError, match=rf"runtime\.environment\.{name} ") as caught:
        experiment(runtime=RuntimeConfig(environment={name: literal})).compile()
    assert literal not in str(caught.value)


def test_references_are_stored_as_they_are_written_and_nowhere_resolved(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LAB_KEY", "correct-horse-battery-staple")
    own = {"OPENAI_API_KEY": "${LAB_KEY}", "DATABASE_URL": "postgresql://me:${LAB_KEY}@host/db"}
    runtime = RuntimeConfig(queue_root=str(tmp_path / "queue"), environment=own)
    manifest = submit_experiment(experiment(runtime=runtime, path=tmp_path / "themis.sqlite3"))
    assert json.loads(manifest.manifest_path.read_text())["payload"]["runtime"]["environment"] == own
    assert manifest.snapshot.provenance.runtime["environment"] == own
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert len(files) > 2
    assert not [path for path in files if b"battery-staple" in path.read_bytes()]
    assert (
        job_environment(WorkerEnvironment({"LAB_KEY": "x"}), runtime, ())["DATABASE_URL"] == "postgresql://me:x@host/db"
    )


def test_a_literal_password_of_a_url_is_refused_for_submission_and_not_kept_in_a_snapshot(tmp_path: Path) -> None:
    runtime = RuntimeConfig(queue_root=str(tmp_path / "queue"), environment={"URL": "https://me:hunter2@host"})
    made = experiment(runtime=runtime, path=tmp_path / "themis.sqlite3")
    assert "hunter2" not in made.compile().model_dump_json()
    with pytest.raises(LiteralSecretError, match=r"runtime: environment\.URL holds what looks like a secret"):
        submit_experiment(made)
    assert list(tmp_path.iterdir()) == []
