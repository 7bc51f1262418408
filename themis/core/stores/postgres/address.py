"""Address of a Postgres database: how it is shown, and what protects the password on its way there."""

import ipaddress
import os
import re
from pathlib import Path
from typing import Any

from themis.core.errors import ConfigError

WHERE = "storage.parameters.url"

DEFAULTS: dict[str, str] = {
    "application_name": "themis",
    "connect_timeout": "5",
    "keepalives": "1",
    "keepalives_idle": "10",
    "keepalives_interval": "5",
    "keepalives_count": "3",
    "tcp_user_timeout": "20000",
}
"""Parameters of a connection that an address need not name: a host that is away is noticed within 25 s."""

SESSION: dict[str, str] = {
    "statement_timeout": "60s",
    "lock_timeout": "10s",
    "idle_in_transaction_session_timeout": "15s",
    "client_connection_check_interval": "5s",
    "tcp_keepalives_idle": "10",
    "tcp_keepalives_interval": "5",
    "tcp_keepalives_count": "3",
}
"""Settings of a session: a transaction of a suspended process ends before its lease does, and frees its locks."""

_VERIFIED = "verify-full"
_SYSTEM_ROOTS_SINCE = 160_000
_LITERAL_PASSWORD = re.compile(r"(?i)(^|[\s?&])password\s*=\s*'?(?!\$\{)\S|://[^/?#@\s:]*:(?!\$\{)[^/?#@\s]+@")


def refuse_literal_password(url: str) -> None:
    """Raise ConfigError for an address with a password in it, as a configuration is copied into files."""
    if _LITERAL_PASSWORD.search(url):
        detail = "holds a password; write a reference to the address instead, such as env:THEMIS_DATABASE_URL"
        raise ConfigError(where=WHERE, detail=detail)


def connection_parameters(url: str, libpq: int) -> dict[str, Any]:
    """Return all parameters of a connection to the database at an address.

    Args:
        url: the address, `postgresql://…` or `host=… dbname=…`.
        libpq: version of the client library, such as 160004.

    Raises:
        ConfigError: it is not an address, or the connection would not be protected.
    """
    from psycopg import ProgrammingError  # noqa: PLC0415  # an optional package
    from psycopg.conninfo import conninfo_to_dict  # noqa: PLC0415  # as above

    try:
        given = conninfo_to_dict(url)
    except ProgrammingError:  # its text may hold the password
        detail = "is not the address of a Postgres database, such as postgresql://user@host/database"
        raise ConfigError(where=WHERE, detail=detail) from None
    found = {**DEFAULTS, **given, **_protection(given, libpq)}
    settings = " ".join(f"-c {name}={value}" for name, value in SESSION.items())
    found["options"] = f"{settings} {given.get('options', '')}".strip()  # the later ones count
    if "," in str(given.get("host", "")):
        found.setdefault("target_session_attrs", "read-write")
    return found


def label_of(given: dict[str, Any]) -> str:
    """Return the address for people: hosts and name of the database, never a user or a password."""
    hosts = str(given.get("host") or given.get("hostaddr") or os.environ.get("PGHOST") or "local").split(",")
    ports = str(given.get("port") or os.environ.get("PGPORT") or "5432").split(",")
    ports = ports if len(ports) == len(hosts) else ports[:1] * len(hosts)
    places = ",".join(f"{host}:{port}" for host, port in zip(hosts, ports, strict=True))
    name = given.get("dbname") or os.environ.get("PGDATABASE") or given.get("user") or ""
    return f"postgresql://{places}/{name}"


def _protection(given: dict[str, Any], libpq: int) -> dict[str, str]:
    """Return how the server proves who it is: not at all on this machine, and by its certificate elsewhere."""
    if _is_here(given):
        return {}
    mode = given.get("sslmode")
    if mode not in {None, _VERIFIED}:
        detail = f"has sslmode={mode}: on another machine only {_VERIFIED} proves whom the password goes to"
        raise ConfigError(where=WHERE, detail=f"{detail}; leave it out, and name the root certificate as sslrootcert")
    found = {"sslmode": _VERIFIED}
    own_root = Path("~/.postgresql/root.crt").expanduser()
    names_root = "sslrootcert" in given or "PGSSLROOTCERT" in os.environ or own_root.exists()
    if not names_root and libpq >= _SYSTEM_ROOTS_SINCE:
        found["sslrootcert"] = "system"
    return found


def _is_here(given: dict[str, Any]) -> bool:
    """Whether every host of an address is certainly this machine."""
    if given.get("service") or os.environ.get("PGSERVICE"):
        return False  # it names the host
    named = [given.get("host") or os.environ.get("PGHOST"), given.get("hostaddr") or os.environ.get("PGHOSTADDR")]
    hosts = [host for text in named if text for host in str(text).split(",")]
    return all(map(_is_loopback, hosts))


def _is_loopback(host: str) -> bool:
    if host in {"", "localhost"} or host.startswith(("/", "@")):  # a socket in a folder
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
