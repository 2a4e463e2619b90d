"""The bare pipeline, frozen: snapshot, render, submit, record; no rules.

`python -m bench.limits.bulk DSN SINK_PORT ROWS BATCH` prints messages per second. Two workers,
rows go in by COPY and change by one UPDATE from a temporary table; the HTTP client is
hand-written. It is what the machine can do, not what a product should be.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import socket
import sys
import time

import psycopg

CHUNK = 2_000
SETUP = """
DROP TABLE IF EXISTS bare_message, bare_customer;
CREATE UNLOGGED TABLE bare_customer AS
  SELECT n AS id, '+861380' || lpad(n::text, 7, '0') AS phone, 'Name ' || n AS name FROM generate_series(1, {rows}) n;
CREATE TABLE bare_message (
  id bigint PRIMARY KEY, phone text NOT NULL, name text NOT NULL, status smallint NOT NULL,
  reference text, sent_at timestamptz) WITH (fillfactor = 75);
"""
SNAPSHOT = "INSERT INTO bare_message SELECT id, phone, name, 0 FROM bare_customer"


def submit(sock, rows):
    items = [
        {
            "id": f"00000000-0000-0000-0000-{pk:012x}",
            "to": phone,
            "text": f"Hello {name}, your offer is ready.",
        }
        for pk, phone, name in rows
    ]
    body = json.dumps({"messages": items}, separators=(",", ":")).encode()
    sock.sendall(
        b"POST /sms HTTP/1.1\r\nHost: sink\r\nContent-Length: %d\r\n\r\n" % len(body)
        + body
    )


def answer(stream):
    length = 0
    while (line := stream.readline()) != b"\r\n":
        if line.lower().startswith(b"content-length:"):
            length = int(line.split(b":")[1])
    return [
        (int(row["id"][-12:], 16), row["reference"])
        for row in json.loads(stream.read(length))["results"]
    ]


def work(dsn, port, first, last, size):
    sock = socket.create_connection(("127.0.0.1", port))
    stream = sock.makefile("rb")
    with psycopg.connect(dsn) as db:
        db.execute("CREATE TEMP TABLE done (id bigint, reference text)")
        for start in range(first, last, CHUNK):
            end = min(start + CHUNK, last)
            rows = db.execute(
                "SELECT id, phone, name FROM bare_message WHERE id >= %s AND id < %s",
                (start, end),
            ).fetchall()
            batches = [rows[at : at + size] for at in range(0, len(rows), size)]
            for batch in batches:
                submit(sock, batch)
            answers = [row for _batch in batches for row in answer(stream)]
            with db.cursor().copy("COPY done FROM STDIN") as copy:
                for row in answers:
                    copy.write_row(row)
            db.execute(
                "UPDATE bare_message m SET status = 20, reference = d.reference, sent_at = now() FROM done d WHERE m.id = d.id"
            )
            db.execute("TRUNCATE done")
            db.commit()


def main(dsn, port, rows, size):
    with psycopg.connect(dsn, autocommit=True) as db:
        db.execute(SETUP.format(rows=rows))
        began = time.perf_counter()
        db.execute(SNAPSHOT)
        half = rows // 2 + 1
        workers = [
            multiprocessing.Process(target=work, args=(dsn, port, first, last, size))
            for first, last in ((1, half), (half, rows + 1))
        ]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        seconds = time.perf_counter() - began
        sent = db.execute(
            "SELECT count(*) FROM bare_message WHERE status = 20"
        ).fetchone()[0]
        assert sent == rows, f"{sent} of {rows} sent"
        db.execute("DROP TABLE bare_message, bare_customer")
    print(rows / seconds)


if __name__ == "__main__":
    os.environ.setdefault("PGCONNECT_TIMEOUT", "5")
    main(sys.argv[1], *map(int, sys.argv[2:5]))
