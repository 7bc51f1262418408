"""Hint about an option that a command does not have."""

import difflib
from collections.abc import Iterable

_ALIKE = 0.72
"""Share of letters that two names have in common at least; below that a guess misleads more than it helps."""

_IN_THE_CONFIG = {
    "--model": "the config file names the model; --set generation.generator.with.model_id=NAME replaces it",
    "--generator": "the config file names it; --set generation.generator=NAME replaces it",
    "--metric": "the config file names the metrics; --set evaluation.metrics=[NAME] replaces them",
    "--parser": "the config file names the parser; --set evaluation.parsers=[NAME] replaces it",
    "--dataset": "the config file names the datasets; --set datasets.0.path=FILE replaces the file of the first",
    "--seed": "--set seeds=[7] gives the seeds",
    "--seeds": "--set seeds=[7] gives the seeds",
    "--samples": "--set generation.candidate_policy.num_samples=N says how many answers each case gets",
    "--temperature": "--set generation.generator.with.params.temperature=0 gives a parameter of the model",
    "--max-tokens": "--set generation.generator.with.params.max_tokens=512 gives a parameter of the model",
}
"""Options that people expect of a command with a config file, and how their wish is written there."""

_ELSEWHERE = {
    "--output": "results go to standard output: > FILE keeps them",
    "--out": "results go to standard output: > FILE keeps them",
    "--verbose": "THEMIS_DEBUG=1 in the environment shows where an error comes from",
    "--debug": "THEMIS_DEBUG=1 in the environment shows where an error comes from",
}


def option_hint(name: str, known: Iterable[str], *, has_config: bool) -> str:
    """Return what to write instead of an option, as the end of a message: ``; …``, or nothing.

    Args:
        name: the option, such as `--model`.
        known: the options that the command has.
        has_config: whether a config file can be changed by its `--set`.
    """
    words = [word for word in known if word not in {"--help", "-h"}]
    if has_config and (said := _IN_THE_CONFIG.get(name)):
        return f"; {said}"
    begun = [word for word in words if word.startswith(name)]
    near = begun if len(begun) == 1 else difflib.get_close_matches(name, words, n=1, cutoff=_ALIKE)
    if near:
        return f'; did you mean "{near[0]}"?'
    return f"; {_ELSEWHERE[name]}" if name in _ELSEWHERE else ""
