"""Two processes that do as they are told, a line each on standard input: `c connect`, `s accept`... and who tells them.
With a number: so many pairs that talk until one of them is killed, at any moment."""
import os
import random
import signal
import socket
import sys
import time

HERE = "127.0.0.1"


def puppet(asks, answers):
    held = {}
    made = 0
    for line in asks:
        what, *port = line.split()
        if what == "socket":
            held["it"] = socket.socket()
            held["it"].setblocking(False)
        elif what == "listen":
            held["at"] = socket.create_server((HERE, int(port[0])))
        elif what == "connect":
            held["it"] = socket.socket()
            held["it"].setblocking(False)
            held["it"].connect_ex((HERE, int(port[0])))
        elif what == "accept":
            held["it"], _ = held["at"].accept()
        elif what == "shut":
            held["it"].shutdown(socket.SHUT_WR)
        made += 1
        answers.write(f"{made}\n")
        answers.flush()
    os._exit(0)


class Held:
    """By its pipes."""

    def __init__(self):
        ask_read, ask_write = os.pipe()
        answer_read, answer_write = os.pipe()
        self.process = os.fork()
        if self.process == 0:
            os.close(ask_write)
            os.close(answer_read)
            puppet(os.fdopen(ask_read), os.fdopen(answer_write, "w"))
        os.close(ask_read)
        os.close(answer_write)
        self.asks, self.answers = os.fdopen(ask_write, "w"), os.fdopen(answer_read)

    def do(self, *words):
        print(*words, file=self.asks, flush=True)
        self.answers.readline()

    def end(self):
        os.kill(self.process, signal.SIGKILL)
        os.waitpid(self.process, 0)
        self.asks.close()
        self.answers.close()


def told():
    puppets = {}
    print("up", flush=True)
    for line in sys.stdin:
        who, *words = line.split()
        if words == ["new"]:
            puppets[who] = Held()
        elif words == ["kill"]:
            puppets.pop(who).end()
        else:
            puppets[who].do(*words)
        print("done", flush=True)


def talks(with_whom, dice, serves):
    """Until the other end is gone. Ends in order and resets are both right: it does not hang."""
    try:
        with_whom.settimeout(30)
        while True:
            with_whom.sendall(bytes(dice.randrange(1, 30_000)))
            if not with_whom.recv(65536):
                break
            if not serves and dice.randrange(8) == 0:
                with_whom.shutdown(socket.SHUT_WR)
                while with_whom.recv(65536):
                    pass
                break
    except TimeoutError:
        os.write(1, b"hangs\n")
    except OSError:
        pass
    os._exit(0)


def serves(at, dice):
    """The one that is to come may have been killed before."""
    at.settimeout(0.03)
    try:
        server, _ = at.accept()
    except TimeoutError:
        os._exit(0)
    at.close()
    talks(server, dice, True)


def killed(count, seed):
    dice = random.Random(seed)
    for number in range(count):
        at = socket.create_server((HERE, 0))
        server = os.fork()
        if server == 0:
            serves(at, random.Random(dice.random()))
        client = os.fork()
        if client == 0:
            where = at.getsockname()
            at.close()
            try:
                talks(socket.create_connection(where), random.Random(dice.random()), False)
            except OSError:
                os._exit(0)
        time.sleep(dice.random() * 0.004)
        at.close()
        os.kill(dice.choice((server, client)), signal.SIGKILL)
        if dice.randrange(4) == 0:
            os.kill(dice.choice((server, client)), signal.SIGKILL)
        for child in (server, client):
            os.waitpid(child, 0)
        if number % 100 == 99 or number + 1 == count:
            print(number + 1, flush=True)


if len(sys.argv) > 2:
    killed(int(sys.argv[1]), int(sys.argv[2]))
    sys.stdin.readline()
else:
    told()
