"""A TCP/IP host in user space: stacks, their sockets, and a loop that carries packets.

Sockets have the methods of socket.socket, with the same arguments, results and exceptions, and none
of them ever waits: where it would have to, BlockingIOError. lastack.aio puts them under asyncio."""
import ctypes
import select
import socket as _socket
import struct

from . import _c
from ._c import checked

__all__ = ["Loop", "Socket", "Stack", "Transition", "version"]


def version():
    """As in "0.1.0"."""
    return _c.version().decode()


def _pack(family, address):
    """(host, port) as a struct sockaddr; "" is the unspecified address."""
    host, port = address[0], address[1]
    if family == _socket.AF_INET6:
        if host and ":" not in host:
            host = "::ffff:" + host
        return struct.pack("=HHI16sI", family, _socket.htons(port), 0,
                           _socket.inet_pton(family, host or "::"), 0)
    return struct.pack("=HH4s8x", family, _socket.htons(port),
                       _socket.inet_pton(family, host or "0.0.0.0"))


def _unpack(octets):
    """The address as socket.socket gives it: two items, or four for IPv6."""
    if len(octets) < 4:
        return None
    family, port = struct.unpack_from("=HH", octets)
    if family == _socket.AF_INET6:
        return _socket.inet_ntop(family, octets[8:24]), _socket.ntohs(port), 0, 0
    return _socket.inet_ntop(family, octets[4:8]), _socket.ntohs(port)


class _Address:
    """Room for an address that a call writes."""

    def __init__(self):
        self.octets = ctypes.create_string_buffer(28)
        self.size = ctypes.c_uint32(28)

    def value(self):
        return _unpack(self.octets.raw[:self.size.value])


class Transition:
    """One change of a connection's state: when (seconds), from which state to which, and why."""
    __slots__ = ("at", "before", "after", "cause")

    def __init__(self, line):
        at, self.before, self.after, self.cause = line.split()
        self.at = float(at)

    def __repr__(self):
        return f"<{self.at:.2f}: {self.before} -> {self.after} by {self.cause}>"


class _Owned:
    """Something of the library's that is ours to free, at close() or with the object."""
    _free = None  # the function that frees it

    def __init__(self):
        self._handle = ctypes.c_void_p()

    def close(self):
        """Ends it. What belongs to it, as sockets to a stack, must not be used any more."""
        handle, self._handle = self._handle, ctypes.c_void_p()
        self._free(handle)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def __del__(self):
        if getattr(self, "_handle", None):
            self.close()


class Stack(_Owned):
    """One host, at `addresses` ("10.9.0.2/24", "fd00::2/64").

    Without a Loop it is driven by hand: advance(), packet_arrives(), transmit()."""

    _free = _c.stack_free

    def __init__(self, *addresses, profile="bsd", mtu=0, seed=0, receive_buffer=0, send_buffer=0,
                 msl=0.0, offload=False):
        options = _c.Options(ctypes.sizeof(_c.Options), _c.texts(addresses), seed, receive_buffer,
                             send_buffer, round(msl * 1000), mtu,
                             {"bsd": 0, "linux": 1}[profile], offload)
        super().__init__()
        checked(_c.stack_new(ctypes.byref(self._handle), ctypes.byref(options)))
        self._packet = ctypes.create_string_buffer(65536)

    def socket(self, family=_socket.AF_INET, type=_socket.SOCK_STREAM, proto=0):
        return Socket(self, checked(_c.socket(self._handle, family, type, proto)), family)

    def advance(self, now):
        """Time has come as far as `now`, in seconds on a clock of the caller's."""
        _c.advance(self._handle, round(now * 1e6))

    def next_deadline(self):
        """When advance() wants to be called; None for never."""
        deadline = _c.next_deadline(self._handle)
        return None if deadline == 2**63 - 1 else deadline / 1e6

    def packet_arrives(self, packet):
        _c.packet_arrives(self._handle, packet, len(packet))

    def transmit(self):
        """The next IP packet to send; None where there is none."""
        size = _c.transmit(self._handle, self._packet, len(self._packet))
        return self._packet.raw[:size] if size else None

    def watch(self, fd, events):
        """Asks once to be told by ready() of one of select.poll's `events`; 0 asks nothing."""
        checked(_c.watch(self._handle, fd, events))

    def ready(self):
        """What was asked for and has come: (fd, events)."""
        told = _c.PollFd()
        while _c.next_ready(self._handle, ctypes.byref(told)):
            yield told.fd, told.revents


