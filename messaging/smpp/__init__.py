"""SMPP 3.4: a session of our own with an SMSC, in a process of its own (`manage.py runsmpp`).

`pdu`, `text`, `reports` and `pace` are pure. `link` is one connection, `line` all that an
account has to its SMSC, `intake` stores what arrives, `gateway` is the process and the
door for the workers, whose side of it is `messaging/transports/smpp.py`.
"""
