"""Every page fits a phone, reads well in light and dark, and can be used by keyboard."""

import pytest

from tests.browser.conftest import DESK, PHONE, Site, Visit, board_path, letter_path, mail_path

pytestmark = pytest.mark.slow

LETTER, MAIL, BOARD = "a letter", "an e-mail", "a board"
PAGES = ("/", "/letters", LETTER, "/outbox", MAIL, "/devices", BOARD, "/problems", "/household", "/?before=0")
each_page = pytest.mark.parametrize("name", PAGES)
each_scheme = pytest.mark.parametrize("scheme", ["light", "dark"])

# Colours as they are painted: an element's own, over the first opaque ground below it (WCAG 2.2, contrast ratio).
POOR_CONTRAST = """() => {
  const channels = (colour) => colour.match(/[\\d.]+/g).map(Number);
  const light = ([r, g, b]) => [r, g, b].map((c) => c / 255)
    .map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4))
    .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
  const ground = (element) => {
    for (let one = element; one; one = one.parentElement) {
      const colour = channels(getComputedStyle(one).backgroundColor);
      if (colour.length === 3 || colour[3] === 1) return colour;
    }
    return [255, 255, 255];
  };
  const poor = [];
  for (const element of document.querySelectorAll("body *")) {
    const own = [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim());
    if (!own || !element.checkVisibility()) continue;
    const pair = [light(channels(getComputedStyle(element).color)), light(ground(element))].sort((a, b) => b - a);
    const ratio = (pair[0] + 0.05) / (pair[1] + 0.05);
    if (ratio < 4.5) poor.push(`${element.outerHTML.slice(0, 80)} ${ratio.toFixed(2)}`);
  }
  return poor;
}"""
FAULTS = """() => [
  ...[...document.images].filter((image) => !image.hasAttribute("alt")).map((image) => `no alt: ${image.src}`),
  ...[...document.querySelectorAll("a, button, summary, iframe")]
    .filter((one) => !(one.textContent.trim() || one.title || one.querySelector("img[alt]:not([alt=''])") ||
      one.closest("[aria-hidden]")))
    .map((one) => `no name: ${one.outerHTML.slice(0, 90)}`),
  ...[...document.querySelectorAll("[id]")].map((one) => one.id)
    .filter((id, place, all) => all.indexOf(id) !== place).map((id) => `id twice: ${id}`),
  ...[...document.querySelectorAll("h1, h2, h3, h4")].map((one) => Number(one.nodeName[1]))
    .filter((level, place, all) => level > (all[place - 1] ?? 0) + 1).map((level) => `skipped to h${level}`),
  ...["h1", "main", "title"].filter((one) => document.querySelectorAll(one).length !== 1),
]"""


def path_of(site: Site, name: str) -> str:
    """Return a page's path; a letter, an e-mail and a board have one of their own in each run."""
    return {LETTER: letter_path, MAIL: mail_path, BOARD: board_path}.get(name, lambda _: name)(site)


@each_page
@each_scheme
def test_a_phone_never_scrolls_sideways(filled: Site, visit: Visit, name: str, scheme: str) -> None:
    page = visit(filled, path_of(filled, name), viewport=PHONE, color_scheme=scheme)
    page.wait_for_load_state("networkidle")
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]


@each_page
@each_scheme
def test_every_word_stands_out_from_its_ground(filled: Site, visit: Visit, name: str, scheme: str) -> None:
    page = visit(filled, path_of(filled, name), color_scheme=scheme)
    assert page.evaluate(POOR_CONTRAST) == []


@each_page
def test_images_links_and_landmarks_have_names(filled: Site, visit: Visit, name: str) -> None:
    page = visit(filled, path_of(filled, name))
    assert page.evaluate(FAULTS) == []
    assert page.locator("html").get_attribute("lang") == "en"


@each_page
def test_every_image_is_there(filled: Site, visit: Visit, name: str) -> None:
    page = visit(filled, path_of(filled, name))
    for image in page.locator("img").all():
        image.scroll_into_view_if_needed()
    page.wait_for_function("[...document.images].every((image) => image.complete && image.naturalWidth > 0)")


def test_dark_is_dark_and_light_is_light(filled: Site, visit: Visit) -> None:
    grounds = [
        visit(filled, "/", color_scheme=scheme).evaluate("getComputedStyle(document.body).backgroundColor")
        for scheme in ("light", "dark")
    ]
    assert [sum(map(int, colour[4:-1].split(","))) > 3 * 128 for colour in grounds] == [True, False]


def test_the_keyboard_reaches_everything_from_the_top(filled: Site, visit: Visit) -> None:
    page = visit(filled, "/letters")
    names = []
    for _ in range(10):
        page.keyboard.press("Tab")
        names.append(page.evaluate("document.activeElement.innerText.trim().split('\\n')[0]"))
        assert page.evaluate("getComputedStyle(document.activeElement, '::after').outlineStyle") == "solid" or (
            page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
        )
    assert names[:9] == [
        "Skip to the content", "Pillarbox", "Deliveries", "Letters", "E-mails", "Devices", "Problems 2",
        "Household of Priya Hartley", "Log out",
    ]  # fmt: skip
    page.keyboard.press("Enter")
    page.wait_for_url("**/letters/*")


def test_the_skip_link_leads_to_the_content(filled: Site, visit: Visit) -> None:
    page = visit(filled, "/")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"


def test_the_pages_work_without_javascript(filled: Site, visit: Visit) -> None:
    page = visit(filled, "/", java_script_enabled=False)
    page.get_by_role("link", name="Northmoor Energy").first.click()
    assert page.get_by_role("heading", level=1).inner_text() == "Northmoor Energy"


def test_pointing_at_a_finding_lights_up_its_words_and_its_box(filled: Site, visit: Visit) -> None:
    page = visit(filled, letter_path(filled), viewport=DESK)
    page.get_by_role("row", name="Due date").hover()
    number = page.get_by_role("row", name="Due date").get_attribute("data-finding")
    lit = page.locator(".lit")
    assert {one.evaluate("one => one.tagName.toLowerCase()") for one in lit.all()} == {"tr", "polygon", "mark"}
    assert {one.get_attribute("data-finding") for one in lit.all()} == {number}
    page.locator("h1").hover()
    assert lit.count() == 0


def test_a_mail_is_shown_whole_in_its_frame_with_its_image(filled: Site, visit: Visit) -> None:
    page = visit(filled, mail_path(filled))
    frame = page.frame_locator("iframe")
    frame.get_by_text("Pillarbox wrote this because").wait_for()
    assert frame.locator("img").evaluate("image => image.complete && image.naturalWidth > 0")
    tall = page.locator("iframe").evaluate("frame => [frame.height, frame.contentDocument.body.scrollHeight]")
    assert int(tall[0]) >= tall[1] > 300
