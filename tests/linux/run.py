#!/usr/bin/env python3
"""Programs under `lastack run`: what sockets say to them (tests/run/program.py, and the same on the kernel's), real
ones, who holds what, what is out of their reach. As an ordinary user, in a network namespace of its own. LOOPS: how often
what goes by the order of calls is done (300)."""
import json
import os
import pathlib
import signal
import subprocess
import sys
import textwrap

import lab
from lab import COMMAND, ROOT, check, in_namespace, must, sockets_of, until

USER = 12003  # of no group; the kernel asks no more of who runs programs so
PYTHON = "python3"
DIFFERS = {"reading_is_shut": "b'' 0x2005", "a_datagram_to_nobody_in_particular": "1",  # in these steps of the program
           "an_error_of_datagrams_in_poll": "0x5"}
PROGRAM = ROOT / "tests" / "run" / "program.py"


def differences():
    rows = (ROOT / "tests" / "run" / "differences.tsv").read_text().splitlines()[1:]
    return {row.split("\t")[0] for row in rows}


class Folder:
    """Where the user's files and lastack's sockets are."""

    def __init__(self, path):
        self.path = path
        os.chown(path, USER, USER)
        self.command = path / "bin" / "lastack"  # where the project lies not everybody may look
        self.command.parent.mkdir()
        self.command.write_bytes(pathlib.Path(COMMAND).read_bytes())
        self.command.chmod(0o755)
        (path / "program.py").write_bytes(PROGRAM.read_bytes())
        self.env = {"PATH": f"{path}/bin:/usr/sbin:/usr/bin:/bin", "HOME": str(path), "LANG": "C.UTF-8",
                    "XDG_RUNTIME_DIR": str(path), "LOOPS": os.environ.get("LOOPS", "300")}

    def identity(self):
        return {"user": USER, "group": USER, "extra_groups": [], "env": self.env, "cwd": self.path}

    def start(self, *command, **options):
        return subprocess.Popen([str(c) for c in command], text=True, **{**self.identity(), **options})

    def run(self, *command, **options):
        done = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **options}
        return subprocess.run([str(c) for c in command], text=True, timeout=120, **{**self.identity(), **done})

    def under(self, *command, **options):
        return self.run(self.command, "run", "--", *command, **options)

    def python(self, text):
        return self.under(PYTHON, "-c", textwrap.dedent(text))


# --- the same program, two worlds


def by_step(text):
    steps = {}
    for line in text.splitlines():
        steps.setdefault(line.split(":")[0], []).append(line)
    return steps


def same_as_the_kernels(at):
    ours = at.under(PYTHON, "program.py")
    theirs = at.run(PYTHON, "program.py")
    check("the program ends well in both worlds", ours.returncode == theirs.returncode == 0, ours.stderr, theirs.stderr)
    mine, kernels = by_step(ours.stdout), by_step(theirs.stdout)
    check("it went through all its steps", len(kernels) >= 23 and mine.keys() == kernels.keys(), *mine, *kernels)
    known = differences()
    for step, lines in kernels.items():
        if step in known:
            said = [line for line in mine.get(step, []) if line not in lines]
            check(f"{step}: differs as the table says, and in nothing else", said == [f"{step}: {DIFFERS[step]}"] and
                  len(mine[step]) == len(lines), *said, "instead of", *lines)
        else:
            check(f"{step}: as with the kernel's sockets", mine.get(step) == lines,
                  *(line for line in mine.get(step, []) if line not in lines), "instead of",
                  *(line for line in lines if line not in mine.get(step, [])))


    linux = at.run(at.command, "run", "--profile", "linux", "--", PYTHON, "program.py", "reading_is_shut")
    check("reading_is_shut: as with the kernel's sockets with the linux profile",
          linux.stdout.splitlines() == kernels["reading_is_shut"], linux.stdout, linux.stderr)


# --- the program is its own


