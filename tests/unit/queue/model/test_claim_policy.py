"""Which jobs a worker takes, which it leaves to others, and what leaving them costs."""

import json
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.processes.queue_world import World, world
from themis.core.components.provenance import DISTRIBUTION, themis_version
from themis.core.errors import InvalidArgumentError, TagError
from themis.core.queue import FileQueue
from themis.core.queue.model import layout, manifest_file
from themis.core.queue.model.claim_policy import ClaimPolicy, version_difference, why_not
from themis.core.queue.model.manifest_file import Limits, Manifest
from themis.core.queue.model.states import JobState
from themis.core.queue.model.store_address import StoreAddress
from themis.core.queue.picking.listing_cache import WINDOW_NAMES
from themis.core.queue.rows import needs
from themis.core.stores.job_rows import job_key

MANIFEST = Manifest("key", "run", StoreAddress("sqlite", "/s", "id"), Limits(), 5, 7, themis_version(), {})
GPU = ClaimPolicy(["gpu"])
NONE = ClaimPolicy()


@pytest.fixture
def here(tmp_path: Path) -> Iterator[World]:
    with world(tmp_path) as opened:
        yield opened


def _submit(here: World, run_id: str, **facts: object) -> str:
    return here.queue.submit(here.job(run_id, **facts), prepare=lambda: here._make_run(run_id)).row.key


def _claimed(here: World, policy: ClaimPolicy | None) -> str | None:
    claim = here.claim(allow=policy)
    if claim is None:
        return None
    here.finish(claim)
    return claim.row.run_id


@pytest.mark.parametrize(
    ("needed", "had", "reason"),
    [
        ((), (), None),
        ((), ("gpu",), None),
        (("gpu",), ("gpu", "big"), None),
        (("gpu",), (), "needs a worker with the tag gpu"),
        (("big", "gpu"), ("gpu",), "needs a worker with the tag big"),
        (("big", "gpu"), ("gpu2",), "needs a worker with the tag big, gpu"),
    ],
)
def test_every_tag_of_the_job_must_be_the_workers(needed: tuple[str, ...], had: tuple[str, ...], reason: Any) -> None:
    assert why_not(replace(MANIFEST, tags=needed), ClaimPolicy(had)) == reason


@pytest.mark.parametrize("tag", ["", "GPU", "a b", "-x", "ä", "x" * 33, "a,b", "a/b", "gpu\n", 5, None])
def test_what_is_no_tag_is_refused(tag: Any) -> None:
    with pytest.raises(TagError, match="is not a tag: at most 32 of a-z"):
        ClaimPolicy([tag])


def test_a_text_in_place_of_a_list_and_too_many_tags_are_refused() -> None:
    with pytest.raises(TagError, match="a list of texts, not the text 'gpu'"):
        ClaimPolicy("gpu")
    with pytest.raises(TagError, match="33 tags are more than 32"):
        ClaimPolicy([f"t{number}" for number in range(33)])


def test_policies_are_equal_when_they_say_the_same() -> None:
    assert ClaimPolicy(["a", "b", "a"]) == ClaimPolicy(("b", "a"))
    assert ClaimPolicy(["a"]) != ClaimPolicy(["a"], "refuse")
    with pytest.raises(InvalidArgumentError, match="'maybe' is neither run nor refuse"):
        ClaimPolicy((), "maybe")  # type: ignore[arg-type]


def test_versions_differ_by_name_and_only_refuse_leaves_the_job() -> None:
    made = replace(MANIFEST, version="1.0", distributions={"pytest": "0.1", "not-installed-at-all": "7"})
    difference = version_difference(made)
    assert difference is not None
    assert f"{DISTRIBUTION} 1.0 (here {themis_version()})" in difference
    assert f"pytest 0.1 (here {pytest.__version__})" in difference
    assert "not-installed-at-all 7 (not installed here)" in difference
    assert why_not(made, NONE) is None
    assert why_not(made, ClaimPolicy(version_mismatch="refuse")) == difference
    same = replace(MANIFEST, distributions={"pytest": pytest.__version__})
    assert version_difference(same) is None
    assert why_not(same, ClaimPolicy(version_mismatch="refuse")) is None


def test_of_python_the_first_two_numbers_count() -> None:
    made = replace(MANIFEST, version=themis_version(), python="3.11.7")
    assert version_difference(made, python_here="3.11.2") is None
    assert version_difference(made, python_here="3.12.1") == "was submitted with Python 3.11.7 (here 3.12.1)"
    assert version_difference(replace(made, python=None), python_here="3.12.1") is None
    assert needs.of(made) == needs.of(replace(made, python="3.11.9")) != needs.of(replace(made, python="3.12.0"))


