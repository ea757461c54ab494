"""What the commands of bench/ share: building, running on one core, medians, progress, pages."""
import os
import pathlib
import re
import statistics
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]
BUILT = ROOT / "build" / "bench"
COMMAND = ROOT / "build" / "release" / "lastack"


class Failure(Exception):
    """What the reader is told instead of a stack trace."""


def run(*command, **options):
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, **options)
    if done.returncode != 0:
        raise Failure(f"{' '.join(map(str, command))}: exit {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


def install():
    if subprocess.run([ROOT / "scripts" / "packages", "bench"]).returncode != 0:
        raise Failure("without these packages there is nothing to compare with")


def newer(made, sources):
    return made.exists() and all(made.stat().st_mtime > source.stat().st_mtime for source in sources)


def build_command():
    run(ROOT / "scripts" / "build", "release", "lastack_command")


def build_cpp(name, *more):
    """bench/NAME.cpp into build/bench/NAME; returns where that is."""
    made = BUILT / name
    sources = [ROOT / "bench" / f"{name}.cpp", ROOT / "bench" / "peer.hpp",
               *(word for word in more if isinstance(word, pathlib.Path))]
    if not newer(made, sources):
        BUILT.mkdir(parents=True, exist_ok=True)
        run("g++", "-std=c++23", "-O2", "-Wall", "-Wextra", f"-I{ROOT / 'src'}",
            f"-I{ROOT / 'include'}", sources[0], *more, "-o", made)
    return made


# --- running

def on_core(core, command):
    """A command that stays on one core."""
    return ["taskset", "-c", str(core), *map(str, command)]


def last_core():
    return max(os.sched_getaffinity(0))


def in_network(script):
    """A shell script, run in a network namespace of its own; no root is needed where the kernel lets
    users have one."""
    return ["unshare", "--user", "--map-root-user", "--net", "--", "bash", "-ec", script]


def machine():
    """The processor and the cores there are, as the pages name them."""
    model = re.search(r"^model name\s*: (.*)$", pathlib.Path("/proc/cpuinfo").read_text(), re.M)
    return f"{model[1].strip() if model else 'unknown'}, {os.cpu_count()} cores"


# --- figures

def median(values):
    return statistics.median(values)


def short(ns):
    """Nanoseconds as a table has them."""
    return f"{ns:,.0f}" if ns >= 100 else f"{ns:.3g}"


class Progress:
    """How far a series of runs is: one line of a terminal, else a line every ten seconds."""

    def __init__(self, total):
        self.total, self.done = total, 0
        self.begin = self.told = time.monotonic()
        self.terminal = sys.stderr.isatty()

    def tell(self, what):
        now = time.monotonic()
        if now - self.begin > 2 and (self.terminal or now - self.told > 10):
            left = (now - self.begin) / max(self.done, 1) * (self.total - self.done)
            line = f"{what}: run {self.done + 1} of {self.total}, some {left:.0f} s left"
            print(f"\r{line:<78}" if self.terminal else line, end="" if self.terminal else "\n",
                  file=sys.stderr, flush=True)
            self.told = now
        self.done += 1

    def end(self):
        if self.terminal:
            print(f"\r{'':<78}\r", end="", file=sys.stderr, flush=True)


# --- pages

def markdown_table(head, rows):
    lines = [head, ["---"] * len(head), *rows]
    return "".join("| " + " | ".join(cells) + " |\n" for cells in lines)


def write_part(page, what, text):
    """Writes what was measured between `<!-- measured: WHAT -->` and `<!-- end of WHAT -->`."""
    page = pathlib.Path(page)
    has = page.read_text()
    begin, end = f"<!-- measured: {what} -->\n", f"<!-- end of {what} -->"
    if begin not in has or end not in has:
        raise Failure(f"{page}: no place for it: {begin.strip()} … {end}")
    page.write_text(has[:has.index(begin) + len(begin)] + text.strip() + "\n\n" + has[has.index(end):])


def main(work):
    """Runs a command's work(); what it says and the exit code are those of lastack."""
    try:
        return work()
    except Failure as failure:
        print(f"{pathlib.Path(sys.argv[0]).name}: {failure}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
