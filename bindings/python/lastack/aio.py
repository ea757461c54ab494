"""asyncio on lastack: streams, and transports for protocols, as asyncio's own functions of these names
give them."""
import asyncio
import collections
import select
import socket as _socket
import struct

from . import Loop

_IN = select.POLLIN | select.POLLRDHUP | select.POLLERR | select.POLLHUP
_OUT = select.POLLOUT | select.POLLERR | select.POLLHUP
_READ_AT_ONCE = 256 * 1024


def _family(host):
    return _socket.AF_INET6 if ":" in host else _socket.AF_INET


class Network:
    """A Loop inside the running event loop. Use it with `async with`, or close() it."""

    def __init__(self):
        self._aio = asyncio.get_running_loop()
        self._loop = Loop()
        self._wishes = {}  # (stack, fd) -> {direction: callback}
        self._due = False
        self.exception = None  # why packets are no longer carried
        self._aio.add_reader(self._loop.fileno(), self._turn)

    async def __aenter__(self):
        return self

    async def __aexit__(self, *_):
        self.close()

    def close(self):
        """Packets come and go no more. What was to be sent yet goes out before."""
        if self._loop is not None:
            self._turn()
            self._aio.remove_reader(self._loop.fileno())
            self._loop.close()
            self._loop = None

    def attach(self, stack, name, *kernel):
        self._loop.attach(stack, name, *kernel)

    def join(self, a, b, delay=0.0):
        self._loop.join(a, b, delay)

    # --- What the rest of this file stands on.

    def soon(self):
        """Calls on sockets were made: what they bring is carried in this round of the event loop."""
        if not self._due:
            self._due = True
            self._aio.call_soon(self._turn)

    def when(self, socket, direction, call):
        """Calls `call` once the socket is ready in a direction, _IN or _OUT; None: not any more."""
        wishes = self._wishes.setdefault((socket.stack, socket.fileno()), {})
        if call is None:
            wishes.pop(direction, None)
        else:
            wishes[direction] = call
        self._ask(socket.stack, socket.fileno())

    def forget(self, socket):
        if self._wishes.pop((socket.stack, socket.fileno()), None) and socket.fileno() >= 0:
            socket.stack.watch(socket.fileno(), 0)

    def _ask(self, stack, fd):
        wishes = self._wishes[stack, fd]
        events = 0
        for direction in wishes:
            events |= direction
        if not wishes:
            del self._wishes[stack, fd]
        stack.watch(fd, events)
        self.soon()

    def _turn(self):
        self._due = False
        if self._loop is None or self.exception:
            return
        try:
            self._loop.turn()
        except OSError as problem:  # the device is gone
            self.exception = problem
            self._aio.remove_reader(self._loop.fileno())
            return
        for stack in dict.fromkeys(self._loop.stacks):
            for fd, events in stack.ready():
                self._tell(stack, fd, events)

    def _tell(self, stack, fd, events):
        wishes = self._wishes.get((stack, fd), {})
        due = [call for direction, call in wishes.items() if events & direction]
        for direction in [d for d in wishes if events & d]:
            del wishes[direction]
        if (stack, fd) in self._wishes:
            self._ask(stack, fd)
        for call in due:
            call()

    # --- asyncio's functions.

    async def _connected(self, stack, host, port):
        socket = stack.socket(_family(host))
        try:
            while True:
                try:
                    socket.connect((host, port))
                    return socket
                except BlockingIOError:
                    ready = self._aio.create_future()
                    self.when(socket, _OUT, lambda: ready.done() or ready.set_result(None))
                    await ready
        except BaseException:
            self.forget(socket)
            socket.close()
            self.soon()
            raise

    async def create_connection(self, protocol_factory, stack, host, port):
        """A connection and its protocol. ConnectionRefusedError, TimeoutError, ..."""
        socket = await self._connected(stack, host, port)
        protocol = protocol_factory()
        transport = _Transport(self, socket, protocol)
        transport.begin()
        return transport, protocol

    async def create_server(self, protocol_factory, stack, host, port, backlog=128):
        socket = stack.socket(_family(host or "0.0.0.0"))
        try:
            socket.bind((host, port))
            socket.listen(backlog)
        except BaseException:
            socket.close()
            raise
        return Server(self, socket, protocol_factory)

    async def open_connection(self, stack, host, port, limit=2**16):
        reader = asyncio.StreamReader(limit=limit, loop=self._aio)
        protocol = asyncio.StreamReaderProtocol(reader, loop=self._aio)
        transport, _ = await self.create_connection(lambda: protocol, stack, host, port)
        return reader, asyncio.StreamWriter(transport, protocol, reader, self._aio)

    async def start_server(self, client_connected_cb, stack, host, port, limit=2**16, backlog=128):
        def protocol():
            reader = asyncio.StreamReader(limit=limit, loop=self._aio)
            return asyncio.StreamReaderProtocol(reader, client_connected_cb, loop=self._aio)
        return await self.create_server(protocol, stack, host, port, backlog)


