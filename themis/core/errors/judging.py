"""Errors of judging: responses without a usable verdict, rubrics, judges that nobody named."""

from themis.core.errors.base import InputError, StateError


class JudgmentError(StateError):
    """{detail}"""


class NoVerdictError(JudgmentError):
    """the judge gave no verdict: {detail}"""


class VerdictOutsideScaleError(JudgmentError):
    """the judge's verdict {verdict!r} is not on the scale: {scale}"""


class RubricError(InputError):
    """{where}: {detail}"""


class LabelError(InputError):
    """{where}: {detail}"""


class ScoreEditError(InputError):
    """{where}: {detail}"""


class NoJudgeError(InputError):
    """{component} asks a judge: name one in evaluation.judge_models (a model under test never judges unless it is named there)"""
