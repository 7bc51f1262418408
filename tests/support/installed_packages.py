"""Packages with entry points that appear to be installed in this process, and in those that it starts."""

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from themis.core.components import plugins
from themis.core.python import distributions

Install = Callable[..., Path]

METRIC = """
from themis.core.models import Score

class Exact:
    component_id = "{id}"
    version = "3"
    def fingerprint(self): return "exact"
    def score(self, parsed, case, ctx):
        return Score(metric_id=self.component_id, value=float(parsed.value == case.expected_output))
"""


def install(
    site: Path,
    name: str,
    version: str,
    entry_points: Mapping[str, Mapping[str, str]] | str,
    modules: Mapping[str, str] | None = None,
) -> Path:
    """Write a package into a folder of installed packages; returns its folder of metadata.

    Args:
        site: the folder.
        name: its name.
        version: its version.
        entry_points: by group, what it declares, by id; or the text of the file.
        modules: the source of each of its modules, by name.
    """
    info = site / f"{name.replace('-', '_')}-{version}.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    if not isinstance(entry_points, str):
        sections = [
            f"[{group}]\n" + "".join(f"{key} = {value}\n" for key, value in points.items())
            for group, points in entry_points.items()
        ]
        entry_points = "\n".join(sections)
    (info / "entry_points.txt").write_text(entry_points)
    (info / "RECORD").write_text("".join(f"{module}.py,,\n" for module in modules or ()))
    for module, source in (modules or {}).items():
        (site / f"{module}.py").write_text(source, encoding="utf-8")
    return info


def forget() -> None:
    """Forget what is known of installed packages."""
    for cache in (plugins._read, distributions.distributions_of, distributions.installed_version):
        cache.cache_clear()


@contextmanager
def site_packages(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder of installed packages, `site-packages`, for this process and those that it starts."""
    site = folder / "site-packages"
    site.mkdir()
    monkeypatch.syspath_prepend(str(site))
    before = os.environ.get("PYTHONPATH")
    monkeypatch.setenv("PYTHONPATH", str(site) if before is None else f"{site}{os.pathsep}{before}")
    forget()
    try:
        yield site
    finally:
        forget()
