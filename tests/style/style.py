#!/usr/bin/env python3
"""How the code must read: each check prints `ok NAME`, or what is wrong and `not ok NAME`."""
import concurrent.futures
import functools
import hashlib
import os
import pathlib
import re
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
SRC = ROOT / "src"
CACHE = pathlib.Path(os.environ.get("LASTACK_STYLE_CACHE", ROOT / "build" / "style"))
JOBS = os.cpu_count() or 2

# An include points to its own room or to one further right.
ROOMS = ["bindings", "cli", "run", "control", "insight", "explore", "sim", "io", "link", "socket",
         "host", "udp", "tcp", "ip", "wire", "base"]
SIDE_BY_SIDE = {("udp", "tcp"), ("tcp", "udp")}
CORE = ROOMS[ROOMS.index("socket"):]  # standard library only, no I/O, no clock
FUNCTION_LINES, FILE_LINES = 60, 500
NOT_IN_CORE = re.compile(
    r"_clock::now|#include <(thread|mutex|atomic|iostream|fstream|future|filesystem|condition_variable"
    r"|sys/[^>]*|unistd\.h|netinet/[^>]*|arpa/[^>]*)>")
NOISE = re.compile(r'//[^\n]*|/\*.*?\*/|R"(\w*)\(.*?\)\1"|"(?:\\.|[^"\\\n])*"|'
                   r"'(?:\\.|[^'\\\n])'|^[ \t]*#(?:\\\n|[^\n])*", re.S | re.M)
CONTROL = re.compile(r"^(if|else|for|while|switch|do|try|catch|return|namespace|struct|class|union"
                     r"|enum|extern|case)\b")


def sources(*folders, endings=(".cpp", ".hpp")):
    return sorted(p for f in folders for p in (ROOT / f).rglob("*") if p.suffix in endings)


def name(path):
    return str(path.relative_to(ROOT))


def run(command, **options):
    return subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True, errors="replace", **options)


def in_parallel(work, items):
    with concurrent.futures.ThreadPoolExecutor(JOBS) as pool:
        return [line for lines in pool.map(work, items) for line in lines]


# --- includes

def wrong_includes(room, text):
    """The rooms that `room` includes and must not."""
    for other in re.findall(r'^#include "(\w+)/', text, re.M):
        if other == "lastack" or other not in ROOMS:
            if other not in ROOMS and other != "lastack":
                yield other
        elif ROOMS.index(other) < ROOMS.index(room) or (room, other) in SIDE_BY_SIDE:
            yield other


def check_includes():
    # The check itself: it must see an include that points up, and let one down pass.
    assert list(wrong_includes("tcp", '#include "host/host.hpp"\n')) == ["host"]
    assert list(wrong_includes("tcp", '#include "nowhere/x.hpp"\n')) == ["nowhere"]
    assert not list(wrong_includes("tcp", '#include "wire/tcp.hpp"\n#include "tcp/x.hpp"\n'))
    for path in sources("src"):
        room = path.relative_to(SRC).parts[0]
        if room not in ROOMS:
            yield f"{name(path)}: '{room}' is no room of the house"
            continue
        for other in wrong_includes(room, path.read_text()):
            yield f"{name(path)}: {room}/ must not include {other}/"


def check_core():
    """No clock, thread or I/O in the core; no cast of a pointer outside wire/."""
    for path in sources("src"):
        room = path.relative_to(SRC).parts[0]
        for number, line in enumerate(path.read_text().splitlines(), 1):
            if room in CORE and NOT_IN_CORE.search(line):
                yield f"{name(path)}:{number}: not below link/: {line.strip()}"
            if room in CORE and room != "wire" and "reinterpret_cast" in line:
                yield f"{name(path)}:{number}: a cast of a pointer belongs into wire/"


# --- sizes

def functions(text):
    """Yields (name, first line, lines) for each block in braces behind a list of parameters."""
    text = NOISE.sub(lambda m: re.sub(r"[^\n]", " ", m.group(0)), text)
    stack, since, line = [], 0, 1
    for at, char in enumerate(text):
        if char == "\n":
            line += 1
        elif char == "{":
            head = text[since:at].strip()
            is_function = (")" in head and not CONTROL.match(head)
                           and not head.endswith(("=", ",", "(", "return")))
            stack.append((head, line) if is_function else None)
            since = at + 1
        elif char == "}":
            opened = stack.pop() if stack else None
            if opened:
                called = re.search(r"([\w:~]+|operator\S+|\])\s*\(", opened[0])
                yield (called.group(1) if called else "?", opened[1], line - opened[1] + 1)
            since = at + 1
        elif char == ";":
            since = at + 1


def exceptions():
    """tests/style/long.txt: `PATH[:FUNCTION] LINES reason`, one a line."""
    allowed = {}
    for line in (ROOT / "tests/style/long.txt").read_text().splitlines():
        if line.strip() and not line.startswith("#"):
            what, lines, reason = line.split(maxsplit=2)
            allowed[what] = int(lines)
    return allowed


