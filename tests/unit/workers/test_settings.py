"""What a worker is told, by options and by a file."""

from pathlib import Path
from typing import Any

import pytest

from themis.core.errors import ConfigError
from themis_workers.settings import load_settings


def test_options_go_before_the_file_and_the_file_before_the_defaults(tmp_path: Path) -> None:
    file = tmp_path / "worker.toml"
    file.write_text('slots = 4\ngrace = 5\ntags = ["gpu"]\n')
    settings = load_settings({"grace": 7.0}, file)
    assert (settings.slots, settings.grace, settings.tags, settings.job_grace) == (4, 7.0, ("gpu",), 10.0)


def test_there_is_a_slot_for_each_device_unless_another_number_is_said() -> None:
    assert load_settings({"devices": ("0", "1", "2")}, None).slots == 3
    assert load_settings({"devices": ("0", "1", "2"), "slots": 2}, None).slots == 2


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"slots": 0}, "^--slots: "),
        ({"slots": 100_000}, "slots"),
        ({"grace": -1.0}, "grace"),
        ({"grace": float("nan")}, "grace"),
        ({"slots": 2, "devices": ("0",)}, "2 slots have only 1 devices"),
        ({"tags": ("No Tag",)}, "tag"),
        ({"metrics_port": 70_000}, "^--metrics-port: "),
        ({"slots": True}, "^--slots: must be a number, not true"),
        ({"job_grace": False}, "^--job-grace: must be a number, not false"),
    ],
)
def test_a_value_that_cannot_be_is_refused_by_name(options: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        load_settings(options, None)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("slot = 4", "unknown key 'slot'.*slots"),
        ("slots = ", "not valid TOML"),
        ("slots = 'many'", "slots: "),
        ("a = " + "[" * 5_000, "not valid TOML"),
    ],
)
def test_a_file_that_cannot_be_used_is_refused_by_name(tmp_path: Path, text: str, words: str) -> None:
    file = tmp_path / "worker.toml"
    file.write_text(text)
    with pytest.raises(ConfigError, match=f"worker.toml: .*{words}"):
        load_settings({}, file)


def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        load_settings({}, tmp_path)


def test_a_settings_file_may_begin_with_a_byte_order_mark(tmp_path: Path) -> None:
    file = tmp_path / "worker.toml"
    file.write_bytes(b"\xef\xbb\xbfslots = 4\n")
    assert load_settings({}, file).slots == 4
