"""Names in web addresses: "daecher-gruenwald.de" speaks for Dächer Grünwald."""

import re

from cloud.analysis.rules.letter_text import folded

# How German names are written in web addresses (DIN 5007-2).
_WEB_SPELLING = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss"})
_DOMAIN = re.compile(
    r"(?:www\.|@|https?://(?:www\.)?)([a-z\d\-]+(?:\.[a-z\d\-]+)*\.[a-z]{2,})|\b([a-z\d\-]{3,}\.(?:co\.uk|org\.uk|gov\.uk|com|org|net|de|fr|es|ch|at|eu|example|gov|edu|info))\b"
)


def plain(name: str) -> str:
    """Return a name folded, letters, digits and blanks alone."""
    return re.sub(r"[^a-z\d ]", "", folded(name)).strip()


def in_domain(name: str, text: str) -> bool:
    """Whether the words of a name make up half of a web address in a folded text, in either spelling of umlauts."""
    return any(_in_domain(spelling, text) for spelling in (plain(name), plain(name.lower().translate(_WEB_SPELLING))))


def _in_domain(name: str, text: str) -> bool:
    words = [word for word in name.split() if len(word) > 2]
    for match in _DOMAIN.finditer(text):
        domain = re.sub(r"[^a-z\d]", "", (match[1] or match[2]).rsplit(".", 1)[0])
        hits = [word for word in words if word in domain]
        if hits and sum(map(len, hits)) >= 0.5 * len(domain.replace("couk", "").replace("orguk", "")):
            return True
    return False
