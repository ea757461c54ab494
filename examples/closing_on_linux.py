#!/usr/bin/env python3
"""What this machine's kernel does when a connection closes: closing_on_linux.py [NAME...]

A and B are the two ends of a connection over loopback. Each line is a call, what it answered, and the
states in which both ends then are; a state is waited for, and the script fails where it never comes.
Without a name all are shown.
"""
import errno
import os
import pathlib
import socket
import struct
import sys
import threading
import time

STATES = ["", "ESTABLISHED", "SYN_SENT", "SYN_RCVD", "FIN_WAIT_1", "FIN_WAIT_2", "TIME_WAIT", "CLOSED",
          "CLOSE_WAIT", "LAST_ACK", "LISTEN", "CLOSING"]
PATIENCE = 20  # seconds
failed = False


def show(call, states=()):
    print(f"{call:<34}{'  '.join(f'{state:<11}' for state in states)}".rstrip(), flush=True)


def answer(call, *arguments):
    """What a call answers, as a number or as the name of errno."""
    try:
        result = call(*arguments)
    except OSError as error:
        return f" {errno.errorcode[error.errno]}"
    if result is None:
        return ""
    return f" = {len(result) if isinstance(result, bytes) else result}"


def until(reached, what):
    global failed
    end = time.monotonic() + PATIENCE
    while not reached():
        if time.monotonic() > end:
            failed = True
            print(f"{what} never came")
            return
        time.sleep(0.001)


def state_of(local, remote):
    """Of a connection that perhaps nobody holds, as /proc/net/tcp has it."""
    for line in pathlib.Path("/proc/net/tcp").read_text().splitlines()[1:]:
        words = line.split()
        ports = [int(words[i].split(":")[1], 16) for i in (1, 2)]
        if ports == [local, remote]:
            return STATES[int(words[3], 16)]
    return "CLOSED"


class Pair:
    """A connection, A the one that connected."""

    def __init__(self, buffer=0):
        self.listener = socket.create_server(("127.0.0.1", 0))
        if buffer:
            self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
        self.a = socket.create_connection(self.listener.getsockname())
        self.b = self.listener.accept()[0]
        self.listener.close()
        for one in (self.a, self.b):
            one.settimeout(None)
        self.ports = self.a.getsockname()[1], self.b.getsockname()[1]
        show("", ["A", "B"])
        show("", self.states())

    def states(self):
        return state_of(*self.ports), state_of(*reversed(self.ports))

    def do(self, text, call, *arguments, then):
        """Makes a call and shows it with the states that follow; `then`: the two, waited for."""
        said = answer(call, *arguments)
        until(lambda: self.states() == tuple(then.split()), f"{text}: {then}, but {self.states()}")
        show(text + said, self.states())

    def send(self, who, octets, then):
        sock = self.a if who == "A" else self.b
        self.do(f"{who} send {octets}", lambda: sock.send(bytes(octets)) and None, then=then)

    def recv(self, who, then):
        """What is on its way is waited for, as a program would."""
        sock = self.a if who == "A" else self.b
        self.do(f"{who} recv", sock.recv, 1 << 20, then=then)

    def close(self, who, then):
        self.do(f"{who} close()", (self.a if who == "A" else self.b).close, then=then)

    def shutdown(self, who, how, then):
        self.do(f"{who} shutdown({how})", (self.a if who == "A" else self.b).shutdown,
                getattr(socket, how), then=then)


def linger(sock, seconds):
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, seconds))


OPEN = "ESTABLISHED ESTABLISHED"
HALF = "FIN_WAIT_2 CLOSE_WAIT"
GONE = "CLOSED CLOSED"


def arrived(sock, octets):
    until(lambda: len(sock.recv(1 << 20, socket.MSG_PEEK)) == octets, f"{octets} octets")


def unread():
    """close() with octets unread"""
    pair = Pair()
    pair.send("B", 10, OPEN)
    arrived(pair.a, 10)
    pair.close("A", GONE)
    pair.recv("B", GONE)


def orphan():
    """octets for a connection that nobody holds"""
    pair = Pair()
    pair.close("A", HALF)
    pair.send("B", 5, GONE)
    pair.send("B", 5, GONE)
    pair.recv("B", GONE)


def asleep(call):
    """A thread that sleeps in a call, and a list of what it will be answered."""
    told = []
    thread = threading.Thread(target=lambda: told.append(answer(call)))
    thread.start()
    stat = pathlib.Path(f"/proc/self/task/{thread.native_id}/stat")
    until(lambda: stat.read_text().rpartition(")")[2].split()[0] == "S", "a thread that sleeps")
    return thread, told


def close_while_reading():
    """close() while a recv() of another thread sleeps"""
    pair = Pair()
    reader, told = asleep(lambda: pair.a.recv(100))
    show("A recv: asleep")
    number = pair.a.fileno()
    pair.do("A close()", lambda: os.close(number), then=OPEN)
    pair.send("B", 5, HALF)
    reader.join(PATIENCE)
    show("A recv, asleep until then" + "".join(told))
    pair.a.detach()


def shut_rd():
    """SHUT_RD"""
    pair = Pair()
    pair.send("B", 1000, OPEN)
    arrived(pair.a, 1000)
    pair.shutdown("A", "SHUT_RD", OPEN)
    pair.recv("A", OPEN)
    pair.recv("A", OPEN)
    pair.send("B", 500, OPEN)
    arrived(pair.a, 500)
    pair.recv("A", OPEN)


