"""A text names the queue in a folder, or the rows of a store; an address with a password is refused."""

from pathlib import Path

import pytest

from themis.core.errors import ConfigError
from themis.core.queue.model.queue_place import RowsPlace, place_in, queue_place
from themis.core.stores.reading import StoreLocation

OWN = StoreLocation("postgres", '{"url":"env:DB"}')


def test_a_path_is_a_folder_whatever_it_is_called() -> None:
    assert queue_place(Path("store")) == Path("store").absolute()
    assert queue_place("./store") == Path("store").absolute()
    assert queue_place(None) == Path("runs/queue").absolute()


def test_a_store_is_named_by_a_reference_or_an_address_and_says_so_again() -> None:
    for reference in ("env:THEMIS_DATABASE_URL", "postgresql://themis@db.example.org/themis"):
        place = queue_place(f"store:{reference}")
        assert place == RowsPlace(reference)
        assert queue_place(str(place)) == place


def test_store_alone_is_that_of_the_experiment() -> None:
    assert queue_place("store", OWN) == RowsPlace("env:DB") == place_in(OWN)
    with pytest.raises(ConfigError, match="store:env:"):
        queue_place("store")
    with pytest.raises(ConfigError, match="needs a results store in Postgres"):
        queue_place("store", StoreLocation("sqlite", "/runs/themis.sqlite3"))


@pytest.mark.parametrize("address", ["", "postgresql://me:secret@host/db", "host=h password=secret"])
def test_an_address_that_is_empty_or_holds_a_password_is_refused(address: str) -> None:
    with pytest.raises(ConfigError) as raised:
        queue_place(f"store:{address}")
    assert "secret" not in str(raised.value)
