"""A value that takes long to find is looked for only so often, however many ask."""

import threading
import time

import pytest

from themis.core.monitor.throttled_cache import ThrottledCache


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    return now


def test_what_takes_long_is_found_out_rarely(clock: list[float]) -> None:
    found: list[float] = []

    def find() -> float:
        clock[0] += 2.0
        found.append(clock[0])
        return clock[0]

    value = ThrottledCache(find, share=0.05)
    for _ in range(100):
        value.get()
        clock[0] += 1.0
    assert 2 <= len(found) <= 4
    assert value.get() == found[-1]


def test_a_value_is_looked_for_again_when_it_is_no_longer_fresh(clock: list[float]) -> None:
    values = iter([1, 2])
    cache = ThrottledCache(lambda: next(values), fresh_s=1.0)
    assert (cache.get(), cache.get()) == (1, 1)
    clock[0] = 0.9
    assert cache.get() == 1
    clock[0] = 1.0
    assert cache.get() == 2


def test_whoever_asks_while_it_is_looked_for_waits_and_gets_the_same() -> None:
    finders: list[threading.Thread] = []

    def find() -> int:
        finders.append(threading.current_thread())
        time.sleep(0.05)
        return len(finders)

    cache = ThrottledCache(find, fresh_s=60.0)
    threads = [threading.Thread(target=cache.get) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(finders), cache.get()) == (1, 1)


def test_a_value_that_cannot_be_found_is_looked_for_again() -> None:
    tries: list[int] = []

    def find() -> int:
        tries.append(7)
        if len(tries) == 1:
            raise OSError(5, "gone")
        return tries[-1]

    cache = ThrottledCache(find, fresh_s=60.0)
    with pytest.raises(OSError, match="gone"):
        cache.get()
    assert cache.get() == 7
