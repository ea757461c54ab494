#!/usr/bin/env python3
"""The networks of `lastack run`: names and addresses (--host), a bad wire, measured (--wire), a TUN device to the kernel
(--net tun), other runs (--join). As an ordinary user, in a network namespace of its own."""
import contextlib
import json
import os
import pathlib
import shutil
import signal
import socket
import stat
import subprocess
import sys
import textwrap

from gateway import COMMON, World, answers, as_for
from lab import MIB, check, in_namespace, must, until
from run import PYTHON, USER, Folder

DEVICE = "la7"
WORLD = "192.0.2.1"  # an address of the machine that is not its loopback


def in_run(at, text, *arguments, options=()):
    return at.run(at.command, "run", *options, "--", PYTHON, "-c", COMMON + textwrap.dedent(text), *arguments)


# --- names


@contextlib.contextmanager
def resolvers(at, text):
    file = at.path / "resolv.conf"
    file.write_text(text)
    must("mount", "--bind", file, "/etc/resolv.conf")
    yield
    must("umount", "/etc/resolv.conf")


def static_program(at):
    """Asks for the addresses of names by Go's own resolver: no libc, nothing of the machine's."""
    if shutil.which("go") is None:
        return None
    (at.path / "look.go").write_text(textwrap.dedent("""
        package main
        import ("fmt"; "net"; "os")
        func main() {
            for _, name := range os.Args[1:] {
                all, err := net.LookupHost(name)
                fmt.Println(name, all, err != nil)
            }
        }
        """))
    env = {**os.environ, "CGO_ENABLED": "0", "HOME": str(at.path), "GOCACHE": str(at.path / "go"), "GOFLAGS": ""}
    subprocess.run(["go", "build", "-o", at.path / "look", "look.go"], cwd=at.path, env=env, check=True)
    return at.path / "look"


def names(at):
    hosts = ("--host", "Web=10.1.0.1", "--host", "web=fd01::1", "--host", "db.lab=127.0.0.7")
    for text in ("nameserver 192.0.2.53\n", "nameserver 127.0.0.53\nsearch example.net\n", "", "nameserver fd05::53\n"):
        with resolvers(at, text):
            done = in_run(at, """
                def all_at(name):
                    return sorted({end[4][0] for end in socket.getaddrinfo(name, 80)})
                print(all_at("web"), all_at("WEB"), all_at("db.lab"))
                for family, address in ((socket.AF_INET, "10.1.0.1"), (socket.AF_INET6, "fd01::1")):
                    with socket.create_server((address, 80), family=family) as server:
                        one = socket.create_connection(("web", 80)) if family == socket.AF_INET6 else to("10.1.0.1", 80)
                        print(one.getpeername()[0], one.getsockname()[0])
                with socket.create_server(("127.0.0.7", 80)) as server:
                    one = socket.create_connection(("db.lab", 80), source_address=("10.1.0.1", 0))
                    print(server.accept()[1][0])
                """, options=hosts)
        check(f"names of a run are found, and their addresses are the run's; resolv.conf: {text!r}",
              done.stdout.splitlines() == ["['10.1.0.1', 'fd01::1'] ['10.1.0.1', 'fd01::1'] ['127.0.0.7']",
                                           "10.1.0.1 10.1.0.1", "fd01::1 fd01::1", "10.1.0.1"] and done.stderr == "",
              done.stdout, done.stderr)
    program = static_program(at)
    if program:
        with resolvers(at, "nameserver 192.0.2.53\n"):
            done = at.run(at.command, "run", *hosts, "--", program, "web", "db.lab", "other.example")
        check("a static program finds them as well", done.stdout.splitlines() == [
            "web [10.1.0.1 fd01::1] false", "db.lab [127.0.0.7] false", "other.example [] true"], done.stdout,
            done.stderr)
    else:
        print("skip a static program finds them as well: needs go")
    for wrong in ("web", "web=", "web=nowhere", "=10.1.0.1", "a b=10.1.0.1", "web=0.0.0.0", "web=10.0.2.2"):
        done = at.run(at.command, "run", "--host", wrong, "true")
        check(f"--host {wrong} is refused with the reason", done.returncode == 2 and
              done.stderr.startswith(f"lastack: --host {wrong}: "), done.stderr)


