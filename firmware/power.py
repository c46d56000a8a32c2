"""Battery rules: when the radio may be switched on, and when the owner should hear of a low battery."""

# A divider with no cell on it, or a board on USB without one, reads noise below this.
NO_CELL_MV = 1000
# A lithium cell recovers by about this much when its load goes, and warms up by day.
HYSTERESIS_MV = 100


def battery(measured_mv):
    """Return the battery's voltage in mV, None where there is no battery to measure."""
    return measured_mv if measured_mv >= NO_CELL_MV else None


def allows_radio(batt_mv, cutoff_mv):
    """Return whether Wi-Fi may start: its 300 mA peaks make an empty cell brown out, reboot and try again for ever."""
    return batt_mv is None or batt_mv >= cutoff_mv


def is_low(batt_mv, was_low, low_mv):
    """Return whether the battery counts as low, with hysteresis so that it is told once."""
    if batt_mv is None:
        return False
    return batt_mv < (low_mv + HYSTERESIS_MV if was_low else low_mv)
