"""What holds for every shipped component."""

import importlib
import subprocess
import sys
from pathlib import Path

import pytest

from themis.core.builtins import BUILTINS
from themis.core.components.resolution import GENERATOR, METRIC, PARSER, REDUCER, Kind, load_component
from themis.core.python.import_statements import imported_modules

KINDS: dict[str, Kind] = {
    "demo_generator": GENERATOR,
    "majority_vote": REDUCER,
    "json_identity": PARSER,
    "text": PARSER,
    "choice_letter": PARSER,
    "math_answer": PARSER,
    "code_text": PARSER,
    "exact_match": METRIC,
    "f1": METRIC,
    "bleu": METRIC,
    "choice_accuracy": METRIC,
    "math_equivalence": METRIC,
}

VERSIONS = dict.fromkeys(KINDS, "1") | dict.fromkeys(
    ("majority_vote", "choice_letter", "math_answer", "math_equivalence"), "2"
)
VERSIONS |= dict.fromkeys(("code_text", "f1", "bleu"), "3")
"""Raised with each rule that changed, so that no result of the earlier one is taken for one of this."""


@pytest.mark.parametrize("name", KINDS)
def test_a_builtin_loads_by_its_id_as_what_it_is(name: str) -> None:
    component = load_component(f"builtin/{name}", KINDS[name], where="test")
    assert component.ref.component_id == f"builtin/{name}"
    assert component.ref.version == VERSIONS[name]
    assert component.ref.fingerprint == component.live.fingerprint()


def test_these_are_all_and_the_replay_generator() -> None:
    assert set(BUILTINS) == {f"builtin/{name}" for name in KINDS} | {"builtin/replay_generator"}


def test_fingerprints_tell_builtins_apart() -> None:
    found = {load_component(f"builtin/{name}", kind, where="test").ref.fingerprint for name, kind in KINDS.items()}
    assert len(found) == len(KINDS)


def test_naming_the_builtins_imports_none_of_them() -> None:
    code = (
        "import sys, themis.core.builtins\n"
        "print(sorted(m for m in sys.modules if m.startswith('themis.core.builtins.') or m == 'pydantic'))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


READS_JSON_ALIKE = {"pydantic_core"}
"""Libraries of which every version gives a builtin the same result."""


@pytest.mark.parametrize("component_id", BUILTINS)
def test_the_libraries_that_a_result_depends_on_are_in_its_fingerprint(component_id: str) -> None:
    module_name, _, name = BUILTINS[component_id].partition(":")
    module = importlib.import_module(module_name)
    text = Path(str(module.__file__)).read_text(encoding="utf-8")
    used = {imported.partition(".")[0] for imported in imported_modules(text, "themis.core.builtins")}
    used -= {"themis", *READS_JSON_ALIKE, *sys.stdlib_module_names}
    assert set(getattr(module, name).libraries) == used
