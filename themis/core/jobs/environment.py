"""The environment of a job that runs in a process of its own.

It is the worker's, without the secrets that the job does not name, plus `runtime.environment`. This keeps secrets from
reaching logs, traces and tools by accident; it is not a security boundary: a job is code that runs as the worker's
user. For the same reason no variable is forbidden to a job, neither `PATH` nor `LD_PRELOAD`.

A variable is a secret when its name or its value looks like one, see `secrets.is_secret_variable`. Variables that only
lead to secrets are kept: sockets such as `SSH_AUTH_SOCK`, and `CREDENTIALS_DIRECTORY`, the folder of `secret://name`.
"""

import os
from collections.abc import Collection, Mapping
from functools import cache

from themis.core.config import RuntimeConfig
from themis.core.configuration.secrets import is_secret_variable, referenced_variables, resolve_references
from themis.core.errors import ConfigError
from themis.core.snapshot import RunSnapshot

_WHERE = "runtime.environment"


class WorkerEnvironment:
    """Environment of a worker.

    Attributes:
        variables: all of it.
        secrets: names of the variables that look like secrets.
    """

    def __init__(self, variables: Mapping[str, str]) -> None:
        """Copy `variables`, and find the secrets among them."""
        self.variables = dict(variables)
        self.secrets = frozenset(name for name, value in self.variables.items() if is_secret_variable(name, value))


@cache
def inherited_environment() -> WorkerEnvironment:
    """Return the environment of this process as it was at the first call: a process that is forked later knows it."""
    return WorkerEnvironment(os.environ)


def named_variables(snapshot: RunSnapshot, runtime: RuntimeConfig) -> frozenset[str]:
    """Return the variables that a job names, by a reference in a `with` or in `runtime.environment`."""
    targets = [ref.target for ref in snapshot.component_refs.all().values()]
    targets += [dataset.loader for dataset in snapshot.datasets]
    arguments = [target.arguments for target in targets if target is not None]
    return referenced_variables([*arguments, runtime.environment])


def job_environment(worker: WorkerEnvironment, runtime: RuntimeConfig, named: Collection[str]) -> dict[str, str]:
    """Return the environment of a job; variables of the worker that are not in it were withheld.

    Args:
        worker: the worker's own.
        runtime: settings of the job; references in its `environment` are resolved in `worker`, not in
            one another.
        named: secrets that the job may have, see `named_variables`.

    Raises:
        ConfigError: a variable of the job cannot be set; `MissingSecretError` when a reference cannot be resolved.
    """
    own: dict[str, str] = {}
    for name, text in runtime.environment.items():
        own[name] = resolve_references(text, where=f"{_WHERE}.{name}", environ=worker.variables)
        if "\0" in own[name]:
            raise ConfigError(where=f"{_WHERE}.{name}", detail="its secret holds a NUL character")
    withheld = worker.secrets.difference(named)
    return {name: value for name, value in worker.variables.items() if name not in withheld} | own
