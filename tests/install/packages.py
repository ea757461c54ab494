#!/usr/bin/env python3
"""The Debian packages: installed, upgraded, removed and purged, by dpkg, in a copy of this machine's
files that only this test sees (an overlay in a mount namespace of its own)."""
import contextlib
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
NAMES = ["lastack", "liblastack-c0", "liblastack-dev", "python3-lastack"]
# What dpkg, and the triggers that it runs, keep for themselves.
BOOKS = re.compile(r"var/(lib/dpkg|log|cache/(man|debconf|ldconfig))(/|$)|etc/ld\.so\.cache$|(tmp|root)/")


def run(*command, **options):
    return subprocess.run([str(c) for c in command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          stdin=subprocess.DEVNULL, text=True, errors="replace", **options)


def worked(name, done):
    return check(name, done.returncode == 0, done.stdout)


class Copy:
    """This machine's files, where changes go to a layer of their own."""

    def __init__(self, folder):
        self.layer, self.root = folder / "layer", folder / "root"
        work = folder / "work"
        mounts = [["-t", "tmpfs", "none", folder],
                  ["-t", "overlay", "none", "-o",
                   f"lowerdir=/,upperdir={self.layer},workdir={work}", self.root],
                  ["--rbind", "/proc", self.root / "proc"], ["--rbind", "/dev", self.root / "dev"]]
        for mount in mounts:
            done = run("mount", *mount)
            assert done.returncode == 0, done.stdout
            for path in (self.layer, self.root, work):
                path.mkdir(exist_ok=True)

    def run(self, *command, **options):
        env = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8", "HOME": "/root",
               "DEBIAN_FRONTEND": "noninteractive", "MANPAGER": "cat", "MANWIDTH": "80"}
        return run("chroot", self.root, *command, env=env, **options)

    def shell(self, text):
        return self.run("bash", "-ec", text)

    def take(self, package):
        (self.root / "tmp" / package.name).write_bytes(package.read_bytes())
        return f"/tmp/{package.name}"

    def version(self, name):
        return self.run("dpkg-query", "-W", "-f", "${db:Status-Abbrev}${Version}", name).stdout

    def left(self):
        """Paths that this machine has not, or that differ from what it has."""
        for at, folders, files in os.walk(self.layer):
            for path in (pathlib.Path(at, n).relative_to(self.layer) for n in folders + files):
                here, there = self.layer / path, pathlib.Path("/", path)
                if BOOKS.match(str(path)) or (here.is_char_device() and not os.path.lexists(there)):
                    continue
                same = os.path.lexists(there) and (here.is_dir() or
                                                   here.read_bytes() == there.read_bytes())
                if not same:
                    yield f"/{path}"


def built():
    """The packages, by name."""
    done = run(ROOT / "run", "package")
    paths = [pathlib.Path(line) for line in done.stdout.splitlines()]
    good = done.returncode == 0 and [p.name.split("_")[0] for p in paths] == NAMES \
        and all(p.is_file() for p in paths)
    if not check("./run package prints where the packages are", good, done.stdout):
        sys.exit(1)
    return dict(zip(NAMES, paths))


def version_of(package):
    return run("dpkg-deb", "-f", package, "Version").stdout.strip()


def newer(package, folder):
    """The same package under the next version, without one of its files."""
    tree = folder / package.stem
    run("dpkg-deb", "-R", package, tree)
    control = tree / "DEBIAN" / "control"
    now = version_of(package)
    control.write_text(control.read_text().replace(f"Version: {now}\n", f"Version: {now}+next\n")
                       .replace(f"(= {now})", f"(= {now}+next)"))
    gone = next(tree.glob("usr/share/doc/*/changelog.gz"))
    gone.unlink()
    sums = tree / "DEBIAN" / "md5sums"
    sums.write_text("".join(line for line in sums.read_text().splitlines(True)
                            if not line.endswith("/changelog.gz\n")))
    path = folder / f"{package.stem}-next.deb"
    worked(f"{package.name.split('_')[0]}: a newer version", run("dpkg-deb", "-Znone", "-b", tree, path))
    return path, pathlib.Path("/", gone.relative_to(tree))


def what_they_say(packages):
    ours = re.search(r'LASTACK_VERSION "(.+)"',
                     (ROOT / "include/lastack/version.hpp").read_text())[1]
    versions = {version_of(p) for p in packages.values()}
    check("the packages have the version of the headers", versions == {f"{ours}-1"}, versions)
    depends = run("dpkg-deb", "-f", packages["lastack"], "Depends").stdout
    check("the command depends on the libraries that it needs",
          all(n in depends for n in ("libc6 ", "libstdc++6 ", "libfmt9 ")), depends)


