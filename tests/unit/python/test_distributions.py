"""Which distributions bring a package: as `packages_distributions` says, without parsing all that is installed."""

from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from tests.support.installed_packages import install, site_packages
from themis.core.python.distributions import distributions_of


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    with site_packages(tmp_path, monkeypatch) as made:
        yield made


def test_a_module_belongs_to_the_distribution_whose_files_hold_it(site: Path) -> None:
    install(site, "acme-evals", "1", {}, {"acme_evals": "", "acme_more": ""})
    assert distributions_of("acme_evals") == distributions_of("acme_more") == ("acme-evals",)


def test_a_name_that_a_list_only_contains_is_not_of_its_distribution(site: Path) -> None:
    info = install(site, "acme-evals", "1", {}, {"acme_evals": ""})
    (site / "acme" / "inner").mkdir(parents=True)
    for name in ("acme/inner/parts.py", "acme/words.txt"):
        (site / name).touch()  # what is listed and not there does not count
        with (info / "RECORD").open("a") as record:
            record.write(f"{name},,\n")
    assert distributions_of("acme") == ("acme-evals",)
    assert distributions_of("evals") == distributions_of("inner") == distributions_of("words") == ()


def test_what_a_distribution_declares_counts_and_not_its_files(site: Path) -> None:
    info = install(site, "acme-evals", "1", {}, {"acme_evals": ""})
    (info / "top_level.txt").write_text("acme\n")
    assert (distributions_of("acme"), distributions_of("acme_evals")) == (("acme-evals",), ())


@pytest.mark.slow
def test_they_are_those_that_python_finds_by_parsing_everything() -> None:
    found = packages_distributions()
    some = sorted(found)[::20]
    assert {name: set(distributions_of(name)) for name in some} == {name: set(found[name]) for name in some}
