import math

from cloud.ports.ocr_engine import OcrLine, in_reading_order, rows_of, tilt_of


def box(text, left, top, width=200, height=20, slope=0.0):
    right, drop = left + width, math.tan(slope) * width
    return OcrLine(text, 0.99, ((left, top), (right, top + drop), (right, top + drop + height), (left, top + height)))


def leaning(lines, angle):
    cosine, sine = math.cos(angle), math.sin(angle)
    turned = lambda x, y: (x * cosine - y * sine, x * sine + y * cosine)  # noqa: E731
    return [OcrLine(line.text, line.confidence, tuple(turned(x, y) for x, y in line.polygon)) for line in lines]


def texts(lines):
    return [line.text for line in lines]


LETTER = [
    box("Northwind Ltd", 0, 0),
    box("Leeds", 0, 30),
    box("Invoice date: 4 November", 600, 0, 300),
    box("Account: 2026-118", 600, 30, 300),
    box("Dear Mrs Example,", 0, 120),
    box("This is your bill for the last three months.", 0, 160, 900),
    box("Energy", 0, 220),
    box("79.10", 800, 220, 60),
    box("Standing charge", 0, 250),
    box("18.30", 800, 250, 60),
]
IN_ORDER = [
    "Northwind Ltd",
    "Leeds",
    "Invoice date: 4 November",
    "Account: 2026-118",
    "Dear Mrs Example,",
    "This is your bill for the last three months.",
    "Energy",
    "79.10",
    "Standing charge",
    "18.30",
]


def test_blocks_side_by_side_are_read_one_after_the_other_and_tables_row_by_row():
    assert texts(in_reading_order(list(reversed(LETTER)))) == IN_ORDER


def test_a_page_that_leans_is_read_alike():
    for degrees in (-12, -3, 5, 14):
        assert texts(in_reading_order(leaning(LETTER, math.radians(degrees)))) == IN_ORDER


def test_label_and_value_share_a_row_even_when_the_page_leans():
    rows = [texts(row) for row in rows_of(leaning(LETTER, math.radians(9)))]
    assert ["Energy", "79.10"] in rows
    assert ["Standing charge", "18.30"] in rows


def test_the_tilt_is_that_of_the_long_lines():
    lines = [box("long", 0, 0, 900, slope=0.1), box("x", 0, 50, 20, slope=-0.5)]
    assert math.isclose(tilt_of(lines), 0.1, abs_tol=0.001)


def test_a_page_without_lines_has_no_order_no_rows_and_no_tilt():
    assert (in_reading_order([]), rows_of([]), tilt_of([])) == ((), (), 0.0)


def test_lines_on_one_spot_are_all_kept():
    assert len(in_reading_order([box("a", 0, 0), box("b", 0, 0)])) == 2
