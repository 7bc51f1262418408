"""Lines of a file, many at a time: the same as those that one would read one by one."""

import io
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from themis.core.datasets.formats import packed_files
from themis.core.datasets.formats.packed_files import BOM, line_blocks, lines_of
from themis.core.errors import DatasetError


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.lists(st.sampled_from([b"a", b"\n", b"\r", b"\r\n", b" ", b"bcdef", BOM])).map(b"".join))
def test_lines_are_those_of_the_file_however_it_is_cut(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes
) -> None:
    path = tmp_path / "file"
    path.write_bytes(content)
    expected = list(enumerate(io.BytesIO(content.removeprefix(BOM)).readlines(), start=1))
    for size in (1, 2, 3, 7, 1_000):
        monkeypatch.setattr(packed_files, "_BLOCK_BYTES", size)
        seen: list[bytes] = []
        blocks = list(line_blocks(path, seen.append))
        found = [(number, line) for first, lines in blocks for number, line in enumerate(lines, start=first)]
        assert [one for one in found if one[1]] == expected
        assert found == list(lines_of(path))
        assert b"".join(seen) == content


def test_a_line_that_is_too_long_is_named_before_all_of_it_is_in_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(packed_files, "MAX_LINE_BYTES", 10)
    monkeypatch.setattr(packed_files, "_BLOCK_BYTES", 4)
    for content in (b"ab\n" + b"x" * 11, b"ab\n" + b"x" * 10 + b"\n", b"ab\n" + b"x" * 1_000):
        (tmp_path / "file").write_bytes(content)
        seen: list[bytes] = []
        with pytest.raises(DatasetError, match=r"file:2: is longer"):
            list(line_blocks(tmp_path / "file", seen.append))
        assert len(seen) <= 4
