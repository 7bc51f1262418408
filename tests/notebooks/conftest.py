"""A kernel of Jupyter, as a notebook has it."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

SECONDS = 120
"""A cell that takes longer hangs."""

Execute = Callable[[str], list[Any]]


@pytest.fixture(scope="module")
def execute(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Execute]:
    """Execute the source of a cell in the kernel of the tests of a file, in a folder of its own; returns its outputs.

    An error of a cell is one of its outputs.
    """
    nbclient = pytest.importorskip("nbclient", reason="nbclient is not installed: no notebook can be executed")
    nbformat = pytest.importorskip("nbformat", reason="nbformat is not installed: no notebook can be executed")
    pytest.importorskip("ipykernel", reason="ipykernel is not installed: there is no kernel for notebooks")
    folder, settings = tmp_path_factory.mktemp("notebook"), tmp_path_factory.mktemp("jupyter")
    notebook = nbformat.v4.new_notebook()
    place = {"metadata": {"path": str(folder)}}
    client = nbclient.NotebookClient(
        notebook, timeout=SECONDS, kernel_name="python3", allow_errors=True, resources=place
    )

    def executed(source: str) -> list[Any]:
        cell = nbformat.v4.new_code_cell(source)
        notebook.cells.append(cell)
        client.execute_cell(cell, len(notebook.cells) - 1)
        outputs: list[Any] = json.loads(json.dumps(cell.outputs))
        return outputs

    with pytest.MonkeyPatch.context() as patch:
        for name in ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR"):
            patch.setenv(name, str(settings))  # nothing of this user's
        with client.setup_kernel():
            yield executed
