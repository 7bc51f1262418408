"""A case of a run, as those see it who watch the run."""

from dataclasses import dataclass

from themis.core.models import Case


@dataclass(slots=True, kw_only=True)
class ObservedCase:
    """A case of a run.

    Attributes:
        case_key: tells apart equal case ids of two datasets.
    """

    run_id: str
    case: Case
    dataset_id: str
    case_key: str
