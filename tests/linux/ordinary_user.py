#!/usr/bin/env python3
"""Everything that an ordinary user does, as one: without a device, over devices that root prepared, the
tour in a user namespace, and ./run. All of it in network and mount namespaces of the test's own."""
import contextlib
import json
import os
import pathlib
import re
import shlex
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import threading

import lab
from lab import COMMAND as BUILT, KERNEL_V4, ROOT, V4, check, in_namespace, must, sockets_of, until


def run(*command, **options):
    options = {"stdin": subprocess.DEVNULL, "timeout": 300, **options}
    return lab.run(*(str(c) for c in command), **options)


# --- who they are

PATH = "/usr/local/bin:/usr/bin:/bin"
USERS = {"mia": 12001, "tom": 12002}  # of no group but their own


class User:
    def __init__(self, name, folder, command):
        self.name, self.id, self.command = name, USERS[name], command
        self.home, self.runtime = folder / name, folder / name / "run"
        for path in (self.home, self.runtime):
            path.mkdir()
            os.chown(path, self.id, self.id)
        self.runtime.chmod(0o700)
        self.env = {"PATH": PATH, "HOME": str(self.home), "LANG": "C.UTF-8",
                    "XDG_RUNTIME_DIR": str(self.runtime)}

    def identity(self, **env):
        """For subprocess; a variable that is None is not set."""
        merged = {k: str(v) for k, v in {**self.env, **env}.items() if v is not None}
        return {"user": self.id, "group": self.id, "extra_groups": [], "env": merged,
                "cwd": self.home}

    def run(self, *command, **env):
        return run(*command, **self.identity(**env))

    def lastack(self, *arguments, **env):
        return self.run(self.command, *arguments, **env)


@contextlib.contextmanager
def serving(user, *arguments, **env):
    """lastack serve as that user, and how to read what it says on stderr."""
    with tempfile.TemporaryFile("w+") as said:
        process = subprocess.Popen([user.command, "serve", *arguments], stdout=subprocess.PIPE,
                                   stderr=said, text=True, **user.identity(**env))
        line = process.stdout.readline()
        try:
            yield process if line == "ready\n" else None, \
                lambda: os.pread(said.fileno(), 65536, 0).decode()
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(20)


def prepare(name, mode, user):
    must("ip", "tuntap", "add", "dev", name, "mode", mode, "user", user.name)
    must("ip", "addr", "add", f"{KERNEL_V4}/24", "dev", name)
    must("ip", "link", "set", name, "up")


# --- without a device

def plain(user):
    done = user.run("cat", "/proc/self/status")
    status = dict(re.findall(r"^(\w+):[ \t]*(.*)$", done.stdout, re.M))
    check("the user has no capability and no other group",
          status["CapEff"].strip("0") == "" and status["Groups"].split() in ([], [str(user.id)])
          and status["Uid"].split() == [str(user.id)] * 4, done.stdout)
    for arguments, said in (
            (["demo", "half-close"], "FIN_WAIT_2"), (["demo", "--list"], "half-close"),
            (["demo", "close", "--lang", "zh"], "CLOSED"), (["states"], "LAST_ACK"),
            (["states", "--svg"], "<svg"), (["explore", "--only", "a loss", "--json"], '"exhausted"'),
            (["sim", "--seeds", "1..5"], "5"), (["sim", "--seed", "7", "--trace", "seed7.pcapng"], ""),
            (["bench", "connect", "--repeat", "1", "--json"], "cpu_us"), (["completion", "bash"], "complete"),
            (["completion", "zsh"], "#compdef"), (["completion", "fish"], "complete"),
            (["completion", "--into", "shells"], ""), (["man", "serve"], ".TH"),
            (["man", "--into", "pages"], ""), (["--version"], "lastack")):
        done = user.lastack(*arguments)
        check("without a device: " + shlex.join(["lastack", *arguments]),
              done.returncode == 0 and said in done.stdout, done.stdout + done.stderr)
    check("what it wrote is the user's", {p.stat().st_uid for p in user.home.rglob("*")} == {user.id})
    shown = user.run("man", "-P", "cat", "-l", "pages/lastack-serve.1", MANPATH="/usr/share/man")
    check("man shows a page that it wrote", "lastack serve" in shown.stdout, shown.stderr)