def names_outside(at):
    """Which no resolver of the machine is asked for: there is nobody at its address."""
    for text in ("nameserver 192.0.2.53\nsearch lan example.net\n", "nameserver 127.0.0.53\n", ""):
        with resolvers(at, text):
            done = at.under("sh", "-c", "for i in 1 2; do curl -sS http://far.example/; echo $?; done; getent hosts "
                            "other.example")
        check("a name outside the run is said, once, and is not found", done.stdout == "6\n6\n" and
              [line for line in done.stderr.splitlines() if not line.startswith("curl")] ==
              [f"lastack: {name}.example is outside this run; add --allow-host" for name in ("far", "other")],
              done.stdout, done.stderr)
    with resolvers(at, "nameserver 127.0.0.53\nsearch lan\n"), \
            answers("127.0.0.53", 53, as_for(WORLD)), World(lambda c: c.sendall(b"found"), WORLD) as world:
        done = in_run(at, 'print(all_of(to("some.example", sys.argv[1])), socket.gethostbyname("web"))', world.port,
                      options=("--allow-host", "--host", "web=10.1.0.1"))
    check("with --allow-host the machine's resolver answers for what is not the run's",
          done.stdout == "b'found' 10.1.0.1\n", done.stdout, done.stderr)
    with resolvers(at, "nameserver 127.0.0.1\n"), answers("127.0.0.1", 53, as_for(WORLD)):
        done = in_run(at, """
            server = socket.create_server(("127.0.0.1", 80))
            one = to("127.0.0.1", 80)
            print(server.accept()[1][0], socket.gethostbyname("some.example"))
            """, options=("--allow-host",))
        check("a resolver at 127.0.0.1 is the machine's, all else there the run's",
              done.stdout == f"127.0.0.1 {WORLD}\n", done.stdout, done.stderr)
        done = in_run(at, """
            server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            server.bind(("127.0.0.1", 53))
            one = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            one.connect(("127.0.0.1", 53))
            one.send(b"to a program")
            print(server.recv(100))
            """)
        check("a program of the run may be the resolver", done.stdout == "b'to a program'\n", done.stdout, done.stderr)


# --- a bad wire


LOSSES = """
    def came(socket):
        try:
            return socket.recv(1) == b"x"
        except TimeoutError:
            return False
    server, one = (socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2))
    server.bind(("127.0.0.1", 9))
    one.connect(("127.0.0.1", 9))
    server.settimeout(0.01)
    one.settimeout(0.01)
    there, back = 0, 0
    for _ in range(1000):
        one.send(b"x")
        there += came(server)
        server.sendto(b"x", one.getsockname())
        back += came(one)
    print(there, back)
    """

ROUND_TRIPS = """
    server = socket.create_server(("127.0.0.1", 80))
    at = time.monotonic()
    one = to("127.0.0.1", 80)
    connected = time.monotonic()
    other = server.accept()[0]
    begun = time.monotonic()
    one.sendall(b"x")
    other.recv(1)
    print(round(10 * (connected - at)), round(20 * (time.monotonic() - begun)))
    """


def bad_wire(at):
    done = in_run(at, LOSSES, options=("--wire", "loss=20%,seed=7"))
    there, back = (int(word) for word in done.stdout.split() or (0, 0))
    check("of programs' datagrams as many are lost as --wire says, each way", 750 <= there <= 850 and
          750 <= back <= 850, there, back, done.stderr)
    done = in_run(at, ROUND_TRIPS, options=("--wire", "delay=50ms"))
    check("they take as long as it says: 0.1 s there and back, 0.05 s there", done.stdout == "1 1\n", done.stdout,
          done.stderr)
    with World(lambda c: c.sendall(c.recv(1))) as world:
        done = in_run(at, """
            begun = time.monotonic()
            one = to("10.0.2.2", sys.argv[1])
            connected = time.monotonic()
            one.sendall(b"x")
            one.recv(1)
            print(round(10 * (connected - begun)), round(10 * (time.monotonic() - connected)))
            """, world.port, options=("--allow-host", "--wire", "delay=50ms"))
    check("and so do connections with the world, 0.1 s there and back", done.stdout == "1 1\n", done.stdout, done.stderr)

# --- a TUN device


@contextlib.contextmanager
def prepared():
    must("ip", "tuntap", "add", "dev", DEVICE, "mode", "tun", "user", str(USER))
    must("ip", "address", "add", "10.9.7.1/24", "dev", DEVICE)
    must("ip", "address", "add", "fd00:97::1/64", "dev", DEVICE, "nodad")
    must("ip", "link", "set", DEVICE, "up")
    yield
    must("ip", "link", "delete", DEVICE)


TO_THE_KERNEL = """
    content = bytes(range(251)) * 20000
    for address in ("10.9.7.1", "fd00:97::1"):
        one = to(address, sys.argv[1])
        one.sendall(content)
        one.shutdown(socket.SHUT_WR)
        print(one.getsockname()[0], all_of(one) == content)
    print(name(to, "10.9.7.1", 9))
    """

