"""What a program does with sockets, and what they say: the same lines under `lastack run` as on the kernel's, but for
those that differences.tsv names."""
import ctypes
import errno
import os
import select
import signal
import socket
import struct
import sys

HERE = "127.0.0.1"
POLLRDHUP = 0x2000
MSG_ERRQUEUE = 0x2000
MSG_WAITFORONE = 0x10000
LOOPS = int(os.environ.get("LOOPS", "300"))
name = ""


def say(*what):
    print(name + ":", *what, flush=True)


def attempt(call, *arguments):
    """What it brings, or the name of its error."""
    try:
        return call(*arguments)
    except OSError as error:
        return errno.errorcode[error.errno]


def listener(backlog=8, family=socket.AF_INET, address=HERE):
    made = socket.socket(family)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    made.bind((address, 0))
    made.listen(backlog)
    return made


def connected(family=socket.AF_INET, address=HERE):
    with listener(family=family, address=address) as at:
        client = socket.socket(family)
        client.connect(at.getsockname())
        server, peer = at.accept()
        say("names agree", peer == client.getsockname() and server.getsockname() == client.getpeername())
        return client, server


def bits(of, wanted=select.POLLIN | select.POLLOUT | select.POLLPRI | POLLRDHUP, wait=0):
    asked = select.poll()
    asked.register(of, wanted)
    ready = asked.poll(wait)
    return hex(ready[0][1]) if ready else "0"


def until(of, wanted):
    """Waits for one of these bits; all that there are then."""
    bits(of, wanted, 10_000)
    return bits(of)


def error_of(of):
    number = of.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
    return errno.errorcode.get(number, "none")


def half_close():
    client, server = connected()
    client.send(b"question")
    client.shutdown(socket.SHUT_WR)
    say(until(server, POLLRDHUP), server.recv(100), server.recv(100))
    server.send(b"answer")
    say(until(client, select.POLLIN), client.recv(100), attempt(client.send, b"more"))
    server.close()
    say(until(client, POLLRDHUP), client.recv(100))


def both_ended_is_not_closed():
    client, server = connected()
    client.shutdown(socket.SHUT_WR)
    say(until(server, POLLRDHUP))
    server.send(b"last words")
    server.shutdown(socket.SHUT_WR)
    say(until(client, select.POLLHUP), bits(server), client.recv(100), client.recv(100))
    say(attempt(client.getpeername), server.recv(1))


def unread_octets_reset():
    client, server = connected()
    client.send(b"nobody reads this")
    until(server, select.POLLIN)
    server.close()
    say(until(client, select.POLLERR), attempt(client.recv, 10), attempt(client.recv, 10), error_of(client))


def told_by_so_error():
    client, server = connected()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()
    say(until(server, select.POLLERR), error_of(server), error_of(server), attempt(server.recv, 10))


def octets_before_a_reset():
    client, server = connected()
    server.send(b"in time")
    until(client, select.POLLIN)
    server.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    server.close()
    until(client, select.POLLERR)
    say(attempt(client.recv, 100), attempt(client.recv, 100), attempt(client.recv, 100))


def resets(of):
    of.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    of.close()


def all_octets_before_a_reset():
    """Reads that wait for more than there is: the octets first, and then the error."""
    for flags in (socket.MSG_WAITALL, socket.MSG_WAITALL | socket.MSG_DONTWAIT):
        for read in (lambda s: s.recv(10, flags), lambda s: s.recvmsg(10, 0, flags)[0]):
            client, server = connected()
            client.send(b"abc")
            resets(client)
            until(server, select.POLLERR)
            say("there already", attempt(read, server), attempt(read, server), attempt(read, server))
            client, server = connected()
            client.send(b"abc")
            resets(client)
            until(server, select.POLLERR)
            say("asked for", attempt(read, server), error_of(server), error_of(server), attempt(read, server))
    client, server = connected()
    child = os.fork()
    if child == 0:
        server.close()
        for octets in (b"abc", b"def"):
            client.send(octets)
            select.select([], [], [], 0.05)
        resets(client)
        os._exit(0)
    client.close()
    say("while it waits", attempt(server.recv, 10, socket.MSG_WAITALL), attempt(server.recv, 10), server.recv(10))
    os.waitpid(child, 0)


