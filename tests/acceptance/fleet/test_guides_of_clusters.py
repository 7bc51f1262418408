"""The guides of Slurm and Ray, followed with a Slurm of one node, and with a cluster of Ray on this machine."""

import os
from pathlib import Path

import pytest

from tests.acceptance.test_documentation import GUIDES, blocks_of, follow, in_processes
from tests.support import postgres_server
from tests.support.ray_cluster import ray_cluster
from tests.support.slurm_cluster import is_empty, slurm_of_one_node
from tests.support.waiting import until

pytestmark = pytest.mark.slow

VARIABLE = "THEMIS_DATABASE_URL"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a person who follows a guide, with the address of a database in the environment."""
    monkeypatch.setenv(VARIABLE, postgres_server.schema_url())
    (tmp_path / "evals").mkdir(mode=0o755)
    return tmp_path / "evals"


def followed(page: Path, folder: Path, *, reason: str) -> int:
    """Follow a page with the blocks that are left out elsewhere for a reason; how many those are."""
    alone = {block.line for block in blocks_of(page)}
    blocks = list(blocks_of(page, also=reason))
    for block in blocks:
        follow(block, folder, {}, in_processes)
    return len([block for block in blocks if block.line not in alone])


def test_the_guide_of_slurm(tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "slurm").mkdir()
    with slurm_of_one_node(tmp_path / "slurm", monkeypatch):
        assert followed(GUIDES / "slurm.md", folder, reason="it needs Slurm") == 3
        until(is_empty, "the workers to end", 120, every_s=0.5)


def test_the_guide_of_ray(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with ray_cluster(**{VARIABLE: os.environ[VARIABLE]}) as cluster:
        monkeypatch.setenv("RAY_ADDRESS", cluster.address)
        cluster.start("head", cpus=1)
        assert followed(GUIDES / "ray.md", folder, reason="it needs Ray") == 2
