"""All kinds of instructions, by their ids."""

from themis.core.builtins.instructions import layout, words
from themis.core.builtins.instructions.kinds import Kind

KINDS: dict[str, Kind] = {
    found.instruction_id: found
    for module in (words, layout)
    for found in vars(module).values()
    if isinstance(found, Kind)
}
