"""Packages that only some components need: looked for when such a component is made, loaded when it is used."""

import importlib.util

from themis.core.errors import MissingExtraError


def is_installed(module: str) -> bool:
    """Whether a module can be imported; it is not."""
    try:
        return importlib.util.find_spec(module) is not None
    except (ValueError, ModuleNotFoundError):  # another object in its place; no parent package
        return False


def require_extra(module: str, *, component_id: str, extra: str, package: str | None = None) -> None:
    """Refuse to go on without a module.

    Args:
        module: what is imported.
        component_id: the component that needs it.
        extra: the extra of Themis that brings it.
        package: the name it is installed by; that of the module by default.

    Raises:
        MissingExtraError: it is not installed.
    """
    if not is_installed(module):
        raise MissingExtraError(
            reference=component_id, package=package or module, distribution="themis-eval", extra=extra
        )
