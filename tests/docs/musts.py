#!/usr/bin/env python3
"""tests/tcp/rfc9293_musts.tsv names every MUST and SHOULD of RFC 9293's Appendix B once, with files and tests
that exist; what is kept has a test, what deviates a note."""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
NUMBERS = ({f"MUST-{n}" for n in range(1, 70)} | {f"SHLD-{n}" for n in range(1, 32)} | {"REC-1"})
ANSWERS = {"kept", "deviates", "not applicable"}


def rows():
    for line in (ROOT / "tests/tcp/rfc9293_musts.tsv").read_text().splitlines():
        if line and not line.startswith(("#", "number\t")):
            yield line.split("\t")


def tests_there():
    """Suite.Name of every test in tests/, also those with parameters."""
    text = "\n".join(p.read_text() for p in sorted((ROOT / "tests").rglob("*_test.cpp")))
    found = re.findall(r"^TEST(?:_F|_P)?\(\s*(\w+),\s*(\w+)\)", text, re.M)
    return {f"{suite}.{name}" for suite, name in found}


def wrong_lines(table, there, exists):
    """What is wrong with each row, by check."""
    for row in table:
        if len(row) != 6:
            yield "every row has six fields", f"{row[0]}: {len(row)}"
            continue
        number, subject, kept, file, tests, note = row
        if kept not in ANSWERS or not subject:
            yield "every row has a subject and an answer", f"{number}: {kept!r}"
        if not exists(file):
            yield "every file is there", f"{number}: {file}"
        for test in tests.split():
            if test not in there:
                yield "every test is there", f"{number}: {test}"
        if kept == "kept" and not tests:
            yield "what is kept has a test", number
        if kept != "kept" and not note:
            yield "what is not kept has a note", number
    numbers = [row[0] for row in table]
    for number in sorted(NUMBERS ^ set(numbers)) + sorted({n for n in numbers if numbers.count(n) > 1}):
        yield "every number stands once", number


CHECKS = ["every row has six fields", "every row has a subject and an answer", "every file is there",
          "every test is there", "what is kept has a test", "what is not kept has a note",
          "every number stands once"]


def check_itself():
    full = [[n, "x", "kept", "f", "A.B", ""] for n in NUMBERS]
    assert not list(wrong_lines(full, {"A.B"}, lambda f: f == "f"))
    for broken, check in [
            (full[1:], 6), (full + full[:1], 6), ([["MUST-1", "x", "kept", "f", "", ""]], 4),
            ([["MUST-1", "x", "deviates", "f", "", ""]], 5), ([["MUST-1", "x", "yes", "f", "A.B", ""]], 1),
            ([["MUST-1", "x", "kept", "g", "A.B", ""]], 2), ([["MUST-1", "x", "kept", "f", "A.C", ""]], 3),
            ([["MUST-1", "x"]], 0)]:
        assert CHECKS[check] in {what for what, _ in wrong_lines(broken, {"A.B"}, lambda f: f == "f")}


def main():
    check_itself()
    wrong = list(wrong_lines(list(rows()), tests_there(), lambda f: (ROOT / f).is_file()))
    for check in CHECKS:
        faults = [fault for what, fault in wrong if what == check]
        for fault in faults:
            print(f"  {fault}")
        print(f"{'not ok' if faults else 'ok'} rfc9293_musts: {check}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