def all_octets_are_waited_for():
    for flags in (0, socket.MSG_PEEK):
        client, server = connected()
        child = os.fork()
        if child == 0:
            server.close()
            for octets in (b"abc", b"def", b"x" * 1_000_000):
                client.send(octets)
                select.select([], [], [], 0.05)
            os._exit(0)
        client.close()
        say(server.recv(6, socket.MSG_WAITALL | flags))
        if flags == 0:
            say(len(server.recv(1_000_000, socket.MSG_WAITALL)))
        server.recv(2_000_000, socket.MSG_WAITALL)
        say(attempt(server.recv, 6, socket.MSG_WAITALL))
        os.waitpid(child, 0)
    client, server = connected()
    server.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack("ll", 0, 50_000))
    client.send(b"abc")
    until(server, select.POLLIN)
    for flags in (socket.MSG_PEEK, 0, 0):
        say("its time is over", attempt(server.recv, 10, socket.MSG_WAITALL | flags))


def connect_once_more():
    """A listener that is full lets nobody in."""
    at = listener(0)
    others = [socket.socket() for _ in range(3)]
    for one in others:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("ll", 0, 50_000))
    say([attempt(one.connect, at.getsockname()) for one in others])
    say("again", [attempt(others[2].connect, at.getsockname()) for _ in range(2)])


def refused():
    at = listener()
    nobody = at.getsockname()
    at.close()
    client = socket.socket()
    say(attempt(client.connect, nobody), error_of(client))
    at = listener()
    say("again", attempt(client.connect, at.getsockname()))
    late = socket.socket()
    late.setblocking(False)
    say(attempt(late.connect, nobody), until(late, select.POLLERR), error_of(late), error_of(late))


def does_not_block():
    at = listener()
    at.setblocking(False)
    say(attempt(at.accept), bits(at))
    client = socket.socket()
    client.setblocking(False)
    say(attempt(client.connect, at.getsockname()), until(client, select.POLLOUT), error_of(client))
    say(until(at, select.POLLIN), attempt(client.recv, 1))
    server, _ = at.accept()
    say(bits(at), attempt(at.accept), server.getblocking())
    client.send(b"x")
    say(until(server, select.POLLIN), attempt(client.connect, at.getsockname()))


def reading_is_shut():
    client, server = connected()
    server.send(b"never read")
    until(client, select.POLLIN)
    client.shutdown(socket.SHUT_RD)
    say(client.recv(100), bits(client))


def a_listener_is_shut():
    at = listener()
    child = os.fork()
    if child == 0:
        say("accept", attempt(at.accept))
        os._exit(0)
    while True:  # until it waits there
        with open(f"/proc/{child}/syscall") as file:
            if file.read().split()[0] in ("43", "288"):
                break
    at.shutdown(socket.SHUT_RD)
    os.waitpid(child, 0)


def a_child_keeps_it_open():
    client, server = connected()
    asks, answers = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(answers)
        os.read(asks, 1)
        os._exit(0)
    client.close()
    say("still", bits(server))
    os.write(answers, b"x")
    os.waitpid(child, 0)
    say("gone", until(server, POLLRDHUP), server.recv(1))


def one_of_four_shuts_it_for_all():
    client, server = connected()
    children = []
    for which in range(3):
        child = os.fork()
        if child == 0:
            if which == 2:
                client.shutdown(socket.SHUT_WR)
            os._exit(0)
        children.append(child)
    for child in children:
        os.waitpid(child, 0)
    say(until(server, POLLRDHUP), server.recv(1), attempt(client.send, b"x"))


def closed_by_four():
    client, server = connected()
    asks, goes = os.pipe()
    children = []
    for _ in range(3):
        child = os.fork()
        if child == 0:
            os.read(asks, 1)
            client.close()
            os._exit(0)
        children.append(child)
    client.close()
    for left in (2, 1, 0):
        say("still", bits(server))
        os.write(goes, b"x")
        os.waitpid(-1, 0)
    say("gone", until(server, POLLRDHUP), server.recv(1), server.recv(1))


