"""Instructions about the form of a text: paragraphs, sections, lists, marks, and what stands at its ends."""

import json

from themis.core.builtins.instructions.kinds import kind
from themis.core.builtins.instructions.patterns import count, found, occurs, parts

_ANSWERS = ("My answer is yes.", "My answer is no.", "My answer is maybe.")
_FENCES = ("```json", "```Json", "```JSON", "```")
_POSTSCRIPTS = {"P.P.S": r"p\.\s?p\.\s?s", "P.S.": r"p\.\s?s\."}
_WORD_ENDS = frozenset(".,?!'\"")


@kind("length_constraints:number_paragraphs", num_paragraphs="number")
def has_paragraphs(text: str, num_paragraphs: int) -> bool:
    """Whether `***` separates exactly so many paragraphs; the first and last may be empty, and then do not count."""
    first, *inner = parts(r"\s?\*\*\*\s?", text)
    last = [inner.pop()] if inner else []
    if not all(part.strip() for part in inner):
        return False
    return len(inner) + sum(bool(part.strip()) for part in [first, *last]) == num_paragraphs


@kind("length_constraints:nth_paragraph_first_word", num_paragraphs="number", nth_paragraph="number", first_word="text")
def has_first_word(text: str, num_paragraphs: int, nth_paragraph: int, first_word: str) -> bool:
    """Whether empty lines separate exactly so many paragraphs, and one of them begins with a word; case does not count.

    Empty paragraphs do not count, but they have a number.
    """
    paragraphs = text.split("\n\n")
    count_of_all = sum(bool(paragraph.strip()) for paragraph in paragraphs)
    if not 0 < nth_paragraph <= count_of_all:
        return False
    paragraph = paragraphs[nth_paragraph - 1].strip()
    if not paragraph:
        return False
    word = paragraph.split()[0].lstrip("'").lstrip('"')
    end = next((place for place, letter in enumerate(word) if letter in _WORD_ENDS), len(word))
    return count_of_all == num_paragraphs and word[:end].lower() == first_word.lower()


@kind("detectable_content:number_placeholders", num_placeholders="number")
def has_placeholders(text: str, num_placeholders: int) -> bool:
    """Whether so many parts of lines, at least, are in square brackets."""
    return count(r"\[.*?\]", text) >= num_placeholders


@kind("detectable_content:postscript", postscript_marker="text")
def has_postscript(text: str, postscript_marker: str) -> bool:
    """Whether a postscript begins somewhere with its marker; case does not count, nor space within `P.S.`."""
    marker = postscript_marker.strip()
    return occurs(_POSTSCRIPTS.get(marker, marker.lower()), text.lower())


@kind("detectable_format:number_bullet_lists", num_bullets="number")
def has_bullets(text: str, num_bullets: int) -> bool:
    """Whether exactly so many lines begin with `*` or `-`."""
    return count(r"^\s*\*[^\*].*$", text, flags="m") + count(r"^\s*-.*$", text, flags="m") == num_bullets


@kind("detectable_format:constrained_response")
def is_one_of_three_answers(text: str) -> bool:
    """Whether the text holds one of three answers: yes, no, maybe."""
    return any(answer in text for answer in _ANSWERS)


@kind("detectable_format:number_highlighted_sections", num_highlights="number")
def has_highlights(text: str, num_highlights: int) -> bool:
    """Whether so many parts, at least, are between asterisks or between pairs of them."""
    single = sum(bool(part.strip("*").strip()) for part in found(r"\*[^\n\*]*\*", text))
    double = sum(bool(part[2:-2].strip()) for part in found(r"\*\*[^\n\*]*\*\*", text))
    return single + double >= num_highlights


@kind("detectable_format:multiple_sections", section_spliter="text", num_sections="number")
def has_sections(text: str, section_spliter: str, num_sections: int) -> bool:
    """Whether a word and a number begin so many sections, at least."""
    return count(rf"\s?{section_spliter.strip()}\s?\d+\s?", text) >= num_sections


@kind("detectable_format:json_format")
def is_json(text: str) -> bool:
    """Whether the text is JSON, which may be in a fenced block."""
    text = text.strip()
    for fence in _FENCES:
        text = text.removeprefix(fence)
    try:
        json.loads(text.removesuffix("```").strip())
    except (ValueError, RecursionError):
        return False
    return True


@kind("detectable_format:title")
def has_title(text: str) -> bool:
    """Whether something is between double angular brackets in a line."""
    return any(title.lstrip("<").rstrip(">").strip() for title in found(r"<<[^\n]+>>", text))


@kind("combination:two_responses")
def has_two_responses(text: str) -> bool:
    """Whether six asterisks separate two different texts; more of them may stand at the ends."""
    first, *others = text.split("******")
    if not all(other.strip() for other in others[:-1]):
        return False
    responses = [part.strip() for part in [first, *others] if part.strip()]
    return len(responses) == len(set(responses)) == 2  # noqa: PLR2004  # two


@kind("combination:repeat_prompt", prompt_to_repeat="text")
def repeats_prompt(text: str, prompt_to_repeat: str) -> bool:
    """Whether the text begins with a prompt; case does not count."""
    return text.strip().lower().startswith(prompt_to_repeat.strip().lower())


@kind("startend:end_checker", end_phrase="text")
def has_end(text: str, end_phrase: str) -> bool:
    """Whether the text ends with a phrase, apart from quotation marks; case does not count."""
    return text.strip().strip('"').lower().endswith(end_phrase.strip().lower())


@kind("startend:quotation")
def is_quotation(text: str) -> bool:
    """Whether the whole text is between double quotation marks."""
    text = text.strip()
    return len(text) > 1 and text[0] == text[-1] == '"'
