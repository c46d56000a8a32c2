"""Battery rules: when the radio may be switched on, and when the owner should hear of a low battery."""

# A divider with no cell on it, or a board on USB without one, reads noise below this.
NO_CELL_MV = 1000
# A lithium cell recovers by about this much when its load goes, and warms up by day.
HYSTERESIS_MV = 100
DAY_MS = 86400000
# What an ESP32 draws (glenn20/upy-esp32-experiments, measured 2023): mC until the firmware runs, then mA = mC a second.
# 23.6 mC in 350 ms from flash, 96.9 mC in 664 ms of joining, which a handshake counts as too, 8.4 mC in 40 ms of MQTT.
START_MC = 3
PHASES = ("awake", "wifi", "tls", "publish")
PHASES_MA = (67, 146, 146, 210)


def battery(measured_mv):
    """Return the battery's voltage in mV, None where there is no battery to measure."""
    return measured_mv if measured_mv >= NO_CELL_MV else None


def allows_radio(batt_mv, cutoff_mv):
    """Return whether Wi-Fi may start: its 300 mA peaks make an empty cell brown out, reboot and try again for ever."""
    return batt_mv is None or batt_mv >= cutoff_mv


def radio_spent(spent_until, now, on_ms, daily_ms):
    """Return until when radio time counts as spent after ``on_ms`` of it; a day's whole budget counts for a day.

    So it comes back evenly: a board that nobody answers draws a known charge a day, whatever its door does.
    """
    return max(now, spent_until) + on_ms * DAY_MS // daily_ms


def radio_wait_ms(spent_until, now):
    """Return for how long the budget of a day is still exceeded, 0 when the radio may start."""
    return max(0, spent_until - now - DAY_MS)


def charge_mc(uptime_ms, phases_ms):
    """Return the mC of a wake by ``PHASES``; ``phases_ms`` are the milliseconds of all but the first."""
    charge = [START_MC + (uptime_ms - sum(phases_ms)) * PHASES_MA[0] // 1000]
    for place, phase_ms in enumerate(phases_ms):
        charge.append(phase_ms * PHASES_MA[place + 1] // 1000)
    return charge


def is_low(batt_mv, was_low, low_mv):
    """Return whether the battery counts as low, with hysteresis so that it is told once."""
    if batt_mv is None:
        return False
    return batt_mv < (low_mv + HYSTERESIS_MV if was_low else low_mv)