def its_own_end(at):
    for command, code in ((["true"], 0), (["sh", "-c", "exit 7"], 7), (["sh", "-c", "kill -9 $$"], 137),
                          (["no-such-program"], 127), (["/etc/passwd"], 126)):
        done = at.under(*command)
        check(f"{' '.join(command)} ends with {code}", done.returncode == code, done.returncode, done.stderr)
    done = at.under("cat", stdin=None, input="what goes in comes out")
    check("input and output are the program's", done.stdout == "what goes in comes out", done.stdout)
    done = at.run(at.command, "run", "sh", "-c", "echo $0 $1", "-x", "--retries")
    words = at.under("sh", "-c", 'printf "<%s>" "$@"', "-", "[x]", "[y] ", "--", "-z").stdout
    check("so is every word, in brackets too", words == "<[x]><[y] ><--><-z>", words)
    check("options behind the program's name are the program's", done.stdout == "-x --retries\n", done.stdout)


def the_last_process_ends_it(at):
    run = at.start(at.command, "run", "--", "sh", "-c", "(until [ -e go ]; do sleep 0.01; done; touch over) & exit 3")
    check("the run waits for what the program has left behind", not until_ended(run, 0.3))
    (at.path / "go").touch()
    check("and ends with the program's own exit code", run.wait(20) == 3 and (at.path / "over").exists())


def until_ended(process, seconds):
    try:
        process.wait(seconds)
        return True
    except subprocess.TimeoutExpired:
        return False


def terminated(at):
    run = at.start(at.command, "run", "--", "sh", "-c", "trap 'exit 9' TERM; echo up; while :; do sleep 0.01; done",
                   stdout=subprocess.PIPE)
    run.stdout.readline()
    run.send_signal(signal.SIGTERM)
    check("SIGTERM is passed on to the program", run.wait(20) == 9)


def not_in_another(at):
    done = at.under(at.command, "run", "--", "true")
    check("a run in a run is refused, with the reason", done.returncode == 1 and "listens to this process's calls" in
          done.stderr, done.stderr)


# --- real programs


def of_real_programs(at):
    (at.path / "html").mkdir()
    (at.path / "html" / "index.html").write_text("hello\n")
    (at.path / "html" / "big").write_bytes(os.urandom(5 << 20))
    (at.path / "nginx.conf").write_text(textwrap.dedent(f"""
        daemon off; worker_processes 4; pid {at.path}/pid; error_log {at.path}/errors;
        events {{ worker_connections 512; }}
        http {{ access_log off; client_body_temp_path {at.path}/b; proxy_temp_path {at.path}/p;
          fastcgi_temp_path {at.path}/f; uwsgi_temp_path {at.path}/u; scgi_temp_path {at.path}/s;
          server {{ listen 127.0.0.1:80; listen [::1]:80; root {at.path}/html; }} }}"""))
    done = at.under("sh", "-c", f"""
        nginx -e {at.path}/errors -c {at.path}/nginx.conf & server=$!
        until curl -s http://127.0.0.1/ >/dev/null; do sleep 0.05; done
        curl -s http://127.0.0.1/; curl -s -g 'http://[::1]/'
        curl -s http://localhost/big | cmp - html/big && echo same
        curl -s -r 4000000- -C - -o part http://127.0.0.1/big; tail -c +4000001 html/big | cmp - part && echo part
        wrk -t1 -c100 -d1 http://127.0.0.1/ | grep -E 'Requests/sec|errors'
        wrk -t1 -c20 -d1 -H 'Connection: close' http://127.0.0.1/ | grep -E 'Requests/sec|errors'
        kill $server; wait $server; echo $?""")
    lines = done.stdout.split("\n")
    check("curl gets files from nginx with four workers, IPv4, IPv6, a range",
          lines[:4] == ["hello", "hello", "same", "part"], done.stdout, done.stderr)
    check("wrk has no errors, with keep-alive and without", done.stdout.count("Requests/sec") == 2 and
          "errors" not in done.stdout, done.stdout)
    check("nginx ends in order", lines[-2] == "0", done.stdout)
    for name, server, client in (
            ("nc -N", "nc -l -N 127.0.0.1 7001", "nc -N 127.0.0.1 7001"),
            ("ncat", "ncat -l 127.0.0.1 7001", "ncat 127.0.0.1 7001"),
            ("socat", "socat - TCP-LISTEN:7001", "socat - TCP:127.0.0.1:7001,retry=50,interval=0.05")):
        wait = "" if name == "socat" else "until lastack ss -tln | grep -q 7001; do sleep 0.02; done;"
        done = at.under("sh", "-c", f"(echo server | {server} > got) & {wait} echo client | {client}; wait; cat got")
        check(f"{name}: each has what the other said, after its own end", done.stdout == "server\nclient\n",
              done.stdout, done.stderr)
    done = at.under("sh", "-c", f"""
        {PYTHON} -m http.server --bind 127.0.0.1 8000 2>/dev/null & server=$!
        until curl -s http://127.0.0.1:8000/html/big -o copy; do sleep 0.05; done; cmp copy html/big && echo same
        kill $server""")
    check("Python's http.server gives curl the file", done.stdout == "same\n", done.stdout, done.stderr)


