"""The bare SMPP client, frozen: a full window, receipts answered, nothing kept.

`python -m bench.limits.smpp PORT COUNT WINDOW` prints messages per second, from the first
submit_sm to the last answer and the last receipt. One blocking socket and PDUs made
beforehand: it is what the SMSC can do on this machine, not what a client should be.
"""

from __future__ import annotations

import socket
import struct
import sys
import time

HEADER = struct.Struct(">IIII")
DELIVER_SM, SUBMIT_SM_RESP = 0x05, 0x80000004
TEXT = b"Hello Customer 000000, your offer of 1000 is ready: http://127.0.0.1:8000/l/abcdefgh"


def pdu(command, sequence, body=b""):
    return HEADER.pack(16 + len(body), command, 0, sequence) + body


def submit(n):
    body = b"\0\0\x0010690000\0\x01\x01%s\0\0\0\0\0\0\x01\0\0\0" % (b"8613%09d" % n)
    return pdu(0x04, n + 10, body + bytes((len(TEXT),)) + TEXT)


def frames(sock):
    """Lists of (command, sequence), as they come."""
    buffer = b""
    while data := sock.recv(1 << 16):
        buffer += data
        at, found = 0, []
        while len(buffer) - at >= 16:
            length, command, _status, sequence = HEADER.unpack_from(buffer, at)
            if len(buffer) - at < length:
                break
            found.append((command, sequence))
            at += length
        buffer = buffer[at:]
        yield found


def main(port, count, window):
    requests = [submit(n) for n in range(count)]
    sock = socket.create_connection(("127.0.0.1", port))
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.sendall(pdu(0x09, 1, b"esme\0secret\0\0\x34\0\0\0"))
    incoming = frames(sock)
    next(incoming)
    began = time.perf_counter()
    sock.sendall(b"".join(requests[:window]))
    gone, answered, reported = window, 0, 0
    while answered < count or reported < count:
        out = []
        for command, sequence in next(incoming):
            if command == DELIVER_SM:
                reported += 1
                out.append(pdu(0x80000005, sequence, b"\0"))
            elif command == SUBMIT_SM_RESP:
                answered += 1
                if gone < count:
                    out.append(requests[gone])
                    gone += 1
        if out:
            sock.sendall(b"".join(out))
    print(count / (time.perf_counter() - began))


if __name__ == "__main__":
    main(*map(int, sys.argv[1:4]))