SERVER = """
    servers = [socket.create_server((address, 80), family=family) for family, address in
               ((socket.AF_INET, "{v4}"), (socket.AF_INET6, "{v6}"))]
    print("up")
    for server in servers:
        connection, peer = server.accept()
        connection.sendall({answer})
        connection.close()
        print(peer[0])
    """
FROM_THE_KERNEL = SERVER.format(v4="10.9.7.2", v6="fd00:97::2", answer="all_of(connection).upper()")


def says(address, port, octets):
    with socket.create_connection((address, port)) as connection:
        connection.sendall(octets)
        connection.shutdown(socket.SHUT_WR)
        parts = []
        while part := connection.recv(MIB):
            parts.append(part)
        return b"".join(parts)


def tun(at):
    net = ("--net", f"tun={DEVICE}")
    with prepared():
        def all_back(connection):
            parts = []
            while part := connection.recv(MIB):
                parts.append(part)
            connection.sendall(b"".join(parts))

        with World(all_back, "::") as world:
            done = in_run(at, TO_THE_KERNEL, world.port, options=net)
        check("over a prepared device programs reach the kernel's servers, next to its address", done.stdout.splitlines()
              == ["10.9.7.2 True", "fd00:97::2 True", "ECONNREFUSED"], done.stdout, done.stderr)
        run = at.start(at.command, "run", *net, "--", PYTHON, "-u", "-c", COMMON + textwrap.dedent(FROM_THE_KERNEL),
                       stdout=subprocess.PIPE)
        check("servers of the run are up", run.stdout.readline() == "up\n")
        sent = os.urandom(MIB).lower()
        check("and the kernel's clients reach them", says("10.9.7.2", 80, sent) == sent.upper() and
              says("fd00:97::2", 80, sent) == sent.upper())
        check("who are who they are", run.stdout.read().split() == ["10.9.7.1", "fd00:97::1"])
        check("and the run ends", run.wait(20) == 0)
        with resolvers(at, "nameserver 127.0.0.53\n"):
            done = in_run(at, """
                with socket.create_server(("web", 80)), socket.create_server(("127.0.0.1", 81)):
                    print(to("web", 80).getsockname()[0], to("localhost", 81).getsockname()[0], name(to, "10.9.7.2", 81))
                print(name(socket.gethostbyname, "other.example"))
                """, options=(*net, "--host", "web=10.9.7.3"))
        check("names and the run's own loopback are there, too", done.stdout.startswith(
            "10.9.7.3 127.0.0.1 ECONNREFUSED") and "lastack: other.example is outside this run" in done.stderr,
            done.stdout, done.stderr)
        done = in_run(at, ROUND_TRIPS.replace("127.0.0.1", "10.9.7.2"), options=(*net, "--wire", "delay=50ms"))
        check("its own loopback is no wire", done.stdout == "0 0\n", done.stdout, done.stderr)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
            server.bind(("10.9.7.1", 0))
            done = in_run(at, """
                one = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
                print(one.sendto(b"a datagram", ("10.9.7.1", int(sys.argv[1]))))
                """, server.getsockname()[1], options=net)
            check("datagrams as well", server.recv(100) == b"a datagram", done.stderr)
        done = in_run(at, 'print(name(to, "198.51.100.1", 9))', options=(*net, "--ip", "fd00:97::2/64"))
        check("an address of a family that the run has none of is outside", done.stdout == "ENETUNREACH\n" and
              "198.51.100.1 is outside this run" in done.stderr, done.stdout, done.stderr)
    done = in_run(at, "", options=net)
    check("where nobody has prepared it, it says what root has to type", done.returncode == 1 and
          f"ip tuntap add dev {DEVICE} mode tun user" in done.stderr, done.stderr)
    done = at.run(at.command, "run", *net, "--allow-host", "true")
    check("it is the way out: --allow-host makes no sense beside it", done.returncode == 2 and "leave --allow-host" in
          done.stderr, done.stderr)