def every_help(user):
    def all_of(page):
        for sub in page["subcommands"]:
            yield sub["name"].split()[1:]
            yield from all_of(sub)
    pages = json.loads(user.lastack("man", "--json").stdout)
    for words in [[], *all_of(pages)]:
        done = user.lastack(*words, "--help")
        check("help: " + " ".join(["lastack", *words]),
              done.returncode == 0 and "usage: lastack" in done.stdout and not done.stderr, done.stderr)


def no_host(user):
    for runtime, folder in ((user.runtime, user.runtime / "lastack"), (None, "/run/lastack")):
        for arguments in (["ss"], ["ss", "--json"], ["trace"], ["ask", "counters"]):
            done = user.lastack(*arguments, XDG_RUNTIME_DIR=runtime)
            json_said = "--json" in arguments and json.loads(done.stdout) == {"schema": 1, "sockets": []}
            check(f"no host, XDG_RUNTIME_DIR {'set' if runtime else 'not set'}: {shlex.join(arguments)}",
                  done.returncode == 3 and (f"looked in {folder}" in done.stderr or json_said),
                  f"{done.returncode} {done.stdout} {done.stderr}")


def doctor(user, node):
    works = lambda done: {c["name"]: c["works"] for c in json.loads(done.stdout)["checks"]}
    remedy = lambda done: {c["name"]: c.get("remedy", "") for c in json.loads(done.stdout)["checks"]}
    node.chmod(0o600)
    done = user.lastack("doctor", "--json")
    check("doctor: the device's node is root's only",
          done.returncode == 1 and not works(done)["/dev/net/tun"]
          and "chmod 666 /dev/net/tun" in remedy(done)["/dev/net/tun"], done.stdout)
    node.chmod(0o666)
    done = user.lastack("doctor", "--json")
    check("doctor: no device is prepared, and how root does it",
          done.returncode == 1 and works(done)["/dev/net/tun"]
          and f"mode tun user {user.name}" in remedy(done)["TUN device"], done.stdout)
    prepare("la0", "tun", user)
    done = user.lastack("doctor", "--json")
    check("doctor: a device is prepared", works(done)["TUN device"] and works(done)["control sockets"]
          and not works(done)["CAP_NET_ADMIN"], done.stdout)
    done = user.lastack("doctor", "--json", XDG_RUNTIME_DIR=None)
    check("doctor: without XDG_RUNTIME_DIR no socket, and what to set",
          not works(done)["control sockets"] and "XDG_RUNTIME_DIR" in remedy(done)["control sockets"],
          done.stdout)
    must("ip", "link", "del", "la0")


# --- over a device

def commands_in(text):
    """What a remedy tells root to type."""
    return [shlex.split(line) for line in re.findall(r"\b(ip (?:tuntap|addr|link) .+)$", text, re.M)]


def follow_the_advice(user, node, mode):
    """From nothing to a page that curl has fetched, by typing what it says to type, and no more."""
    device = ["--" + mode, "la1", "--ip", V4 + "/24"]
    serve = ["serve", "echo", "7", *device, "--peer", KERNEL_V4]
    node.chmod(0o600)
    done = user.lastack(*serve)
    check(f"{mode}: the node is root's only", done.returncode == 1
          and "can't open /dev/net/tun: Permission denied\n  as root:  chmod 666 /dev/net/tun" in done.stderr,
          done.stderr)
    node.chmod(0o666)
    for arguments in (["connect", *device, KERNEL_V4, "80"], serve):
        done = user.lastack(*arguments)
        check(f"{mode}: no device is prepared for {arguments[0]}, and how root does it",
              done.returncode == 1 and not done.stdout and done.stderr.splitlines()[1:] ==
              [f"  as root, once:  ip tuntap add dev la1 mode {mode} user {user.name}"], done.stderr)
    for command in commands_in(done.stderr):
        must(*command)
    done = user.lastack(*serve)
    advice = commands_in(done.stderr)
    check(f"{mode}: the kernel's side is root's to set up, and how",
          done.returncode == 1 and len(advice) == 2 and "leave --peer out" in done.stderr, done.stderr)
    for command in advice:
        must(*command)


