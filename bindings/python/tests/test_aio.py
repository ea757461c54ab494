"""Streams, transports, TLS: what asyncio promises of its own."""
import asyncio
import pathlib
import ssl
import subprocess
import tempfile
import unittest

import lastack
from lastack.aio import Network


class Streams(unittest.IsolatedAsyncioTestCase):
    async def asyncSetUp(self):
        self.a, self.b = lastack.Stack("10.0.0.1/24", "fd00::1/64"), lastack.Stack("10.0.0.2/24",
                                                                                   "fd00::2/64")
        self.network = Network()
        self.network.join(self.a, self.b)

    async def asyncTearDown(self):
        self.network.close()

    async def echo(self, reader, writer):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
        writer.close()

    async def test_much_both_ways_and_a_half_close(self):
        data = bytes(range(256)) * 20_000
        async with await self.network.start_server(self.echo, self.b, "10.0.0.2", 7):
            reader, writer = await self.network.open_connection(self.a, "10.0.0.2", 7)

            async def send():
                for at in range(0, len(data), 100_000):
                    writer.write(data[at:at + 100_000])
                    await writer.drain()
                writer.write_eof()
            _, got = await asyncio.gather(send(), reader.read())
            self.assertEqual(len(got), len(data))
            self.assertEqual(got, data)
            self.assertEqual(writer.get_extra_info("socket").state, "TIME_WAIT")
            self.assertEqual(writer.get_extra_info("peername"), ("10.0.0.2", 7))

    async def test_ipv6_and_many_at_once(self):
        async with await self.network.start_server(self.echo, self.b, "fd00::2", 7):
            async def ask(i):
                reader, writer = await self.network.open_connection(self.a, "fd00::2", 7)
                writer.write(b"%d" % i)
                got = await reader.readexactly(len(str(i)))
                writer.close()
                await writer.wait_closed()
                return int(got)
            self.assertEqual(await asyncio.gather(*map(ask, range(100))), list(range(100)))

    async def test_refused_and_cancelled(self):
        with self.assertRaises(ConnectionRefusedError):
            await self.network.open_connection(self.a, "10.0.0.2", 8)
        silent = lastack.Stack("10.0.1.1/24")  # nobody answers there
        self.network.join(silent, lastack.Stack("10.0.1.2/24"))
        with self.assertRaises(asyncio.TimeoutError):
            await asyncio.wait_for(self.network.open_connection(silent, "10.0.1.9", 8), 0.01)

    async def test_an_abort_is_a_reset(self):
        met = asyncio.Queue()
        async with await self.network.start_server(lambda r, w: met.put_nowait((r, w)), self.b,
                                                   "10.0.0.2", 7):
            reader, writer = await self.network.open_connection(self.a, "10.0.0.2", 7)
            theirs, _ = await met.get()
            writer.transport.abort()
            with self.assertRaises(ConnectionResetError):
                await theirs.read()
            self.assertEqual(await reader.read(), b"")

    async def test_tls_runs_on_it(self):
        with tempfile.TemporaryDirectory() as folder:
            key, certificate = pathlib.Path(folder, "key"), pathlib.Path(folder, "certificate")
            subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                            "ec_paramgen_curve:P-256", "-nodes", "-keyout", key, "-out",
                            certificate, "-subj", "/CN=example", "-days", "1"], check=True,
                           stderr=subprocess.DEVNULL)
            theirs = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
            theirs.load_cert_chain(certificate, key)
            ours = ssl.create_default_context(cafile=certificate)
        ours.check_hostname = False
        loop = asyncio.get_running_loop()

        # As STARTTLS has it: who begins before the other has switched loses what he says.
        async def serve(reader, writer):
            self.assertEqual(await reader.readline(), b"STARTTLS\n")
            writer.write(b"go\n")
            transport = await loop.start_tls(writer.transport, writer.transport.get_protocol(),
                                             theirs, server_side=True)
            writer._transport = reader._transport = transport
            await self.echo(reader, writer)
        # Streams that never pause: what they paused before the switch they would resume after it.
        limit = 2**20
        async with await self.network.start_server(serve, self.b, "10.0.0.2", 443, limit=limit):
            reader, writer = await self.network.open_connection(self.a, "10.0.0.2", 443, limit=limit)
            writer.write(b"STARTTLS\n")
            self.assertEqual(await reader.readline(), b"go\n")
            transport = await loop.start_tls(writer.transport, writer.transport.get_protocol(), ours)
            reader._transport = transport
            transport.write(b"secret" * 50_000)
            self.assertEqual(await reader.readexactly(300_000), b"secret" * 50_000)
            transport.close()


if __name__ == "__main__":
    unittest.main()