def passed_to_another():
    client, server = connected()
    ours, theirs = socket.socketpair()
    child = os.fork()
    if child == 0:
        client.close()
        _, fds, _, _ = socket.recv_fds(theirs, 1, 1)
        with socket.socket(fileno=fds[0]) as taken:
            taken.send(b"from who was handed it")
        os._exit(0)
    socket.send_fds(ours, [b"x"], [client.fileno()])
    client.close()
    os.waitpid(child, 0)
    say(server.recv(100), server.recv(100))


def killed_holder():
    client, server = connected()
    child = os.fork()
    if child == 0:
        signal.pause()
    client.close()
    say("still", bits(server))
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    say("gone", until(server, POLLRDHUP), server.recv(1))


def a_signal_while_it_accepts():
    at = listener()
    signal.signal(signal.SIGUSR1, lambda *_: say("signal"))
    parent = os.getpid()
    child = os.fork()
    if child == 0:
        while open(f"/proc/{parent}/syscall").read().split()[0] not in ("43", "288"):
            pass
        os.kill(parent, signal.SIGUSR1)
        with socket.create_connection(at.getsockname()) as client:
            client.send(b"after the signal")
        os._exit(0)
    server, _ = at.accept()
    say(server.recv(100), server.recv(100))
    os.waitpid(child, 0)


def time_is_over():
    at = listener()
    at.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack("ll", 0, 20_000))
    say(attempt(at.accept))
    client, server = connected()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack("ll", 0, 20_000))
    say(attempt(client.recv, 1))
    other = socket.create_connection(at.getsockname())
    say("what was accepted has its listener's", attempt(at.accept()[0].recv, 1))
    server.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    server.close()
    until(client, select.POLLERR)
    unspecified = struct.pack("H14x", socket.AF_UNSPEC)
    say(attempt(client.recv, 1), ctypes.CDLL(None).connect(client.fileno(), unspecified, len(unspecified)))
    client.connect(at.getsockname())
    say("connected again it has its own", attempt(client.recv, 1))
    other.close()


def many_wait():
    at = listener(backlog=400)
    clients = [socket.create_connection(at.getsockname()) for _ in range(400)]
    seen = select.epoll()
    seen.register(at, select.EPOLLIN)
    at.setblocking(False)
    taken = 0
    while seen.poll(0):
        at.accept()[0].close()
        taken += 1
    say(taken, attempt(at.accept), all(client.recv(1) == b"" for client in clients))


def much_both_ways():
    client, server = connected()
    size = 64 << 20
    child = os.fork()
    if child == 0:
        client.close()
        left = size
        while left:
            left -= server.send(b"s" * min(left, 65536))
        server.shutdown(socket.SHUT_WR)
        got = 0
        while piece := server.recv(1 << 18):
            got += len(piece)
        os._exit(0 if got == size else 1)
    server.close()
    got = sent = 0
    ended = False
    while not ended:
        asked = select.poll()
        asked.register(client, select.POLLIN | (select.POLLOUT if sent < size else 0))
        ready = asked.poll()[0][1]
        if ready & select.POLLIN:
            piece = client.recv(1 << 18)
            got += len(piece)
            ended = not piece
        if ready & select.POLLOUT and sent < size:
            sent += client.send(b"c" * min(size - sent, 4096), socket.MSG_DONTWAIT)
    while sent < size:
        sent += client.send(b"c" * min(size - sent, 65536))
    client.close()
    say(got == size, os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))


def options():
    client, server = connected()
    client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    say(client.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY), server.getsockopt(socket.SOL_SOCKET, socket.SO_TYPE),
        client.family, attempt(client.getsockopt, socket.IPPROTO_TCP, 9999),
        client.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1), attempt(client.shutdown, 3))


def error_queue():
    client, _ = connected()
    say(attempt(client.recvmsg, 1, 0, MSG_ERRQUEUE), attempt(client.recv, 1, MSG_ERRQUEUE))