def tun_by_root(at):
    done = subprocess.run([at.command, "run", "--net", "tun", "--host", "other=10.9.0.7", "--", PYTHON, "-c", COMMON +
                           textwrap.dedent("""
        import subprocess
        print(name(to, "10.9.0.1", 9), name(to, "fd00:9::1", 9))
        print(subprocess.run(["ip", "-br", "addr", "show", "la0"], capture_output=True, text=True).stdout)
        """)], capture_output=True, text=True, timeout=60)
    check("root needs to prepare nothing", done.stdout.startswith("ECONNREFUSED ECONNREFUSED\n"), done.stdout,
          done.stderr)
    check("the kernel's side gets the network that the run's address is in, and no other",
          {"10.9.0.1/24", "fd00:9::1/64"} < set(done.stdout.split()), done.stdout, done.stderr)
    done = subprocess.run([at.command, "run", "--net", "tun", "--peer", "10.7.0.1", "--", PYTHON, "-c", COMMON +
                           textwrap.dedent("""
        import subprocess
        print(name(to, "10.7.0.1", 9), end=" ")
        print(subprocess.run(["ip", "-br", "addr", "show", "la0"], capture_output=True, text=True).stdout)
        """)], capture_output=True, text=True, timeout=60)
    check("where only --peer is given, the run's address is the one beside it", done.stdout.startswith("ECONNREFUSED ") and
          "10.7.0.1/24" in done.stdout and "10.9.0.1" not in done.stdout, done.stdout, done.stderr)
    done = subprocess.run([at.command, "run", "--net", "tun", "--ip", "10.9.0.2/24", "--peer", "10.8.0.1", "true"],
                          capture_output=True, text=True, timeout=60)
    check("a --peer in no network of the run's is wrong usage", done.returncode == 2 and
          "no --ip shares a network with --peer 10.8.0.1\n  as in  --ip 10.9.0.2/24 --peer" in done.stderr,
          done.stdout, done.stderr)


# --- runs that join each other

ECHO = SERVER.format(v4="0.0.0.0", v6="::", answer="all_of(connection)") + "sys.stdin.read()\n"

ASK = """
    content = os.urandom(8 << 20)
    for family in (socket.AF_INET, socket.AF_INET6):
        one = socket.socket(family)
        one.connect((sys.argv[1], 80))
        threading.Thread(target=lambda: (one.sendall(content), one.shutdown(socket.SHUT_WR))).start()
        print(one.getsockname()[0], one.getpeername()[0], all_of(one) == content)
    """


