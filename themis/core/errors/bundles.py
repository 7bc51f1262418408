"""Errors of bundles."""

from themis.core.errors.base import InputError


class BundleError(InputError):
    """bundle: {detail}"""
