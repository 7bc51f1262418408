"""What an error says that the user may have meant."""

import pytest

from themis.core.text.nearest import nearest_hint

COMPONENTS = ["builtin/demo_generator", "builtin/exact_match", "builtin/text"]


@pytest.mark.parametrize(
    ("word", "known", "hint"),
    [
        ("inputt", ["input", "metadata"], '; did you mean "input"?'),
        ("builtin/demo", COMPONENTS, '; did you mean "builtin/demo_generator"?'),  # though "builtin/text" is more alike
        ("builtin/tex", COMPONENTS, '; did you mean "builtin/text"?'),
        ("", ["a", "b"], "; known are a, b"),
        ("zzz", ["a", "b", "a"], "; known are a, b"),
        ("zzz", [str(number) for number in range(13)], ""),
        ("zzz", [], ""),
    ],
)
def test_a_word_that_is_begun_is_nearer_than_one_that_looks_alike(word: str, known: list[str], hint: str) -> None:
    assert nearest_hint(word, known) == hint


def test_what_follows_a_question_is_a_sentence_of_its_own() -> None:
    assert nearest_hint("inputt", ["input"], then="see the page") == '; did you mean "input"? See the page'
    assert nearest_hint("zzz", ["a"], then="see the page") == "; known are a; see the page"
    assert nearest_hint("zzz", [], then="see the page") == "; see the page"
