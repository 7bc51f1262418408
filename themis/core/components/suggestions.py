"""Hint about the id of a component that there is not: only what could be in its place is suggested."""

from collections.abc import Sequence

from themis.core.builtins import BUILTINS_BY_KIND, GENERATORS
from themis.core.text.nearest import nearest_hint

_GENERATING = ("generator", "judge")
"""Kinds that a generator can be: one that is to judge is made a judge."""


def component_hint(use: str, kind: str | None, others: Sequence[str] = ()) -> str:
    """Return the end of the message that nothing has an id: what it may have meant, or nothing.

    Args:
        use: the id.
        kind: the kind of component that is needed: `generator`, `parser`, …; None for any.
        others: ids of plug-ins, whose kinds are unknown before they are loaded.
    """
    shipped = [name for of, ids in BUILTINS_BY_KIND.items() if kind in {None, of} for name in ids]
    asking = list(GENERATORS) if kind is None or kind in _GENERATING else []
    if kind in _GENERATING:
        shipped = [*shipped, *BUILTINS_BY_KIND["generator"]]
    before, slash, model = use.partition("/")
    if slash and model and before in asking:
        return f"; write {{use: {before}, with: {{model_id: {model}}}}}"
    if (alone := use.rpartition("/")[2]) in asking:
        return f'; did you mean "{alone}"?'
    hint = nearest_hint(use, [*shipped, *asking, *others])
    if not hint and kind == "generator":
        return "; a provider's model is {use: openai, with: {model_id: NAME}}, your own is package.module:name"
    return hint
