"""Reducer that keeps the most frequent output."""

from collections import Counter
from typing import Any, ClassVar

from themis.core.base import JSONValue
from themis.core.builtins.component import BuiltinComponent, identity_of
from themis.core.contexts import ParseContext, ReduceContext
from themis.core.errors import InvalidArgumentError
from themis.core.models import GenerationResult, ReducedCandidate
from themis.core.text.ballots import ballot_of


class MajorityVote(BuiltinComponent):
    """Keeps the most frequent output; among equally frequent ones the first.

    Outputs are equal when their canonical JSON is, numbers when their values are: 1 and 1.0 are one ballot, "1" is
    another. Whole outputs are compared, unless there is a parser: then the values that it finds in them, and an output
    in which it finds nothing has no vote. Either way a whole output is kept, which the later stages parse.

    The result is named `<case>-reduced`; its metadata hold `votes` for the output and `candidate_count`, and with a
    parser `voters`, the number of outputs with a vote.
    """

    component_id = "builtin/majority_vote"
    version = "2"
    component_arguments: ClassVar[dict[str, str]] = {"parser": "parser"}

    def __init__(self, parser: Any = None) -> None:
        """Vote on the values that `parser` finds in the outputs, or on the outputs themselves.

        Raises:
            InvalidArgumentError: `parser` is not one.
        """
        if parser is not None and not callable(getattr(parser, "parse", None)):
            raise InvalidArgumentError(argument="parser", detail=f"{parser!r} is not a parser: it has no parse")
        self._parser = parser

    @property
    def arguments(self) -> dict[str, JSONValue]:
        """The parser's identity."""
        return {} if self._parser is None else {"parser": identity_of(self._parser)}

    @property
    def inner_components(self) -> list[Any]:
        """The parser."""
        return [] if self._parser is None else [self._parser]

    async def reduce(self, candidates: list[GenerationResult], ctx: ReduceContext) -> ReducedCandidate:
        """Return the most frequent output of `candidates`."""
        winner, votes, voters = 0, 1, 1
        if len(candidates) > 1 or self._parser is not None:
            ballots = [self._ballot(candidate, ctx) for candidate in candidates]
            counts = Counter(ballot for ballot in ballots if ballot is not None)
            voters = counts.total()
            # `most_common` keeps the order of first occurrence among equals.
            ballot, votes = next(iter(counts.most_common(1)), (ballots[0], 0))
            winner = ballots.index(ballot)
        metadata: dict[str, JSONValue] = {"votes": votes, "candidate_count": len(candidates)}
        return ReducedCandidate(
            candidate_id=f"{ctx.case_id}-reduced",
            source_candidate_ids=[candidate.candidate_id for candidate in candidates],
            final_output=candidates[winner].final_output,
            metadata=metadata if self._parser is None else {**metadata, "voters": voters},
        )

    def _ballot(self, candidate: GenerationResult, ctx: ReduceContext) -> str | None:
        """Return a candidate's vote; None when it has none."""
        if self._parser is None:
            return ballot_of(candidate.final_output)
        reduced = ReducedCandidate(
            candidate_id=candidate.candidate_id,
            source_candidate_ids=[candidate.candidate_id],
            final_output=candidate.final_output,
        )
        context = ParseContext(
            run_id=ctx.run_id,
            case_id=ctx.case_id,
            dataset_id=ctx.dataset_id,
            case_key=ctx.case_key,
            candidate_id=candidate.candidate_id,
        )
        try:
            value = self._parser.parse(reduced, context).value
        except Exception:  # noqa: BLE001  # an unparsable output has no vote; if it wins, its parse fails again
            return None
        if value is None:
            return None
        ballot: str = getattr(self._parser, "ballot", ballot_of)(value)
        return ballot
