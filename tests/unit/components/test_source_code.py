"""The source of a component: which files it is made of, and that an edit of any of them is seen."""

import importlib
import os
import sys
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from themis.core.builtins.metrics.math_equivalence import MathEquivalence
from themis.core.components import source_code
from themis.core.components.source_code import CUT, sources_of
from themis.core.protocols import Generator
from themis.core.python.import_statements import imported_modules
from themis.core.text.canonical import bytes_hash


class Project:
    """A folder of modules that can be imported."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def write(self, **files: str) -> None:
        """Modules by their file's name without its end, `__` being a `/` in it and `_init` an `__init__`."""
        for name, text in files.items():
            path = self.root / (name.replace("___init", "/{}").replace("__", "/").format("__init__") + ".py")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
            os.utime(path, ns=(0, path.stat().st_mtime_ns + 1))

    def parts(self, module: str) -> dict[str, str]:
        """The parts of the source of a component that `module` defines."""
        found: dict[str, str] = self.sources(module).parts
        return found

    def sources(self, module: str) -> Any:
        importlib.invalidate_caches()
        importlib.import_module(module)
        return sources_of([], module)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Project]:
    before = set(sys.modules)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield Project(tmp_path)
    for name in set(sys.modules) - before:
        del sys.modules[name]


def test_a_module_that_imports_nothing_is_the_hash_of_its_file(project: Project) -> None:
    project.write(src_alone="import json, os.path\nfrom themis.core.models import Case\nX = 1\n")
    found = project.sources("src_alone")
    assert list(found.parts) == ["src_alone.py"]
    assert found.digest == bytes_hash((project.root / "src_alone.py").read_bytes())
    assert found.digest.startswith(found.parts["src_alone.py"])


IMPORTS = [
    "import src_help",
    "import json, src_help as h",
    "from src_help import thing",
    "from src_help import (\n    thing,  # why\n    other as o,\n)",
    "from src_help \\\n    import thing",
    "def late():\n    from src_help import thing",
    "try:\n    import src_help\nexcept ImportError:\n    src_help = None",
    "if True: import src_help",
    "import importlib\nh = importlib.import_module('src_help')",
    "import src_far\n",
]


@pytest.mark.parametrize("statement", IMPORTS)
def test_what_it_imports_is_part_of_it_however_the_statement_stands(project: Project, statement: str) -> None:
    project.write(src_help="thing = other = 1\n", src_far="def f():\n\timport src_help\n", src_other="")
    project.write(src_main=f"{statement}\n")
    before = project.sources("src_main")
    assert next(iter(before.parts)) == "src_main.py"
    assert set(before.parts) - {"src_far.py"} == {"src_main.py", "src_help.py"}
    project.write(src_help="thing = other = 2\n")
    after = project.sources("src_main")
    assert after.digest != before.digest
    assert {name for name in after.parts if after.parts[name] != before.parts[name]} == {"src_help.py"}


def test_a_file_beside_it_that_it_does_not_import_is_not_part_of_it(project: Project) -> None:
    project.write(src_a="import src_b\n", src_b="", src_script="import src_a\n")
    before = project.sources("src_a")
    project.write(src_script="import src_a, json\n")
    assert project.sources("src_a") == before
    assert set(before.parts) == {"src_a.py", "src_b.py"}


def test_a_package_is_part_of_its_component_whole(project: Project) -> None:
    project.write(src_pkg___init="", src_pkg__models="from . import tools\nfrom .deep.er import x\n", src_out="")
    project.write(src_pkg__tools="import src_out\n", src_pkg__unused="", src_pkg__deep___init="")
    project.write(src_pkg__deep__er="x = 1\n", src_pkg__data__loose="")
    (project.root / "src_pkg" / ".hidden").mkdir()
    (project.root / "src_pkg" / ".hidden" / "x.py").write_text("")
    (project.root / "src_pkg" / "notes.txt").write_text("")
    project.write(src_uses="import src_pkg.tools\n")
    names = ["__init__", "data/loose", "deep/__init__", "deep/er", "models", "tools", "unused"]
    assert set(project.parts("src_pkg.models")) == {f"src_pkg/{name}.py" for name in names} | {"src_out.py"}
    assert set(project.parts("src_uses")) == {"src_uses.py", "src_pkg/__init__.py", "src_pkg/tools.py", "src_out.py"}


def test_a_folder_that_is_no_package_is_not_walked(project: Project) -> None:
    project.write(src_loose__models="import src_loose.tools\n", src_loose__tools="", src_loose__unused="")
    assert set(project.parts("src_loose.models")) == {"src_loose/models.py", "src_loose/tools.py"}


def test_what_is_installed_counts_by_its_version(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source_code, "installed_version", {"rich": "1.0"}.get)
    project.write(src_main="import rich.table\nimport yaml\nimport pydantic_core\n")
    before = project.sources("src_main")
    assert before.parts["rich (installed)"] == "1.0"
    assert len(before.parts["yaml (installed)"]) == 16
    monkeypatch.setattr(source_code, "installed_version", {"rich": "1.1"}.get)
    assert project.sources("src_main").digest != before.digest
    assert sources_of([], "rich.table").parts == {"rich (installed)": "1.1"}  # type: ignore[union-attr]


