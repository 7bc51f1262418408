"""The address of a Postgres database: what is shown of it, and what protects a password on its way."""

from typing import Any

import pytest

from themis.core.config import StorageConfig
from themis.core.errors import ConfigError
from themis.core.stores.postgres.address import DEFAULTS, SESSION, connection_parameters, label_of
from themis.core.stores.registry import is_kept, location_of

LIBPQ = 180_000


@pytest.fixture(autouse=True)
def _no_variable_of_this_user(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PGHOST", "PGHOSTADDR", "PGPORT", "PGDATABASE", "PGSERVICE", "PGSSLROOTCERT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", "/nowhere")


@pytest.mark.parametrize(
    ("url", "label"),
    [
        ("postgresql://ann:secret@db.example.org/results", "postgresql://db.example.org:5432/results"),
        ("postgresql://ann@db:5433/results?sslrootcert=/r", "postgresql://db:5433/results"),
        ("postgresql://ann@one:1,two:2/results", "postgresql://one:1,two:2/results"),
        ("host=one,two port=7 dbname=results user=ann password=secret", "postgresql://one:7,two:7/results"),
        ("host=/run/postgresql user=ann", "postgresql:///run/postgresql:5432/ann"),
        ("dbname=results", "postgresql://local:5432/results"),
    ],
)
def test_a_label_has_no_user_and_no_password(url: str, label: str) -> None:
    assert label_of(connection_parameters(url, LIBPQ)) == label


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://ann@localhost/x",
        "postgresql://ann@127.0.0.5/x",
        "postgresql://ann@[::1]/x",
        "host=/run/postgresql",
        "dbname=x",
        "host=localhost,127.0.0.1 dbname=x",
    ],
)
def test_on_this_machine_a_server_need_not_prove_who_it_is(url: str) -> None:
    assert "sslmode" not in connection_parameters(url, LIBPQ)


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://ann@db.example.org/x",
        "postgresql://ann@10.0.0.1/x",
        "host=localhost,db.example.org dbname=x",
        "host=localhost hostaddr=10.0.0.1",
        "service=results",
    ],
)
def test_elsewhere_a_server_proves_who_it_is_by_its_certificate(url: str) -> None:
    found = connection_parameters(url, LIBPQ)
    assert (found["sslmode"], found["sslrootcert"]) == ("verify-full", "system")
    assert "sslrootcert" not in connection_parameters(url, 150_000)  # of a library that knows no such word


def test_the_host_of_the_environment_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGHOST", "db.example.org")
    found = connection_parameters("dbname=x", LIBPQ)
    assert found["sslmode"] == "verify-full"
    assert label_of(found) == "postgresql://db.example.org:5432/x"


@pytest.mark.parametrize("mode", ["disable", "prefer", "require", "verify-ca"])
def test_elsewhere_no_weaker_protection_is_accepted(mode: str) -> None:
    with pytest.raises(ConfigError, match=f"has sslmode={mode}: on another machine only verify-full proves"):
        connection_parameters(f"postgresql://ann@db.example.org/x?sslmode={mode}", LIBPQ)


def test_own_settings_win_over_the_usual_ones() -> None:
    found = connection_parameters("host=localhost connect_timeout=9 options='-c statement_timeout=5min'", LIBPQ)
    assert found["connect_timeout"] == "9"
    assert found["keepalives_idle"] == DEFAULTS["keepalives_idle"]
    assert found["options"].endswith(" -c statement_timeout=5min")  # the last one counts
    assert all(f"-c {name}={value}" in found["options"] for name, value in SESSION.items())
    assert "target_session_attrs" not in found
    assert connection_parameters("host=localhost,127.0.0.1", LIBPQ)["target_session_attrs"] == "read-write"


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://ann:secret@db/x",
        "postgresql://ann@db/x?password=secret",
        "host=db password=secret",
        "host=db password='secret'",
        "HOST=db PASSWORD = secret",
    ],
)
def test_a_password_in_a_configuration_is_refused(url: str) -> None:
    for said in (is_kept, location_of):
        with pytest.raises(ConfigError, match="holds a password; write a reference") as refused:
            said(StorageConfig(store="postgres", parameters={"url": url}))
        assert "secret" not in str(refused.value)


@pytest.mark.parametrize("url", ["env:DB", "secret://db", "postgresql://ann:${PW}@db/x", "host=db password=${PW}"])
def test_a_reference_is_kept_as_it_is_written(url: str) -> None:
    found = location_of(StorageConfig(store="postgres", parameters={"url": url}))
    assert found == ("postgres", f'{{"url":"{url}"}}')


@pytest.mark.parametrize(
    ("parameters", "says"),
    [
        ({}, "storage.parameters.url: is the address of a Postgres database"),
        ({"url": 5}, "storage.parameters.url: is the address of a Postgres database"),
        ({"url": "env:DB", "path": "x"}, "storage.parameters.path: a store in Postgres has one parameter, url"),
    ],
)
def test_other_parameters_are_refused_by_name(parameters: dict[str, Any], says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        is_kept(StorageConfig(store="postgres", parameters=parameters))


def test_anything_else_than_an_address_is_refused_without_being_shown() -> None:
    with pytest.raises(ConfigError, match="is not the address of a Postgres database") as refused:
        connection_parameters("host=db passwort=secret", LIBPQ)
    assert "secret" not in str(refused.value)
