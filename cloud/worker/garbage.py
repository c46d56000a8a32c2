"""How the garbage collector of a server works: on what is made after the start, and seldom."""

import gc

# CPython's 700 is less than the requests of a few callers make (docs.python.org/3.11/library/gc.html#gc.set_threshold).
OBJECTS_BETWEEN_COLLECTIONS = 20_000


def collect_less() -> None:
    """Let the garbage collector look only at what is made from now on, and less often.

    What starting made is some hundred thousand objects that live as long as the server; looking through them again and
    again costs more than all the requests that it stops for. A group of requests makes thousands that live for
    milliseconds, and nearly all go without its help.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(OBJECTS_BETWEEN_COLLECTIONS, *gc.get_threshold()[1:])
