"""Seeds that are derived: those of the candidates of a run that is given none, and those of its judges' calls."""

from themis.core.identity.reuse_keys import generation_facts
from themis.core.snapshot import RunSnapshot, SnapshotDataset, seed_of
from themis.core.workflows import JudgeCall


def with_derived_seeds(snapshot: RunSnapshot) -> RunSnapshot:
    """Return the run with its derived seeds recorded; unchanged when seeds were given.

    They follow from the facts by which a generation is reused, except the source: the generator with its arguments, the
    prompt, the policy without its counts, the dataset's id and revision, and the candidate's index. So a reused
    generation has the seed that it would have been made with, whatever the store held before.
    """
    if snapshot.identity.seeds:
        return snapshot
    generation = generation_facts(snapshot.identity, snapshot.component_refs.generator.identity())
    datasets = [_seeded(dataset, generation, snapshot.candidate_count) for dataset in snapshot.datasets]
    return snapshot.model_copy(update={"datasets": datasets})


def _seeded(dataset: SnapshotDataset, generation: str, candidates: int) -> SnapshotDataset:
    said = (generation, dataset.dataset_id, dataset.revision)
    return dataset.model_copy(update={"derived_seeds": [seed_of([*said, item]) for item in range(candidates)]})


def judge_seed(snapshot: RunSnapshot, dataset_id: str, case_id: str, asked_for: str) -> int:
    """Return the seed of the judges' calls about a case for a metric, or for the selector, by its id.

    It follows from the seeds that were given and from what is asked, not from the run: so another run with the same
    question gets the same response.
    """
    return seed_of([[*snapshot.identity.seeds], dataset_id, case_id, asked_for])


def call_seed(of_case: int, call: JudgeCall) -> int:
    """Return the seed of one call: that which its workflow gives it, else one derived from that of its case."""
    return seed_of([of_case, call.call_id, call.repeat_index]) if call.effective_seed is None else call.effective_seed