def check_sizes():
    long_one = "void f(int a) {\n" + "  g();\n" * 60 + "}\n"
    assert [lines for _, _, lines in functions(long_one)] == [62]
    allowed = exceptions()
    for path in sources("src", "include"):
        text = path.read_text()
        if text.count("\n") > allowed.get(name(path), FILE_LINES):
            yield f"{name(path)}: {text.count(chr(10))} lines, {FILE_LINES} are the most"
        for function, first, lines in functions(text):
            if lines > allowed.get(f"{name(path)}:{function}", FUNCTION_LINES):
                yield f"{name(path)}:{first}: {function} has {lines} lines, {FUNCTION_LINES} are the most"


# --- compilers

WASM = ["clang++-19", "--target=wasm32-wasi", "-nostdinc++",
        "-isystem", "/usr/lib/llvm-19/include/wasm32-wasi/c++/v1",
        "-isystem", "/usr/include/wasm32-wasi"]
COMPILERS = {
    "g++": ["g++"],
    "clang 19": ["clang++-19"],
    "wasm32-wasi": WASM,
}
FLAGS = ["-std=c++23", "-Wall", "-Wextra", "-Wconversion", "-Werror", "-Isrc", "-Iinclude",
         "-fsyntax-only"]


@functools.cache
def includes(path):
    """Headers of the house that `path` names."""
    found = re.findall(r'^#include ["<]([^">]+)[">]', path.read_text(), re.M)
    return {p for name in found for p in (SRC / name, ROOT / "include" / name) if p.is_file()}


def content(path):
    """`path` and every header of the house that it reaches, in one digest."""
    reached, open_ends = set(), {path}
    while open_ends:
        reached |= open_ends
        open_ends = {p for one in open_ends for p in includes(one)} - reached
    digest = hashlib.sha256()
    for one in sorted(reached):
        digest.update(name(one).encode() + one.read_bytes())
    return digest.hexdigest()


def cached(key, paths, work):
    """Runs work() unless it succeeded before with the same content."""
    CACHE.mkdir(parents=True, exist_ok=True)
    key += "".join(map(content, paths))
    stamp = CACHE / hashlib.sha256(key.encode()).hexdigest()
    if stamp.exists():
        return []
    wrong = work()
    if not wrong:
        stamp.touch()
    return wrong


def compiles(what, command, text):
    """Whether `text` compiles: what is wrong with it."""
    done = run([*command, *FLAGS, "-x", "c++", "-"], input=text)
    return [] if done.returncode == 0 else [f"{what}:", done.stdout]


def together(paths):
    """A text that includes all of `paths`."""
    return "".join(f'#include "{p}"\n' for p in paths)


def includes_first(path):
    """The header of its own that a source includes in front of all others."""
    first = re.search(r'^#include "([^"]+)"', path.read_text(), re.M)
    return SRC / first[1] if first and pathlib.Path(first[1]).stem == path.stem else None


def check_alone():
    """A header is alone where a source has it in front."""
    files = sources("src", endings=(".cpp",))
    first = {includes_first(p) for p in files}
    files += [p for p in sources("src", "include", endings=(".hpp",)) if p not in first]
    return in_parallel(
        lambda p: cached("alone", [p], lambda: compiles(name(p), ["g++"], together([p]))), files)


def group(rooms):
    return [p for p in sources("src", endings=(".cpp",)) if p.relative_to(SRC).parts[0] in rooms]


def check_core_compiles(compiler):
    files = group(CORE)
    command = [*COMPILERS[compiler], "-fno-exceptions"]
    return cached(compiler, files, lambda: compiles(compiler, command, together(files)))


# --- tools

def check_format():
    files = [name(p) for p in sources("src", "include", "tests", "examples", "bench", "bindings")]
    done = run(["clang-format-19", "--dry-run", "-Werror", *files])
    return [done.stdout] if done.returncode != 0 else []


def tidy(files):
    """One run for all of them: most of its time goes into headers that each of them includes."""
    with tempfile.TemporaryDirectory() as folder:
        unit = pathlib.Path(folder, "together.cpp")
        unit.write_text(together(files))
        done = run(["clang-tidy-19", "--quiet", f"--config-file={ROOT}/.clang-tidy", unit, "--",
                    "-std=c++23", f"-I{SRC}", f"-I{ROOT}/include"])
    return [done.stdout] if done.returncode != 0 else []


def check_tidy():
    settings = (ROOT / ".clang-tidy").read_text()
    command = ["cli", "control"]
    around = [r for r in ROOMS if r not in CORE + command]
    return in_parallel(lambda rooms: cached("tidy" + settings, group(rooms), lambda: tidy(group(rooms))),
                       [command, CORE, around])


CHECKS = {
    "includes point down the house": check_includes,
    "the core has no clock, thread, I/O or pointer cast": check_core,
    "functions and files are short": check_sizes,
    "each file compiles alone": check_alone,
    "the core compiles with g++ without exceptions": lambda: check_core_compiles("g++"),
    "the core compiles with clang 19": lambda: check_core_compiles("clang 19"),
    "the core compiles to wasm32-wasi": lambda: check_core_compiles("wasm32-wasi"),
    "clang-format": check_format,
    "clang-tidy": check_tidy,
}


def main():
    failed = False
    for what, check in CHECKS.items():
        wrong = list(check())
        failed |= bool(wrong)
        print("\n".join([*wrong, f"{'not ok' if wrong else 'ok'} {what}"]), flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
