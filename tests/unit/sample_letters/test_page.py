"""Clean pages of sample letters: every glyph there, nothing off the sheet, nothing printed over something else."""

import json
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from PIL import ImageFont

from simulator.sample_letters import SampleLetter, render_page, sample_letters
from simulator.sample_letters.drawing import draw_barcode, draw_shapes, draw_signature
from simulator.sample_letters.fonts import FACES, load
from simulator.sample_letters.letter import read_letters
from simulator.sample_letters.typesetting import DPI, PER_MM, Placed, Word, lay_out

LETTERS = sample_letters()
PLACED = {letter.name: lay_out(letter) for letter in LETTERS}
SIGN_OF_A_MISSING_GLYPH = "\uffff"
TRUTH: dict[str, str | list[str] | None] = {
    "sender": "A", "recipient": "B", "due_date": None, "amount": None, "currency": None, "language": "en",
    "category": "miscellaneous", "reference": None, "keywords": [],
}  # fmt: skip
SHEET = 'order = 1\nsheet = [100.0, 50.0]\n[style]\nfont = "roboto"\nleft = 10.0\nright = 10.0\ntop = 5.0\n'

each_letter = pytest.mark.parametrize("letter", LETTERS, ids=lambda letter: letter.name)


@each_letter
def test_every_glyph_of_the_letter_is_in_its_typeface(letter: SampleLetter) -> None:
    glyphs = {(word.font, character) for word in _words(PLACED[letter.name]) for character in word.text}
    missing = {font: bytes(font.getmask(SIGN_OF_A_MISSING_GLYPH)) for font, _ in glyphs}
    assert [character for font, character in glyphs if bytes(font.getmask(character)) == missing[font]] == []


@each_letter
def test_every_glyph_is_as_wide_as_the_room_it_is_given(letter: SampleLetter) -> None:
    glyphs = {(word.font, character) for word in _words(PLACED[letter.name]) for character in word.text}
    assert [character for font, character in glyphs if _overhang(font, character) > 0.25] == []


@each_letter
def test_no_word_runs_off_the_sheet(letter: SampleLetter) -> None:
    boxes = np.array([_box(word) for word in _words(PLACED[letter.name])])
    width, height = (side * PER_MM for side in letter.sheet)
    assert boxes[:, :2].min() > 4 * PER_MM
    assert boxes[:, 2].max() < width - 4 * PER_MM
    assert boxes[:, 3].max() < height - 4 * PER_MM


@each_letter
def test_no_block_is_printed_over_the_words_of_another(letter: SampleLetter) -> None:
    blocks = [(placed.block, np.array([_box(word) for word in _words((placed,))])) for placed in PLACED[letter.name]]
    for (one, first), (other, second) in combinations([pair for pair in blocks if pair[1].size], 2):
        assert not _overlap(first, second), f"{one} and {other}"


@each_letter
def test_every_word_of_the_letter_is_on_the_page(letter: SampleLetter) -> None:
    printed = "".join(word.text for word in _words(PLACED[letter.name]))
    assert printed == "".join(letter.text.split())


@each_letter
def test_a_page_is_rendered_at_its_size_with_ink_on_light_paper(letter: SampleLetter) -> None:
    page = render_page(letter)
    assert page.size == tuple(round(side * DPI / 25.4) for side in letter.sheet)
    gray = np.asarray(page.convert("L"))
    assert np.median(gray) > 230
    assert 0.01 < (gray < 160).mean() < 0.3


def test_letters_differ_in_typeface() -> None:
    assert {letter.style.font for letter in LETTERS} == set(FACES)


def test_a_block_follows_the_one_before_it_unless_it_has_a_place_of_its_own(tmp_path: Path) -> None:
    letter = _written(
        tmp_path, '[[block]]\ntext = "one"\n[[block]]\ntext = "two"\n[[block]]\ny = 40.0\ntext = "three"\n'
    )
    first, second, third = lay_out(letter)
    assert second.y == pytest.approx(first.y + first.h + letter.blocks[1].gap * PER_MM)
    assert third.y == pytest.approx(40 * PER_MM)


