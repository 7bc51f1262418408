"""Errors of experiment files: keys, values, secrets, overrides."""

from themis.core.errors.base import InputError


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


class PromptError(ConfigError):
    """{where}: {detail}"""


class OverrideError(ConfigError):
    """override {override!r}: {detail}"""
