"""Part of the data of an experiment that a run is made of: its first cases, some at random, or those with a name."""

from typing import NamedTuple

from themis.core.text.run_names import word


class Part(NamedTuple):
    """The cases that are left of each dataset; without any wish all of them.

    Attributes:
        limit: the first so many.
        sample: so many at random; of the first ones when there is a limit too.
        seed: of the sample; None for that of a sample which the dataset has already, else 0.
        cases: those with these ids or case keys.
    """

    limit: int | None = None
    sample: int | None = None
    seed: int | None = None
    cases: tuple[str, ...] = ()

    @property
    def is_all(self) -> bool:
        """Whether nothing is left out."""
        return self.limit is None and self.sample is None and not self.cases

    @property
    def words(self) -> str | None:
        """The part in a few characters, for the name of its run: `limit=5`, `sample=9`, `case=q7`; None for all."""
        found = [] if self.limit is None else [f"limit={self.limit}"]
        if self.sample is not None:
            seed = "" if self.seed is None else f"-seed={self.seed}"
            found.append(f"sample={self.sample}{seed}")
        if self.cases:
            found.append(f"case={word(self.cases[0])}" if len(self.cases) == 1 else f"cases={len(self.cases)}")
        return ",".join(found) or None
