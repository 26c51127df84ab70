"""Add up the JUnit files of one test run and print the counts; exit 1 when anything failed.

usage: count_results.py FOLDER [EXIT_STATUS_OF_PYTEST]
"""

from __future__ import annotations

import sys
import xml.etree.ElementTree as ET
from pathlib import Path


def counts(file: Path) -> tuple[int, int, int]:
    """Passed, failed and skipped cases of one JUnit file."""
    passed = failed = skipped = 0
    for case in ET.parse(file).getroot().iter("testcase"):
        if case.find("failure") is not None or case.find("error") is not None:
            failed += 1
        elif case.find("skipped") is not None or case.get("status") in ("notrun", "disabled"):
            skipped += 1
        elif case.get("status") == "fail":
            failed += 1
        else:
            passed += 1
    return passed, failed, skipped


def main() -> int:
    folder = Path(sys.argv[1])
    pytest_status = int(sys.argv[2]) if len(sys.argv) > 2 else 0
    total = [0, 0, 0]
    print(f"\n{'':12}{'passed':>8}{'failed':>8}{'skipped':>8}")
    for file in sorted(folder.glob("*.xml")):
        row = counts(file)
        total = [a + b for a, b in zip(total, row, strict=True)]
        print(f"{file.stem:12}{row[0]:8}{row[1]:8}{row[2]:8}")
    if total[0] == 0:
        print("no test ran")
    print(f"{total[0]} passed, {total[1]} failed, {total[2]} skipped")
    return int(total[1] > 0 or total[0] == 0 or pytest_status != 0)


if __name__ == "__main__":
    sys.exit(main())