# --- who holds what


def who_holds_it(at):
    run = at.start(at.command, "run", "--", PYTHON, "-c", textwrap.dedent("""
        import os, socket, sys
        at = socket.create_server(("127.0.0.1", 8080))
        client = socket.create_connection(("127.0.0.1", 8080))
        server, _ = at.accept()
        client.close()
        child = os.fork()
        if child == 0:
            sys.stdin.read()
            os._exit(0)
        print(os.getpid(), child, server.fileno(), flush=True)
        sys.stdin.read()
        os.waitpid(child, 0)
        """), stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    parent, child, number = (int(word) for word in run.stdout.readline().split())

    def held():
        rows = sockets_of(at.run(at.command, "ss", "-tanp", "--json"))
        return next((row for row in rows if row["state"] == "CLOSE_WAIT"), None)

    row = until(held)
    users = {(user["pid"], user["fd"]) for user in row["users"]}
    check("a CLOSE_WAIT that two processes hold: both are named, each with its descriptor",
          users == {(parent, number), (child, number)}, row)
    text = at.run(at.command, "ss", "-tanp").stdout
    check("ss -p writes them as iproute2 does", f'pid={parent},fd={number}),("' in text, text)
    def states(*options):
        return [row["state"] for row in sockets_of(at.run(at.command, "ss", "--json", *options))]

    check("--held-by shows what a process holds", sorted(states("--held-by", child)) == ["CLOSE_WAIT", "LISTEN"] and
          states("--held-by", 1) == [], states("--held-by", child))
    check("--orphans what nobody holds any more", states("--orphans") == ["FIN_WAIT_2"], states("--orphans"))
    run.stdin.close()
    check("and the program ends", run.wait(20) == 0)


CLOSES_FOUR_TIMES = """
import os, socket, sys
at = socket.create_server(("127.0.0.1", 8080))
client = socket.create_connection(("127.0.0.1", 8080))
server, _ = at.accept()
asks, goes = os.pipe()
done, says = os.pipe()
for _ in range(3):
    if os.fork() == 0:
        os.read(asks, 1)
        client.close()
        os.write(says, b"x")
        os._exit(0)
print(*client.getsockname(), flush=True)
for left in (3, 2, 1, 0):
    sys.stdin.readline()
    if left == 0: client.close()
    else:
        os.write(goes, b"x")
        os.read(done, 1)
    server.setblocking(left == 0)
    try: print(left, server.recv(1), flush=True)
    except BlockingIOError: print(left, "nothing", flush=True)
sys.stdin.read()
"""


def one_fin_of_four(at):
    """Close by three of four holders sends nothing at all, by the fourth one FIN and nothing else: counted in what the
    host has sent and got."""
    run = at.start(at.command, "run", "--", PYTHON, "-c", CLOSES_FOUR_TIMES, stdin=subprocess.PIPE,
                   stdout=subprocess.PIPE)
    client = ":".join(run.stdout.readline().split())

    def segments():
        trace = json.loads(at.run(at.command, "trace", "--json").stdout)["hosts"][0]["events"]
        return [bytes.fromhex(event["header"])[13] & 0x3f for event in trace
                if event["kind"] == "sent" and client in (event["local"], event["remote"])]

    before = segments()
    check("a connection that four processes hold has three segments behind it: SYN, SYN and ACK, ACK",
          before == [0x02, 0x12, 0x10], before)
    for left in (3, 2, 1):
        print(file=run.stdin, flush=True)
        said = run.stdout.readline().strip()
        check(f"one closes it, {left} do not: no segment is sent", said == f"{left} nothing" and segments() == before,
              said, segments())
    print(file=run.stdin, flush=True)
    said = run.stdout.readline().strip()
    after = until(lambda: segments()[len(before) + 1:] and segments()[len(before):])
    check("the fourth closes it: one FIN, and its ACK, and nothing else", said == "0 b''" and after == [0x11, 0x10], said,
          after)
    run.stdin.close()
    check("and the program ends", run.wait(20) == 0)


# --- what is out of reach


def out_of_reach(at):
    done = at.under("sh", "-c", "curl -s http://10.1.2.3/; echo $?; curl -s http://10.1.2.3/; echo $?")
    check("an address outside the run can't be reached", done.stdout == "7\n7\n", done.stdout)
    check("which is said once", done.stderr.count("10.1.2.3 is outside this run") == 1, done.stderr)
    done = at.python("""
        import ctypes, errno, os, socket
        def name(call, *arguments):
            try:
                call(*arguments)
            except OSError as error:
                return errno.errorcode[error.errno]
        print(name(socket.socket, socket.AF_PACKET, socket.SOCK_RAW), name(socket.socket, socket.AF_INET, socket.SOCK_RAW, 1),
              name(socket.socket, socket.AF_INET, socket.SOCK_STREAM, 262), name(socket.socket, socket.AF_INET,
              socket.SOCK_STREAM, 132), name(socket.socket, socket.AF_VSOCK))
        libc = ctypes.CDLL(None, use_errno=True)
        print(libc.syscall(425, 8, 0), errno.errorcode[ctypes.get_errno()])
        """)
    check("packet, raw, MPTCP, SCTP and VM sockets: each has its answer, and none is had",
          done.stdout.splitlines()[0] == "EAFNOSUPPORT EPERM EPROTONOSUPPORT EPROTONOSUPPORT EAFNOSUPPORT",
          done.stdout, done.stderr)
    check("nor is io_uring, which no filter sees", done.stdout.splitlines()[1] == "-1 ENOSYS", done.stdout)


MEETS_AT_ITS_NAME = """
import socket
with socket.create_server(("here", 8080)) as at, socket.create_connection(("here", 8080)) as client:
    print(client.getpeername()[0], at.accept()[0].getsockname()[0])
"""


def a_host_that_is_named(at):
    """127.0.1.1 is what Debian's file of names has for its host."""
    (at.path / "names").write_text("127.0.0.1 localhost\n127.0.1.1 here\n")
    (at.path / "meets.py").write_text(MEETS_AT_ITS_NAME)
    inside = (f"mount --bind {at.path}/names /etc/hosts && exec setpriv --reuid {USER} --regid {USER} --clear-groups "
              f"{at.command} run -- {PYTHON} meets.py")
    done = subprocess.run(["unshare", "-m", "sh", "-c", inside], env=at.env, cwd=at.path, capture_output=True, text=True,
                          timeout=120)
    check("a loopback address that the machine's file of names has is the run's", done.stdout == "127.0.1.1 127.0.1.1\n",
          done.stdout, done.stderr)


# --- its supervisor is killed


OPENS_MANY = """
import errno, os, socket, sys
most = int(sys.argv[1])
held = []
try:
    while len(held) < most: held.append(socket.socket())
except OSError as error:
    print(errno.errorcode[error.errno])
print(len(held))
for one in held[-4:]: one.close()
with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()) as client:
    with server.accept()[0] as peer:
        peer.sendall(b"well")
        print(client.recv(9).decode())
"""


def out_of_descriptors(at):
    """The limit of a program is its own, and not that of all together; a run that has reached the limit of this
    machine says so, and goes on."""
    (at.path / "many.py").write_text(OPENS_MANY)
    run = f"{at.command} run -- bash -c"
    both = "python3 many.py 50 & python3 many.py 50; wait"
    done = at.run("bash", "-c", f"ulimit -Sn 64; {run} 'ulimit -Sn; {both}'")
    check("each program of a run has its own limit of descriptors",
          sorted(done.stdout.split()) == sorted(["64", "50", "well", "50", "well"]), done.stdout, done.stderr)
    done = at.run("bash", "-c", f"ulimit -n 128; {run} 'python3 many.py 50; python3 many.py 100'")
    told = done.stdout.split()
    check("where there is none left for another socket it hears of it, and goes on with those it has", told[:2] == [
        "50", "well"] and told[2:3] == ["ENFILE"] and 64 < int(told[3]) < 100 and told[4:] == ["well"], done.stdout,
          done.stderr)


def supervisor_of(at):
    return until(lambda: [int(path.stem) for path in (at.path / "lastack").glob("*.sock")])[0]


def no_end_in_order(at):
    """Each of its processes says how what it waits for has ended."""
    (at.path / "four.py").write_text(textwrap.dedent("""
        import errno, os, socket, sys
        def child(what, call):
            if os.fork() > 0:
                return
            try:
                while call() not in (b"", 0):
                    pass
                answer = "an end in order"
            except OSError as error:
                answer = errno.errorcode[error.errno]
            os.write(1, f"{what}: {answer}\\n".encode())
            os._exit(0)
        def pair():
            client = socket.create_connection(("127.0.0.1", 8080))
            return client, at.accept()[0]
        at = socket.create_server(("127.0.0.1", 8080))
        client, server = pair()
        idle, other = pair()
        child("who sends", lambda: server.send(bytes(65536)))
        child("who receives", lambda: client.recv(65536))
        child("who waits", lambda: idle.recv(1))
        child("who accepts", at.accept)
        os.write(1, b"up\\n")
        """))
    run = at.start(at.command, "run", "--", PYTHON, "four.py", stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    check("four processes are up", run.stdout.readline() == "up\n")
    until(lambda: '"LISTEN"' in at.run(at.command, "ss", "-la", "--json").stdout)
    os.kill(supervisor_of(at), signal.SIGKILL)
    said, complaint = run.communicate(timeout=20)
    said = said.replace("EPIPE", "ECONNRESET")  # of who sends, by what it was at
    check("where the supervisor is killed nobody takes it for an end in order", sorted(said.splitlines()) == [
        "who accepts: ENOSYS", *(f"who {does}: ECONNRESET" for does in ("receives", "sends", "waits"))], said)
    check("the run says so, and leaves nothing behind", run.returncode == 1 and "ended by signal 9" in complaint and
          not list((at.path / "lastack").glob("*.sock")), run.returncode, complaint)


def main(folder):
    folder.chmod(0o755)
    at = Folder(folder)
    same_as_the_kernels(at)
    its_own_end(at)
    the_last_process_ends_it(at)
    terminated(at)
    not_in_another(at)
    of_real_programs(at)
    who_holds_it(at)
    one_fin_of_four(at)
    out_of_reach(at)
    a_host_that_is_named(at)
    out_of_descriptors(at)
    no_end_in_order(at)


if __name__ == "__main__":
    sys.exit(in_namespace(main))
