"""A reducer that asks which output came most often."""

from collections import Counter

from themis.core.builtins.component import BuiltinComponent
from themis.core.canonical import canonical_json
from themis.core.contexts import ReduceContext
from themis.core.models import GenerationResult, ReducedCandidate


class MajorityVote(BuiltinComponent):
    """Keeps the most frequent output; among equally frequent ones that which was seen first.

    Outputs are equal when their canonical JSON is: whole texts, not the answers that a parser would find in them.
    The result is named `<case>-reduced`; its metadata hold `votes` for the output and `candidate_count`.
    """

    component_id = "builtin/majority_vote"

    async def reduce(self, candidates: list[GenerationResult], ctx: ReduceContext) -> ReducedCandidate:
        """The most frequent output of `candidates`."""
        if len(candidates) == 1:
            winner, votes = 0, 1
        else:
            ballots = [canonical_json(candidate.final_output) for candidate in candidates]
            # `most_common` keeps the order of first sight among equals.
            ballot, votes = Counter(ballots).most_common(1)[0]
            winner = ballots.index(ballot)
        return ReducedCandidate(
            candidate_id=f"{ctx.case_id}-reduced",
            source_candidate_ids=[candidate.candidate_id for candidate in candidates],
            final_output=candidates[winner].final_output,
            metadata={"votes": votes, "candidate_count": len(candidates)},
        )
