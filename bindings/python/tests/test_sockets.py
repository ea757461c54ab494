"""Sockets by hand, in virtual time: two stacks, and packets carried from one to the other."""
import errno
import select
import socket
import struct
import unittest

import lastack


class Pair(unittest.TestCase):
    def setUp(self):
        self.a = lastack.Stack("10.0.0.1/24", "fd00::1/64", seed=1)
        self.b = lastack.Stack("10.0.0.2/24", "fd00::2/64", seed=2)
        self.now = 0.0
        self.listener = self.b.socket()
        self.listener.bind(("", 80))
        self.listener.listen()

    def settle(self):
        moved = True
        while moved:
            moved = False
            for of, to in ((self.a, self.b), (self.b, self.a)):
                while packet := of.transmit():
                    to.packet_arrives(packet)
                    moved = True

    def passes(self, seconds):
        self.now += seconds
        self.a.advance(self.now)
        self.b.advance(self.now)
        self.settle()

    def connect(self):
        client = self.a.socket()
        with self.assertRaises(BlockingIOError) as raised:
            client.connect(("10.0.0.2", 80))
        self.assertEqual(raised.exception.errno, errno.EINPROGRESS)
        self.settle()
        client.connect(("10.0.0.2", 80))
        server, peer = self.listener.accept()
        self.assertEqual(peer, client.getsockname())
        self.assertEqual(client.getpeername(), ("10.0.0.2", 80))
        return client, server

    def test_half_close_and_how_it_got_there(self):
        client, server = self.connect()
        self.assertEqual(client.send(b"question"), 8)
        client.shutdown(socket.SHUT_WR)
        self.settle()
        self.assertEqual((client.state, server.state), ("FIN_WAIT_2", "CLOSE_WAIT"))
        self.assertEqual((server.recv(100), server.recv(100)), (b"question", b""))
        server.send(bytearray(b"answer"))
        server.close()
        self.settle()
        buffer = bytearray(100)
        self.assertEqual(client.recv_into(buffer), 6)
        self.assertEqual(buffer[:6], b"answer")
        self.assertEqual([t.after for t in client.history()],
                         ["SYN_SENT", "ESTABLISHED", "FIN_WAIT_1", "FIN_WAIT_2", "TIME_WAIT"])
        self.passes(61)
        self.assertEqual(client.state, "CLOSED")

    def test_only_the_last_descriptor_closes(self):
        client, server = self.connect()
        second = server.dup()
        self.assertEqual(server.references, 2)
        server.close()
        self.settle()
        self.assertEqual(client.state, "ESTABLISHED")
        second.close()
        self.settle()
        self.assertEqual(client.state, "CLOSE_WAIT")

    def test_errors_are_those_of_the_system(self):
        refused = self.a.socket()
        with self.assertRaises(BlockingIOError):
            refused.connect(("10.0.0.2", 81))
        self.settle()
        self.assertTrue(refused.poll() & select.POLLHUP)
        with self.assertRaises(ConnectionRefusedError):
            refused.connect(("10.0.0.2", 81))
        client, server = self.connect()
        with self.assertRaises(BlockingIOError):
            client.recv(1)
        server.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        server.close()
        self.settle()
        with self.assertRaises(ConnectionResetError):
            client.recv(1)
        with self.assertRaises(BrokenPipeError):
            client.send(b"x")
        client.close()
        with self.assertRaises(OSError) as raised:
            client.send(b"x")
        self.assertEqual(raised.exception.errno, errno.EBADF)
        with self.assertRaises(OSError) as raised:
            lastack.Stack("10.0.0")
        self.assertIn("10.0.0 is no address", str(raised.exception))

    def test_options(self):
        client, _ = self.connect()
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.assertEqual(client.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY), 1)
        info = client.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 104)
        self.assertEqual(info[0], 1)  # TCP_ESTABLISHED
        with self.assertRaises(OSError) as raised:
            client.getsockopt(socket.IPPROTO_TCP, 9999)
        self.assertEqual(raised.exception.errno, errno.ENOPROTOOPT)

    def test_datagrams_and_ipv6(self):
        ends = []
        for stack, host in ((self.a, "fd00::1"), (self.b, "fd00::2")):
            ends.append(stack.socket(socket.AF_INET6, socket.SOCK_DGRAM))
            ends[-1].bind((host, 53))
        self.assertEqual(ends[0].sendto(b"who?", ("fd00::2", 53)), 4)
        self.settle()
        self.assertEqual(ends[1].recvfrom(100), (b"who?", ("fd00::1", 53, 0, 0)))

    def test_watching(self):
        client, server = self.connect()
        self.a.watch(client.fileno(), select.POLLIN)
        self.assertEqual(list(self.a.ready()), [])
        server.send(b"x")
        self.settle()
        self.assertEqual(list(self.a.ready()), [(client.fileno(), select.POLLIN)])
        self.assertEqual(list(self.a.ready()), [])  # once
        self.a.watch(client.fileno(), select.POLLIN)
        fd = client.fileno()
        client.close()
        self.assertEqual(list(self.a.ready()), [(fd, select.POLLNVAL)])

    def test_a_loop_waits(self):
        with lastack.Loop() as loop:
            loop.join(self.a, self.b)
            client = self.a.socket()
            with self.assertRaises(BlockingIOError):
                client.connect(("10.0.0.2", 80))
            self.assertEqual(loop.wait(client, select.POLLOUT, timeout=10), select.POLLOUT)
            self.assertEqual(loop.wait(client, select.POLLIN, timeout=0.001), 0)


if __name__ == "__main__":
    unittest.main()
