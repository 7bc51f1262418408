"""Components of other packages: found by id, refused by name, and told apart by the version of their package."""

import itertools
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.installed_packages import METRIC, forget, install, site_packages
from tests.support.lab import experiment
from themis.core.components import plugins
from themis.core.components.importing import find_named, is_known_id, known_ids
from themis.core.components.plugins import COMPONENT_GROUPS, DATASET_GROUPS, installed_plugins
from themis.core.components.resolution import GENERATOR, Kind, load_component
from themis.core.components.resolution import METRIC as METRIC_KIND
from themis.core.errors import (
    ComponentError,
    ComponentImportError,
    PluginRefusedError,
    UnknownComponentError,
    WrongComponentKindError,
)

_NUMBERS = itertools.count()


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    with site_packages(tmp_path, monkeypatch) as folder:
        yield folder


def _module(source: str = METRIC.format(id="mylab/exact")) -> tuple[str, dict[str, str]]:
    name = f"mylab_{next(_NUMBERS)}"
    return name, {name: source}


def _offer(site: Path, source: str | None = None, use: str = "mylab/exact", **more: Any) -> str:
    """Install a package `mylab-evals` 1.4 that offers the class `Exact` of a module; returns the module's name."""
    name, modules = _module() if source is None else _module(source)
    group = more.get("group", "themis.components")
    package, version = more.get("package", "mylab-evals"), more.get("version", "1.4")
    install(site, package, version, {group: {use: more.get("value", f"{name}:Exact")}}, modules)
    forget()
    return name


def _load(spec: Any, kind: Kind = METRIC_KIND, **more: Any) -> Any:
    return load_component(spec, kind, where="evaluation.metrics.0", **more)


def test_a_component_of_an_installed_package_is_found_by_its_id(site: Path) -> None:
    _offer(site)
    found = _load("mylab/exact")
    assert (found.ref.component_id, found.ref.version) == ("mylab/exact", "3")
    assert found.ref.target.model_dump() == {"use": "mylab/exact", "arguments": {}}
    assert "mylab/exact" in known_ids()
    assert is_known_id("mylab/exact")
    with pytest.raises(UnknownComponentError, match="no component 'mylab/exat'; did you mean \"mylab/exact\""):
        _load("mylab/exat")


def test_arguments_reach_the_component_of_a_package(site: Path) -> None:
    source = METRIC.format(id="mylab/exact") + "    def __init__(self, case_sensitive=True): self.c = case_sensitive\n"
    _offer(site, source.replace('return "exact"', "return f'case {self.c}'"))
    assert _load({"use": "mylab/exact", "with": {"case_sensitive": False}}).ref.fingerprint == "case False"


def test_a_package_that_is_installed_while_the_process_runs_is_found(site: Path) -> None:
    with pytest.raises(UnknownComponentError):
        _load("mylab/exact")
    name, modules = _module()
    install(site, "mylab-evals", "1.4", {"themis.components": {"mylab/exact": f"{name}:Exact"}}, modules)
    assert _load("mylab/exact").ref.component_id == "mylab/exact"


def test_the_version_of_its_package_is_part_of_the_source_of_a_component(site: Path) -> None:
    name = _offer(site)
    before = _load("mylab/exact").ref
    assert before.sources is not None
    assert before.sources["mylab-evals (installed)"] == "1.4"
    (info,) = site.glob("*.dist-info")
    for file in info.iterdir():
        file.unlink()
    info.rmdir()
    install(site, "mylab-evals", "1.5", {"themis.components": {"mylab/exact": f"{name}:Exact"}})
    forget()
    now = _load("mylab/exact").ref
    assert now.sources is not None
    assert now.sources["mylab-evals (installed)"] == "1.5"
    assert now.source_hash != before.source_hash
    assert now.identity() == before.identity()


