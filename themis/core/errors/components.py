"""Errors of components: unknown, not importable, of the wrong kind, changed since."""

from themis.core.errors.base import InputError, StateError


class ComponentError(InputError):
    """{where}: {reference}: {detail}"""


class UnknownComponentError(ComponentError):
    """{where}: no component {reference!r}{nearest}"""


class ComponentImportError(ComponentError):
    """{where}: cannot import {reference!r}: {detail}"""


class PluginRefusedError(ComponentError):
    """{where}: {reference!r} of {packages} cannot be used: {detail}"""


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


class ScoreFileError(ComponentError):
    """{where}: {detail}"""


class PatternTimeError(StateError):
    """the regular expression {pattern!r} needs more than {seconds:g} s for this answer; write it without repetitions of repetitions"""


class UnknownJudgeError(ComponentError):
    """no judge {judge!r} is named in evaluation.judge_models{nearest}"""
