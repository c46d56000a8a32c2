"""Power cuts in the middle of each change that a wake makes to flash."""

# More changes of flash than any wake makes: the last cuts do not come, by which the loop ends.
MOST_CHANGES = 400


def cut_at_each_change(lab, wake):
    """Run ``wake(cut_at)`` from the same moment with a cut at its first, second, … change; yield after each."""
    lab.save()
    for cut_at in range(1, MOST_CHANGES):
        lab.load()
        outcome = wake(cut_at)
        if outcome.end != "cut":
            assert outcome.end == "sleep"
            return
        yield cut_at
    raise AssertionError(f"expected fewer than {MOST_CHANGES} changes")


def recover(lab):
    assert lab.start().end == "sleep"
    lab.settle()