def test_two_packages_that_offer_one_id_are_both_named(site: Path) -> None:
    _offer(site)
    _offer(site, package="other-evals", version="0.2")
    with pytest.raises(PluginRefusedError) as caught:
        _load("mylab/exact")
    assert str(caught.value) == (
        "evaluation.metrics.0: 'mylab/exact' of mylab-evals 1.4 and other-evals 0.2 cannot be used: the id is declared"
        " more than once; uninstall a package, or write package.module:name"
    )


def test_an_id_that_one_package_declares_in_two_groups_as_the_same_object_is_no_conflict(site: Path) -> None:
    name, modules = _module()
    points = {group: {"mylab/exact": f"{name}:Exact"} for group in ("themis.components", "themis.generators")}
    install(site, "mylab-evals", "1.4", points, modules)
    assert _load("mylab/exact").ref.component_id == "mylab/exact"


def test_a_built_in_cannot_be_replaced_by_a_package(site: Path) -> None:
    _offer(site, use="builtin/exact_match")
    assert type(_load("builtin/exact_match").live).__module__ == "themis.core.builtins.metrics.exact_match"


@pytest.mark.parametrize("use", ["builtin/brand_new", "generator/mine", "openai/mine"])
def test_an_id_in_the_name_of_themis_is_refused(site: Path, use: str) -> None:
    _offer(site, use=use)
    with pytest.raises(PluginRefusedError, match=f"'{use}' of mylab-evals 1.4 cannot be used: ids that begin with"):
        _load(use)


def test_no_installed_package_is_looked_at_for_what_themis_brings(monkeypatch: pytest.MonkeyPatch) -> None:
    def never() -> Any:
        raise AssertionError

    forget()
    monkeypatch.setattr(plugins, "entry_points", never)
    assert _load("builtin/exact_match").ref.component_id == "builtin/exact_match"
    assert find_named("openai", "here").module == "themis.adapters.openai"
    assert find_named("tests.support.lab:ScriptedMetric", "here").module == "tests.support.lab"
    assert is_known_id("builtin/exact_match")


BROKEN = [
    ("import does_not_exist_anywhere", "Exact", "ModuleNotFoundError: No module named 'does_not_exist_anywhere'"),
    ("raise RuntimeError('two\\nlines')", "Exact", "RuntimeError: two lines"),
    ("raise SystemExit(0)", "Exact", "SystemExit: 0"),
    ("", "Gone", "module "),
]


@pytest.mark.parametrize(("source", "attribute", "said"), BROKEN)
def test_a_package_that_cannot_be_imported_is_named_with_its_entry_point_and_the_cause(
    site: Path, source: str, attribute: str, said: str
) -> None:
    name, modules = _module(source)
    install(site, "mylab-evals", "1.4", {"themis.components": {"mylab/exact": f"{name}:{attribute}"}}, modules)
    with pytest.raises(ComponentImportError) as caught:
        _load("mylab/exact")
    begin = "evaluation.metrics.0 (mylab-evals 1.4): cannot import 'mylab/exact': "
    assert str(caught.value).startswith(f"{begin}entry point {name}:{attribute}: {said}")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("value", ["json", "not a path!"])
def test_an_entry_point_that_names_no_object_is_refused(site: Path, value: str) -> None:
    _offer(site, value=value)
    with pytest.raises(ComponentImportError, match=f"entry point {value}: is not package.module:name"):
        _load("mylab/exact")


NO_COMPONENTS = [
    ("Exact = 3", ComponentError, "'mylab/exact': is neither a component nor a factory of one"),
    ("def Exact(): return 3", WrongComponentKindError, "is not a metric: it has no component_id"),
    ("def Exact(): return {}['x']", ComponentError, "'mylab/exact': cannot be made: KeyError: 'x'"),
    (METRIC.format(id="a").replace("def score", "def rate"), WrongComponentKindError, "is not a metric: it has no sco"),
    (METRIC.format(id="a").replace("version", "other"), WrongComponentKindError, "is not a metric: it has no version"),
    (METRIC.format(id=""), ComponentError, "component_id must be a text, not ''"),
]


