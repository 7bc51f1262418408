"""Options of pytest, and what they switch on. Every session loads this module, so it imports nothing of Themis."""

import argparse
import math

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options of Themis."""
    group = parser.getgroup("themis", "evaluations by Themis")
    group.addoption(
        *("--themis-config",),
        action="append",
        default=[],
        metavar="FILE",
        help="Make a test of each case of this experiment; it is run if its results are not stored. May be repeated.",
    )
    group.addoption("--themis-metric", metavar="ID", help="The metric that decides; needed where there are several.")
    group.addoption(
        *("--themis-threshold",),
        type=_threshold,
        default=1.0,
        metavar="NUMBER",
        help="The lowest score with which a case passes (1).",
    )
    group.addoption("--themis-stored", action="store_true", help="Take stored results as they are: run nothing.")
    group.addoption("--themis-gate", metavar="POLICY", help="End with the verdict of `themis gate` by this policy.")


def pytest_configure(config: pytest.Config) -> None:
    """Load what the options ask for."""
    if config.getoption("themis_config"):
        from themis.pytest_plugin.cases import CasePlugin

        config.pluginmanager.register(CasePlugin(config), "themis-cases")
    if config.getoption("themis_gate"):
        from themis.pytest_plugin.gate import GatePlugin

        config.pluginmanager.register(GatePlugin(config), "themis-gate")


def _threshold(text: str) -> float:
    try:
        found = float(text)
    except ValueError:
        found = math.nan
    if not math.isfinite(found):
        message = f"{text!r} is not a number that a score could be compared with"
        raise argparse.ArgumentTypeError(message)
    return found
