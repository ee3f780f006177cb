"""Run the stages of `make test` one after the other and add up what they found.

All stages run, also after one has failed, so that one run shows everything. The last line is a
plain sum for machines: ``312 passed, 0 failed``.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

REPORTS = Path("build/reports")


@dataclass
class Counts:
    """Tests that passed, failed and did not run."""

    passed: int = 0
    failed: int = 0
    skipped: int = 0


def read_pytest() -> Counts:
    """The counts of pytest's JUnit report."""
    root = ElementTree.parse(REPORTS / "pytest.xml").getroot()
    total = failed = skipped = 0
    for suite in root.iter("testsuite"):
        total += int(suite.get("tests", 0))
        failed += int(suite.get("failures", 0)) + int(suite.get("errors", 0))
        skipped += int(suite.get("skipped", 0))
    return Counts(total - failed - skipped, failed, skipped)


def read_jest() -> Counts:
    """The counts of jest's JSON report; a suite that did not even load is one failure."""
    report = json.loads((REPORTS / "jest.json").read_text())
    return Counts(
        report["numPassedTests"],
        report["numFailedTests"] + report["numRuntimeErrorTestSuites"],
        report["numPendingTests"],
    )


def read_playwright() -> Counts:
    """The counts of Playwright's JSON report; a test that passed at the second try is not one
    that passed."""
    report = json.loads((REPORTS / "ui-tests.json").read_text())
    stats = report["stats"]
    failed = stats["unexpected"] + stats["flaky"] + len(report.get("errors", []))
    return Counts(stats["expected"], failed, stats["skipped"])


READERS: dict[str, tuple[str, Callable[[], Counts]]] = {
    "pytest": ("pytest.xml", read_pytest),
    "jest": ("jest.json", read_jest),
    "ui-tests": ("ui-tests.json", read_playwright),
}


def run(stage: str) -> tuple[bool, Counts | None]:
    """Run ``make stage``; whether it ended well, and its counts if it counts."""
    name, reader = READERS.get(stage, ("", None))
    if reader:
        (REPORTS / name).unlink(missing_ok=True)
    print(f"\n==== make {stage} ====", flush=True)
    good = subprocess.run(["make", stage], stdin=subprocess.DEVNULL, check=False).returncode == 0
    if not reader:
        return good, None
    try:
        return good, reader()
    except (OSError, ValueError, KeyError, ElementTree.ParseError):
        return False, Counts(failed=1)


def main(stages: list[str]) -> int:
    """Run `stages` and print the summary."""
    total = Counts()
    lines = []
    for stage in stages:
        began = time.monotonic()
        good, counts = run(stage)
        seconds = time.monotonic() - began
        text = "ok" if good else "FAILED"
        if counts:
            text += f": {counts.passed} passed, {counts.failed} failed, {counts.skipped} skipped"
            total.passed += counts.passed
            total.failed += max(counts.failed, 0 if good else 1)
            total.skipped += counts.skipped
        elif good:
            total.passed += 1
        else:
            total.failed += 1
        lines.append(f"  {stage:<10}{seconds:6.0f} s  {text}")
    print("\n==== summary ====", *lines, "", sep="\n")
    skipped = f", {total.skipped} skipped" if total.skipped else ""
    print(f"{total.passed} passed, {total.failed} failed{skipped}", flush=True)
    return 1 if total.failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
