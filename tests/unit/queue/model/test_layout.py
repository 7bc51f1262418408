from hypothesis import given
from hypothesis import strategies as st

from themis.core.queue.model import layout
from themis.core.queue.model.layout import Entry
from themis.core.stores.job_rows import job_key

KEY = "0123456789abcdef"


@given(st.integers(0, 250_000_000_000_000_000_000), st.integers(0, 250_000_000_000_000_000_000))
def test_names_sort_as_times_do(first_ns: int, second_ns: int) -> None:
    assert (first_ns < second_ns) == (layout.stamp(first_ns) < layout.stamp(second_ns))
    assert len(layout.stamp(first_ns)) == 25


def test_a_name_says_what_it_was_made_of() -> None:
    when = layout.stamp(1_795_481_301_345_074_855)
    shard = f"{KEY}.s003of010"
    assert layout.parse("queued", f"5-{when}-{KEY}.json") == Entry("queued", f"5-{when}-{KEY}.json", KEY, 5, when)
    assert layout.parse("waiting", f"{when}-0-{shard}.json") == Entry(
        "waiting", f"{when}-0-{shard}.json", shard, 0, when
    )
    claimed = layout.claimed_name(shard, 12, "f" * 16)
    assert layout.parse("claimed", claimed) == Entry("claimed", claimed, shard, attempt=12)
    assert layout.parse("done", f"{KEY}.json") == Entry("done", f"{KEY}.json", KEY)


@given(st.text(max_size=60))
def test_other_names_say_nothing(name: str) -> None:
    assert layout.parse("claimed", name) is None
    assert layout.parse("queued", f"5-{name}") is None


def test_a_name_of_one_folder_says_nothing_in_another() -> None:
    assert layout.parse("queued", f"{KEY}.json") is None
    assert layout.parse("done", f"5-{layout.stamp(5)}-{KEY}.json") is None


def test_a_key_depends_on_run_and_store_and_names_its_shard() -> None:
    assert job_key("run", "store") != job_key("run", "other")
    assert job_key("run", "store", (3, 10)) == job_key("run", "store") + ".s003of010"
    assert layout.is_key(job_key("run", "store", (3, 10)))
    assert not layout.is_key("../../etc")