def over_a_device(user, mode):
    device = ["--" + mode, "la1", "--ip", V4 + "/24"]
    (user.home / "index.html").write_text("from an ordinary user\n")
    with serving(user, "http", "80=.", *device) as (process, said):
        got = run("curl", "-sm", "20", f"http://{V4}/index.html") if process else None
        check(f"{mode}: curl fetches a page from serve", got and got.stdout == "from an ordinary user\n",
              said() + (got.stderr if got else ""))
        done = user.lastack("ss", "-l", "--json")
        check(f"{mode}: and ss shows the listener", done.returncode == 0
              and [r["state"] for r in sockets_of(done)] == ["LISTEN"], done.stderr)
    with socket.create_server((KERNEL_V4, 8080)) as listener:
        heard = []

        def answer():
            peer, _ = listener.accept()
            with peer:
                while octets := peer.recv(100):
                    heard.append(octets)
                peer.sendall(b"all heard\n")

        kernel = threading.Thread(target=answer, daemon=True)
        kernel.start()
        done = run(user.command, "connect", *device, "-N", KERNEL_V4, "8080", stdin=None,
                   input="a question\n", **user.identity())
        kernel.join(20)
        check(f"{mode}: connect reaches the kernel, half-closes and gets its answer",
              done.returncode == 0 and (b"".join(heard), done.stdout) == (b"a question\n", "all heard\n"),
              done.stderr)
    must("ip", "link", "del", "la1")


def sockets_of_others(user, other, folder):
    prepare("la2", "tun", user)
    serve = ["echo", "7", "--tun", "la2", "--ip", V4 + "/24"]
    user.home.chmod(0o755)
    for mode in (0o700, 0o777):  # a folder that lets everybody in, too
        user.runtime.chmod(mode)
        with serving(user, *serve) as (process, _):
            path = user.runtime / "lastack" / f"{process.pid}.sock"
            kind = path.stat()
            check(f"the control socket is the user's only, in a folder of mode {mode:o}",
                  stat.S_ISSOCK(kind.st_mode) and kind.st_mode & 0o777 == 0o600
                  and kind.st_uid == user.id, oct(kind.st_mode))
            for arguments in (["ss"], ["ask", "counters", "--pid", str(process.pid)]):
                done = other.lastack(*arguments, XDG_RUNTIME_DIR=user.runtime)
                check(f"another user is told of no host ({arguments[0]}, mode {mode:o})",
                      done.returncode == 3 and not done.stdout, done.stdout)
            done = other.run("python3", "-c", "import socket, sys\n"
                             "socket.socket(socket.AF_UNIX).connect(sys.argv[1])", path)
            check(f"another user can't connect to it (mode {mode:o})",
                  done.returncode != 0 and "PermissionError" in done.stderr, done.stderr)
            check(f"the user can (mode {mode:o})", user.lastack("ask", "counters").returncode == 0)
        check("the socket goes with its host", not path.exists())
    with serving(user, *serve, XDG_RUNTIME_DIR=None) as (process, said):
        check("without XDG_RUNTIME_DIR it serves, and says that ss will not see it",
              process is not None and until(lambda: "see this host: /run/lastack: Permission denied\n"
                                            "  set XDG_RUNTIME_DIR to" in said()), said())
    done = other.lastack("serve", *serve)
    check("another user can't use the device", done.returncode == 1 and "la2" in done.stderr, done.stderr)
    must("ip", "link", "del", "la2")


# --- the tour

def tour(user, node, folder):
    node.chmod(0o600)
    done = user.lastack("tour")
    check("tour: without the node it says so, and ends well", done.returncode == 0
          and "for want of /dev/net/tun: Permission denied\n  as root: chmod 666" in done.stdout
          and "try next" in done.stdout, done.stdout + done.stderr)
    node.chmod(0o666)
    off = ["unshare", "--user", f"--map-user={user.id}", f"--map-group={user.id}", "--keep-caps", "bash", "-ec",
           "echo 0 > /proc/sys/user/max_user_namespaces; exec setpriv --ambient-caps=-all "
           "--inh-caps=-all \"$@\"", "tour", user.command]
    if user.run("unshare", "--user", "--net", "true").returncode != 0:
        print("skip tour in a user namespace: this machine allows none")
        return
    done = user.run(*off, "tour")
    check("tour: where user namespaces are off it says so, and ends well", done.returncode == 0
          and "for want of user namespaces: No space left" in done.stdout
          and "sysctl user.max_user_namespaces" in done.stdout and "$ curl" not in done.stdout,
          done.stdout + done.stderr)
    bare = folder / "bin"
    bare.mkdir()
    for name in ("bash", "ip", "ss", "grep", "sed", "sleep"):
        (bare / name).symlink_to(shutil.which(name))
    done = user.lastack("tour", PATH=bare)
    check("tour: it names the programs that are missing", done.returncode == 0
          and "missing: curl python3\n  apt-get install" in done.stdout, done.stdout + done.stderr)
    before = run("ip", "link").stdout
    for runtime in (user.runtime, None):
        done = user.lastack("tour", XDG_RUNTIME_DIR=runtime)
        shown = done.stdout
        check(f"tour: all of it in a user namespace, XDG_RUNTIME_DIR {'set' if runtime else 'not set'}",
              done.returncode == 0 and "<h1>from a TCP of its own" in shown and "FIN-WAIT-2" in shown
              and "CLOSE-WAIT" in shown and not done.stderr, shown + done.stderr)
    check("tour: nothing of the network is touched", run("ip", "link").stdout == before)


