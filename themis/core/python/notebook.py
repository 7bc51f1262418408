"""A notebook's cell: whether code runs in one, and how something is shown below it."""

import importlib
import sys
import threading
from collections.abc import Callable
from typing import Any

Update = Callable[[dict[str, str]], None]
"""Replaces what is shown, given its forms by their media types (`text/plain`, `text/html`)."""


def in_a_notebook() -> bool:
    """Whether this process is the kernel of a notebook; nothing is imported to find out."""
    return _kernel_shell() is not None


def in_a_cell() -> bool:
    """Whether this is the thread in which a kernel runs the cells of a notebook, within its own event loop."""
    return threading.current_thread() is threading.main_thread() and in_a_notebook()


def show_below_cell(forms: dict[str, str]) -> Update:
    """Show something below the cell that runs now; returns what replaces it there."""
    handle = importlib.import_module("IPython.display").display(forms, raw=True, display_id=True)

    def update(changed: dict[str, str]) -> None:
        handle.update(changed, raw=True)

    return update


def _kernel_shell() -> Any:
    """Return the shell of IPython that a kernel runs; None elsewhere, as in IPython on a terminal."""
    get_shell = getattr(sys.modules.get("IPython"), "get_ipython", None)
    shell = None if get_shell is None else get_shell()
    return shell if getattr(shell, "kernel", None) is not None else None
