"""A bare sink: answers the simulator's wire at once and keeps nothing but a count.

`python -m bench.sink PORT [SECONDS]`: how long it takes for a request. It finds the ids
by a search over the bytes: a real JSON parser would cost a core that the measured side
needs.
"""

from __future__ import annotations

import asyncio
import re
import sys

ID = re.compile(rb'"id":"([0-9a-f-]{36})"')


class Sink(asyncio.Protocol):
    latency = 0.0

    def connection_made(self, transport):
        self.transport = transport
        self.buffer = b""

    def data_received(self, data):
        self.buffer += data
        while True:
            head, mark, rest = self.buffer.partition(b"\r\n\r\n")
            if not mark:
                return
            length = int(re.search(rb"(?i)content-length: (\d+)", head).group(1))
            if len(rest) < length:
                return
            self.buffer = rest[length:]
            if self.latency:
                loop = asyncio.get_running_loop()
                loop.call_later(self.latency, self.answer, rest[:length])
            else:
                self.answer(rest[:length])

    def answer(self, body):
        rows = b",".join(
            b'{"id":"%b","code":"OK","reference":"s-%b"}' % (one, one)
            for one in ID.findall(body)
        )
        answer = b'{"results":[' + rows + b"]}"
        self.transport.write(
            b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
            % len(answer)
            + answer
        )


async def serve(port):
    server = await asyncio.get_running_loop().create_server(Sink, "127.0.0.1", port)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    Sink.latency = float(sys.argv[2]) if len(sys.argv) > 2 else 0.0
    asyncio.run(serve(int(sys.argv[1])))
