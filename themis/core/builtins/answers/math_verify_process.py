"""Process that compares formulas with math-verify, started by `math_verify`: a line of JSON in, a line of JSON out.

A formula is read by its LaTeX grammar alone, whose reading evaluates no text as Python. Evaluating what was read may
still take for ever, in a single operation that nothing interrupts, or all memory: `9^{9^{9}}`. So the kernel limits the
processor time of each comparison and the memory of the process, and ends it.
"""

import importlib
import json
import logging
import math
import resource
import sys
from typing import Any

MEMORY_BYTES = 2 * 1024**3


def main() -> None:
    """Answer each line `[answer, expected]` with true or false; with null when one of them is not read as a formula.

    The only argument of the program is the limit of a comparison in seconds of processor time.
    """
    limit_s = int(sys.argv[1])
    logging.disable(logging.CRITICAL)
    _limit(resource.RLIMIT_AS, MEMORY_BYTES)
    library = importlib.import_module("math_verify")  # whose time does not count
    for line in sys.stdin:
        used = resource.getrusage(resource.RUSAGE_SELF)
        _limit(resource.RLIMIT_CPU, math.ceil(used.ru_utime + used.ru_stime) + limit_s)
        answer, expected = json.loads(line)
        sys.stdout.write(json.dumps(_equal(library, answer, expected)) + "\n")
        sys.stdout.flush()


def _limit(kind: int, most: int) -> None:
    hard = resource.getrlimit(kind)[1]
    resource.setrlimit(kind, (most if hard == resource.RLIM_INFINITY else min(most, hard), hard))


def _equal(library: Any, answer: str, expected: str) -> bool | None:
    """Whether two formulas are equal; None when one of them is not read."""
    try:
        read = [_read(library, expected), _read(library, answer)]
        if not all(read):
            return None
        return bool(library.verify(*read, timeout_seconds=None))
    except (Exception, RecursionError):  # noqa: BLE001  # whatever SymPy makes of a hostile formula
        return None


def _read(library: Any, text: str) -> list[Any]:
    formula = text.replace("$", " ")
    latex = importlib.import_module("math_verify.parser").LatexExtractionConfig()
    found: list[Any] = library.parse(f"${formula}$", [latex], fallback_mode="no_fallback", parsing_timeout=None)
    return found


if __name__ == "__main__":
    main()
