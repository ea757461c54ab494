#!/usr/bin/env python3
"""The pages tell the truth: each `console` block is typed in again and must print what stands there,
and each `cpp` or `python` block that is a program compiles, runs, and prints what its comments behind
puts() or print() say.

Lines that begin with `$ ` are commands; what follows is what they print. `...` alone on a line
stands for any number of lines. `./run` is the command built already.
"""
import pathlib
import re
import subprocess
import sys
import tempfile

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


def programs(text):
    """Each whole program, and whether it is C++; else it is C."""
    return [(p, mark == "cpp") for mark, p in re.findall(r"^```(cpp|c)\n(.*?)^```", text, re.S | re.M)
            if "int main(" in p]


def python_programs(text):
    return [p for p in re.findall(r"^```python\n(.*?)^```", text, re.S | re.M) if "asyncio.run(" in p]


def check_python(page, number, text):
    expected = re.findall(r"^ *print\(.*\) +# (.*)$", text, re.M)
    env = {"PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT / "bindings/python"), "PYTHONDONTWRITEBYTECODE": "1",
           "LASTACK_LIBRARY": str(ROOT / "build/release/bindings/liblastack-c.so.0")}
    seen = subprocess.run(["python3", "-c", text], capture_output=True, text=True, env=env)
    print(seen.stderr, end="")
    good = seen.returncode == 0 and expected and seen.stdout.splitlines() == expected
    print(f"{'ok' if good else 'not ok'} {page.name}: Python program {number}")
    return good


def check_program(page, number, text, in_cpp):
    """Compiles with a user's strict warnings, since headers must not stand in their way."""
    expected = re.findall(r"^ *(?:std::)?puts\(.*?\); *(?://|/\*) (.*?)(?: \*/)?$", text, re.M)
    with tempfile.TemporaryDirectory() as folder:
        source = pathlib.Path(folder, "program.cpp" if in_cpp else "program.c")
        source.write_text(text)
        libraries = ROOT / "build/release"
        language = ["g++", "-std=c++23"] if in_cpp else ["gcc", "-std=c17", "-D_DEFAULT_SOURCE"]
        linked = [str(libraries / "src/liblastack.a")] if in_cpp else \
            [str(libraries / "bindings/liblastack-c.so.0"), f"-Wl,-rpath,{libraries / 'bindings'}"]
        command = [*language, "-Wall", "-Wextra", "-Wconversion", "-Wpedantic", "-Werror",
                   f"-I{ROOT / 'include'}", str(source), *linked, "-o", f"{folder}/program"]
        built = subprocess.run(command, capture_output=True, text=True)
        print(built.stderr, end="")
        seen = subprocess.run([f"{folder}/program"], capture_output=True, text=True) \
            if built.returncode == 0 else None
    good = seen is not None and seen.returncode == 0 and seen.stdout.splitlines() == expected
    print(f"{'ok' if good else 'not ok'} {page.name}: program {number}")
    return good


def main():
    assert fits(["a", "...", "c"], ["a", "b", "b", "c"]) and not fits(["a"], ["b"])
    failed = False
    for page in [ROOT / "README.md", ROOT / "bindings/python/README.md", *sorted((ROOT / "docs").rglob("*.md"))]:
        for number, (program, in_cpp) in enumerate(programs(page.read_text()), 1):
            failed |= not check_program(page, number, program, in_cpp)
        for number, program in enumerate(python_programs(page.read_text()), 1):
            failed |= not check_python(page, number, program)
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
