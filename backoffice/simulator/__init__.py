"""A whole provider of SMS, calls and credit facts, in a process of its own.

    python -m backoffice.simulator --port 8070 --seed var/simulator.json [--fast]

It knows nothing of the house and imports nothing of it: it is spoken to over HTTP
and answers through the callback URLs of its seed file (see seed.py for the file,
app.py for the endpoints). Every request needs ``Authorization: Bearer <secret>``;
every callback carries the same header. All it remembers is in memory.

The last two digits of a phone number decide what happens to an SMS:

    99  accepted, then receipt FAILED with INVALID_NUMBER
    98  accepted, then receipt FAILED with UNREACHABLE
    97  delivered, but ten times as late
    96  accepted, no receipt ever
    95  refused at submission: INVALID_NUMBER
    94  THROTTLED the first time its id is seen, accepted afterwards
    93  the whole request is taken, then the connection is cut without an answer
    88  delivered, then the first link of the text is opened
    87  the same as 88
    77  delivered, then replies "TD"
    76  delivered, then replies "好的，谢谢 thanks"
    everything else  delivered after the seed's delay

A called person is looked up in the seed by phone number; what the person answers
is known from there, never from the request.
"""

from __future__ import annotations