def test_of_very_many_versions_that_differ_the_first_are_told() -> None:
    made = replace(MANIFEST, version=themis_version(), distributions={f"p{number}": "1" for number in range(20)})
    assert (version_difference(made) or "").endswith("p7 1 (not installed here) and 12 more")


def test_a_library_that_is_not_installed_has_the_version_of_one_that_is_not_installed() -> None:
    assert version_difference(replace(MANIFEST, version="0+unknown"), lambda _: "0+unknown") is None


def test_a_job_is_left_where_it_lies_for_a_worker_that_has_its_tags(here: World) -> None:
    key = _submit(here, "heavy", tags=("big", "gpu"), priority=0)
    _submit(here, "light")
    assert _claimed(here, GPU) == "light"
    assert list(here.result.left.values()) == ["needs a worker with the tag big"]
    assert _claimed(here, GPU) is None
    assert here.files_of(key) == ["queued"]
    assert here.store.load(key).version == 1  # type: ignore[union-attr]
    assert here.queue.admin.show(key).tags == ("big", "gpu")
    assert _claimed(here, ClaimPolicy(["gpu", "big", "more"])) == "heavy"
    assert here.result.left == {}


def test_a_job_of_other_versions_is_left_by_a_worker_that_refuses_and_run_by_one_that_does_not(here: World) -> None:
    _submit(here, "old")
    assert _claimed(here, ClaimPolicy(version_mismatch="refuse")) is None
    (reason,) = here.result.left.values()
    assert reason == f"was submitted with {DISTRIBUTION} test (here {themis_version()})"
    assert _claimed(here, NONE) == "old"


def test_a_changed_policy_counts_at_once_though_the_listing_is_fresh(here: World) -> None:
    here.queue = FileQueue(here.queue.path, lambda _: here.store, rescan_s=3_600)
    _submit(here, "heavy", tags=("gpu",))
    _submit(here, "light")
    assert _claimed(here, NONE) == "light"
    assert _claimed(here, GPU) == "heavy"


def test_a_job_that_others_took_is_no_longer_passed_over(here: World) -> None:
    key = _submit(here, "heavy", tags=("gpu",))
    assert _claimed(here, NONE) is None
    assert len(here.result.left) == 1
    here.queue.admin.cancel(key)
    assert _claimed(here, NONE) is None
    assert here.result.left == {}


def test_a_job_of_which_is_asked_something_else_after_it_was_tried_again_is_looked_into_anew(here: World) -> None:
    key = _submit(here, "run", tags=("gpu",))
    assert _claimed(here, NONE) is None
    here.queue.admin.cancel(key)
    here.queue.submit(here.job("run"), rerun=True)
    assert _claimed(here, NONE) == "run"


def test_a_job_that_waits_needs_its_tags_too(here: World) -> None:
    _submit(here, "later", tags=("gpu",), not_before_ns=time.time_ns() + 50_000_000)
    time.sleep(0.06)
    assert _claimed(here, NONE) is None
    assert _claimed(here, GPU) == "later"


