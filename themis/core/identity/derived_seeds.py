"""Seeds of the candidates of a run that is given none."""

from themis.core.identity.reuse_keys import generation_facts
from themis.core.snapshot import RunSnapshot, SnapshotDataset, seed_of


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