def test_no_place_of_a_machine_is_part_of_it(project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = {"src_pkg___init": "", "src_pkg__models": "import src_help\n", "src_help": ""}
    project.write(**files)
    first = project.sources("src_pkg.models")
    for name in [name for name in sys.modules if name.startswith("src_")]:
        del sys.modules[name]
    monkeypatch.setattr(sys, "path", [path for path in sys.path if path != str(project.root)])
    elsewhere = Project(tmp_path / "another" / "place")
    elsewhere.write(**files)
    monkeypatch.syspath_prepend(str(elsewhere.root))
    assert elsewhere.sources("src_pkg.models") == first


def test_a_base_class_in_another_module_is_part_of_it() -> None:
    from tests.support.lab import ScriptedParser  # noqa: PLC0415  # one whose base is in the same file

    class Mine(ScriptedParser):
        """Defined here, based there."""

    found = sources_of(Mine.__mro__)
    assert found is not None
    files = [name for name in found.parts if name.endswith(".py")]
    assert files == ["tests/unit/components/test_source_code.py", "tests/support/lab.py"]


def test_a_built_in_is_made_of_the_built_ins_that_it_imports() -> None:
    kinds = [*MathEquivalence.__mro__, Generator]
    found = sources_of(kinds, "themis.core.builtins.metrics.math_equivalence")
    assert found is not None
    assert {name.removeprefix("themis/core/builtins/") for name in found.parts} >= {
        "metrics/math_equivalence.py",
        "answers/math_text.py",
        "component.py",
    }
    assert all(name.startswith("themis/core/builtins/") for name in found.parts)


def test_what_has_no_file_has_no_source() -> None:
    assert sources_of([object, int], "sys") is None
    assert sources_of([], "nowhere_at_all") is None


def _typed(body: str) -> type:
    """A class as a notebook has it."""
    names: dict[str, Any] = {"__name__": "__main__"}
    exec(f"class Typed:\n    version = '1'\n    def score(self):\n        {body}", names)  # noqa: S102  # the test's own
    made: type = names["Typed"]
    return made


def test_a_class_of_a_notebook_is_made_of_its_methods(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "__main__", types.ModuleType("__main__"))
    bodies = ("return 1", "return 2", "return [x for x in (1, 2)]", "return {1, 2} & {'a', 'b'}", "return self.version")
    digests = [sources_of(_typed(body).__mro__).digest for body in bodies]  # type: ignore[union-attr]
    assert len(set(digests)) == len(bodies)
    assert [sources_of(_typed(f"\n\n        {body}").__mro__).digest for body in bodies] == digests  # type: ignore[union-attr]
    other = _typed(bodies[0])
    other.version = "2"  # type: ignore[attr-defined]
    found = sources_of(other.__mro__)
    assert found is not None
    assert found.digest not in digests
    assert set(found.parts) == {"Typed"}


def test_an_edit_of_what_this_process_has_loaded_is_neither_what_was_nor_what_is(project: Project) -> None:
    project.write(src_main="X = 1\n")
    before = project.sources("src_main")
    project.write(src_main="X = 2\n")
    between = project.sources("src_main")
    importlib.reload(sys.modules["src_main"])
    after = project.sources("src_main")
    assert len({before.digest, between.digest, after.digest}) == 3
    assert after.digest == bytes_hash(b"X = 2\n")


def test_files_and_folders_beyond_the_limit_are_not_looked_at(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(source_code, "MAX_FILES", 3)
    project.write(src_pkg___init="", src_pkg__main="import src_near\n", src_near="")
    project.write(**{f"src_pkg__m{no}": "" for no in range(5)})
    found = project.parts("src_pkg.main")
    assert len(found) == 4
    assert next(iter(found)) == "src_pkg/main.py"
    assert "src_near.py" in found
    assert CUT in found


def test_what_cannot_be_read_does_no_harm(project: Project) -> None:
    late = "def f():\n    import src_gone, src_pkg.gone\n    from ... import x\n"
    project.write(src_pkg___init="", src_pkg__main=late, src_pkg__broken="\\x00 def (")
    os.mkfifo(project.root / "src_pkg" / "fifo.py")
    (project.root / "src_pkg" / "dangling.py").symlink_to("nowhere.py")
    (project.root / "src_pkg" / "folder.py").mkdir()
    (project.root / "src_pkg" / "latin.py").write_bytes(b"# \xff\nimport src_pkg.main\n")
    assert set(project.parts("src_pkg.main")) == {
        f"src_pkg/{name}.py" for name in ("__init__", "main", "latin", "broken")
    }


@pytest.mark.parametrize(
    ("text", "package", "names"),
    [
        ("from . import a, b", "p.q", {"p.q", "p.q.a", "p.q.b"}),
        ("from .. import a", "p.q", {"p", "p.a"}),
        ("from ..x.y import *", "p.q", {"p.x.y"}),
        ("from ... import a", "p.q", set()),
        ("from . import a", "", set()),
        ("import a.b as c; import d", "", {"a.b", "d"}),
        ("important = 1\nfromage = 2\n# import x\nyield_from = [import_x]", "", set()),
        ('"""Text\nfrom here import x\n"""', "", {"here", "here.x"}),
    ],
)
def test_imports_are_read_from_the_text(text: str, package: str, names: set[str]) -> None:
    assert set(imported_modules(text, package)) == names
