#!/usr/bin/env python3
"""The library for C and what calls it, installed: the ABI is the one that was promised, C of every
standard compiles, and Python's package is installed by pip and passes its tests."""
import os
import pathlib
import re
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "tools"))
import checks
from checks import check

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROMISED = ROOT / "bindings/c/abi.txt"


def run(*command, **options):
    return subprocess.run([str(c) for c in command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          stdin=subprocess.DEVNULL, text=True, errors="replace", **options)


def worked(name, done):
    return check(name, done.returncode == 0, done.stdout)


def declarations(header):
    """Each function as one line, in the header's order."""
    text = re.sub(r"/\*.*?\*/", " ", header.read_text(), flags=re.S)
    found = re.findall(r"^(?:const char\* |int |int64_t |size_t |ssize_t |void )lastack_\w+\([^;]*\);",
                       text, flags=re.M)
    return [re.sub(r"\s+", " ", f) for f in found]


def layouts(header, folder):
    """Where the members of each public struct lie, and how long they are."""
    text = re.sub(r"/\*.*?\*/", " ", header.read_text(), flags=re.S)
    lines = []
    for name, body in re.findall(r"^struct (lastack_\w+) \{(.*?)^\};", text, flags=re.M | re.S):
        lines.append(f'printf("struct {name} %zu\\n", sizeof(struct {name}));')
        for member in re.findall(r"(\w+);", body):
            lines.append(f'printf("struct {name}.{member} %zu %zu\\n", offsetof(struct {name}, {member}),'
                         f' sizeof(((struct {name} *)0)->{member}));')
    source = folder / "layout.c"
    source.write_text("#include <lastack/lastack.h>\n#include <stddef.h>\n#include <stdio.h>\n"
                      "int main(void) {" + "\n".join(lines) + "return 0; }\n")
    done = run("gcc", source, "-I", header.parents[1], "-o", folder / "layout")
    return run(folder / "layout").stdout.splitlines() if done.returncode == 0 else [done.stdout]


def abi(tree, folder):
    header = tree / "include/lastack/lastack.h"
    exported = {s.split()[-1] for s in run("nm", "-D", "--defined-only", tree /
                                           "lib/liblastack-c.so.0").stdout.splitlines() if " T " in s}
    declared = declarations(header)
    names = {re.search(r"(lastack_\w+)\(", d)[1] for d in declared}
    check("the library exports what the header declares, and no more",
          exported == {f"{n}@@LASTACK_0" for n in names}, f"{sorted(exported)}\n{sorted(names)}")
    now = declared + layouts(header, folder)
    if "--write" in sys.argv:
        PROMISED.write_text("\n".join(now) + "\n")
    promised = PROMISED.read_text().splitlines()
    gone = [line for line in promised if line not in now]
    check("everything that bindings/c/abi.txt promises is as it was", not gone, "\n".join(gone))
    check("everything that there is has been promised", now == promised,
          "bindings.py --write adds: " + "\n".join(line for line in now if line not in promised))


def compilers(tree, folder):
    env = os.environ | {"PKG_CONFIG_PATH": str(tree / "lib/pkgconfig")}
    options = run("pkg-config", "--cflags", "--libs", "lastack-c", env=env).stdout.split()
    strict = ["-Wall", "-Wextra", "-Wpedantic", "-Werror", f"-Wl,-rpath,{tree / 'lib'}"]
    for standard in ("c99", "c17"):
        for source in (ROOT / "examples/half_close.c", ROOT / "tests/install/calls.c"):
            program = folder / f"{standard}-{source.stem}"
            done = run("gcc", f"-std={standard}", "-D_DEFAULT_SOURCE", *strict, source, *options, "-o", program)
            if worked(f"{standard} compiles {source.name} with pkg-config's options", done):
                worked(f"{standard}'s {source.name} runs", run(program))
    (folder / "header.cpp").write_text("#include <lastack/lastack.h>\n"
                                       "int main() { return lastack_version()[0] == '0' ? 0 : 1; }\n")
    done = run("g++", "-std=c++11", *strict, folder / "header.cpp", *options, "-o", folder / "header")
    worked("C++11 compiles the header", done) and worked("and links", run(folder / "header"))


def python(tree, folder):
    source, site = folder / "python", folder / "site"
    run("cp", "-r", ROOT / "bindings/python", source)
    done = run("/usr/bin/python3", "-m", "pip", "install", "--no-index", "--no-deps", "--no-build-isolation",
               "--target", site, source, env=os.environ | {"PIP_DISABLE_PIP_VERSION_CHECK": "1"})
    if not worked("pip installs Python's package", done):
        return
    env = os.environ | {"PYTHONPATH": str(site), "LASTACK_LIBRARY": str(tree / "lib/liblastack-c.so.0")}
    done = run("/usr/bin/python3", "-W", "error::ResourceWarning", "-m", "unittest", "discover", "-v", "-s",
               source / "tests", cwd=folder, env=env, timeout=120)
    for name, result in re.findall(r"^(test_\w+) \([^)]*\).*?\b(ok|FAIL|ERROR|skipped[^\n]*)$", done.stdout,
                                   flags=re.M | re.S):
        check(f"python {name}", result == "ok", done.stdout)
    ran = re.search(r"Ran (\d+) tests", done.stdout)
    check("python's tests ran, all of them", bool(ran) and int(ran[1]) >= 12 and done.returncode == 0,
          done.stdout)


def main():
    built = run(ROOT / "scripts/build", "release")
    if not worked("it builds", built):
        return
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        tree = folder / "tree"
        if worked("it is installed", run("cmake", "--install", ROOT / "build/release", "--prefix", tree)):
            abi(tree, folder)
            compilers(tree, folder)
            python(tree, folder)


main()
sys.exit(checks.status())
