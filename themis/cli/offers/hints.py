"""Hints about an option or an argument that a command does not have."""

from collections.abc import Iterable

from themis.core.text.nearest import nearest

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
    "--store": "--set storage.parameters.path=FILE says where results are kept",
    "--workers": "--set runtime.max_concurrent_tasks=N says how many cases are asked at a time",
}
"""Options that people expect of a command with a config file, and how their wish is written there."""

_ELSEWHERE = {
    "--output": "results go to standard output: > FILE keeps them",
    "--out": "results go to standard output: > FILE keeps them",
    "--verbose": "THEMIS_DEBUG=1 in the environment shows where an error comes from",
    "--debug": "THEMIS_DEBUG=1 in the environment shows where an error comes from",
}

_OF_COMMANDS = {
    ("themis status", "--watch"): "themis queue watch shows a queue live",
    ("themis status", "--follow"): "themis queue watch shows a queue live",
    ("themis list", "--watch"): "themis queue watch shows a queue live",
    ("themis queue list", "--watch"): "themis queue watch shows a queue live",
    ("themis worker run", "--slots"): "it runs one experiment; themis worker start --slots N runs N at a time",
    ("themis worker start", "--workers"): "--slots N runs N experiments at a time",
    ("themis worker start", "--jobs"): "--slots N runs N experiments at a time",
    ("themis worker start", "--concurrency"): "--slots N runs N experiments at a time",
}
"""Options that people expect of one command, where a name that looks alike would mislead."""

_ARGUMENTS = {
    "themis run": "it takes one config file; themis submit takes several",
    "themis estimate": "it takes one config file",
}
"""By the command: what to do with an argument that is one too many."""


def argument_hint(command: str, word: str) -> str:
    """Return what to write instead of an argument that a command does not take, as the end of a message."""
    said = _ARGUMENTS.get(command)
    return f"; {said.format(word=word)}" if said else ""


def option_hint(name: str, known: Iterable[str], *, has_config: bool, command: str = "") -> str:
    """Return what to write instead of an option, as the end of a message: ``; …``, or nothing.

    Args:
        name: the option, such as `--model`.
        known: the options that the command has.
        has_config: whether a config file can be changed by its `--set`.
        command: its words, such as `themis run`.
    """
    words = [word for word in known if word not in {"--help", "-h"}]
    if said := _OF_COMMANDS.get((command, name)):
        return f"; {said}"
    if has_config and (said := _IN_THE_CONFIG.get(name)):
        return f"; {said}"
    begun = [word for word in words if word.startswith(name)]
    if len(begun) == 2:  # noqa: PLR2004  # more of them are a list, and not a hint
        return f'; did you mean "{begun[0]}" or "{begun[1]}"?'
    near = nearest(name, words, alike=_ALIKE)
    if near is not None:
        return f'; did you mean "{near}"?'
    return f"; {_ELSEWHERE[name]}" if name in _ELSEWHERE else ""