@pytest.mark.slow
def test_ten_thousand_jobs_for_others_in_front_starve_nobody_and_are_read_once(
    here: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    count = 10_000
    assert count > 2 * WINDOW_NAMES
    _submit(here, "light", priority=9)
    queued = here.queue.path / "queued"
    for number in range(count):
        job = here.job(f"heavy-{number}", tags=("gpu",))
        (queued / f"0-{layout.stamp(number)}-{job.key}.json").write_bytes(manifest_file.encode(job.manifest(number)))
    opened: list[str] = []
    real = manifest_file.read

    def read(path: str, *, key: str | None) -> Manifest:
        opened.append(path)
        return real(path, key=key)

    monkeypatch.setattr(manifest_file, "read", read)
    assert _claimed(here, NONE) == "light"
    assert len(opened) == count + 1
    assert len(here.result.left) == count
    opened.clear()
    _submit(here, "light too", priority=9)
    assert _claimed(here, ClaimPolicy()) == "light too"
    assert _claimed(here, NONE) is None
    assert len(opened) == 1
    reasons = here.result.left.values()
    assert len({id(reason) for reason in reasons}) == 1, "each has a text of its own"


# --- an upgrade ------------------------------------------------------------------------------------------------------

WRITTEN_BEFORE = (
    b'{"format":1,"key":"%(key)s","run_id":"old","store":{"kind":"sqlite","path":"%(path)s","id":"%(id)s"},"limits":'
    b'{"max_attempts":3,"max_worker_lost":3,"timeout_s":null,"memory_limit_mb":null},"priority":5,"submitted_at_ns":5,'
    b'"version":"4.0.0","payload":{"run":"old"}}\n'
)


def _rewrite(here: World, run_id: str, **changes: Any) -> Path:
    """Submit a job, and have its file say what another version would."""
    (path,) = here.queue.admin.show(_submit(here, run_id)).paths
    path.write_text(json.dumps(json.loads(path.read_bytes()) | changes))
    return path


def test_a_manifest_without_tags_is_written_and_read_as_it_was_before_there_were_any(here: World) -> None:
    key = job_key("old", here.address.id)
    text = WRITTEN_BEFORE % {b"key": key.encode(), b"path": here.address.path.encode(), b"id": here.address.id.encode()}
    manifest = manifest_file.decode(text, "name", key=key)
    assert (manifest.tags, manifest.distributions) == ((), {})
    assert manifest_file.encode(manifest) == text


def test_tags_and_distributions_are_written_and_read_again() -> None:
    key = job_key("run", "id")
    manifest = replace(MANIFEST, key=key, tags=("a", "b"), distributions={"acme": "1.0+local"}, python="3.12.1")
    text = manifest_file.encode(manifest)
    assert json.loads(text)["format"] == manifest_file.FORMAT
    assert manifest_file.decode(text, "name", key=key) == manifest


BAD_TAGS: list[Any] = ["gpu", [5], ["GPU"], None, [f"t{number}" for number in range(40)]]
BAD_PYTHONS: list[Any] = ["", "3 12", 3.12, None, ["3.12"]]
BAD_DISTRIBUTIONS: list[Any] = [[], {"a": 1}, {"a b": "1"}, {"a": "1\n2"}, {"": "1"}, None]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        *(("tags", value) for value in BAD_TAGS),
        *(("distributions", value) for value in BAD_DISTRIBUTIONS),
        *(("python", value) for value in BAD_PYTHONS),
    ],
)
def test_a_malformed_new_field_is_no_manifest(here: World, field: str, value: Any) -> None:
    path = _rewrite(here, "bad", **{field: value})
    assert _claimed(here, None) is None
    assert (here.queue.path / "rejected" / path.name).exists()


def test_fields_that_a_later_version_adds_to_the_format_are_not_looked_at(here: World) -> None:
    _rewrite(here, "run", colour="blue", later={"deep": [1, None]}, tags=["gpu"])
    assert _claimed(here, NONE) is None
    assert _claimed(here, GPU) == "run"
    here.assert_promise("run", state=JobState.DONE)


def test_a_job_of_a_newer_format_is_left_for_newer_workers_who_then_run_it(here: World) -> None:
    path = _rewrite(here, "new", format=3, store="said in another way")
    before = path.read_bytes()
    _submit(here, "old")
    assert _claimed(here, NONE) == "old"
    assert here.result.left == {
        path.name: f"{path.name}: written by a newer Themis (manifest format 3, this version reads up to 2); "
        "upgrade Themis to run it"
    }
    here.queue.admin.doctor()
    assert _claimed(here, NONE) is None
    assert path.read_bytes() == before
    assert here.queue.admin.counts()["rejected"] == 0
    assert here.store.load(here.job("new").key).state == JobState.QUEUED  # type: ignore[union-attr]
    path.write_bytes(manifest_file.encode(here.job("new").manifest(5)))  # as a worker that knows the format reads it
    assert _claimed(here, NONE) is None, "it is looked into once"
    newer = FileQueue(here.queue.path, lambda _: here.store)
    claim = newer.claim(here.owner).claim
    assert claim is not None
    here.finish(claim)
    here.assert_promise("new", state=JobState.DONE)


def test_what_a_dead_newer_worker_left_is_left_to_newer_workers_too(here: World) -> None:
    path = _rewrite(here, "new", format=3)
    left = here.queue.path / "claimed" / layout.claimed_name(here.job("new").key, 1, "0" * 16)
    path.rename(left)
    assert _claimed(here, NONE) is None
    assert "written by a newer Themis" in here.result.left[left.name]
    assert left.name in [finding.what for finding in here.queue.admin.doctor()]
    assert left.exists()
    assert here.queue.admin.counts()["rejected"] == 0