@pytest.mark.parametrize(("source", "error", "said"), NO_COMPONENTS)
def test_what_a_package_offers_and_is_no_component_is_refused_by_the_name_of_the_package(
    site: Path, source: str, error: type[ComponentError], said: str
) -> None:
    _offer(site, source)
    with pytest.raises(error) as caught:
        _load("mylab/exact")
    assert str(caught.value).startswith("evaluation.metrics.0 (mylab-evals 1.4): ")
    assert said in str(caught.value)


def test_a_metric_offered_as_a_generator_is_refused(site: Path) -> None:
    _offer(site, group="themis.generators")
    with pytest.raises(WrongComponentKindError, match=r"\(mylab-evals 1.4\): 'mylab/exact' is not a generator"):
        _load("mylab/exact", GENERATOR)


def test_a_component_of_a_package_is_imported_only_where_its_module_is_allowed(site: Path) -> None:
    name = _offer(site)
    assert _load("mylab/exact", allow_modules=[name]).ref.component_id == "mylab/exact"
    with pytest.raises(ComponentImportError, match=f"module {name} is not among the allowed ones"):
        _load("mylab/exact", allow_modules=["mine"])


def test_ids_of_datasets_and_of_components_are_apart(site: Path) -> None:
    name, modules = _module()
    points = {"themis.components": {"mylab/x": f"{name}:Exact"}, "themis.datasets": {"mylab/x": f"{name}:rows"}}
    install(site, "mylab-evals", "1.4", points, modules)
    assert _load("mylab/x").ref.component_id == "mylab/exact"
    assert [plugin.path for plugin in installed_plugins(DATASET_GROUPS)] == [f"{name}:rows"]
    assert f"{name}:rows" not in {plugin.path for plugin in installed_plugins(COMPONENT_GROUPS)}


DAMAGED = ["[themis.components]\nno equals sign\n", "[other]\n\nno equals sign\n"]


@pytest.mark.parametrize("text", DAMAGED)
def test_a_package_with_a_damaged_list_of_entry_points_is_left_out_and_named(
    site: Path, text: str, caplog: pytest.LogCaptureFixture
) -> None:
    _offer(site)
    install(site, "damaged-evals", "2.0", text)
    forget()
    assert _load("mylab/exact").ref.component_id == "mylab/exact"
    (said,) = {record.getMessage() for record in caplog.records if record.name == "themis.components"}
    assert said.startswith("left out: the entry points of the package damaged-evals cannot be read (TypeError: ")


def test_a_package_without_metadata_is_an_unnamed_one(site: Path) -> None:
    _offer(site)
    (info,) = site.glob("*.dist-info")
    (info / "METADATA").unlink()
    forget()
    (found,) = (plugin for plugin in installed_plugins(COMPONENT_GROUPS) if plugin.plugin_id == "mylab/exact")
    assert found.package == "an unnamed package"
    assert _load("mylab/exact").ref.component_id == "mylab/exact"


def test_the_traceback_of_a_bug_in_a_package_is_logged_when_an_experiment_is_compiled(
    site: Path, caplog: pytest.LogCaptureFixture
) -> None:
    name = _offer(site, "\n\nprint(undefined_name)")
    with pytest.raises(ComponentImportError, match="NameError: name 'undefined_name' is not defined"):
        experiment(metrics=["mylab/exact"]).compile()
    (record,) = (record for record in caplog.records if record.name == "themis.engine")
    assert record.levelno == logging.ERROR
    assert f'{name}.py", line 3' in record.getMessage()


def test_a_module_that_is_not_there_has_no_traceback(site: Path, caplog: pytest.LogCaptureFixture) -> None:
    _offer(site, value="no_such_module_of_mylab:Exact")
    with pytest.raises(ComponentImportError, match="No module named 'no_such_module_of_mylab'"):
        experiment(metrics=["mylab/exact"]).compile()
    assert not caplog.records