def six():
    client, server = connected(socket.AF_INET6, "::1")
    say(client.getsockname()[0], server.family)
    with listener(family=socket.AF_INET6, address="::") as at:
        mapped = socket.create_connection((HERE, at.getsockname()[1]))
        say(at.accept()[1][0], mapped.getpeername()[0])


def a_thousand_in_a_row():
    at = listener()
    for _ in range(1000):
        client = socket.create_connection(at.getsockname())
        server, _ = at.accept()
        client.close()
        if server.recv(1) != b"":
            say("wrong")
        server.close()
    say("done")


def close_then_bind():
    for _ in range(LOOPS):
        at = listener()
        where = at.getsockname()
        at.close()
        at = socket.socket()
        at.bind(where)
        at.close()
    say("done")


def accept_then_look():
    """Who has the last connection that waited finds no other: at once, with no call between."""
    found = 0
    with listener() as at:
        look = select.poll()
        look.register(at, select.POLLIN)
        for _ in range(LOOPS):
            with socket.create_connection(at.getsockname()):
                descriptor, _ = at._accept()
                found += len(look.poll(0))
                os.close(descriptor)
    say(found)


def write_then_shut():
    for _ in range(LOOPS):
        client, server = connected_quietly()
        client.send(b"w" * 1000)
        client.shutdown(socket.SHUT_WR)
        got = b""
        while piece := server.recv(4096):
            got += piece
        if len(got) != 1000:
            say("wrong", len(got))
        client.close()
        server.close()
    say("done")


def a_storm_of_signals():
    """Every call is broken again and again, and begun anew: nothing is lost, nothing happens twice."""
    rounds = min(LOOPS, 1000)
    signal.signal(signal.SIGALRM, lambda *_: None)
    signal.siginterrupt(signal.SIGALRM, False)
    at = listener(backlog=64)
    child = os.fork()
    signal.setitimer(signal.ITIMER_REAL, 0.0005, 0.0005)
    if child == 0:
        for number in range(rounds):
            with socket.create_connection(at.getsockname()) as client:
                client.sendall(b"%d" % number)
        signal.setitimer(signal.ITIMER_REAL, 0)
        os._exit(0)
    came = []
    for _ in range(rounds):
        server, _ = at.accept()
        server.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        octets = b""
        while piece := server.recv(100):
            octets += piece
        came.append(int(octets))
        server.close()
    signal.setitimer(signal.ITIMER_REAL, 0)
    os.waitpid(child, 0)
    at.setblocking(False)
    say(came == list(range(rounds)), attempt(at.accept))


def connected_quietly():
    with listener() as at:
        client = socket.create_connection(at.getsockname())
        return client, at.accept()[0]


def other_families():
    say("raw", attempt(socket.socket, socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_TCP) in ("EPERM",))
    say("unix", socket.socketpair()[0].family)


def much_before_the_end():
    client, server = connected_quietly()
    client.setblocking(False)
    sent = 0
    while isinstance(taken := attempt(client.send, bytes(1 << 16)), int):
        sent += taken
    client.shutdown(socket.SHUT_WR)
    came = 0
    while octets := server.recv(1 << 16):
        came += len(octets)
    say(came == sent)


def datagram(family=socket.AF_INET, address=None):
    made = socket.socket(family, socket.SOCK_DGRAM)
    if address is not None:
        made.bind((address, 0))
    return made


