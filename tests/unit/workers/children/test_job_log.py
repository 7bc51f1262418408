"""An attempt's log is kept in two parts at most."""

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from themis_workers.children.job_log import JobLog


def test_a_log_that_is_full_begins_anew_and_its_last_part_is_kept(tmp_path: Path) -> None:
    log = JobLog(tmp_path / "logs" / "1.log", 10)
    for text in (b"one\n", b"two\n", b"three\n", b"four\n"):
        log.write(text)
    log.close()
    assert (tmp_path / "logs" / "1.log").read_bytes() == b"four\n"
    assert (tmp_path / "logs" / "1.log.1").read_bytes() == b"three\n"


def test_what_was_there_before_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "1.log"
    path.write_text("remark\n")
    log = JobLog(path, 100)
    log.write(b"output\n")
    log.close()
    assert path.read_text() == "remark\noutput\n"


def test_a_log_that_cannot_be_written_is_given_up(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    log = JobLog(tmp_path / "file" / "1.log", 100)
    log.write(b"lost")
    log.close()
    (tmp_path / "target").touch()
    (tmp_path / "2.log").symlink_to(tmp_path / "target")
    log = JobLog(tmp_path / "2.log", 100)
    log.write(b"lost")
    assert (tmp_path / "target").read_bytes() == b""


@given(chunks=st.lists(st.binary(min_size=1, max_size=30), max_size=30))
def test_a_log_holds_the_end_of_what_was_printed(tmp_path_factory: object, chunks: list[bytes]) -> None:
    folder: Path = tmp_path_factory.mktemp("log")  # type: ignore[attr-defined]
    log = JobLog(folder / "1.log", 50)
    for chunk in chunks:
        log.write(chunk)
    log.close()
    parts = [folder / "1.log.1", folder / "1.log"]
    kept = b"".join(part.read_bytes() for part in parts if part.exists())
    assert b"".join(chunks).endswith(kept)
    assert all(part.stat().st_size <= 50 for part in parts if part.exists())
