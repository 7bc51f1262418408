"""Signals that end a run cleanly."""

import signal
from collections.abc import Iterator
from typing import Any

import click
import pytest

from themis.cli.terminal.interrupts import ends_cleanly


@pytest.fixture(autouse=True)
def _usual_handlers() -> Iterator[None]:
    """What a process on a terminal has; one in the background inherits that signals are ignored."""
    usual: dict[signal.Signals, Any] = {
        signal.SIGINT: signal.default_int_handler,
        signal.SIGTERM: signal.SIG_DFL,
        signal.SIGHUP: signal.SIG_DFL,
    }
    before = {number: signal.signal(number, handler) for number, handler in usual.items()}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_the_block_with_a_farewell_and_its_number(
    number: signal.Signals, capsys: pytest.CaptureFixture[str]
) -> None:
    before = signal.getsignal(number)
    with pytest.raises(click.exceptions.Exit) as raised, ends_cleanly("see you"):
        signal.raise_signal(number)
    assert raised.value.exit_code == 128 + number
    assert capsys.readouterr().err == "themis: interrupted; see you\n"
    assert signal.getsignal(number) is before


def test_an_ignored_signal_stays_ignored(capsys: pytest.CaptureFixture[str]) -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with ends_cleanly("never said"):
            assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
            signal.raise_signal(signal.SIGHUP)
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
        assert capsys.readouterr().err == ""
    finally:
        signal.signal(signal.SIGHUP, before)


def test_a_process_in_the_background_which_ignores_sigint_can_still_be_ended(
    capsys: pytest.CaptureFixture[str],
) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with pytest.raises(click.exceptions.Exit) as raised, ends_cleanly("see you"):  # noqa: PT012  # one after the other
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGTERM)
    assert raised.value.exit_code == 128 + signal.SIGTERM
    assert capsys.readouterr().err == "themis: interrupted; see you\n"