def datagrams():
    for family, address in ((socket.AF_INET, HERE), (socket.AF_INET6, "::1")):
        a, b = datagram(family, address), datagram(family)
        at = a.getsockname()
        say(b.sendto(b"hello", at), a.recvfrom(100)[0], bits(a), bits(b))
        for octets in (b"one", b"two", b"", b"four", b"five"):
            b.sendto(octets, at)
        say(a.recv(100), a.recvfrom(100)[0], a.recv(10), os.read(a.fileno(), 2), a.recvfrom(100)[0],
            attempt(a.recv, 10, socket.MSG_DONTWAIT), attempt(a.recvfrom, 10, socket.MSG_DONTWAIT))
        b.connect(at)
        say(b.send(b"sent"), os.write(b.fileno(), b"written"), a.recvfrom(100) == (b"sent", b.getsockname()))
        say(a.recvfrom(100, socket.MSG_PEEK)[0], a.recv(100), a.sendto(b"answer", b.getsockname()), b.recv(100))
        say(a.sendmsg([b"in ", b"parts"], [], 0, b.getsockname()), b.recvmsg(100)[0])
        a.sendmsg([b"in ", b"parts"], [], 0, b.getsockname())
        octets, _, flags, sender = b.recvmsg(4)
        say(octets, bool(flags & socket.MSG_TRUNC), sender == at)
        say(attempt(b.sendto, bytes(65528), at), a.type, a.proto, a.family)
        say(attempt(a.listen), attempt(a.accept), attempt(a.getpeername), attempt(a.sendto, b"", (at[0], 0)))
        with a, b:
            pass


def datagrams_are_waited_for():
    a, b = datagram(address=HERE), datagram()
    b.connect(a.getsockname())
    for receive in (a.recv, a.recvfrom, a.recvmsg):
        child = os.fork()
        if child == 0:
            select.select([], [], [], 0.05)
            b.send(b"late")
            os._exit(0)
        answer = receive(100)
        say(answer if isinstance(answer, bytes) else answer[0])
        os.waitpid(child, 0)
    a.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack("ll", 0, 50_000))
    say(attempt(a.recv, 1), attempt(a.recvfrom, 1), attempt(a.recvmsg, 1))


def nobody_receives():
    a, b = datagram(address=HERE), datagram()
    b.connect(a.getsockname())
    a.close()
    say(b.send(b"x"), bits(b, 0xffff, 10_000) != "0", attempt(b.recvfrom, 10), b.send(b"x"))
    bits(b, 0xffff, 10_000)
    say(error_of(b), error_of(b), attempt(b.recv, 1, socket.MSG_DONTWAIT), b.send(b"x"))
    bits(b, 0xffff, 10_000)
    say(attempt(b.sendto, b"x", b.getpeername()), attempt(b.recv, 1, socket.MSG_DONTWAIT))


def messages_that_do_not_go():
    a, b = datagram(address=HERE), datagram()
    b.connect(a.getsockname())
    say([attempt(b.sendmsg, [bytes(size)]) for size in (65507, 65508, 66000, 100000)], len(a.recv(100_000)))
    say(attempt(a.recv, 1, socket.MSG_OOB | socket.MSG_DONTWAIT))
    say(attempt(b.sendto, b"x", ("255.255.255.255", 9)))
    a.close()
    b.send(b"x")
    bits(b, 0xffff, 10_000)
    say(attempt(b.sendmsg, [b"x"]), attempt(b.sendmsg, [b"x"]))


def a_datagram_to_nobody_in_particular():
    say(attempt(datagram().send, b"x"))


def an_error_of_datagrams_in_poll():
    a, b = datagram(address=HERE), datagram()
    b.connect(a.getsockname())
    a.close()
    b.send(b"x")
    say(until(b, select.POLLIN))


MMSGHDR = struct.Struct("QIxxxxQQQQIxxxxIxxxx")  # x86-64's and arm64's


def several_at_once(of, count, flags=0, seconds=None):
    """recvmmsg(): how many, and their octets."""
    room = ctypes.create_string_buffer(count * 100)
    parts = ctypes.create_string_buffer(b"".join(
        struct.pack("QQ", ctypes.addressof(room) + 100 * i, 100) for i in range(count)))
    heads = ctypes.create_string_buffer(b"".join(
        MMSGHDR.pack(0, 0, ctypes.addressof(parts) + 16 * i, 1, 0, 0, 0, 0) for i in range(count)))
    time = ctypes.create_string_buffer(struct.pack("ll", int(seconds or 0), int((seconds or 0) % 1 * 1e9)))
    got = ctypes.CDLL(None, use_errno=True).recvmmsg(of.fileno(), heads, count, flags, time if seconds else None)
    if got < 0:
        return errno.errorcode[ctypes.get_errno()]
    sizes = [MMSGHDR.unpack_from(heads, MMSGHDR.size * i)[7] for i in range(got)]
    return [room[100 * i:100 * i + size] for i, size in enumerate(sizes)]


