"""What holds for every shipped component."""

import importlib
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.builtin_arguments import spec_of
from themis.core.builtins import BUILTINS
from themis.core.components.resolution import GENERATOR, JUDGE, METRIC, PARSER, REDUCER, SELECTOR, Kind, load_component
from themis.core.python.distributions import distributions_of
from themis.core.python.import_statements import imported_modules

KINDS: dict[str, Kind] = {
    "demo_generator": GENERATOR,
    "majority_vote": REDUCER,
    "json_identity": PARSER,
    "text": PARSER,
    "choice_letter": PARSER,
    "math_answer": PARSER,
    "code_text": PARSER,
    "regex": PARSER,
    "json_path": PARSER,
    "xml_tag": PARSER,
    "last_number": PARSER,
    "strip_reasoning": PARSER,
    "until": PARSER,
    "tool_calls": PARSER,
    "first_of": PARSER,
    "chain": PARSER,
    "exact_match": METRIC,
    "procbench_final_accuracy": METRIC,
    "f1": METRIC,
    "bleu": METRIC,
    "chrf": METRIC,
    "ter": METRIC,
    "rouge": METRIC,
    "edit_distance": METRIC,
    "contains": METRIC,
    "regex_match": METRIC,
    "numeric_tolerance": METRIC,
    "classification": METRIC,
    "choice_accuracy": METRIC,
    "math_equivalence": METRIC,
    "ifeval": METRIC,
    "json_schema": METRIC,
    "tool_call_match": METRIC,
    "acc": METRIC,
    "acc_norm": METRIC,
    "mc2": METRIC,
    "perplexity": METRIC,
    "llm_rubric": METRIC,
    "pairwise_judge": METRIC,
    "panel_of_judges": METRIC,
    "majority_vote_judge": METRIC,
    "best_of_n": SELECTOR,
    "demo_judge": JUDGE,
}

VERSIONS = dict.fromkeys(KINDS, "1") | dict.fromkeys(("majority_vote", "choice_accuracy"), "2")
VERSIONS |= dict.fromkeys(("choice_letter", "math_answer", "math_equivalence", "f1"), "3")
VERSIONS |= dict.fromkeys(("code_text", "bleu"), "4")
"""Raised with each rule that changed, so that no result of the earlier one is taken for one of this.

`exact_match` has only gained one, for a list of texts, which no text equalled before: what earlier versions have
submitted or begun with it is finished by this one.
"""


@pytest.mark.parametrize("name", KINDS)
def test_a_builtin_loads_by_its_id_as_what_it_is(name: str) -> None:
    component = load_component(spec_of(f"builtin/{name}"), KINDS[name], where="test")
    assert component.ref.component_id == f"builtin/{name}"
    assert component.ref.version == VERSIONS[name]
    assert component.ref.fingerprint == component.live.fingerprint()


def test_these_are_all_but_for_those_that_need_a_file() -> None:
    assert set(BUILTINS) == {f"builtin/{name}" for name in KINDS} | {"builtin/replay_generator", "builtin/precomputed"}


def test_fingerprints_tell_builtins_apart() -> None:
    found = {
        load_component(spec_of(f"builtin/{name}"), kind, where="test").ref.fingerprint for name, kind in KINDS.items()
    }
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
    used = {package for module in _own_modules(module_name) for package in _others(module)}
    assert set(getattr(importlib.import_module(module_name), name).libraries) == used


def _imports(module: str) -> list[str]:
    text = Path(str(importlib.import_module(module).__file__)).read_text(encoding="utf-8")
    return list(imported_modules(text, "themis.core.builtins"))


def _own_modules(begin: str) -> set[str]:
    """The module of a builtin, and those beside it that it imports."""
    importlib.import_module(begin)
    found, waiting = set[str](), [begin]
    while waiting:
        module = waiting.pop()
        if module.startswith("themis.core.builtins.") and module not in found and module in sys.modules:
            found.add(module)
            waiting += _imports(module)
    return found


def _others(module: str) -> set[str]:
    """The packages, by the names that they are installed by, that a module imports."""
    names = {imported.partition(".")[0] for imported in _imports(module)}
    names -= {"themis", *READS_JSON_ALIKE, *sys.stdlib_module_names}
    return {next(iter(distributions_of(name)), name) for name in names}
