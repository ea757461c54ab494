#!/usr/bin/env python3
"""README tells the truth: each `console` block is typed in again and must print what stands there.

Lines that begin with `$ ` are commands; what follows is what they print. `...` alone on a line
stands for any number of lines. `./run` is the command built already.
"""
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
COMMAND = ROOT / "build" / "release" / "lastack"


def blocks(text):
    return re.findall(r"^```console\n(.*?)^```", text, re.S | re.M)


def steps(block):
    """Yields (command, expected lines)."""
    for part in re.split(r"^\$ ", block, flags=re.M)[1:]:
        command, _, output = part.partition("\n")
        yield command, output.rstrip("\n").split("\n") if output.strip() else []


def fits(expected, seen):
    pattern = ""
    for line in expected:
        pattern += "(?:.*\n)*" if line == "..." else re.escape(line) + "\n"
    return re.fullmatch(pattern, "".join(line.rstrip() + "\n" for line in seen)) is not None


def main():
    assert fits(["a", "...", "c"], ["a", "b", "b", "c"]) and not fits(["a"], ["b"])
    failed = False
    for page in [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]:
        for block in blocks(page.read_text()):
            for command, expected in steps(block):
                real = re.sub(r"^(\./run|lastack)\b", str(COMMAND), command)
                done = subprocess.run(["bash", "-c", real], cwd=ROOT, capture_output=True, text=True,
                                      env={"PATH": "/usr/bin:/bin:/usr/sbin:/sbin", "LANG": "C.UTF-8"})
                good = done.returncode == 0 and fits(expected, done.stdout.rstrip("\n").split("\n"))
                if not good:
                    print(done.stdout + done.stderr)
                failed |= not good
                print(f"{'ok' if good else 'not ok'} {page.name}: {command}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
