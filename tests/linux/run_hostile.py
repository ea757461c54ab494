#!/usr/bin/env python3
"""A hostile program (tests/run/hostile.cpp) under `lastack run`, beside one that goes on with its work: the supervisor
survives, holds nothing more than before, and acts on nothing outside the run. run_hostile.py [SEED [SECONDS]].
LASTACK_HOSTILE names another build's program."""
import os
import pathlib
import select
import socket
import subprocess
import sys
import textwrap

from lab import ROOT, check, in_namespace, until
from run import Folder, PYTHON, supervisor_of

HOSTILE = os.environ.get("LASTACK_HOSTILE", str(ROOT / "build" / "debug" / "tests" / "run" / "hostile"))
SEED = int(sys.argv[1]) if len(sys.argv) > 1 else 1
SECONDS = float(sys.argv[2]) if len(sys.argv) > 2 else 4
MOST_MEMORY = 400 << 10  # KiB more

WITNESS = """
    import os, socket, sys, time, traceback
    at = socket.create_server(("127.0.0.1", 9000))
    if os.fork() == 0:
        while True:
            server, _ = at.accept()
            while octets := server.recv(65536):
                server.sendall(octets)
            server.close()
    at.close()
    rounds = 0
    sys.stdin.close()
    try:
        while not os.path.exists("stop"):
            with socket.create_connection(("127.0.0.1", 9000)) as client:
                for size in (1, 1000, 60000) * 8:  # a port waits for a minute after each connection
                    octets = os.urandom(size)
                    client.sendall(octets)
                    came = b""
                    while len(came) < size:
                        came += client.recv(65536)
                    assert came == octets
            rounds += 1
            if rounds == 1:
                open("up", "w").close()
        print(rounds, flush=True)
    except BaseException:
        traceback.print_exc()
        sys.stderr.flush()
    os.kill(0, 9)
    """


def held(process):
    with open(f"/proc/{process}/status") as status:
        memory = next(int(line.split()[1]) for line in status if line.startswith("VmRSS"))
    return len(os.listdir(f"/proc/{process}/fd")), memory


def main(folder):
    at = Folder(folder)
    hostile = at.path / "bin" / "hostile"
    hostile.write_bytes(pathlib.Path(HOSTILE).read_bytes())
    hostile.chmod(0o755)
    (at.path / "witness.py").write_text(textwrap.dedent(WITNESS))
    # Outside the run, of the same user: on the machine's own loopback, where hostile connects and sends to.
    bystanders = [socket.create_server(("127.0.0.1", port)) for port in range(7000, 7006)]
    bystander = at.start(PYTHON, "-c", "import socket, sys\na, b = socket.socketpair()\nprint('up', flush=True)\n"
                         "sys.stdin.readline()\na.send(b'still mine')\nprint(b.recv(100))", stdin=subprocess.PIPE,
                         stdout=subprocess.PIPE)
    bystander.stdout.readline()
    descriptors = sorted(os.listdir(f"/proc/{bystander.pid}/fd"))
    run = at.start(at.command, "run", "--", "sh", "-c",
                   f"setsid {PYTHON} witness.py & until [ -e up ]; do sleep 0.02; done;"
                   f"touch began; until [ -e go ]; do sleep 0.02; done;"
                   f"hostile {SEED} {int(SECONDS * 1000)}; echo $?; touch ended; wait",
                   stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    until((at.path / "began").exists)
    supervisor = supervisor_of(at)
    before = held(supervisor)
    (at.path / "go").touch()
    check("the hostile program comes to its end", until((at.path / "ended").exists, SECONDS * 4 + 60))
    most = before[0] + 300  # what was reset stays a while
    check("the supervisor holds no more descriptors than before, but for some that were reset",
          until(lambda: held(supervisor)[0] <= most), before, held(supervisor))
    check("nor much more memory", held(supervisor)[1] <= before[1] + MOST_MEMORY, before, held(supervisor))
    (at.path / "stop").touch()
    try:
        said, complaints = run.communicate(timeout=60)
    except subprocess.TimeoutExpired:
        check("the program beside it ends", False, *at.run(at.command, "ss", "-tanpoi").stdout.splitlines(),
              *at.run(at.command, "trace").stdout.splitlines()[-60:])
        raise
    lines = said.split()
    check("the program beside it had all its octets, all the time", len(lines) == 2 and int(lines[1]) > 10, said,
          complaints)
    check("both and the run end well", run.returncode == 0 and lines[:1] == ["0"], run.returncode, complaints)
    came = select.select(bystanders, [], [], 0)[0]
    check("nobody has come to the machine's own ports", not came, *came)
    check("a program outside has all its descriptors", bystander.poll() is None and
          sorted(os.listdir(f"/proc/{bystander.pid}/fd")) == descriptors)
    check("and they are its own", bystander.communicate("\n")[0] == "b'still mine'\n")


if __name__ == "__main__":
    sys.exit(in_namespace(main))
