"""The page of the benchmarks in the documentation."""

import importlib.util
from pathlib import Path

SCRIPT = Path(__file__).parents[3] / "docs" / "benchmark_page.py"


def test_the_page_of_the_benchmarks_is_what_their_data_files_say() -> None:
    spec = importlib.util.spec_from_file_location("benchmark_page", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert module.PAGE.read_text(encoding="utf-8") == module.page(), "python docs/benchmark_page.py writes it again"
