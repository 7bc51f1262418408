"""An error is built with every fact that its message names, and with no other."""

import inspect
from pathlib import Path

import pytest

from tests.rules.errors_built import Facts, classes, facts_of, problems_in
from themis.core import errors

TOP = Path(__file__).parents[2]
KNOWN = {name: facts_of(kind) for name, kind in classes().items()}
EXAMPLES = {
    "StoreError": Facts(frozenset({"path", "detail"}), frozenset({"path", "detail"})),
    "BusyError": Facts(frozenset({"path"}), frozenset({"path", "again_s"})),
    "ClosedError": Facts(frozenset(), frozenset()),
}


def problems_of(tmp_path: Path, source: str) -> list[str]:
    path = tmp_path / "m.py"
    path.write_text(source, encoding="utf-8")
    return [problem.partition(": ")[2] for problem in problems_in(path, EXAMPLES)]


def test_each_construction_of_an_error_gives_every_fact_that_its_message_names() -> None:
    definitions = {Path(inspect.getfile(kind)) for kind in classes().values()}
    files = {path for package in ("themis", "workers") for path in (TOP / package).rglob("*.py")}
    assert definitions < files
    assert [line for path in sorted(files - definitions) for line in problems_in(path, KNOWN)] == []


def test_an_error_is_a_class_of_the_one_tree_and_its_message_is_one_line_that_its_facts_can_fill() -> None:
    for name, kind in classes().items():
        message = (kind.__doc__ or "").strip()
        assert message, name
        assert "\n" not in message, name
        assert kind is errors.ThemisError or "__init__" not in vars(kind), name
        assert all(fact.isidentifier() for fact in KNOWN[name].allowed), name
        # Numbers fill what is formatted as a number, and everything else too.
        assert str(kind(**dict.fromkeys(KNOWN[name].needed, 1))), name


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("raise StoreError(path=1)", "StoreError is not given detail"),
        ("raise StoreError", "StoreError is not given detail, path"),
        ("raise ClosedError", None),
        ("x = StoreError(path=1, detail=2)", None),
        (
            "x = StoreError(path=1, detail=2, more=3)",
            "StoreError is given more, which neither its message nor its class names",
        ),
        ("x = BusyError(path=1, again_s=2)", None),
        ("raise errors.StoreError(detail=1) from error", "StoreError is not given path"),
        ("x = StoreError(**facts)", "StoreError is given facts that cannot be seen; write each with its name"),
        ("x = StoreError(1, detail=2)", "StoreError is given facts that cannot be seen; write each with its name"),
        ("from a import StoreError as S\nraise S(path=1)", "StoreError is not given detail"),
        ("KINDS = {1: BusyError, 2: StoreError}\nraise KINDS[n](path=1)", "StoreError is not given detail"),
        ("KINDS: dict = {1: StoreError}\nraise KINDS[n](path=1, detail=2)", None),
        ("KINDS = {1: StoreError}\nk = KINDS.get(n, BusyError)\nx = k(path=1)", "StoreError is not given detail"),
        ("k = StoreError if n else BusyError\nx = k(path=1)", "StoreError is not given detail"),
        ("for n, kind in {1: StoreError}.items():\n    kind(path=n)", "StoreError is not given detail"),
        ("self._kind = StoreError\nraise self._kind(path=1)", "StoreError is not given detail"),
        ("KINDS[1] = StoreError\nraise KINDS[1](path=1)", "StoreError is not given detail"),
        (
            "class C:\n    kind: type = StoreError\n    def f(self): raise self.kind(path=1)",
            "StoreError is not given detail",
        ),
        ("KINDS = ((StoreError,), 1)\nisinstance(error, KINDS)", None),
        ("try: ...\nexcept (StoreError, BusyError): ...", None),
        ("with contextlib.suppress(OSError, StoreError): ...", None),
        ("def f(a: StoreError | None) -> type[StoreError]: ...", None),
        ("def f(kind=StoreError): ...", "StoreError is handed on in a way that this rule cannot follow"),
        ("raise made(StoreError, path=1)", "StoreError is handed on in a way that this rule cannot follow"),
        ("def f(): return StoreError", "StoreError is handed on in a way that this rule cannot follow"),
        ("class Mine(StoreError): ...", "StoreError is handed on in a way that this rule cannot follow"),
    ],
)
def test_an_error_that_is_built_wrongly_is_found(tmp_path: Path, line: str, problem: str | None) -> None:
    assert problems_of(tmp_path, line) == ([] if problem is None else [problem])
