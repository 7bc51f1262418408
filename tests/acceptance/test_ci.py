"""What the run of all checks says in its last lines, with a `make` that only says what tests say."""

import os
import subprocess
from pathlib import Path

import pytest

RUN = Path(__file__).parents[2] / ".ci" / "run"

QUIET = "#!/bin/sh\nexit 0\n"
ABSENT = "#!/bin/sh\nexit 1\n"
MAKE = """\
#!/bin/sh
case "$*" in
*test*) echo 'SKIPPED [2] tests/unit/test_a.py:12: the data is not here'
        echo 'SKIPPED [1] tests/unit/test_b.py:7: the data is not here'
        echo 'SKIPPED [1] tests/b.py:9: fuse: cannot mount'
        echo '3 passed, 4 skipped in 0.1s' ;;
*slow-short*) exit "$SLOW" ;;
esac
"""


def _ran(tmp_path: Path, make: str, interpreter: str = ABSENT, **variables: str) -> tuple[int, list[str]]:
    for name, text in (("make", make), ("apt-get", QUIET)):
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o755)
    # No other interpreter is found: where version managers keep them is elsewhere too.
    nowhere = {f"{name}_DIR": str(tmp_path) for name in ("ASDF_DATA", "MISE_DATA", "UV_PYTHON_INSTALL")}
    for name in ("python3.12", "python3.13"):
        (tmp_path / name).write_text(interpreter)
        (tmp_path / name).chmod(0o755)
    environment = {
        **os.environ,
        **nowhere,
        "PYENV_ROOT": str(tmp_path),
        "PATH": f"{tmp_path}:{os.environ['PATH']}",
        "SLOW": "0",
        "STRICT": "0",
        **variables,
    }
    found = subprocess.run([str(RUN)], capture_output=True, text=True, env=environment, check=False, timeout=60)
    return found.returncode, found.stdout.splitlines()


def test_what_was_skipped_is_named_with_its_reason_and_number_in_the_last_lines(tmp_path: Path) -> None:
    code, lines = _ran(tmp_path, MAKE)
    assert code == 0
    assert lines[-5:] == [
        "skipped    1  python3.12 is not here: left out",
        "skipped    1  python3.13 is not here: left out",
        "skipped    1  tests: fuse: cannot mount",
        "skipped    3  tests: the data is not here",
        "6 passed, 0 failed, 6 skipped",
    ]


@pytest.mark.parametrize(("strict", "slow", "code"), [("1", "0", 1), ("0", "0", 0), ("0", "1", 1), ("1", "1", 1)])
def test_what_was_skipped_fails_where_that_is_asked_for(tmp_path: Path, strict: str, slow: str, code: int) -> None:
    assert _ran(tmp_path, MAKE, STRICT=strict, SLOW=slow)[0] == code


def test_where_nothing_is_skipped_being_strict_changes_nothing(tmp_path: Path) -> None:
    code, lines = _ran(tmp_path, QUIET, interpreter=QUIET, STRICT="1")
    assert (code, lines[-1]) == (0, "8 passed, 0 failed, 0 skipped")


def test_a_step_that_fails_is_named_and_the_others_are_made_all_the_same(tmp_path: Path) -> None:
    code, lines = _ran(tmp_path, MAKE, SLOW="2")
    assert code == 1
    assert "FAILED  slow tests, short" in lines
    assert "passed  benchmarks, short" in lines
