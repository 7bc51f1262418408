"""Instructions about words, sentences, letters and languages."""

from themis.core.builtins.instructions.kinds import holds, kind
from themis.core.builtins.instructions.language import count_words, language_of, sentences, tokens
from themis.core.builtins.instructions.patterns import count, occurs


@kind("keywords:existence", keywords="texts")
def has_keywords(text: str, keywords: list[str]) -> bool:
    """Whether each keyword occurs, also within a word; case does not count."""
    return all(occurs(keyword, text, flags="i") for keyword in keywords)


@kind("keywords:frequency", keyword="text", frequency="number", relation="relation")
def has_keyword_so_often(text: str, keyword: str, frequency: int, relation: str) -> bool:
    """Whether a keyword occurs that often, also within words; case does not count."""
    return holds(relation, count(keyword.strip(), text, flags="i"), frequency)


@kind("keywords:forbidden_words", forbidden_words="texts")
def has_no_forbidden_words(text: str, forbidden_words: list[str]) -> bool:
    """Whether none of the words occurs as a word; case does not count."""
    return not any(occurs(rf"\b{word}\b", text, flags="i") for word in forbidden_words)


@kind("keywords:letter_frequency", letter="character", let_frequency="number", let_relation="relation")
def has_letter_so_often(text: str, letter: str, let_frequency: int, let_relation: str) -> bool:
    """Whether a letter occurs that often; case does not count."""
    return holds(let_relation, text.lower().count(letter.lower()), let_frequency)


@kind("language:response_language", language="text")
def is_in_language(text: str, language: str) -> bool:
    """Whether the text is in a language, given by its code; a text of no language is in any."""
    return language_of(text) in {language, None}


@kind("length_constraints:number_sentences", num_sentences="number", relation="relation")
def has_so_many_sentences(text: str, num_sentences: int, relation: str) -> bool:
    """Whether the text has that many sentences."""
    return holds(relation, len(sentences(text)), num_sentences)


@kind("length_constraints:number_words", num_words="number", relation="relation")
def has_so_many_words(text: str, num_words: int, relation: str) -> bool:
    """Whether the text has that many words."""
    return holds(relation, count_words(text), num_words)


@kind("change_case:capital_word_frequency", capital_frequency="number", capital_relation="relation")
def has_so_many_capital_words(text: str, capital_frequency: int, capital_relation: str) -> bool:
    """Whether that many words are in capital letters; one with a hyphen is one word."""
    return holds(capital_relation, sum(token.isupper() for token in tokens(text)), capital_frequency)


@kind("change_case:english_capital")
def is_in_capitals(text: str) -> bool:
    """Whether the text is in English and in capital letters; a text of no language follows."""
    return _in_english(text, is_cased=text.isupper())


@kind("change_case:english_lowercase")
def is_in_lower_case(text: str) -> bool:
    """Whether the text is in English and in lower case; a text of no language follows."""
    return _in_english(text, is_cased=text.islower())


@kind("punctuation:no_comma")
def has_no_comma(text: str) -> bool:
    """Whether the text has no comma."""
    return "," not in text


def _in_english(text: str, *, is_cased: bool) -> bool:
    return is_cased and language_of(text) in {"en", None}
