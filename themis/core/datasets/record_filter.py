"""Filter of records: by values, and by ranges of numbers."""

from collections.abc import Callable, Mapping
from typing import Any

from themis.core.base import JSONValue
from themis.core.values.record_paths import Row, plain_text, refuse, split_path, value_at

Test = Callable[[Row], bool]


def filter_of(wanted: Mapping[str, JSONValue]) -> Test:
    """Return a test of a record: whether it has the wanted value at each dotted path.

    A text that reads like a wanted number, as all cells of a CSV do, has its value. A wanted null keeps the records
    without a value there. The test raises ValueError when there is no such path, or when a range is asked of something
    that is not a number.
    """
    tests = [_test(path, value) for path, value in wanted.items()]
    return lambda row: all(test(row) for test in tests)


def _test(path: str, wanted: JSONValue) -> Test:
    parts, named_by = split_path(path), f"filter.{path}"
    fits = _in_range(path, wanted) if isinstance(wanted, dict) else _one_of(wanted)
    is_null_wanted = wanted is None or (isinstance(wanted, list) and None in wanted)

    def test(row: Row) -> bool:
        value = row[path] if path in row else value_at(row, parts, named_by)
        return is_null_wanted if value is None else fits(value)

    return test


def _one_of(wanted: JSONValue) -> Callable[[Any], bool]:
    values = wanted if isinstance(wanted, list) else [wanted]
    texts = {plain_text(value) for value in values if value is not None}
    return lambda value: plain_text(value) in texts


def _in_range(path: str, bounds: dict[str, Any]) -> Callable[[Any], bool]:
    least, most = bounds.get("min", float("-inf")), bounds.get("max", float("inf"))

    def fits(value: Any) -> bool:
        try:
            number = float(value) if isinstance(value, str | int | float) and not isinstance(value, bool) else None
        except (ValueError, OverflowError):
            number = None
        if number is None:
            refuse(f"{str(value)[:80]!r} is not a number, and filter.{path} is a range")
        return bool(least <= number <= most)

    return fits
