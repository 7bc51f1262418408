"""An account never lets through more than its limit, and the store always knows of what may have been used."""

from hypothesis import given
from hypothesis import strategies as st

from themis.core.engine.spending.account import Account

STEPS = st.lists(
    st.tuples(st.sampled_from(["begin", "end", "write", "die"]), st.integers(0, 40), st.floats(0, 1)), max_size=80
)


@given(limit=st.integers(0, 200), steps=STEPS)
def test_whatever_happens_the_limit_holds_and_a_death_loses_no_more_than_is_announced(
    limit: int, steps: list[tuple[str, int, float]]
) -> None:
    account, calls, charged, written = Account(limit), list[int](), 0, 0
    for kind, amount, share in steps:
        if kind == "begin" and account.fits(amount):
            account.take(amount)
            if not account.is_announced:
                written = account.ceiling()
                account.written()
            calls.append(amount)
        elif kind == "end" and calls:
            reserved = calls.pop(int(share * (len(calls) - 1)))
            used = int(reserved * share)
            charged += used
            account.give(reserved, used)
        elif kind == "write":
            written = account.ceiling()
            account.written()
        elif kind == "die":
            charged += sum(calls)  # all that was in flight was charged for in full
            assert charged <= limit
            assert charged <= account.before + max(written, account.used)
            account, calls, written = Account(limit, before=account.before + max(written, account.used)), [], 0
            charged = min(charged, account.before)
        assert charged + sum(calls) <= limit
        assert account.used + account.in_flight <= account.announced or not calls


def test_a_write_that_has_not_ended_counts_only_for_what_it_lowers() -> None:
    account = Account(100)
    account.take(10)
    assert account.ceiling() == 10 + 2 + 10
    assert not account.is_announced
    account.written()
    assert account.is_announced
    account.give(10, 1)
    assert account.ceiling() == 1 + 10
    account.take(11)
    assert not account.is_announced  # the store may have the lower one by now


def test_the_ceiling_stays_within_the_budget() -> None:
    account = Account(100, before=85)
    account.take(15)
    assert account.ceiling() == 15
    assert not account.fits(1)
    account.give(15, 0)
    assert account.fits(15)
