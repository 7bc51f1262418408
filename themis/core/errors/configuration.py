"""Errors in user input: keys, components, datasets."""

from themis.core.errors.base import InputError, StateError


class ConfigError(InputError):
    """{where}: {detail}"""


class UnknownConfigKeyError(ConfigError):
    """{where}: unknown key {key!r}{nearest}"""


class LiteralSecretError(ConfigError):
    """{where}: {key} holds what looks like a secret; write a reference to it instead, such as ${{MY_KEY}} or env:MY_KEY"""


class UnresolvedReferenceError(ConfigError):
    """{where}: {key}: {reference} is not resolved here, and this value is stored; put the secret under a component's `with`"""


class MissingSecretError(ConfigError):
    """{where}: the secret {name} is not set; set it in the environment of the process that runs this"""


class OverrideError(ConfigError):
    """override {override!r}: {detail}; write it as key.path=value"""


class ComponentError(InputError):
    """{where}: {reference}: {detail}"""


class UnknownComponentError(ComponentError):
    """{where}: no component {reference!r}{nearest}"""


class ComponentImportError(ComponentError):
    """{where}: cannot import {reference!r}: {detail}"""


class WrongComponentKindError(ComponentError):
    """{where}: {reference!r} is not a {kind}: it has no {missing}"""


class MissingExtraError(ComponentError):
    """{reference} needs the package {package}: pip install '{distribution}[{extra}]'"""


class LiveComponentError(ComponentError):
    """{where}: {reference} is a live object, which a worker in another process cannot load; name it as package.module:name"""


class FingerprintChangedError(StateError):
    """{where}: {reference} has changed since the run was compiled ({difference}); compile it again"""

    exit_code = 2


class ReplayError(ComponentError):
    """{where}: {detail}"""


class DatasetError(InputError):
    """{where}: {detail}"""


class DuplicateCaseIdError(DatasetError):
    """{where}: case id {case_id!r} is used twice; case ids must be unique within a dataset"""


class DatasetChangedError(DatasetError):
    """{where}: the cases of dataset {dataset_id!r} have changed since the run was made; restore the file or make a new run"""