def shut_rdwr():
    """SHUT_RDWR, and octets that come then"""
    pair = Pair()
    pair.shutdown("A", "SHUT_RDWR", HALF)
    pair.send("B", 500, GONE)
    pair.recv("A", GONE)


def listener():
    """shutdown() of a listener, with an accept() that sleeps, and with a connection that waits"""
    server = socket.create_server(("127.0.0.1", 0))
    sleeper, told = asleep(server.accept)
    show("shutdown(SHUT_WR)" + answer(server.shutdown, socket.SHUT_WR))
    show("shutdown(SHUT_RD)" + answer(server.shutdown, socket.SHUT_RD))
    sleeper.join(PATIENCE)
    show("accept(), asleep until then" + "".join(told))
    show("listen() again" + answer(server.listen))
    client = socket.create_connection(server.getsockname())
    show("shutdown(SHUT_RD), one waiting" + answer(server.shutdown, socket.SHUT_RD))
    show("the one that waited: recv" + answer(client.recv, 1))


def linger_0():
    """SO_LINGER with 0 seconds, octets on their way"""
    pair = Pair()
    pair.send("A", 100, OPEN)
    arrived(pair.b, 100)
    linger(pair.a, 0)
    pair.close("A", GONE)
    pair.recv("B", GONE)
    pair.recv("B", GONE)


UNREAD = 30000  # octets, more than a buffer of 4096 takes


def linger_timed():
    """SO_LINGER with 1 second, and a peer that reads nothing; then of a non-blocking socket"""
    for blocks in (True, False):
        pair = Pair(buffer=4096)
        linger(pair.a, 1)
        pair.send("A", UNREAD, OPEN)
        pair.a.setblocking(blocks)
        begin = time.monotonic()
        pair.close("A", "FIN_WAIT_1 ESTABLISHED")
        kind = "blocking" if blocks else "non-blocking"
        show(f"  a second later: {time.monotonic() - begin >= 0.9}, {kind}")
        pair.b.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        pair.do("B reads to the end", lambda: b"".join(iter(lambda: pair.b.recv(1 << 20), b"")), then=HALF)


def linger_exit():
    """SO_LINGER with 30 seconds, where the process ends without a close()"""
    pair = Pair(buffer=4096)
    linger(pair.a, 30)
    child = os.fork()
    if child == 0:
        pair.b.close()
        pair.a.send(bytes(UNREAD))
        os._exit(0)
    pair.a.close()
    begin = time.monotonic()
    os.waitpid(child, 0)
    show("", pair.states())
    show(f"the process ended before: {time.monotonic() - begin < 15}")


def bind_again():
    """bind() to the port of a connection in TIME_WAIT; SO_REUSEADDR of the first listener, of the second"""
    for first in (0, 1):
        for second in (0, 1):
            server = socket.socket()
            server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, first)
            server.bind(("127.0.0.1", 0))
            server.listen()
            client = socket.create_connection(server.getsockname())
            accepted = server.accept()[0]
            port, peer = server.getsockname()[1], client.getsockname()[1]
            accepted.close()
            client.close()
            server.close()
            until(lambda: state_of(port, peer) == "TIME_WAIT", "TIME_WAIT")
            again = socket.socket()
            again.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, second)
            show(f"first {first}, second {second}: bind()" + answer(again.bind, ("127.0.0.1", port)))


def half_close():
    """A half-close: A says no more, B does"""
    pair = Pair()
    pair.shutdown("A", "SHUT_WR", HALF)
    pair.recv("B", HALF)
    pair.send("B", 3000, HALF)
    arrived(pair.a, 3000)
    pair.recv("A", HALF)
    pair.send("A", 1, HALF)
    pair.close("B", "TIME_WAIT CLOSED")
    pair.recv("A", "TIME_WAIT CLOSED")


def processes():
    """a socket that a child holds, too"""
    pair = Pair()
    told, tell = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(tell)
        pair.b.close()
        os.read(told, 1)  # until the parent ends it
        os._exit(0)
    pair.close("A", OPEN)
    show("  (the child still holds it)")
    os.close(tell)
    pair.do("the child ends", lambda: os.waitpid(child, 0) and None, then=HALF)


def holders():
    """four descriptors of one socket"""
    pair = Pair()
    first, second, third = (pair.a.dup() for _ in range(3))
    for sock in (first, second):
        pair.do("A close() of a copy", sock.close, then=OPEN)
    pair.do("A shutdown(SHUT_RDWR) of a copy", third.shutdown, socket.SHUT_RDWR, then=HALF)
    pair.send("A", 1, HALF)
    pair.recv("A", HALF)
    pair.do("A close() of that copy", third.close, then=HALF)
    pair.close("A", HALF)


SCENES = {scene.__name__.replace("_", "-"): scene for scene in (
    unread, orphan, close_while_reading, shut_rd, shut_rdwr, listener, linger_0, linger_timed, linger_exit, bind_again,
    half_close, processes, holders)}


def main():
    names = sys.argv[1:] or list(SCENES)
    if not set(names) <= set(SCENES):
        print(__doc__ + "\n" + "\n".join(f"  {name:<14}{scene.__doc__}" for name, scene in SCENES.items()),
              file=sys.stderr)
        return 2
    for name in names:
        if len(names) > 1:
            print(f"\n{name}: {SCENES[name].__doc__}")
        SCENES[name]()
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
