"""A component: by id, by name, as an object; and each way in which it can turn out not to be one."""

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support.builtin_arguments import ARGUMENTS, spec_of
from tests.support.lab import ScriptedGenerator, ScriptedMetric, experiment
from themis.core.builtins import BUILTINS, BUILTINS_BY_KIND
from themis.core.components.resolution import (
    GENERATOR,
    JUDGE,
    METRIC,
    PARSER,
    REDUCER,
    SELECTOR,
    Kind,
    list_component_ids,
    load_component,
)
from themis.core.errors import (
    ComponentError,
    ComponentImportError,
    ConfigError,
    LiveComponentError,
    MissingExtraError,
    UnknownComponentError,
    WrongComponentKindError,
)
from themis.core.submission import submit_experiment

_NUMBERS = itertools.count()
PARSER_CLASS = """
class Thing:
    component_id = "plug/thing"
    version = "1"
    def __init__(self, depth=1): self.depth = depth
    def fingerprint(self): return f"depth {self.depth}"
    def parse(self, candidate, ctx): ...
"""

Module = Callable[[str], str]


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Module:
    """Writes a module that can be imported; returns its name."""
    monkeypatch.syspath_prepend(str(tmp_path))

    def write(source: str) -> str:
        name = f"written_by_a_test_{next(_NUMBERS)}"
        (tmp_path / f"{name}.py").write_text(source, encoding="utf-8")
        return name

    return write


def _load(spec: Any, kind: Kind = PARSER, **more: Any) -> Any:
    return load_component(spec, kind, where="the place", **more)


_KINDS = {kind.name: kind for kind in (GENERATOR, SELECTOR, REDUCER, PARSER, METRIC, JUDGE)}


def _kind(component_id: str) -> Kind:
    return next(_KINDS[name] for name, uses in BUILTINS_BY_KIND.items() if component_id in uses)


@pytest.mark.parametrize("component_id", sorted(set(BUILTINS) - {"builtin/replay_generator", "builtin/precomputed"}))
def test_each_built_in_is_what_its_id_says(component_id: str) -> None:
    try:
        found = _load(spec_of(component_id), _kind(component_id))
    except MissingExtraError:
        pytest.skip("needs an extra that is not installed")
    assert found.ref.component_id == component_id
    assert found.ref.target.model_dump() == {"use": component_id, "arguments": ARGUMENTS.get(component_id, {})}
    assert component_id in list_component_ids()


@pytest.mark.parametrize(
    ("attribute", "arguments", "fingerprint"),
    [
        ("Thing", {}, "depth 1"),
        ("Thing", {"depth": 2}, "depth 2"),
        ("make", {}, "depth 5"),
        ("make", {"more": 1}, "depth 6"),
        ("ready", {}, "depth 7"),
        ("Nest.Thing", {}, "depth 1"),
    ],
)
def test_a_module_s_class_factory_or_instance_is_a_component(
    module: Module, attribute: str, arguments: dict[str, Any], fingerprint: str
) -> None:
    name = module(
        f"{PARSER_CLASS}\ndef make(more=0): return Thing(5 + more)\nready = Thing(7)\nclass Nest: Thing = Thing\n"
    )
    use = f"{name}:{attribute}"
    found = _load({"use": use, "with": arguments} if arguments else use)
    assert found.ref.fingerprint == fingerprint
    assert found.ref.target.model_dump() == {"use": use, "arguments": arguments}
    assert found.ref.source_hash is not None
    assert _load(found.ref.target).ref == found.ref


def test_a_live_object_is_a_component_without_a_target() -> None:
    found = _load(ScriptedMetric(), METRIC)
    assert isinstance(found.live, ScriptedMetric)
    assert found.ref.target is None


@pytest.mark.parametrize(
    ("spec", "kind", "hint"),
    [
        ("builtin/exact_mach", METRIC, "no component 'builtin/exact_mach'; did you mean \"builtin/exact_match\"?"),
        ("builtin/math_answr", PARSER, 'did you mean "builtin/math_answer"?'),
        ({"use": "builtin/f2"}, METRIC, 'did you mean "builtin/f1"?'),
    ],
)
def test_an_unknown_id_is_refused_with_the_nearest_of_its_kind(spec: Any, kind: Kind, hint: str) -> None:
    with pytest.raises(UnknownComponentError) as caught:
        _load(spec, kind)
    assert str(caught.value).startswith("the place: ")
    assert hint in str(caught.value)


FACTS = "component_id = 'a'; version = '1'"
BROKEN = [
    ("import does_not_exist_anywhere", "x", ComponentImportError, "ModuleNotFoundError: No module named"),
    ("raise ValueError('two\\nlines')", "x", ComponentImportError, "ValueError: two lines"),
    ("raise SystemExit(3)", "x", ComponentImportError, "SystemExit: 3"),
    ("def broken(:", "x", ComponentImportError, "SyntaxError"),
    ("", "gone", ComponentImportError, "has no 'gone'"),
    ("def make(): raise KeyError('no')", "make", ComponentError, "cannot be made: KeyError: 'no'"),
    ("def make(needed): ...", "make", ComponentError, "needs 'needed': write {use: written_by_a_test_"),
    ("value = 3", "value", ComponentError, "is neither a component nor a factory of one"),
    ("def make(): return None", "make", WrongComponentKindError, "is not a parser: it has no component_id"),
    (PARSER_CLASS.replace("def parse", "def score"), "Thing", WrongComponentKindError, "it has no parse"),
    (PARSER_CLASS.replace("def fingerprint", "def other"), "Thing", WrongComponentKindError, "it has no fingerprint"),
    (PARSER_CLASS.replace("version", "other"), "Thing", WrongComponentKindError, "it has no version"),
    (PARSER_CLASS.replace('"plug/thing"', "7"), "Thing", ComponentError, "component_id must be a text, not 7"),
    (PARSER_CLASS.replace('"plug/thing"', '""'), "Thing", ComponentError, "component_id must be a text, not ''"),
    (PARSER_CLASS.replace('"1"', "None"), "Thing", ComponentError, "version must be a text, not None"),
    (PARSER_CLASS.replace('f"depth {self.depth}"', "7"), "Thing", ComponentError, "fingerprint() must be a text"),
    (PARSER_CLASS.replace('f"depth', '1 / 0, f"depth'), "Thing", ComponentError, "cannot tell its identity: ZeroDiv"),
]


