"""The bare door for receipts, frozen: store, answer, apply; no rules.

`python -m bench.limits.receipts DSN PORT BODIES CONNECTIONS` prints receipts per second.
`application`, in the same web server at PORT with BARE_DSN set, stores each body as it
came and answers; a process here reads what was stored and changes a row for each receipt.
No token, no encryption, no receipts kept: what the machine can do, not what a product
should be.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import subprocess
import sys
import threading
import time

import psycopg

ROWS = """
DROP TABLE IF EXISTS bare_message, bare_callback;
CREATE TABLE bare_callback (id bigserial PRIMARY KEY, body bytea NOT NULL);
CREATE TABLE bare_message (id bigserial PRIMARY KEY, reference text NOT NULL, phone text NOT NULL,
  status smallint NOT NULL) WITH (fillfactor = 45);
"""
TAKE = """
DELETE FROM bare_callback WHERE id = ANY(ARRAY(SELECT id FROM bare_callback ORDER BY id LIMIT {most})) RETURNING body
"""
APPLY = """
UPDATE bare_message m SET status = 50 FROM unnest(%s::text[]) AS u(reference) WHERE m.reference = u.reference
"""
OK = [("Content-Type", "application/json"), ("Content-Length", "11")]
_own = threading.local()


def application(environ, start_response):
    db = getattr(_own, "db", None)
    if db is None:
        db = _own.db = psycopg.connect(os.environ["BARE_DSN"], autocommit=True)
        db.execute("SET synchronous_commit = off")
    body = environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))
    db.execute("INSERT INTO bare_callback (body) VALUES (%s)", (body,))
    start_response("200 OK", OK)
    return [b'{"ok":true}']


def apply(dsn, most):
    with psycopg.connect(dsn) as db:
        db.execute("SET synchronous_commit = off")
        while True:
            bodies = db.execute(TAKE.format(most=most)).fetchall()
            rows = [row for (body,) in bodies for row in json.loads(body)]
            if rows:
                db.execute(APPLY, ([row["reference"] for row in rows],))
            db.commit()
            if not rows:
                time.sleep(0.02)


def prepare(db, bodies):
    db.execute(ROWS)
    count, each = 0, 1
    with (
        open(bodies) as lines,
        db.cursor().copy(
            "COPY bare_message (reference, phone, status) FROM STDIN"
        ) as copy,
    ):
        for line in lines:
            rows = json.loads(line)
            each = len(rows)
            for row in rows:
                copy.write_row((row["reference"], row["to"], 20))
                count += 1
    db.execute("CREATE UNIQUE INDEX ON bare_message (reference)")
    db.execute("ANALYZE bare_message")
    return count, each


def until_applied(db):
    while db.execute("SELECT EXISTS (SELECT FROM bare_callback)").fetchone()[0]:
        time.sleep(0.02)


def main(dsn, port, bodies, connections):
    post = [sys.executable, "-m", "bench.postman", port, "/", "-", bodies, connections]
    with psycopg.connect(dsn, autocommit=True) as db:
        count, each = prepare(db, bodies)
        applier = multiprocessing.Process(
            target=apply, args=(dsn, 5_000 // each), daemon=True
        )
        applier.start()
        began = float(subprocess.check_output(post))
        until_applied(db)
        seconds = time.time() - began
        applier.kill()
        applied = db.execute(
            "SELECT count(*) FROM bare_message WHERE status = 50"
        ).fetchone()[0]
        assert applied == count, f"{applied} of {count} applied"
    print(count / seconds)


if __name__ == "__main__":
    main(*sys.argv[1:5])
