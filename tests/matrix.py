"""What the matrix of callers and routes tells at the end of the tests: how much was tried, and what came of it."""

from collections import defaultdict

import pytest

PROPERTY = "matrix"
# The files of its tests begin so.
TESTS = "test_matrix"


def tell(terminal):
    """Print the size and the result of the matrix, where any of it was run; workers hand theirs over in reports."""
    # Beside reports there are warnings, and tests that were not chosen.
    reports = [report for group in terminal.stats.values() for report in group if isinstance(report, pytest.TestReport)]
    called = [report for report in reports if report.when == "call"]
    parts = [value for report in called for name, value in report.user_properties if name == PROPERTY]
    failed = [report for report in reports if report.failed and TESTS in report.nodeid]
    broken = [report for report in failed if PROPERTY not in dict(report.user_properties)]
    if not parts and not broken:
        return
    terminal.section("who may do what: callers x requests of docs/openapi.json and the pages")
    lines = defaultdict(dict)
    for group, database, callers, routes, requests, wrong in parts:
        lines[group, callers, routes][database] = f"{database} {requests - wrong} of {requests} as expected"
    for (group, callers, routes), results in sorted(lines.items()):
        told = ", ".join(results[database] for database in sorted(results, reverse=True))
        terminal.write_line(f"{group:28} {callers:3} x {routes:3}   {told}")
    for report in broken:
        terminal.write_line(f"failed before it could count: {report.nodeid}")
    sent, wrong = sum(part[4] for part in parts), sum(part[5] for part in parts)
    terminal.write_line(
        f"in all {sent:,} requests, {wrong:,} of them answered otherwise than expected; failed tests: {len(failed)}"
    )
