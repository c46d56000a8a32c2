"""The devices of a household, many at once: a page of them, the one of a name, the numbers of some."""
