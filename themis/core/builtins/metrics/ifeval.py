"""IFEval: whether a response follows instructions that a program can verify."""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, ClassVar

from themis.core.base import JSONValue
from themis.core.builtins.component import BuiltinMetric, kind_of
from themis.core.builtins.instructions.kinds import Kind, WrongArgumentError, arguments_of
from themis.core.builtins.instructions.language import PACKAGES, require_packages
from themis.core.builtins.instructions.registry import KINDS
from themis.core.contexts import ScoreContext
from themis.core.models import Case, ParsedOutput, Score, ScoreError

_EXPECTS = "expected_output must be {instructions: [<ids>], arguments: [<one object for each>]}"


class IFEval(BuiltinMetric):
    """1 when a response follows all instructions of its case to the letter, else 0: the strict prompt-level accuracy.

    The expected output is `{instructions: [<ids>], arguments: [<one object for each>]}`. There are 25 kinds of
    instructions, `punctuation:no_comma` and the like, with the arguments of the dataset google/IFEval.

    Over a run: `prompt_strict`, `prompt_loose`, `instruction_strict` and `instruction_loose`, the share of prompts all
    of whose instructions are followed, and the share of instructions that are. Loosely an instruction is followed if
    the response does so without its asterisks, its first line, its last line, or any of these. The `details` of a score
    say for each instruction whether it is followed, strictly and loosely.

    Source: Zhou et al., "Instruction-Following Evaluation for Large Language Models" (2023), and their program. One
    thing differs: languages are detected with a fixed seed, so that the same response always gets the same score.
    """

    component_id = "builtin/ifeval"
    libraries: ClassVar[dict[str, dict[str, JSONValue]]] = PACKAGES
    scores_no_answer = True  # a response of nothing follows no instruction, and each of these counts

    def __init__(self) -> None:
        """Check that its packages are installed; the first score loads them.

        Raises:
            MissingExtraError: one of them is not.
        """
        require_packages(self.component_id)

    def score(self, parsed: ParsedOutput, case: Case, ctx: ScoreContext) -> Score | ScoreError:  # noqa: ARG002  # protocol
        """Return 1 or 0; no score when the instructions of the case are not of these kinds, or the value is not a text.

        Raises:
            PatternTimeError: a regular expression of the dataset searches without end.
        """
        response = "" if parsed.value is None else parsed.value
        if not isinstance(response, str):
            return self.unscored(f"the parsed value must be a text, not {kind_of(response)}; builtin/text makes one")
        try:
            asked = _instructions_of(case.expected_output)
            strict = [_is_followed(kind, arguments, [response]) for kind, arguments in asked]
            loose = [
                done or _is_followed(kind, arguments, _loosened(response))
                for done, (kind, arguments) in zip(strict, asked, strict=True)
            ]
        except WrongArgumentError as error:
            return self.unscored(str(error))
        names: list[JSONValue] = [kind.instruction_id for kind, _ in asked]
        details: dict[str, JSONValue] = {"instructions": names, "strict": [*strict], "loose": [*loose]}
        return Score(metric_id=self.component_id, value=float(all(strict)), details=details)

    def aggregate(self, rows: Iterable[Score]) -> dict[str, float]:
        """Return the accuracies of all rows together, by prompt and by instruction, strict and loose."""
        followed: Counter[str] = Counter()
        prompts = instructions = 0
        for row in rows:
            found: dict[str, Any] = row.details
            prompts += 1
            instructions += len(found["strict"])
            for rule in ("strict", "loose"):
                followed[f"prompt_{rule}"] += all(found[rule])
                followed[f"instruction_{rule}"] += sum(found[rule])
        totals = {"prompt": prompts, "instruction": instructions}
        return {
            f"{level}_{rule}": followed[f"{level}_{rule}"] / total
            for level, total in totals.items()
            for rule in ("strict", "loose")
            if total
        }


def _instructions_of(expected: JSONValue) -> list[tuple[Kind, dict[str, Any]]]:
    """Return the instructions of a case, with their arguments."""
    given = expected if isinstance(expected, dict) else {}
    names, arguments = given.get("instructions"), given.get("arguments")
    if not isinstance(names, list) or not isinstance(arguments, list) or not names or len(names) != len(arguments):
        raise WrongArgumentError(_EXPECTS)
    return [_instruction(number, *pair) for number, pair in enumerate(zip(names, arguments, strict=True), start=1)]


def _instruction(number: int, name: JSONValue, arguments: JSONValue) -> tuple[Kind, dict[str, Any]]:
    kind = KINDS.get(name) if isinstance(name, str) else None
    if kind is None:
        msg = f"instruction {number}: there is no kind {name!r}"
        raise WrongArgumentError(msg)
    if arguments is not None and not isinstance(arguments, dict):
        raise WrongArgumentError(_EXPECTS)
    try:
        return kind, arguments_of(kind, arguments or {})
    except WrongArgumentError as error:
        msg = f"instruction {number} ({name}): {error}"
        raise WrongArgumentError(msg) from None


def _is_followed(kind: Kind, arguments: dict[str, Any], responses: Sequence[str]) -> bool:
    return any(response.strip() and kind.check(response, **arguments) for response in responses)


def _loosened(response: str) -> list[str]:
    """Return the response without its first line, its last line, or both, and each of these without asterisks."""
    lines = response.split("\n")
    cut = [response, *("\n".join(part).strip() for part in (lines[1:], lines[:-1], lines[1:-1]))]
    return [*cut, *(text.replace("*", "") for text in cut)]
