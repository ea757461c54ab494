#!/usr/bin/env python3
"""A client that has no ports left takes those again that stand in TIME_WAIT, as the kernel does (net.ipv4.tcp_tw_reuse),
with the kernel as its server, and the other way round; whichever end closes first. Over a TUN device, in a network
namespace of the test's own."""
import json
import pathlib
import subprocess
import sys

from lab import COMMAND, KERNEL_V4, KERNEL_V6, V4, V6, check, in_namespace, must, run

PORTS = range(40000, 40004)
NAMED = 41000
SERVER_PORT = 80

SERVER = """
import socket, sys
listener = socket.create_server(("::", int(sys.argv[1])), family=socket.AF_INET6, dualstack_ipv6=True)
print("up", flush=True)
while True:
    connection, _ = listener.accept()
    closes_first = connection.recv(1) == b"s"
    if not closes_first:
        connection.recv(1)
    connection.close()
"""

# A line for each connection: its port, or the error; a pause, and then some more.
CLIENT = """
import errno, socket, sys, time
host, port, who = sys.argv[1], int(sys.argv[2]), sys.argv[3]
named = int(sys.argv[5])
family = socket.AF_INET6 if ":" in host else socket.AF_INET
def whole():
    one = socket.socket(family)
    if named:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        one.bind(("", named))
    one.settimeout(10)
    try:
        one.connect((host, port))
    except OSError as problem:
        print(errno.errorcode.get(problem.errno, problem), flush=True)
        return
    print(one.getsockname()[1], flush=True)
    one.sendall(who.encode())
    if who == "s":
        one.recv(1)
        time.sleep(0.02)
    one.close()
    time.sleep(0.02)
for turn, count in enumerate(sys.argv[4].split(",")):
    time.sleep(1.2 if turn else 0)
    for _ in range(int(count)):
        whole()
"""


# More connections than there are ports, to a server in the same run; the client closes first.
MANY = """
import errno, socket, threading, time
server = socket.create_server(("127.0.0.1", 0))
def serve():
    while True:
        connection, _ = server.accept()
        connection.recv(1)
        connection.close()
threading.Thread(target=serve, daemon=True).start()
done = waits = 0
while done < 15000 and waits < 15:
    try:
        socket.create_connection(server.getsockname()).close()
        done += 1
    except OSError as error:  # more than 10,000 a second: no port has rested for one yet
        if error.errno != errno.EADDRNOTAVAIL or done < 9999:  # one of the ports is the server's
            raise
        waits += 1
        time.sleep(0.1)
print("all" if done == 15000 else done)
"""


def in_run(ports, *program):
    return (COMMAND, "run", "--net", "tun", *(("--ports", f"{ports[0]}-{ports[-1]}") if ports else ()), "--", *program)


class Serving:
    def __init__(self, of_lastack):
        program = (sys.executable, "-u", "-c", SERVER, str(SERVER_PORT))
        self.process = subprocess.Popen(in_run(None, *program) if of_lastack else program, stdout=subprocess.PIPE)

    def __enter__(self):
        assert self.process.stdout.readline() == b"up\n"

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(20)
        self.process.stdout.close()


def client(of_lastack, *arguments):
    program = (sys.executable, "-u", "-c", CLIENT, *map(str, arguments))
    done = run(*(in_run(PORTS, *program) if of_lastack else program), timeout=60)
    return done.stdout.split(), done.stderr


def recycled():
    return json.loads(must("nstat", "-asz", "--json"))["kernel"]["TcpExtTWRecycled"]


def a_few_ports():
    first, last = PORTS[0], PORTS[-1]
    for name, value in (("ip_local_port_range", f"{first} {last}"), ("tcp_tw_reuse", "1")):
        pathlib.Path(f"/proc/sys/net/ipv4/{name}").write_text(value)


def main(_):
    a_few_ports()
    all_ports = {str(port) for port in PORTS}
    with Serving(of_lastack=False):
        for host in (KERNEL_V4, KERNEL_V6):
            lines, errors = client(True, host, SERVER_PORT, "c", "5,4,4", 0)
            check(f"{host}: with every port in TIME_WAIT there is none, but after a second there is",
                  set(lines[:4]) == all_ports and lines[4:5] == ["EADDRNOTAVAIL"] and set(lines[5:9]) == all_ports and
                  set(lines[9:]) == all_ports and len(lines) == 13, lines, errors)
            lines, errors = client(True, host, SERVER_PORT, "s", "4,4", 0)
            check(f"{host}: where the kernel's server closes first its TIME_WAIT is taken over",
                  set(lines[:4]) == all_ports and set(lines[4:]) == all_ports, lines, errors)
            for who, whose in (("c", "ours"), ("s", "the kernel's")):
                lines, errors = client(True, host, SERVER_PORT, who, "6", NAMED)
                check(f"{host}: who names the port gets it at once, where TIME_WAIT is {whose}",
                      lines == [str(NAMED)] * 6, lines, errors)
    with Serving(of_lastack=True):
        for host in (V4, V6):
            before = recycled()
            lines, errors = client(False, host, SERVER_PORT, "c", "4,4", 0)
            check(f"{host}: the kernel's client takes its ports again", set(lines[:4]) == all_ports and
                  set(lines[4:]) == all_ports, lines, errors)
            check(f"{host}: and counts them as TWRecycled", recycled() - before == 4, recycled() - before)
            for who, whose in (("c", "the kernel's"), ("s", "ours")):
                lines, errors = client(False, host, SERVER_PORT, who, "6", NAMED)
                check(f"{host}: who names the port gets it at once, where TIME_WAIT is {whose}",
                      lines == [str(NAMED)] * 6, lines, errors)
    done = run(COMMAND, "run", "--ports", "50000-59999", "--", sys.executable, "-c", MANY, timeout=100)
    check("15,000 connections with 10,000 ports, one after the other", done.stdout == "all\n", done.stdout, done.stderr)


if __name__ == "__main__":
    sys.exit(in_namespace(main))
