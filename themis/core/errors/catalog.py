"""Errors of named benchmarks."""

from themis.core.errors.base import InputError, StateError


class CatalogError(InputError):
    """{where}: {detail}"""


class UnknownBenchmarkError(CatalogError):
    """no benchmark {benchmark!r}{nearest}"""


class UnknownVariantError(CatalogError):
    """benchmark {benchmark} has no variant {variant!r}{nearest}"""


class VariantNeededError(CatalogError):
    """benchmark {benchmark} needs a variant, such as {example}; `themis catalog show {benchmark}` lists them"""


class BenchmarkNeedError(CatalogError):
    """benchmark {benchmark} needs {need}; {detail}"""


class BenchmarkSourceError(CatalogError):
    """benchmark {benchmark}: {detail}"""


class DemoJudgeError(StateError):
    """run {run_id} of benchmark {benchmark} was judged by builtin/demo_judge, whose figures mean nothing; run it with a judge of your own, then report it"""

    exit_code = 2
