"""`themis catalog`: the named benchmarks, and the components that experiments can name."""

from themis.cli.catalog.list import list_
from themis.cli.catalog.show import show
from themis.cli.catalog.validate import validate
from themis.cli.command import group


@group("catalog", "themis catalog list", "themis catalog show gsm8k", "themis catalog list --components")
def catalog() -> None:
    """List named benchmarks and components, show what a benchmark asks and how it scores, check them on samples."""


for member in (list_, show, validate):
    catalog.add_command(member)