class Server:
    """Accepts until it is closed; connections go on."""

    def __init__(self, network, socket, protocol_factory):
        self._network, self._factory = network, protocol_factory
        self.socket = socket
        network.when(socket, _IN, self._accept)

    async def __aenter__(self):
        return self

    async def __aexit__(self, *_):
        self.close()

    def _accept(self):
        while True:
            try:
                socket, _ = self.socket.accept()
            except BlockingIOError:
                break
            except OSError:
                return  # it was shut
            transport = _Transport(self._network, socket, self._factory())
            asyncio.get_running_loop().call_soon(transport.begin)
        self._network.when(self.socket, _IN, self._accept)

    def close(self):
        if self.socket.fileno() >= 0:
            self._network.forget(self.socket)
            self.socket.close()
            self._network.soon()


class _Transport(asyncio.Transport):
    _start_tls_compatible = True  # for loop.start_tls()

    def __init__(self, network, socket, protocol):
        super().__init__({"socket": socket, "sockname": socket.getsockname(),
                          "peername": socket.getpeername()})
        self._network, self._socket, self._protocol = network, socket, protocol
        self._aio = asyncio.get_running_loop()
        self._queue = collections.deque()  # what send() did not take yet
        self._queued = 0
        self._low, self._high = 16 * 1024, 64 * 1024
        self._writing_paused = self._eof_to_send = self._closing = self._lost = False
        self._reading = True

    def begin(self):
        if not self._lost:
            self._protocol.connection_made(self)
            if self._reading and not self._closing:
                self._network.when(self._socket, _IN, self._read)

    # --- reading

    def is_reading(self):
        return self._reading and not self._closing

    def pause_reading(self):
        if self.is_reading():
            self._reading = False
            self._network.when(self._socket, _IN, None)

    def resume_reading(self):
        if not self._reading and not self._closing:
            self._reading = True
            self._network.when(self._socket, _IN, self._read)

    def _receive(self):
        """Octets given to the protocol; 0 at the end of the stream."""
        if isinstance(self._protocol, asyncio.BufferedProtocol):
            buffer = self._protocol.get_buffer(-1)
            n = self._socket.recv_into(buffer)
            if n:
                self._protocol.buffer_updated(n)
            return n
        data = self._socket.recv(_READ_AT_ONCE)
        if data:
            self._protocol.data_received(data)
        return len(data)

    def _read(self):
        if not self.is_reading():
            return
        try:
            octets = self._receive()
        except BlockingIOError:
            octets = -1
        except OSError as problem:
            self._end(problem)
            return
        if octets == 0:
            self._reading = False
            if not self._protocol.eof_received():
                self.close()
        elif self.is_reading():
            self._network.when(self._socket, _IN, self._read)

    # --- writing

    def set_write_buffer_limits(self, high=None, low=None):
        self._high = high if high is not None else 4 * low if low is not None else 64 * 1024
        self._low = low if low is not None else self._high // 4

    def get_write_buffer_limits(self):
        return self._low, self._high

    def get_write_buffer_size(self):
        return self._queued

    def can_write_eof(self):
        return True

    def write(self, data):
        if self._eof_to_send:
            raise RuntimeError("write() after write_eof()")
        if self._lost or self._closing or not data:
            return
        self._queue.append(memoryview(bytes(data)))
        self._queued += len(data)
        if len(self._queue) == 1:
            self._write()
        if self._queued > self._high and not self._writing_paused:
            self._writing_paused = True
            self._protocol.pause_writing()

    def write_eof(self):
        if not self._eof_to_send and not self._closing:
            self._eof_to_send = True
            self._write()

    def _write(self):
        """As much as is taken; then, where that was all, what was asked to come behind it."""
        if self._lost:
            return
        try:
            while self._queue:
                first = self._queue[0]
                n = self._socket.send(first, _socket.MSG_NOSIGNAL)
                self._queued -= n
                if n < len(first):
                    self._queue[0] = first[n:]
                else:
                    self._queue.popleft()
            if self._eof_to_send:
                self._socket.shutdown(_socket.SHUT_WR)
        except BlockingIOError:
            self._network.when(self._socket, _OUT, self._write)
        except OSError as problem:
            self._end(problem)
            return
        self._network.soon()
        if self._writing_paused and self._queued <= self._low:
            self._writing_paused = False
            self._protocol.resume_writing()
        if self._closing and not self._queue:
            self._end(None)

    # --- the end

    def get_protocol(self):
        return self._protocol

    def set_protocol(self, protocol):
        self._protocol = protocol

    def is_closing(self):
        return self._closing

    def close(self):
        """Sends what is queued, then closes: FIN, or RST where octets were never read."""
        if self._closing:
            return
        self._closing = True
        if not self._lost:
            self._network.when(self._socket, _IN, None)
            if not self._queue:
                self._end(None)

    def abort(self):
        """RST, at once."""
        self._closing = True
        if not self._lost:
            self._socket.setsockopt(_socket.SOL_SOCKET, _socket.SO_LINGER, struct.pack("=ii", 1, 0))
            self._end(None)

    def _end(self, problem):
        if self._lost:
            return
        self._lost = self._closing = True
        self._queue.clear()
        self._queued = 0
        self._network.forget(self._socket)
        self._aio.call_soon(self._connection_lost, problem)

    def _connection_lost(self, problem):
        try:
            self._protocol.connection_lost(problem)
        finally:
            self._socket.close()
            self._network.soon()
