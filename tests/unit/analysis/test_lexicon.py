import pytest

from cloud.analysis.model import LetterCategory
from cloud.analysis.rules.letter_text import folded
from cloud.analysis.rules.lexicon import LANGUAGES, category_words, lexicon, months, pattern


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_language_has_words_for_every_category_but_miscellaneous(language):
    assert set(category_words(language)) == {category.value for category in LetterCategory} - {"miscellaneous"}


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_language_has_the_same_groups(language):
    only_english = {"british", "american"}
    assert set(lexicon(language).groups) | only_english == set(lexicon("en").groups)


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_language_has_twelve_months(language):
    assert [number for number, _ in months(language)] == list(range(1, 13))


@pytest.mark.parametrize("spelling", ["Straße", "Strasse", "StraBe", "STRASSE"])
def test_sharp_s_is_found_in_every_spelling(spelling):
    assert pattern(["straße"]).search(folded(spelling))


@pytest.mark.parametrize("spelling", ["fällig", "faellig", "fallig"])
def test_an_umlaut_is_found_in_every_spelling(spelling):
    assert pattern(["fällig"]).search(folded(spelling))


def test_a_space_that_ocr_lost_is_no_hindrance():
    assert pattern(["please pay by"]).search("pleasepay by 30")


def test_a_phrase_is_no_part_of_a_longer_word():
    assert not pattern(["tax"]).search("taxi syntax")


def test_a_star_lets_the_word_go_on():
    assert pattern(["mahn*"]).search("mahnung")
    assert pattern(["*rechnung"]).search("stromrechnung")


def test_folding_keeps_every_character_in_its_place():
    text = "Fällig \u2013 „bis“ 30. März, ½ Straße œuvre \ufb01n\u00a0€"
    assert len(folded(text)) == len(text)


def test_a_group_nobody_wrote_matches_nothing():
    assert lexicon("en")["no such group"].search("anything") is None
