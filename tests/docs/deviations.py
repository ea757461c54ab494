#!/usr/bin/env python3
"""Each `// DEVIATES:` mark in src/ has its row in docs/deviations.md and each row its mark; and each test
that this page or docs/linux.md names is there."""
import os
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
TESTS = ROOT / "build" / "debug" / "tests"
# "§3.8", "RFC 1337 §3", and as RFC 1122 counts, "RFC 1122 4.2.2.13".
SECTION = re.compile(r"(?:RFC (\d+) )?§([A-Z]?[\d.]*\d)|RFC (\d+) (\d+(?:\.\d+)+)")


def sections(text):
    """What `text` cites, as "RFC 9293 §3.8"; a section alone is one of RFC 9293."""
    return {f"RFC {m[1] or m[3] or 9293} §{m[2] or m[4]}" for m in SECTION.finditer(text)}


def comment_around(lines, at):
    """The comment that line `at` belongs to, in one piece."""
    is_comment = [re.match(r"\s*//", line) is not None for line in lines]
    first = last = at
    while first > 0 and is_comment[first - 1]:
        first -= 1
    while last + 1 < len(lines) and is_comment[last + 1]:
        last += 1
    return " ".join(lines[first:last + 1])


def marks_in(text):
    """The sections each mark of a file cites."""
    lines = text.splitlines()
    return [sections(comment_around(lines, at)) for at, line in enumerate(lines)
            if "DEVIATES:" in line]


def all_marks():
    for path in sorted((ROOT / "src").rglob("*")):
        if path.suffix in (".cpp", ".hpp"):
            for cited in marks_in(path.read_text()):
                yield str(path.relative_to(ROOT)), cited


def all_rows(text):
    """(path, sections, tests) of each row of the table."""
    for line in text.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split(" | ")]
        where = re.search(r"\(\.\./(src/[^)]+)\)", cells[0])
        if line.startswith("|") and where:
            yield where[1], sections(" ".join(cells[1:4])), tests_named(cells[-1])


def unmatched(marks, rows):
    """Marks without a row and rows without a mark. The two belong together where they are about the
    same file, and cite the same section or none."""
    left = list(rows)
    for path, cited in marks:
        row = next((r for r in left if r[0] == path and (r[1] & cited or r[1] == cited)), None)
        if row:
            left.remove(row)
        else:
            yield f"{path}: a mark about {', '.join(sorted(cited)) or 'no section'} has no row"
    for path, cited, _ in left:
        yield f"{path}: a row about {', '.join(sorted(cited))} has no mark"


def tests_named(text):
    return re.findall(r"`((?:\w+/)?[A-Z]\w*\.[A-Z]\w*(?:/\w+)?)`", text)


def tests_listed(output):
    """Names out of --gtest_list_tests, those of a parametrised test also without its parameters."""
    names, suite = set(), ""
    for line in output.splitlines():
        word = line.split("#")[0].strip()
        if line.startswith("  "):
            names |= {suite + word, suite.rpartition("/")[2] + word.partition("/")[0]}
        elif word.endswith("."):
            suite = word
    return names


def tests_there():
    names = set()
    for program in sorted(TESTS.glob("test_*")):
        if program.is_file() and os.access(program, os.X_OK):
            names |= tests_listed(subprocess.run([program, "--gtest_list_tests"], check=True,
                                                 capture_output=True, text=True).stdout)
    return names


def check_itself():
    assert sections("RFC 1122 4.2.2.13, RFC 5961 §5 and §A.2, as RFC 9293 lets it") == {
        "RFC 1122 §4.2.2.13", "RFC 5961 §5", "RFC 9293 §A.2"}
    assert marks_in("/// §3.4: x\n/// DEVIATES: RFC 1 §2 y\nf();\n") == [
        {"RFC 9293 §3.4", "RFC 1 §2"}]
    marks = [("src/a.cpp", {"RFC 1 §2"})]
    rows = [("src/a.cpp", {"RFC 1 §2", "RFC 3 §4"}, [])]
    assert not list(unmatched(marks, rows))
    assert len(list(unmatched(marks * 2, rows))) == 1 == len(list(unmatched(marks, rows * 2)))
    assert not list(unmatched([("src/a.cpp", set())], [("src/a.cpp", set(), [])]))
    assert len(list(unmatched(marks, [("src/b.cpp", {"RFC 1 §2"}, [])]))) == 2
    assert tests_listed("A.\n  B\nBoth/C.\n  D/v4  # GetParam() = 4\n") == {
        "A.B", "Both/C.D/v4", "C.D"}


def main():
    check_itself()
    page = (ROOT / "docs" / "deviations.md").read_text()
    rows = list(all_rows(page))
    there = tests_there()
    checks = {
        "every mark has a row and every row a mark": unmatched(all_marks(), rows),
        "every row names a test": (f"{path}: no test" for path, _, tests in rows if not tests),
    }
    for name in ("deviations.md", "linux.md"):
        named = tests_named((ROOT / "docs" / name).read_text())
        checks[f"the tests that docs/{name} names are there"] = (
            [f"there is no test {test}" for test in named if test not in there]
            or ([] if named else ["it names none"]))
    failed = False
    for what, wrong in checks.items():
        wrong = list(wrong)
        print("\n".join([*wrong, f"{'not ok' if wrong else 'ok'} deviations: {what}"]))
        failed |= bool(wrong)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