def several_datagrams_are_waited_for():
    a, b = datagram(address=HERE), datagram()
    b.connect(a.getsockname())
    for flags, seconds in ((0, None), (socket.MSG_WAITALL, None), (MSG_WAITFORONE, None), (socket.MSG_DONTWAIT, None),
                           (0, 0.02)):
        b.send(b"one")
        child = os.fork()
        if child == 0:
            for octets in (b"two", b"three"):
                select.select([], [], [], 0.1)
                b.send(octets)
            os._exit(0)
        got = several_at_once(a, 3, flags, seconds)
        os.waitpid(child, 0)
        say(flags, got, [a.recv(100) for _ in range(3 - len(got))])
    a.setblocking(False)
    say(several_at_once(a, 3))


def little_that_is_not_sent():
    """TCP_NOTSENT_LOWAT: who writes hears sooner that there is no room; all that was taken comes."""
    taken = []
    for low_at in (0, 1, 16384):
        client, server = connected()
        server.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, low_at)
        client.setblocking(False)
        sent = 0
        for _ in range(3):  # what is taken goes out first
            while not isinstance(n := attempt(client.send, bytes(1000)), str):
                sent += n
            say(low_at, n)
            select.select([], [], [], 0.05)
        client.close()
        read = 0
        while octets := server.recv(100_000):
            read += len(octets)
        taken.append(sent)
        say(low_at, read == sent)
    say(taken[1] < taken[0], taken[2] < taken[0])


def datagrams_that_are_there():
    """Whoever reads without waiting gets all that have come, one after the other."""
    a, b = datagram(address=HERE), datagram()
    a.setblocking(False)
    for size in (1, 0, 100):
        for i in range(60):
            b.sendto(b"%d" % i * size, a.getsockname())
        read = [attempt(a.recv, 1000) for _ in range(60 if size else 1)]
        say(size, read == [b"%d" % i * size for i in range(len(read))])
        while attempt(a.recvfrom, 1) != "EAGAIN":
            pass
    one, other = datagram(), datagram()
    for i in range(30):
        (one, other)[i % 2].sendto(b"%d" % i, a.getsockname())
    names = [one.getsockname()[1], other.getsockname()[1]]
    say([a.recvfrom(10)[1][1] if i % 3 == 0 else names[i % 2] if a.recv(10) == b"%d" % i else i for i in range(30)] ==
        names * 15)


def many_datagrams():
    a, b = datagram(address=HERE), datagram()
    b.connect(a.getsockname())
    for i in range(2000):
        b.send(b"%d" % i)
        if (answer := a.recv(100) if i % 2 else a.recvfrom(100)[0]) != b"%d" % i:
            say("wrong", i, answer)
    for i in range(100):
        b.send(b"%d" % i)
    say([a.recv(100) if i % 3 else a.recvfrom(100)[0] for i in range(100)] == [b"%d" % i for i in range(100)])


STEPS = [half_close, both_ended_is_not_closed, unread_octets_reset, told_by_so_error, octets_before_a_reset,
         all_octets_before_a_reset, all_octets_are_waited_for, connect_once_more, refused,
         does_not_block, reading_is_shut, a_listener_is_shut, a_child_keeps_it_open, one_of_four_shuts_it_for_all,
         closed_by_four, a_storm_of_signals,
         passed_to_another, killed_holder, a_signal_while_it_accepts, time_is_over, many_wait, much_both_ways, options,
         error_queue, six, a_thousand_in_a_row, close_then_bind, accept_then_look, write_then_shut, other_families,
         datagrams, datagrams_are_waited_for,
         several_datagrams_are_waited_for, nobody_receives, messages_that_do_not_go,
         a_datagram_to_nobody_in_particular,
         an_error_of_datagrams_in_poll, datagrams_that_are_there, little_that_is_not_sent,
         many_datagrams, much_before_the_end]
for step in STEPS:
    name = step.__name__
    if len(sys.argv) < 2 or name in sys.argv[1:]:
        step()
