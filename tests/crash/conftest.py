"""Says, in one line at the end, where kernels were killed."""

from collections import Counter

import pytest


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Count the kills of all tests, also of those that ran in other processes."""
    reports = [report for kind in terminalreporter.stats.values() for report in kind]
    ends = [report for report in reports if isinstance(report, pytest.TestReport) and report.when == "teardown"]
    kills = Counter(value for report in ends for name, value in report.user_properties if name == "kill")
    if kills:
        where = ", ".join(f"{point} {count}" for point, count in kills.items())
        terminalreporter.write_line(f"{kills.total()} kills: {where}")