@contextlib.contextmanager
def a_run(at, text, *options):
    run = at.start(at.command, "run", *options, "--", PYTHON, "-u", "-c", COMMON + textwrap.dedent(text),
                   stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    check(f"a run with {' '.join(options)} is up", run.stdout.readline() == "up\n")
    yield run
    if run.poll() is None:
        with contextlib.suppress(BrokenPipeError):
            run.stdin.close()
    check(f"the run with {' '.join(options)} ends", run.wait(30) is not None)


def joined(at):
    ask = "import threading\n" + textwrap.dedent(ASK)
    for more in ((), ("--allow-host",), ("--wire", "loss=0.1%,delay=1ms,seed=3")):
        with a_run(at, ECHO, "--name", "lab", *more) as lab:
            done = in_run(at, ask, "Lab", options=("--join", "lab"))
            check(f"a run that joins another talks to it, by its name; {' '.join(more)}", done.stdout.splitlines() == [
                "10.0.2.16 10.0.2.15 True", "fd00:2::16 fd00:2::15 True"], done.stdout, done.stderr)
            check("which sees who it is", [lab.stdout.readline() for _ in range(2)] == ["10.0.2.16\n", "fd00:2::16\n"])
    with a_run(at, ECHO, "--name", "lab", "--wire", "delay=1ms", "--mtu", "1500"):
        done = in_run(at, ask, "lab", options=("--join", "lab"))
        wire = json.loads(at.run(at.command, "ask", "counters").stdout)["wire"]
        check("where one of them has a bad wire no packet is several in one", done.stdout.count("True") == 2 and
              wire["in"]["sent"] > 2 * 8 * MIB // 1500 and wire["out"]["sent"] > 2 * 8 * MIB // 1500, wire, done.stderr)
    with a_run(at, """
            print("up")
            sys.stdin.readline()
            print(to("db", 80).getpeername()[0])
            sys.stdin.read()
            """, "--name", "lab") as lab:
        with a_run(at, ECHO, "--join", "lab", "--name", "middle"):
            done = in_run(at, ask, "middle", options=("--join", "lab"))
            check("two that have joined a third talk to each other", done.stdout.splitlines() == [
                "10.0.2.17 10.0.2.16 True", "fd00:2::17 fd00:2::16 True"], done.stdout, done.stderr)
        with a_run(at, """
                server = socket.create_server(("10.1.0.1", 80))
                datagrams = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
                datagrams.bind(("10.1.0.1", 80))
                print("up")
                print(server.accept()[1][0], *datagrams.recvfrom(100))
                sys.stdin.read()
                """, "--join", "lab", "--host", "db=10.1.0.1") as db:
            lab.stdin.write("go\n")
            lab.stdin.flush()
            check("a name of one that joins is found by the first", lab.stdout.readline() == "10.1.0.1\n")
            in_run(at, """
                one = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
                one.sendto(b"a datagram", ("db", 80))
                """, options=("--join", "lab"))
            check("and datagrams get there", db.stdout.readline().startswith("10.0.2.15 b'a datagram' ('10.0.2.1"))
            done = in_run(at, "", options=("--join", "lab", "--host", "db=10.1.0.1"))
            check("nobody gets an address that another has", done.returncode == 1 and
                  "can't join lab: 10.1.0.1 is another's already" in done.stderr, done.stderr)
        done = in_run(at, "", options=("--name", "lab"))
        check("nor a name", done.returncode == 1 and "a run is called lab already" in done.stderr, done.stderr)
    done = in_run(at, "", options=("--join", "lab"))
    check("where there is no such run, it says how to start one", done.returncode == 1 and
          "lastack run --name lab" in done.stderr, done.stderr)
    done = in_run(at, "", options=("--join", "lab", "--net", f"tun={DEVICE}"))
    check("a TUN device is another network", done.returncode == 2 and "leave --net tun out" in done.stderr, done.stderr)


def the_first_goes(at):
    waits = """
        one, other = to("10.0.2.15", 80), socket.create_server(("127.0.0.1", 81))
        print("up")
        print(name(one.recv, 1))
        while (answer := name(to, "10.0.2.15", 80)) != "ENETUNREACH":
            time.sleep(0.02)
        print(answer, to("127.0.0.1", 81).getpeername()[1])
        sys.stdin.read()
        """
    serves = """
        server = socket.create_server(("", 80))
        print("up")
        connection = server.accept()[0]
        print("accepted")
        sys.stdin.read()
        os._exit(0)
        """
    for how in ("is killed", "ends"):
        with a_run(at, serves, "--name", "lab") as lab, a_run(at, waits, "--join", "lab") as other:
            check("it has accepted", lab.stdout.readline() == "accepted\n")
            if how == "ends":
                lab.stdin.close()
            else:
                for one in (at.path / "lastack").glob("*.sock"):
                    if "--name\0lab" in pathlib.Path(f"/proc/{one.stem}/cmdline").read_text():
                        os.kill(int(one.stem), signal.SIGKILL)
            said = [other.stdout.readline() for _ in range(2)]
            wanted = "b''" if how == "ends" else "ECONNRESET"
            check(f"the first {how}: who talks to it learns it, and the other goes on",
                  said == [f"{wanted}\n", "ENETUNREACH 81\n"], said)
            other.stdin.close()
            complaint = other.stderr.read()
            check("and the user is told", "lastack: lab has ended" in complaint and
                  "10.0.2.15 was of a run that has ended" in complaint, complaint)
    check("nothing of them is left", list((at.path / "lastack").glob("*")) == [], list((at.path / "lastack").glob("*")))


# --- what works here


def doctor(at):
    def found(done):
        return json.loads(done.stdout)

    done = found(at.run(at.command, "doctor", "--json"))
    works = {one["name"]: one["works"] for one in done["checks"]}
    check("doctor: what a run needs is there", done["run"] and all(works[name] for name in (
        "seccomp notification", "pidfd_getfd", "descriptors handed over")), done)
    release = tuple(int(part) for part in os.uname().release.split(".")[:2])
    check("doctor: the synchronous wake-up is since Linux 6.6", works["synchronous wake-up"] == (release >= (6, 6)),
          release, works)
    done = found(at.under(at.command, "doctor", "--json"))
    one = next(one for one in done["checks"] if one["name"] == "seccomp notification")
    check("doctor: in a run there is no other, and what to do", not done["run"] and not one["works"] and
          "listens to this process's calls" in one["what"] and "leave the run" in one["remedy"], done)


def main(folder):
    folder.chmod(0o755)
    must("ip", "tuntap", "add", "dev", "world0", "mode", "tun")
    must("ip", "address", "add", f"{WORLD}/24", "dev", "world0")
    must("ip", "link", "set", "world0", "up")
    node = folder / "tun"
    os.mknod(node, stat.S_IFCHR | 0o666, os.makedev(10, 200))
    node.chmod(0o666)
    must("mount", "--bind", node, "/dev/net/tun")
    at = Folder(folder)
    parts = (names, names_outside, bad_wire, tun, tun_by_root, joined, the_first_goes, doctor)
    for part in parts:
        part(at)
    must("ip", "link", "delete", "world0")
    must("umount", "/dev/net/tun")


if __name__ == "__main__":
    sys.exit(in_namespace(main, "--mount"))
