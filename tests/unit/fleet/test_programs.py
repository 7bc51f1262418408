"""What the programs of engines say is wrong, in one line."""

import pytest

from themis.core.errors import EngineError
from themis.fleet.programs import run, what_is_wrong

NOT_SET_UP = """\
sinfo: error: resolve_ctls_from_dns_srv: res_nsearch error: Unknown host
sinfo: error: fetch_config: DNS SRV lookup failed
sinfo: fatal: Could not establish a configuration source
"""
NO_PARTITION = """\
sbatch: error: invalid partition specified: gpus
sbatch: error: Batch job submission failed
"""
NO_OPTION = """\
sbatch: unrecognized option '--tiem=4'
Try "sbatch --help" for more information
"""
NO_SERVER = """\
E1128 20:52:54.082076   20876 memcache.go:265] "Unhandled Error" err="couldn't get current server API group list"
E1128 20:52:54.104973   20876 memcache.go:265] "Unhandled Error" err="couldn't get current server API group list"
The connection to the server localhost:8080 was refused
"""
NO_VALIDATION = (
    "error: error validating data: connection refused; if you choose to ignore these errors, turn validation off"
)


@pytest.mark.parametrize(
    ("printed", "told"),
    [
        (NOT_SET_UP, "Could not establish a configuration source"),
        (
            NO_PARTITION,
            "invalid partition specified: gpus; Batch job submission failed",
        ),
        (NO_OPTION, "sbatch: unrecognized option '--tiem=4'"),
        (
            NO_SERVER,
            "The connection to the server localhost:8080 was refused",
        ),
        (NO_VALIDATION, "error validating data: connection refused"),
        ("error: twice\nerror: twice\n", "twice"),
        ("E1128 20:52:54.1 1 x.go:1] alone", "E1128 20:52:54.1 1 x.go:1] alone"),
        ("x" * 10_000, "x" * 300),
        (" \n", ""),
    ],
    ids=["not set up", "partition", "option", "server", "validation", "twice", "log", "long", "nothing"],
)
def test_what_a_program_says_is_one_line_about_what_is_wrong(printed: str, told: str) -> None:
    assert what_is_wrong(printed) == told


def test_a_program_that_reaches_no_cluster_is_told_apart_from_one_that_is_refused() -> None:
    what = {"advice": "", "no_cluster": "do that"}
    with pytest.raises(EngineError, match="Any: sh reaches no cluster: connection refused; do that"):
        run("Any", ["sh", "-c", "echo connection refused >&2; exit 1"], **what)
    with pytest.raises(EngineError, match="Any: sh refuses: no such partition"):
        run("Any", ["sh", "-c", "echo error: no such partition >&2; exit 1"], **what)