@pytest.mark.parametrize(("source", "attribute", "error", "words"), BROKEN)
def test_what_is_no_component_is_refused_in_one_line(
    module: Module, source: str, attribute: str, error: type[ComponentError], words: str
) -> None:
    with pytest.raises(error) as caught:
        _load(f"{module(source)}:{attribute}")
    message = str(caught.value)
    assert type(caught.value) is error
    assert message.startswith("the place: ")
    assert "\n" not in message
    assert words in message


def test_a_module_that_does_not_exist_is_refused() -> None:
    with pytest.raises(ComponentImportError, match="No module named 'nowhere_at_all'"):
        _load("nowhere_at_all:Thing")


def test_an_instance_takes_no_arguments(module: Module) -> None:
    with pytest.raises(ComponentError, match="is an instance and takes no arguments"):
        _load({"use": f"{module(f'{PARSER_CLASS}{chr(10)}ready = Thing()')}:ready", "with": {"depth": 1}})


@pytest.mark.parametrize(
    ("spec", "kind"),
    [
        ("builtin/exact_match", PARSER),
        ("builtin/text", METRIC),
        ("builtin/f1", GENERATOR),
        ("builtin/demo_generator", REDUCER),
        ("builtin/majority_vote", SELECTOR),
        (ScriptedGenerator(), METRIC),
    ],
)
def test_a_component_of_another_kind_is_refused(spec: Any, kind: Kind) -> None:
    with pytest.raises(WrongComponentKindError, match=f"is not a {kind.name}: it has no {kind.method}"):
        _load(spec, kind)


class JudgedMetric:
    """A metric that asks a judge."""

    component_id = "lab/judged"
    version = "1"

    def fingerprint(self) -> str:
        """Never changes."""
        return "1"

    def build_workflow(self, subject: Any, ctx: Any) -> Any:
        """Never called."""
        raise NotImplementedError


def test_a_metric_that_asks_a_judge_needs_one_and_the_error_says_what_to_write() -> None:
    with pytest.raises(ConfigError, match=r"metric 'lab/judged' asks a judge; name one: evaluation\.judge_models: \["):
        experiment(metrics=[JudgedMetric()]).compile()


def test_the_same_metric_twice_is_refused() -> None:
    with pytest.raises(ConfigError, match="metric 'builtin/f1' is listed twice"):
        experiment(metrics=["builtin/f1", {"use": "builtin/f1"}]).compile()


@pytest.mark.parametrize(
    ("live", "place"),
    [({"generator": ScriptedGenerator()}, "generation.generator"), ({"metrics": [ScriptedMetric()]}, "metrics.0")],
)
def test_a_live_object_is_refused_for_submission(tmp_path: Path, live: dict[str, Any], place: str) -> None:
    with pytest.raises(LiveComponentError, match=place):
        submit_experiment(experiment(**live, path=tmp_path / "themis.sqlite3"))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("prefixes", "allowed"),
    [
        (None, True),
        ([], False),
        (["written"], False),
        (["{name}"], True),
        (["{name}."], True),
        (["{name}.deeper"], False),
    ],
)
def test_only_allowed_modules_are_imported(module: Module, prefixes: list[str] | None, allowed: bool) -> None:
    name = module(PARSER_CLASS)
    modules = None if prefixes is None else [prefix.format(name=name) for prefix in prefixes]
    if allowed:
        assert _load(f"{name}:Thing", allow_modules=modules).ref.component_id == "plug/thing"
    else:
        with pytest.raises(ComponentImportError, match=f"module {name} is not among the allowed ones"):
            _load(f"{name}:Thing", allow_modules=modules)


def test_built_ins_are_always_allowed() -> None:
    assert _load("builtin/text", allow_modules=[]).ref.component_id == "builtin/text"


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("import sys\nsys.exit(3)", "cannot import .*: SystemExit: 3"),
        ("raise ValueError('half \\ud83d')", "cannot import .*: ValueError: half"),
        ("def Thing():\n    raise SystemExit(4)", "cannot be made: SystemExit: 4"),
        (
            "class Mute(Exception):\n    def __str__(self): raise OSError\ndef Thing(): raise Mute",
            "cannot be made: Mute$",
        ),
        (
            PARSER_CLASS + "    @property\n    def component_id(self): return 1 / 0\nThing = Thing()\n",
            "Thing': cannot tell its identity: ZeroDivisionError: division by zero",
        ),
        (
            PARSER_CLASS + "    @property\n    def version(self): raise SystemExit(5)\n",
            "cannot tell its identity: SystemExit: 5",
        ),
        (PARSER_CLASS.replace("def parse(self, candidate, ctx): ...", "parse = 5"), "it has no method parse"),
    ],
    ids=["exit on import", "half a character", "exit when made", "mute", "no id", "exit when asked", "no method"],
)
def test_whatever_a_module_does_it_is_an_error_in_one_line(module: Module, source: str, words: str) -> None:
    name = module(source)
    with pytest.raises(ComponentError, match=words) as caught:
        _load(f"{name}:Thing")
    assert "\n" not in str(caught.value)
