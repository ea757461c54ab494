#!/usr/bin/env python3
"""--help, the man pages and the completion of shells say what is so: each command's help is whole and
fits a terminal, its examples run, its exit codes are those it ends with, man's formatter finds nothing
to complain about, and the shells complete what there is. All of it in a network namespace of its own."""
import contextlib
import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
COMMAND = os.environ.get("LASTACK_COMMAND", ROOT / "build" / "release" / "lastack")
failures = 0


def check(good, what, *details):
    global failures
    failures += not good
    if not good:
        print("\n".join(map(str, details)))
    print(f"{'ok' if good else 'not ok'} manual: {what}", flush=True)


def all_pages(page):
    yield page
    for sub in page["subcommands"]:
        yield from all_pages(sub)


class Place:
    """A folder that the commands run in, with `lastack` in the path."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        for name in ("bin", "run", "home/.zfunc", "home/.config/fish/completions", "work"):
            (self.folder / name).mkdir(parents=True)
        (self.folder / "bin" / "lastack").symlink_to(COMMAND)
        self.environment = {
            "PATH": f"{self.folder}/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8",
            "HOME": f"{self.folder}/home", "XDG_RUNTIME_DIR": f"{self.folder}/run", "TERM": "dumb"}

    def start(self, command, **options):
        return subprocess.Popen(["bash", "-o", "pipefail", "-c", command],
                                cwd=self.folder / "work", env=self.environment, text=True,
                                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                stderr=subprocess.STDOUT, **options)

    def run(self, command):
        """(exit code, what it printed)"""
        done = self.start(command)
        try:
            output, _ = done.communicate(timeout=120)
        except subprocess.TimeoutExpired as late:
            done.kill()
            return "none: it does not end", (late.output or b"").decode()
        return done.returncode, output


# --- help

def help_faults(place, page):
    code, text = place.run(f"{page['name']} --help")
    if code != 0:
        yield f"ends with {code}"
    if not text.endswith("\n") or text.endswith("\n\n"):
        yield "does not end with one newline"
    yield from (f"{len(line)} columns: {line}" for line in text.splitlines() if len(line) > 80)
    if not text.isascii():
        yield "is not ASCII"
    if len(page["description"]) < 60:
        yield "has no description worth the name"
    if not page["examples"]:
        yield "has no example"
    if not {0, 2} <= {code["code"] for code in page["exit_codes"]}:
        yield "does not name exit codes 0 and 2"
    for option in page["options"] + page["arguments"]:
        if not option["help"].strip() or not all(name in text for name in option["names"]):
            yield f"says nothing of {option['names']}"
    names = [name for option in page["options"] for name in option["names"]]
    yield from (f"says {name} twice" for name in set(names) if names.count(name) > 1)
    for option in page["options"]:
        if option["value"] in ("TEXT", "NUMBER") and not option["choices"]:
            yield f"{option['names']}: a value without a name"


def check_help(place, tree):
    for page in all_pages(tree):
        faults = list(help_faults(place, page))
        check(not faults, f"{page['name']} --help", *faults)


# --- examples

def run_serving(place, command, meanwhile):
    """A server's example: it is ready, `meanwhile` runs beside it while the kernel has a connection to
    it, and a signal ends it with 0."""
    server = place.start(f"exec {command}", start_new_session=True)
    try:
        said = iter(server.stdout.readline, "")  # on Ethernet first which addresses it uses
        ready = next((line for line in said if line == "ready\n"), "")
        if ready == "ready\n" and meanwhile:
            with socket.create_connection(("10.9.0.2", 7), timeout=10):
                for other in meanwhile:
                    if other.endswith(" -f"):  # goes on until a signal comes
                        other = f"timeout --preserve-status -s INT 2 {other}"
                    code, output = place.run(other)
                    check(code == 0, f"example: {other}", output)
        server.send_signal(signal.SIGINT)
        output, _ = server.communicate(timeout=20)
    finally:
        if server.poll() is None:
            server.kill()
    check(ready == "ready\n" and server.returncode == 0, f"example: {command}", ready, output)


def run_reached(place, command, address):
    """The example of a run that waits for somebody of the machine to connect."""
    server = place.start(f"exec {command}", start_new_session=True)
    try:
        end = time.monotonic() + 20
        reached = False
        while not reached and time.monotonic() < end and server.poll() is None:
            with contextlib.suppress(OSError), socket.create_connection(address, timeout=5) as client:
                client.sendall(b"hello")
                client.shutdown(socket.SHUT_WR)
                reached = client.recv(1) == b""  # nc has listened, and ends
            time.sleep(0.02)
        output, _ = server.communicate(timeout=20)
    finally:
        if server.poll() is None:
            server.kill()
    check(server.returncode == 0 and output == "hello", f"example: {command}", output)


def write_config_file(place, tree):
    """The file that the manual shows for --config, as it stands there."""
    shown = [part for part in tree["description"].split("\n\n") if part.startswith(" ")]
    (place.folder / "work" / "lastack.toml").write_text("\n".join(shown))
    check(len(shown) > 1, "lastack --help shows a file for --config", shown)


def echo_all(listener):
    """Gives everybody back what they sent, once they have ended."""
    while True:
        sock, _ = listener.accept()
        with sock:
            while octets := sock.recv(65536):
                sock.sendall(octets)


def start_echo_server():
    """The kernel's end of what connects: port 7 of all its addresses, of both families. Its loopback is what
    lastack bench sockets compares with."""
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    listener = socket.create_server(("::", 7), family=socket.AF_INET6, dualstack_ipv6=True)
    threading.Thread(target=echo_all, args=(listener,), daemon=True).start()


def check_examples(place, tree):
    examples = {page["name"]: [e["command"] for e in page["examples"]] for page in all_pages(tree)}
    write_config_file(place, tree)
    start_echo_server()
    serving, *others = examples.pop("lastack serve")
    run_serving(place, serving, examples.pop("lastack ss") + examples.pop("lastack trace") +
                examples.pop("lastack ask") + examples.pop("lastack nstat"))
    for command in others + examples.pop("lastack relay"):
        run_serving(place, command, [])
    for option, address in {"--publish": ("127.0.0.1", 8080), "--net tun": ("10.9.0.2", 80)}.items():
        for command in [c for c in examples["lastack run"] if option in c]:
            examples["lastack run"].remove(command)
            run_reached(place, command, address)
    for command in sorted({c for commands in examples.values() for c in commands}):
        code, output = place.run(command)
        check(code == 0, f"example: {command}", output[-2000:])


def check_exit_codes(place, tree):
    for page in all_pages(tree):
        code, output = place.run(f"{page['name']} --no-such-option")
        check(code == 2, f"{page['name']} with a wrong option ends with 2", code, output)
    for command, wanted in {"lastack demo nowhere": 2, "lastack man nowhere": 2,
                            "lastack completion csh": 2, "lastack explore --only nowhere": 2,
                            "lastack sim": 2, "lastack states --from NOWHERE": 2,
                            "lastack man --into /proc/nowhere": 1,
                            "lastack states --from LISTEN --to TIME_WAIT": 3,
                            "lastack serve --config nowhere.toml": 2,
                            "lastack serve echo 7": 2, "lastack connect 10.9.0.1 7": 2,
                            "lastack ss": 3, "lastack ss --json": 3,
                            "lastack ask counters": 3, "lastack nstat": 3,
                            "lastack trace": 3, "lastack trace -f": 3,
                            "lastack trace sport": 2, "lastack trace --all": 2}.items():
        code, output = place.run(command)
        check(code == wanted, f"{command} ends with {wanted}", code, output)


# What is said of a wrong command line: which word is wrong, and whose --help to read.
TOLD = {"lastack": "a subcommand is missing\n  lastack --help ",
        "lastack runn": "lastack does not know 'runn'\n  lastack --help ",
        "lastack --fly": "lastack has no option --fly\n  lastack --help ",
        "lastack bench fly": "lastack bench does not know 'fly'\n  lastack bench --help ",
        "lastack serve --fly": "lastack serve has no option --fly\n  lastack serve --help ",
        "lastack doctor fly": "lastack doctor does not know 'fly'\n  lastack doctor --help ",
        "lastack run": "PROGRAM is required\n  lastack run --help ",
        "lastack serve --keepalive 10,5,3 fly 7 --tun la0 --ip 10.9.0.2/24": "no service is called 'fly'",
        "lastack run --keepalive 10,5,3,2 true": "--keepalive 10,5,3,2: write seconds",
        "lastack run --keepalive 10, true": "--keepalive 10,: write seconds",
        "lastack run --keepalive 10,0 true": "--keepalive 10,0: write seconds",
        "lastack serve echo 7": "lastack: --tun or --tap is required\n",
        "lastack serve echo 7 --tun la0 --tap la1": "lastack: --tun or --tap is wanted, and not both\n",
        "lastack serve echo 7 --tap la0": "lastack: --ip or --auto is required\n",
        "lastack serve http 80=nowhere --tun la0 --ip 10.9.0.2/24": "http 80=nowhere: there is no folder 'nowhere'\n",
        "lastack serve echo 7 --tun la0 --ip 10.9.0.2/24 --msl 0": "--msl: Value 0 not in range 0.001 to 300\n",
        "lastack serve echo 7 --tun la0 --ip 10.9.0.2/24 --peer 10.8.0.1":
            "no --ip shares a network with --peer 10.8.0.1\n  as in  --ip 10.9.0.2/24 --peer 10.9.0.1\n",
        "lastack serve --msl 'a not in range b to c'": "not in range 0.001 to 300\n",
        "lastack demo close --drop 0": "--drop: Value 0 is not above 0\n",
        "lastack ss --pid me": "--pid: 'me' is no number that it takes\n"}

# Names that no device can have here: an exit code of 1, and what to do.
NAMES = {"a-name-that-is-too-long": "15 characters at most", "a/b": "without spaces, slashes",
         "lo": "another kind of device has that name", "la9": "it is there as a TAP device: give --tap"}


def check_what_is_told(place):
    for command, wanted in TOLD.items():
        code, output = place.run(command)
        check(code == 2 and output.startswith("lastack: ") and wanted in output, f"{command} is told what is wrong",
              code, output)
    place.run("ip tuntap add dev la9 mode tap")
    for name, wanted in NAMES.items():
        code, output = place.run(f"lastack serve echo 7 --tun {name} --ip 10.9.0.2/24")
        check(code == 1 and wanted in output, f"a device can't be called {name}", code, output)
    place.run("ip link del la9")
    for command in ("demo close", "states --svg", "--help", "demo --help"):
        code, output = place.run(f"lastack {command} > /dev/full")
        wanted = "lastack: can't write to standard output: No space left on device\n  make room, or send it elsewhere\n"
        check((code, output) == (1, wanted), f"{command} on a full disk: it says so", code, output)
    code, output = place.run("lastack sim --seed 7 --trace /dev/full")
    check(code == 1 and "can't write all of /dev/full: No space left on device\n  make room" in output,
          "sim: packets on a full disk", code, output)
    code, output = place.run("lastack demo shut-rd --profile linux")
    check("try: lastack demo shut-rdwr     lastack demo shut-rd\n" in output, "demo suggests what was not shown",
          output)


# --- man

def check_man(place, tree):
    code, output = place.run("lastack man --into man1")
    pages = {path.name for path in (place.folder / "work" / "man1").iterdir()}
    wanted = {f"{page['name'].replace(' ', '-')}.1" for page in [tree, *tree["subcommands"]]}
    check(code == 0 and pages == wanted, "man --into writes a page for each subcommand", output,
          pages ^ wanted)
    for name in sorted(pages):
        code, output = place.run(f"groff -man -Tutf8 -ww -z man1/{name} && man -l man1/{name}")
        text = re.sub(r".\x08", "", output)
        parts = [part for part in ("NAME", "SYNOPSIS", "DESCRIPTION", "OPTIONS", "EXIT STATUS")
                 if f"\n{part}\n" not in text]
        check(code == 0 and not parts and "warning" not in text, f"man page {name}", output, parts)


# --- completion

def completed(output):
    return sorted(line.split("\t")[0].strip() for line in output.splitlines() if line.strip())


def by_bash(place, line):
    words = line.split(" ")
    quoted = " ".join(f"'{word}'" for word in words)
    return place.run(f"source <(lastack completion bash); COMP_WORDS=({quoted}) "
                     f"COMP_CWORD={len(words) - 1}; _lastack; printf '%s\\n' \"${{COMPREPLY[@]}}\"")


def by_fish(place, line):
    return place.run("lastack completion fish > lastack.fish; "
                     f"fish -N -c 'source lastack.fish; complete -C \"{line}\"'")


COMPLETED = {
    "lastack de": ["demo"],
    "lastack demo dup-": ["dup-close", "dup-shutdown"],
    "lastack demo close --l": ["--lang", "--list"],
    "lastack demo --lang z": ["zh"],
    "lastack states --from FIN_": ["FIN_WAIT_1", "FIN_WAIT_2"],
    "lastack bench pi": ["pingpong"],
    "lastack bench pingpong --ro": ["--round-robin", "--rounds"],
    "lastack bench bulk --ro": [],
    "lastack man de": ["demo"],
    "lastack man demo --l": [],
    "lastack serve echo 7 --profile ": ["bsd", "linux"],
    "lastack sim --seed ": [],
}


def check_completion(place):
    for name, complete in (("bash", by_bash), ("fish", by_fish)):
        for line, wanted in COMPLETED.items():
            code, output = complete(place, line)
            check(code == 0 and completed(output) == wanted, f"{name} completes '{line}'", code,
                  output, wanted)
    # zsh completes in its line editor only, so it is driven through a terminal of its own.
    code, output = place.run("lastack completion zsh > ~/.zfunc/_lastack && timeout 60 zsh -f -c '"
                             "fpath=(~/.zfunc $fpath); autoload -U compinit; compinit -u; "
                             "whence -w _lastack; zmodload zsh/zpty; zpty z zsh -f -i; "
                             "zpty -w z \"PS1=; fpath=(~/.zfunc \\$fpath); autoload -U compinit; "
                             "compinit -u\"; zpty -w -n z \"lastack demo dup-s\t\"; "
                             "zpty -r z seen \"*shutdown*\"; print -r -- \"$seen\"; zpty -d z'")
    check(code == 0 and "dup-shutdown" in output, "zsh completes 'lastack demo dup-s'", code, output)


def main():
    if sys.argv[1:] != ["inside"]:
        unshare = ["unshare", "--net"] if os.geteuid() == 0 else ["unshare", "-Urn"]
        os.execvp("unshare", [*unshare, sys.executable, __file__, "inside"])
    tree = json.loads(subprocess.run([COMMAND, "man", "--json"], check=True, capture_output=True,
                                     text=True).stdout)
    assert tree["schema"] == 1 and len(list(all_pages(tree))) > 10
    with tempfile.TemporaryDirectory() as folder:
        place = Place(folder)
        check_help(place, tree)
        check_exit_codes(place, tree)
        check_what_is_told(place)
        check_man(place, tree)
        check_completion(place)
        check_examples(place, tree)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
