"""The streams of a process are what they were once a command has ended in it."""

import io
import os
import sys

import pytest

from themis.cli.terminal import streams


def test_the_descriptors_and_streams_are_put_back_whatever_was_left_there(capfd: pytest.CaptureFixture[str]) -> None:
    before = (sys.stdout, sys.stderr)
    with streams.kept_apart():
        os.write(1, b"to error\n")
        streams.write("result\n")
        sys.stdout = sys.stderr = io.StringIO()  # as a component may
        os.close(1)
    assert (sys.stdout, sys.stderr) == before
    assert not streams.is_kept_apart()
    os.write(1, b"to output\n")
    assert capfd.readouterr() == ("result\nto output\n", "to error\n")
