"""The documentation as a site: built without a warning, whole, and readable without a network."""

import ast
import html
import importlib
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

TOP = Path(__file__).parents[2]
MODULES = {
    *{"themis", "themis.core.base", "themis.core.config", "themis.core.contexts", "themis.core.dataset_inputs"},
    *{"themis.core.errors", "themis.core.evaluate", "themis.core.events", "themis.core.experiment"},
    *{"themis.core.models", "themis.core.prompts", "themis.core.protocols", "themis.core.queue"},
    *{"themis.core.read_models", "themis.core.results", "themis.core.snapshot", "themis.core.stores"},
    "themis.core.submission",
}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    built = build(TOP / "mkdocs.yml", folder)
    assert built.returncode == 0, built.stderr
    return folder


def build(config: Path, folder: Path) -> subprocess.CompletedProcess[str]:
    command = [
        sys.executable,
        "-m",
        "mkdocs",
        "build",
        "--strict",
        "--config-file",
        str(config),
        "--site-dir",
        str(folder),
    ]
    environment = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    return subprocess.run(command, cwd=TOP, env=environment, capture_output=True, text=True, check=False)


def page(site: Path, module: str) -> str:
    return (site / "reference" / "python" / f"{module.rpartition('.')[2]}.html").read_text("utf-8")


def public_names(module: str) -> Iterator[str]:
    """The classes and functions that users import from a module: its `__all__`, else what it defines."""
    live = importlib.import_module(module)
    if module == "themis.core.base":
        yield from ("FrozenModel", "JSONValue")
    elif hasattr(live, "__all__"):
        yield from (name for name in live.__all__ if name != "__version__")
    else:
        defined = ast.parse(Path(str(live.__file__)).read_text("utf-8")).body
        kinds = (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
        yield from (node.name for node in defined if isinstance(node, kinds) and not node.name.startswith("_"))


def test_every_public_name_has_its_place_in_the_reference(site: Path) -> None:
    for module in sorted(MODULES):
        shown = page(site, module)
        for name in public_names(module):
            there = f'id="{module}.{name}"' in shown or (
                module == "themis" and re.search(rf'#themis[\w.]*\.{name}"', shown)
            )
            assert there, f"{module}.{name} is not on its page"


def test_a_name_is_shown_with_its_arguments_and_the_errors_that_it_raises(site: Path) -> None:
    text = html.unescape(re.sub(r"<[^>]+>", "", page(site, "themis.core.submission")))
    text = " ".join(text.partition("submit_experiment(")[2].split())
    for part in ("priority: int = DEFAULT_PRIORITY", "0 (first) to 9", "Raises:", "UnavailableError", "RunExistsError"):
        assert part in text


def test_a_model_is_shown_with_its_fields_and_what_they_are_when_left_out(site: Path) -> None:
    text = " ".join(html.unescape(re.sub(r"<[^>]+>", "", page(site, "themis.core.models"))).split())
    assert (
        "Case( *, case_id: Name, input: JSONValue, expected_output: JSONValue = None, metadata: Labels = {}, )" in text
    )


def test_nothing_is_loaded_from_another_host(site: Path) -> None:
    pages = list(site.rglob("*.html"))
    assert len(pages) > 80
    loads = re.compile(r"<(?:script|link|img|iframe)\b[^>]*?(?:src|href)=[\"']?((?:https?:)?//[^\"'> ]+)")
    assert {found for file in pages for found in loads.findall(file.read_text("utf-8"))} == set()


def test_search_finds_a_word_also_in_pages_that_are_opened_as_files(site: Path) -> None:
    script = (site / "search" / "search_index.js").read_text("utf-8")
    index = json.loads(script.removeprefix("var __index = "))
    assert any("subreaper" in entry["text"] for entry in index["docs"])
    assert 'src="assets/iframe-worker.js"' in (site / "index.html").read_text("utf-8")


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (lambda docs: (docs / "orphan.md").write_text("# Orphan\n"), 'not included in the "nav" configuration'),
        (lambda docs: append(docs / "index.md", "[gone](gone.md)"), "target is not found"),
        (lambda docs: append(docs / "index.md", "[gone](#gone)"), "no such anchor"),
        (lambda docs: append(docs / "index.md", "[gone](/gone.md)"), "absolute link"),
        (lambda docs: append(docs / "index.md", "[gone](gone)"), "unrecognized relative link"),
    ],
)
def test_a_page_or_a_link_that_leads_nowhere_is_an_error(tmp_path: Path, change: object, complaint: str) -> None:
    """With the settings of the site, on a page of its own."""
    docs = tmp_path / "docs"
    docs.mkdir()
    (docs / "index.md").write_text("# Index\n")
    settings = re.search(r"^validation:\n(?:[ #].*\n)+", (TOP / "mkdocs.yml").read_text("utf-8"), re.MULTILINE)
    assert settings is not None
    config = tmp_path / "mkdocs.yml"
    config.write_text(f"site_name: Test\nnav: [index.md]\n{settings[0]}", "utf-8")
    assert build(config, tmp_path / "site").returncode == 0
    assert callable(change)
    change(docs)
    built = build(config, tmp_path / "site")
    assert built.returncode != 0
    assert complaint in built.stderr


def append(file: Path, text: str) -> None:
    file.write_text(f"{file.read_text('utf-8')}\n{text}\n", "utf-8")
