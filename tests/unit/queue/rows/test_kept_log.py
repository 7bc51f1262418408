"""What a store keeps of an attempt's log is its end."""

from pathlib import Path

from themis.core.queue.rows.kept_log import KEPT_BYTES, kept_log


def test_the_end_of_a_log_is_its_last_bytes(tmp_path: Path) -> None:
    path = tmp_path / "log"
    assert kept_log(path, 1, "host") is None
    path.write_bytes(b"first" + b"x" * KEPT_BYTES)
    log = kept_log(path, 1, "host")
    assert log is not None
    assert (log.size_bytes, log.tail) == (KEPT_BYTES + 5, b"x" * KEPT_BYTES)
