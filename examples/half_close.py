#!/usr/bin/env python3
"""A client asks and half-closes; the server answers until it has said all. Each is on a host of its
own, a wire in memory between them, both under asyncio."""
import asyncio

import lastack
from lastack.aio import Network


async def answer(reader, writer):
    question = await reader.read()  # until the client's FIN
    print(f"B has read {len(question)} octets, and stands in "
          f"{writer.get_extra_info('socket').state}")
    writer.write(b"and an answer to it")
    writer.close()


async def main():
    a, b = lastack.Stack("10.0.0.1/24"), lastack.Stack("10.0.0.2/24")
    async with Network() as network:
        network.join(a, b)
        async with await network.start_server(answer, b, "10.0.0.2", 80):
            reader, writer = await network.open_connection(a, "10.0.0.2", 80)
            writer.write(b"a question")
            writer.write_eof()  # the half-close
            print("A has read:", (await reader.read()).decode())
            socket = writer.get_extra_info("socket")
            print(f"How A got to {socket.state}:")
            for step in socket.history():
                print(f"  {step.before} -> {step.after} by {step.cause}")
            return 0 if socket.state == "TIME_WAIT" else 1

raise SystemExit(asyncio.run(main()))