class Socket:
    """A descriptor of a stack's. Closing the last one of a socket closes the connection."""

    def __init__(self, stack, fd, family):
        self.stack, self.family, self._fd = stack, family, fd

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def __del__(self):
        if self.stack._handle and self._fd >= 0:
            self.close()

    def __repr__(self):
        return f"<lastack.Socket fd={self._fd} {self.state}>"

    def _call(self, function, *arguments):
        return checked(function(self.stack._handle, self._fd, *arguments))

    def fileno(self):
        """The stack's number, which means nothing to the system; -1 after close()."""
        return self._fd

    def dup(self):
        return Socket(self.stack, self._call(_c.dup), self.family)

    def close(self):
        fd, self._fd = self._fd, -1
        if fd >= 0:
            _c.close(self.stack._handle, fd)

    def bind(self, address):
        octets = _pack(self.family, address)
        self._call(_c.bind, octets, len(octets))

    def listen(self, backlog=128):
        self._call(_c.listen, backlog)

    def accept(self):
        peer = _Address()
        fd = self._call(_c.accept, peer.octets, ctypes.byref(peer.size))
        return Socket(self.stack, fd, self.family), peer.value()

    def connect(self, address):
        """BlockingIOError at first; once the socket is writable, call it again for the answer."""
        octets = _pack(self.family, address)
        self._call(_c.connect, octets, len(octets))

    def send(self, data, flags=0):
        view = memoryview(data).cast("B")
        if view.readonly:
            return self._call(_c.send, bytes(view), len(view), flags)
        return self._call(_c.send, (ctypes.c_char * len(view)).from_buffer(view), len(view), flags)

    def sendto(self, data, *flags_and_address):
        *flags, address = flags_and_address
        octets, to = bytes(data), _pack(self.family, address)
        return self._call(_c.sendto, octets, len(octets), flags[0] if flags else 0, to, len(to))

    def recv(self, size, flags=0):
        into = ctypes.create_string_buffer(size)
        n = self._call(_c.recv, into, size, flags)
        return into.raw[:min(n, size)]

    def recv_into(self, buffer, size=0, flags=0):
        view = memoryview(buffer).cast("B")
        size = size or len(view)
        return self._call(_c.recv, (ctypes.c_char * len(view)).from_buffer(view), size, flags)

    def recvfrom(self, size, flags=0):
        into, peer = ctypes.create_string_buffer(size), _Address()
        n = self._call(_c.recvfrom, into, size, flags, peer.octets, ctypes.byref(peer.size))
        return into.raw[:min(n, size)], peer.value()

    def shutdown(self, how):
        """Acts at once, and for every descriptor of the socket."""
        self._call(_c.shutdown, how)

    def setsockopt(self, level, name, value):
        octets = value if isinstance(value, bytes) else struct.pack("=i", value)
        self._call(_c.setsockopt, level, name, octets, len(octets))

    def getsockopt(self, level, name, size=0):
        into, length = ctypes.create_string_buffer(size or 4), ctypes.c_uint32(size or 4)
        self._call(_c.getsockopt, level, name, into, ctypes.byref(length))
        return into.raw[:length.value] if size else struct.unpack("=i", into.raw)[0]

    def getsockname(self):
        address = _Address()
        self._call(_c.getsockname, address.octets, ctypes.byref(address.size))
        return address.value()

    def getpeername(self):
        address = _Address()
        self._call(_c.getpeername, address.octets, ctypes.byref(address.size))
        return address.value()

    def poll(self, events=select.POLLIN | select.POLLOUT | select.POLLPRI | select.POLLRDHUP):
        """What of `events` holds now, with POLLERR and POLLHUP."""
        wanted = _c.PollFd(self._fd, events)
        _c.poll(self.stack._handle, ctypes.byref(wanted), 1)
        return wanted.revents

    @property
    def state(self):
        """RFC 9293's name of it, as in "FIN_WAIT_1"; "CLOSED" after close()."""
        name = _c.state(self.stack._handle, self._fd) if self.stack._handle else None
        return name.decode() if name else "CLOSED"

    @property
    def references(self):
        """How many descriptors refer to the same socket."""
        return self._call(_c.references)

    def history(self):
        """The last eight transitions, the earliest first."""
        into = ctypes.create_string_buffer(1024)
        self._call(_c.history, into, len(into))
        return [Transition(line) for line in into.value.decode().splitlines()]


class Loop(_Owned):
    """Carries packets of stacks on links, in a loop of the caller's: when fileno() is readable, and
    after calls on sockets, turn()."""

    _free = _c.loop_free

    def __init__(self):
        super().__init__()
        checked(_c.loop_new(ctypes.byref(self._handle)))
        self._stacks = []  # live as long as this does

    def attach(self, stack, name, *kernel):
        """Joins the stack to this machine's kernel by the TUN device `name`; `kernel` are addresses
        for the kernel's end. PermissionError without CAP_NET_ADMIN or a device prepared for us."""
        checked(_c.loop_attach(self._handle, stack._handle, name.encode(), _c.texts(kernel)))
        self._stacks.append(stack)

    def join(self, a, b, delay=0.0):
        """A wire in memory; a packet is `delay` seconds on its way."""
        checked(_c.loop_join(self._handle, a._handle, b._handle, round(delay * 1e6)))
        self._stacks += [a, b]

    def fileno(self):
        return _c.loop_descriptor(self._handle)

    def turn(self):
        checked(_c.loop_turn(self._handle))

    def wait(self, socket, events, timeout=None):
        """Goes on until the socket is ready for one of `events`; what it is ready for, 0 when
        `timeout` seconds are over."""
        wanted = _c.PollFd(socket.fileno(), events)
        milliseconds = -1 if timeout is None else max(0, round(timeout * 1000))
        checked(_c.loop_poll(self._handle, socket.stack._handle, ctypes.byref(wanted), 1,
                             milliseconds))
        return wanted.revents

    @property
    def stacks(self):
        return tuple(self._stacks)