@contextlib.contextmanager
def lintian_beside(packages):
    """It takes as long as all the rest: at the same time, then."""
    lintian = subprocess.Popen(["lintian", "--allow-root", "--pedantic", "--display-info", "--fail-on",
                                "error,warning,info,pedantic", *packages.values()], text=True,
                               stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    yield
    said, _ = lintian.communicate()
    check("lintian finds nothing but what debian/*.lintian-overrides gives a reason for",
          lintian.returncode == 0, said)


def command_works(copy):
    done = copy.run("lastack", "demo", "half-close")
    check("the installed command runs", done.returncode == 0 and "FIN_WAIT_2" in done.stdout,
          done.stdout)
    done = copy.run("man", "lastack-demo")
    check("man shows its page", done.returncode == 0 and "NAME" in done.stdout
          and "half-close" in done.stdout, done.stdout)
    done = copy.run("man", "-f", "lastack-explore")
    check("whatis knows it", "visit every state" in done.stdout, done.stdout)
    done = copy.shell("source /usr/share/bash-completion/completions/lastack\n"
                      "COMP_WORDS=(lastack demo half-close-) COMP_CWORD=2; _lastack\n"
                      "echo ${COMPREPLY[*]}")
    check("bash completes it", done.stdout == "half-close-wait\n", done.stdout)
    done = copy.run("zsh", "-fc", "autoload -U compinit; compinit -u -D; echo $_comps[lastack]")
    check("zsh completes it", done.stdout == "_lastack\n", done.stdout)
    done = copy.run("fish", "-c", "complete -C 'lastack dem'")
    check("fish completes it", done.stdout.startswith("demo"), f"{done.stdout!r}")


def library_works(copy):
    there = "/usr/share/doc/liblastack-dev/examples"
    flags = copy.run("pkg-config", "--cflags", "--libs", "lastack").stdout.split()
    check("pkg-config names no folder that g++ knows by itself", flags == ["-std=c++23", "-llastack"],
          flags)
    done = copy.shell(f"g++ {there}/half_close.cpp -o /tmp/half_close "
                      "$(pkg-config --cflags --libs lastack); /tmp/half_close")
    check("g++ and pkg-config: an example builds and runs",
          done.returncode == 0 and "TIME_WAIT" in done.stdout, done.stdout)
    done = copy.shell(f"gcc {there}/half_close.c -o /tmp/half_close_in_c "
                      "$(pkg-config --cflags --libs lastack-c) && /tmp/half_close_in_c")
    check("gcc and pkg-config: so does the one in C", done.returncode == 0, done.stdout)
    done = copy.run("/usr/bin/python3", f"{there}/half_close.py")
    check("and the one in Python", done.returncode == 0 and "TIME_WAIT" in done.stdout, done.stdout)
    worked("find_package(lastack) finds it",
           copy.run("cmake", "-S", there, "-B", "/tmp/examples", "-G", "Ninja"))


def through_its_life(copy, packages, folder):
    copy.run("dpkg", "--purge", *NAMES)  # where this machine has them
    worked("dpkg installs all", copy.run("dpkg", "-i", *map(copy.take, packages.values())))
    verified = copy.run("dpkg", "--verify", *NAMES)
    check("every file is there as packed", verified.stdout == "", verified.stdout)
    command_works(copy)
    library_works(copy)

    upgrades = [newer(p, folder) for p in packages.values()]
    worked("dpkg upgrades all", copy.run("dpkg", "-i", *(copy.take(p) for p, _ in upgrades)))
    for name, (path, gone) in zip(NAMES, upgrades):
        check(f"{name}: the newer version is installed",
              copy.version(name) == f"ii {version_of(path)}", copy.version(name))
        check(f"{name}: what the newer version has not is gone",
              not os.path.lexists(copy.root / gone.relative_to("/")), gone)
    verified = copy.run("dpkg", "--verify", *NAMES)
    check("every file is there as in the newer version", verified.stdout == "", verified.stdout)
    check("the upgraded command runs", copy.run("lastack", "--version").returncode == 0)

    worked("dpkg removes the command", copy.run("dpkg", "--remove", "lastack"))
    check("then there is no command", copy.shell("! command -v lastack").returncode == 0)
    check("and the library stays", copy.run("pkg-config", "--exists", "lastack").returncode == 0)
    worked("dpkg purges all", copy.run("dpkg", "--purge", *NAMES))
    check("dpkg knows none of them", all(not copy.version(n).startswith(("ii", "rc")) for n in NAMES))
    left = list(copy.left())
    check("no file of theirs is left", not left, "\n".join(left))


def main():
    if os.geteuid() != 0:
        print("skip packages: needs root")
        return 0
    if os.environ.get("LASTACK_IN_NAMESPACE") != "1":
        os.environ["LASTACK_IN_NAMESPACE"] = "1"
        os.execvp("unshare", ["unshare", "--mount", "--", sys.executable, __file__])
    ours = lambda: run("dpkg-query", "-W", "-f", "${Package} ${Version} ${db:Status-Abbrev}", *NAMES).stdout
    before = ours()
    packages = built()
    what_they_say(packages)
    with tempfile.TemporaryDirectory() as text, lintian_beside(packages):
        copy = Copy(pathlib.Path(text))
        try:
            through_its_life(copy, packages, pathlib.Path(text))
        finally:
            run("umount", "-R", "-l", text)
    check("this machine's own dpkg has seen nothing of it", ours() == before, ours())
    return checks.status()


if __name__ == "__main__":
    sys.exit(main())