def test_bold_may_end_within_a_word(tmp_path: Path) -> None:
    letter = _written(tmp_path, '[[block]]\ntext = "pay **now**, not later"\n')
    pay, now, comma, rest, _ = _words(lay_out(letter))
    assert [word.font.getname()[1] for word in (pay, now, comma)] == ["Regular", "Bold", "Regular"]
    assert comma.x == pytest.approx(now.x + now.font.getlength("now"))
    assert rest.x > comma.x + comma.font.getlength(",")


@pytest.mark.parametrize(("align", "left", "right"), [("left", 10, None), ("right", None, 90), ("justify", 10, 90)])
def test_lines_are_aligned_to_the_margins(tmp_path: Path, align: str, left: float | None, right: float | None) -> None:
    letter = _written(tmp_path, f'[[block]]\nalign = "{align}"\ntext = "{"word " * 30}"\n')
    line = [word for word in _words(lay_out(letter)) if word.y == _words(lay_out(letter))[0].y]
    ends = {"left": line[0].x, "right": line[-1].x + line[-1].font.getlength(line[-1].text)}
    for side, place in (("left", left), ("right", right)):
        assert place is None or ends[side] == pytest.approx(place * PER_MM)


def test_an_unknown_kind_of_block_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="expected a block of text, table"):
        _written(tmp_path, '[[block]]\nkind = "hologram"\n')


def test_an_unknown_typeface_is_refused() -> None:
    with pytest.raises(ValueError, match="expected a typeface of roboto"):
        load("papyrus", "regular", 30)


def test_an_unknown_shape_is_refused() -> None:
    with pytest.raises(ValueError, match="expected polygon, ellipse, arc or line, got 'blob'"):
        draw_shapes(({"shape": "blob", "points": (), "colour": "ink"},), (10, 10), {})


def test_a_barcode_has_quiet_ends_of_start_and_stop_and_refuses_what_it_cannot_say() -> None:
    row = np.asarray(draw_barcode("AB-12", (7 * 16, 4)))[0, :, 3]
    star = [255, 0, 0, 0, 255, 0, 255, 255, 255, 0, 255, 255, 255, 0, 255, 0]
    assert row[:16].tolist() == star
    assert row[-16:].tolist() == star
    with pytest.raises(ValueError, match="Code 39"):
        draw_barcode("é", (100, 10))


def test_another_name_gives_another_signature() -> None:
    one, same, other = (np.asarray(draw_signature(name, (200, 60), "#000000")) for name in ("Ann", "Ann", "Bob"))
    assert (one == same).all()
    assert (one != other).any()


def _words(placed: tuple[Placed, ...]) -> list[Word]:
    return [mark for block in placed for mark in block.marks if isinstance(mark, Word)]


def _box(word: Word) -> tuple[float, float, float, float]:
    left, top, right, bottom = word.font.getbbox(word.text, anchor="ls")
    return word.x + left, word.y + top, word.x + right, word.y + bottom


def _overhang(font: ImageFont.FreeTypeFont, character: str) -> float:
    return (font.getbbox(character)[2] - font.getlength(character)) / font.size


def _overlap(first: np.ndarray, second: np.ndarray) -> bool:
    low = np.maximum(first[:, None, :2], second[None, :, :2])
    high = np.minimum(first[:, None, 2:], second[None, :, 2:])
    return bool((high > low).all(axis=2).any())


def _written(folder: Path, blocks: str) -> SampleLetter:
    (folder / "note.toml").write_text(SHEET + blocks, encoding="utf-8")
    (folder / "note.truth.json").write_text(json.dumps(TRUTH), encoding="utf-8")
    (letter,) = read_letters(folder)
    return letter