# --- ./run

def own_tree(user, folder):
    """The tree with the release build, as the user's own: in a layer over the one that there is."""
    at = next((p for p in reversed([ROOT, *ROOT.parents]) if not p.stat().st_mode & stat.S_IXOTH), ROOT)
    layer, work = folder / "layer", folder / "work"
    must("mount", "-t", "tmpfs", "none", folder)
    layer.mkdir()
    work.mkdir()
    must("mount", "-t", "overlay", "none", "-o", f"lowerdir={at},upperdir={layer},workdir={work}", at)
    for path in [p for p in [ROOT, *ROOT.parents] if p.is_relative_to(at)]:
        path.chmod(0o755)
    must("chown", f"{user.id}:{user.id}", ROOT, ROOT / "build")
    must("chown", "-R", f"{user.id}:{user.id}", ROOT / "build" / "release")
    (ROOT / "build" / "release.log").unlink(missing_ok=True)
    return at


def run_script(user, folder):
    at = own_tree(user, folder)
    (ROOT / "build" / "release" / "lastack").unlink()
    done = user.run(ROOT / "run", "demo", "half-close")
    check("./run builds and runs, all packages being there", done.returncode == 0
          and "FIN_WAIT_2" in done.stdout
          and (ROOT / "build" / "release" / "lastack").stat().st_uid == user.id,
          done.stdout + done.stderr)
    done = user.run(ROOT / "run", "ss")
    check("./run ends as the command does", done.returncode == 3 and "no host" in done.stderr, done.stderr)
    fake = user.home / "bin"
    fake.mkdir()
    query = fake / "dpkg-query"
    query.write_text("#!/bin/sh\n/usr/bin/dpkg-query \"$@\" | grep -v ' libfmt-dev$'\n")
    query.chmod(0o755)
    done = user.run(ROOT / "run", "demo", PATH=f"{fake}:{PATH}")
    check("./run prints the one line to type where a package is missing", done.returncode == 1
          and not done.stdout and done.stderr.splitlines() ==
          ["lastack: these Debian packages are missing: libfmt-dev", "  sudo apt-get install libfmt-dev"],
          done.stdout + done.stderr)
    query.write_text("#!/bin/sh\nexit 1\n")  # as on a fresh machine, for names it does not know
    done = user.run(ROOT / "run", PATH=f"{fake}:{PATH}")
    check("./run names all of them on a fresh machine", done.returncode == 1
          and "apt-get install g++ cmake ninja-build" in done.stderr, done.stderr)
    must("umount", "-l", at)
    must("umount", "-l", folder)


def main(folder):
    folder.chmod(0o755)
    command = shutil.copy(BUILT, folder / "lastack")
    passwd, node, tree = folder / "passwd", folder / "tun", folder / "tree"
    passwd.write_text(pathlib.Path("/etc/passwd").read_text() +
                      "".join(f"{n}:x:{i}:{i}::{folder / n}:/bin/sh\n" for n, i in USERS.items()))
    os.mknod(node, stat.S_IFCHR | 0o666, os.makedev(10, 200))
    must("mount", "-t", "sysfs", "none", "/sys")  # of this network: doctor looks there
    must("mount", "-t", "tmpfs", "-o", "mode=755", "none", "/run")  # root ran nothing here
    must("mount", "--bind", passwd, "/etc/passwd")
    must("mount", "--bind", node, "/dev/net/tun")
    tree.mkdir()
    mia, tom = (User(name, folder, command) for name in USERS)
    plain(mia)
    every_help(mia)
    no_host(mia)
    doctor(mia, node)
    for mode in ("tun", "tap"):
        follow_the_advice(mia, node, mode)
        over_a_device(mia, mode)
    sockets_of_others(mia, tom, folder)
    tour(mia, node, folder)
    run_script(mia, tree)
    for mounted in ("/dev/net/tun", "/etc/passwd", "/run", "/sys"):
        must("umount", mounted)


if __name__ == "__main__":
    sys.exit(in_namespace(main, "--mount"))
