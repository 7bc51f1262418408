"""A name that is nearly right, a function, and missing arguments are each said with what to write instead."""

from pathlib import Path
from typing import Any

import pytest

from themis.core.components.resolution import GENERATOR, METRIC, PARSER, Kind, load_component
from themis.core.errors import ComponentError

SOURCE = """
from os import sep as Imported

class Model:
    component_id = "lab/model"
    version = "1"
    def __init__(self, temperature, *, top_p=1.0): ...
    def fingerprint(self): return "1"
    async def generate(self, case, ctx): ...

class Judge: ...
_hidden = Judge

def ask(case, ctx): ...
async def wait(): ...
def make(**anything): return Model(**anything)
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Has a module of components, and is searched for modules."""
    (tmp_path / "own_lab.py").write_text(SOURCE, encoding="utf-8")
    monkeypatch.setattr("sys.path", [*__import__("sys").path, str(tmp_path)])
    return tmp_path


def fault(spec: Any, kind: Kind = GENERATOR) -> str:
    with pytest.raises(ComponentError) as caught:
        load_component(spec, kind, where="here")
    assert "\n" not in str(caught.value)
    return str(caught.value).removeprefix("here: ")


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    ("spec", "kind", "said"),
    [
        ("own_lab:Modle", GENERATOR, """module own_lab has no 'Modle'; did you mean "Model"?"""),
        ("own_lab:Zzz", GENERATOR, "module own_lab has no 'Zzz'; known are Judge, Model, ask, make, wait"),
        ("own_lab:Model.Part", GENERATOR, "Model has no 'Part'"),
        ("own_lab.Model", GENERATOR, "no component 'own_lab.Model'; did you mean own_lab:Model?"),
        (
            "own_lab:Model",
            GENERATOR,
            "needs 'temperature': write {use: own_lab:Model, with: {temperature: …}}",
        ),
        (
            {"use": "own_lab:Model", "with": {"top_q": 1}},
            GENERATOR,
            """no argument 'top_q'; did you mean "top_p"?""",
        ),
        (
            {"use": "own_lab:Model", "with": {"top_p": 1}},
            GENERATOR,
            "needs 'temperature': write {use: own_lab:Model, with: {top_p: …, temperature: …}}",
        ),
        ({"use": "own_lab:Judge", "with": {"x": 1}}, METRIC, "has no argument 'x'; it takes no arguments"),
        ("own_lab:make", GENERATOR, "cannot be made: TypeError: Model.__init__() missing 1"),
        ("own_lab:ask", GENERATOR, "is a function, not a generator; write {use: callable, with: {target: own_lab"),
        (
            "own_lab:ask",
            METRIC,
            "not a metric; write a class with component_id, version, fingerprint() and score()",
        ),
        ("own_lab:wait", PARSER, "is a function, not a parser; write a class"),
    ],
)
def test_what_was_meant_is_said(spec: Any, kind: Kind, said: str) -> None:
    assert said in fault(spec, kind)


def test_a_module_that_is_nowhere_is_said_with_the_folders_that_were_searched_and_one_like_it(folder: Path) -> None:
    message = fault("own_la:Model")
    assert message.startswith("cannot import 'own_la:Model': ModuleNotFoundError: No module named 'own_la' in ")
    assert message.endswith(' or the installed packages; did you mean "own_lab"?')
    (folder / "lab_with_a_lack.py").write_text("\nimport lab_of_nobody\n", encoding="utf-8")
    assert fault("lab_with_a_lack:Model").endswith("No module named 'lab_of_nobody' (lab_with_a_lack.py:2)")


def test_an_id_of_nobody_with_a_dot_is_no_module() -> None:
    assert "colon" not in fault("openai/gpt-4.1")
    assert "colon" not in fault("no_such_module.Thing")


def test_a_function_or_a_class_in_place_of_an_object_is_said_in_python_too() -> None:
    def ask(case: Any) -> Any: ...

    class Model:
        component_id, version = "m", "1"

        def fingerprint(self) -> str:
            return "1"

    assert "write CallableGenerator(…), of themis.adapters.callable" in fault(ask)
    assert "write a class with component_id, version, fingerprint() and score()" in fault(ask, METRIC)
    assert fault(Model) == "'Model': is a class; make a component of it: Model()"
