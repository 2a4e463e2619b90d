"""A provider that reports: posts prepared bodies over some kept connections, and no more.

`python -m bench.postman PORT PATH BEARER BODIES CONNECTIONS`, BODIES a file with one body
a line. It prints when it began, as seconds since 1970. Every answer must be 200. Plain
sockets, each with one request under way: an HTTP client would cost a core that the
measured side needs.
"""

from __future__ import annotations

import selectors
import socket
import sys
import time
from collections import deque
from pathlib import Path

HEAD = (
    "POST {path} HTTP/1.1\r\nHost: provider\r\nAuthorization: Bearer {bearer}\r\n"
    "Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n"
)


def main(port, path, bearer, bodies, connections):
    posts = deque(
        HEAD.format(path=path, bearer=bearer, length=len(body)).encode() + body
        for body in Path(bodies).read_bytes().splitlines()
    )
    selector = selectors.DefaultSelector()
    print(time.time(), flush=True)
    waiting = 0
    for _n in range(min(connections, len(posts))):
        sock = socket.create_connection(("127.0.0.1", port))
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.sendall(posts.popleft())
        selector.register(sock, selectors.EVENT_READ)
        waiting += 1
    while waiting:
        for key, _events in selector.select(30):
            answer = key.fileobj.recv(4096)
            if not answer.startswith(b"HTTP/1.1 200"):
                sys.exit(f"answered {answer[:40]!r}")
            if posts:
                key.fileobj.sendall(posts.popleft())
            else:
                waiting -= 1
                selector.unregister(key.fileobj)


if __name__ == "__main__":
    main(int(sys.argv[1]), *sys.argv[2:5], int(sys.argv[5]))
