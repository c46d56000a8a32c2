"""The typefaces of the sample letters, from font packages so that a machine without any font draws the same page."""

from functools import lru_cache
from importlib.resources import as_file, files

from PIL import ImageFont

# Licences: Roboto and Caladea Apache 2.0; Source Serif, Source Sans and Hanken Grotesk SIL OFL 1.1.
FACES: dict[str, tuple[str, dict[str, str]]] = {
    "roboto": (
        "font_roboto",
        {"regular": "Roboto-Regular.ttf", "bold": "Roboto-Bold.ttf", "italic": "Roboto-Italic.ttf",
         "light": "Roboto-Light.ttf"},
    ),
    "source-serif": (
        "font_source_serif_pro",
        {"regular": "SourceSerifPro-Regular.otf", "bold": "SourceSerifPro-Semibold.otf",
         "italic": "SourceSerifPro-It.otf", "light": "SourceSerifPro-Light.otf"},
    ),
    "source-sans": (
        "font_source_sans_pro",
        {"regular": "SourceSansPro-Regular.otf", "bold": "SourceSansPro-Semibold.otf",
         "italic": "SourceSansPro-It.otf", "light": "SourceSansPro-Light.otf"},
    ),
    "caladea": (
        "font_caladea",
        {"regular": "Caladea-Regular.ttf", "bold": "Caladea-Bold.ttf", "italic": "Caladea-Italic.ttf",
         "light": "Caladea-Regular.ttf"},
    ),
    "hanken": (
        "font_hanken_grotesk",
        {"regular": "HankenGrotesk-Regular.otf", "bold": "HankenGrotesk-Bold.otf",
         "italic": "HankenGrotesk-Italic.otf", "light": "HankenGrotesk-Light.otf"},
    ),
}  # fmt: skip


@lru_cache(maxsize=256)
def load(family: str, style: str, pixels: float) -> ImageFont.FreeTypeFont:
    """Return the typeface at a height of ``pixels`` per em; raises ValueError for one that no package holds."""
    package, styles = FACES.get(family, ("", {}))
    if style not in styles:
        raise ValueError(f"expected a typeface of {', '.join(FACES)} in {', '.join(styles)}, got {family} {style}")
    with as_file(files(package) / "files" / styles[style]) as path:
        # BASIC: Raqm needs a system library, and a page must break its lines alike on every machine
        return ImageFont.truetype(path, pixels, layout_engine=ImageFont.Layout.BASIC)
