"""The bare pipeline on SQLite, frozen: as `bulk.py`, one process, one transaction a chunk.

`python -m bench.limits.bulk_sqlite FILE SINK_PORT ROWS` prints messages per second.
"""

from __future__ import annotations

import socket
import sqlite3
import sys
import time

from bench.limits.bulk import CHUNK, answer, submit

SETUP = """
PRAGMA journal_mode = WAL;
PRAGMA synchronous = NORMAL;
CREATE TABLE bare_customer (id integer PRIMARY KEY, phone text NOT NULL, name text NOT NULL);
CREATE TABLE bare_message (
  id integer PRIMARY KEY, phone text NOT NULL, name text NOT NULL, status integer NOT NULL,
  reference text, sent_at text);
"""


def main(path, port, rows):
    db = sqlite3.connect(path, isolation_level=None)
    db.executescript(SETUP)
    db.execute("BEGIN")
    db.executemany(
        "INSERT INTO bare_customer VALUES (?, ?, ?)",
        ((n, f"+861380{n:07d}", f"Name {n}") for n in range(1, rows + 1)),
    )
    db.execute("COMMIT")
    began = time.perf_counter()
    db.execute(
        "INSERT INTO bare_message SELECT id, phone, name, 0, NULL, NULL FROM bare_customer"
    )
    sock = socket.create_connection(("127.0.0.1", port))
    stream = sock.makefile("rb")
    for start in range(1, rows + 1, CHUNK):
        send(db, sock, stream, start)
    print(rows / (time.perf_counter() - began))


def send(db, sock, stream, start):
    chunk = db.execute(
        "SELECT id, phone, name FROM bare_message WHERE id >= ? AND id < ?",
        (start, start + CHUNK),
    ).fetchall()
    batches = [chunk[at : at + 100] for at in range(0, len(chunk), 100)]
    for batch in batches:
        submit(sock, batch)
    answers = [row for _batch in batches for row in answer(stream)]
    db.execute("BEGIN IMMEDIATE")
    db.executemany(
        "UPDATE bare_message SET status = 20, reference = ?, sent_at = datetime('now') WHERE id = ?",
        [(reference, pk) for pk, reference in answers],
    )
    db.execute("COMMIT")


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
