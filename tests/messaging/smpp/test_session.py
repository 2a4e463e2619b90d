"""Our session against npm's smpp as the SMSC."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from messaging.smpp.line import Line
from tests.messaging.smpp.lines import Heard, bound, make_config, sms, submit, until

pytestmark = pytest.mark.once


def said(rows):
    return [row["said"] for row in rows.values()]


# --- sending -----------------------------------------------------------------------


@pytest.mark.requirement("E3")
def test_taken_sms_has_the_id_that_the_smsc_gave_it(smsc):
    peer = smsc()

    async def scenario():
        async with bound(make_config(peer.port)) as line:
            return await submit(line, sms(1))

    [row] = asyncio.run(scenario()).values()
    [seen] = peer.wait("submit")
    assert (row["said"], row["reference"]) == ("taken", seen["id"])
    assert (seen["to"], seen["from"], seen["text"]) == (
        "8613800000011",
        "10690000",
        "Hello",
    )


def test_no_more_than_the_window_is_on_the_way(smsc):
    peer = smsc(hold=True)

    async def scenario():
        async with bound(make_config(peer.port, window=7)) as line:
            handover = line.take(sms(30), patience=30)
            await until(lambda: line.in_flight == 7)
            await asyncio.sleep(0.3)
            held = len(peer.events("submit"))
            peer.do("release")
            return held, await handover.done

    held, rows = asyncio.run(scenario())
    assert held == 7
    assert len(rows) == len(peer.events("submit")) == 30


def test_refused_number_says_so(smsc):
    peer = smsc()

    async def scenario():
        async with bound(make_config(peer.port)) as line:
            return await submit(line, sms(1, ending="00"))

    [row] = asyncio.run(scenario()).values()
    assert (row["said"], row["code"]) == ("refused", "ESME_RINVDSTADR")


def test_throttled_is_slowed_down_until_all_are_taken_once(smsc):
    peer = smsc(tps=20)

    async def scenario():
        async with bound(make_config(peer.port, window=50)) as line:
            rows = await submit(line, sms(60))
            return rows, line.pace.rate

    rows, rate = asyncio.run(scenario())
    numbers = [one["to"] for one in peer.events("submit")]
    assert set(said(rows)) == {"taken"}
    assert len(numbers) == len(set(numbers)) == 60
    assert 0 < rate < 50
    # The window that was on the way when it began, and few at the slower pace.
    assert 0 < len(peer.events("throttled")) < 150


def test_throttled_to_the_end_of_patience_was_surely_not_taken(smsc):
    peer = smsc(tps=1)

    async def scenario():
        async with bound(make_config(peer.port)) as line:
            return await submit(line, sms(30), patience=1.5)

    rows = asyncio.run(scenario())
    waiting = [row for row in rows.values() if row["said"] == "waiting"]
    assert len(waiting) + len(peer.events("submit")) == 30
    assert {row["code"] for row in waiting} <= {"ESME_RTHROTTLED", "no time"}


def test_what_was_submitted_and_has_no_answer_is_lost_and_told_late(smsc):
    peer = smsc(hold=True)
    heard = Heard()

    async def scenario():
        async with bound(make_config(peer.port, window=3), heard) as line:
            rows = await submit(line, sms(5), patience=0.5)
            peer.do("release")
            await until(lambda: len(heard.late) == 3)
            return rows

    rows = asyncio.run(scenario())
    assert said(rows) == ["lost"] * 3 + ["waiting"] * 2
    assert [row["said"] for row in heard.late] == ["taken"] * 3
    assert len(peer.events("submit")) == 3


def test_sms_of_a_worker_that_is_gone_go_out_and_are_told_late(smsc):
    peer = smsc()
    heard = Heard()

    async def scenario():
        async with bound(make_config(peer.port), heard) as line:
            line.take(sms(20), patience=10).abandon()
            await until(lambda: len(heard.late) == 20)

    asyncio.run(scenario())
    assert {row["id"] for row in heard.late} == {str(n) for n in range(20)}
    assert len(peer.events("submit")) == 20


def test_what_a_worker_did_not_live_to_hear_is_told_late(smsc):
    peer = smsc(tps=5)
    heard = Heard()

    async def scenario():
        async with bound(make_config(peer.port), heard) as line:
            handover = line.take(sms(10), patience=30)
            waiting = asyncio.create_task(wait_for(handover))
            await until(lambda: peer.events("throttled"))
            waiting.cancel()
            await asyncio.gather(waiting, return_exceptions=True)
            handover.abandon()
            peer.do("set", tps=0)
            await until(lambda: len(heard.late) == 10)

    async def wait_for(handover):
        await handover.done

    asyncio.run(scenario())
    assert len({row["id"] for row in heard.late}) == 10
    assert len(peer.events("submit")) == 10


def test_text_that_cannot_be_sent_holds_up_no_other(smsc):
    peer = smsc()

    async def scenario():
        async with bound(make_config(peer.port)) as line:
            return await submit(line, [*sms(1, "a" * 50_000), *sms(2, start=1)])

    rows = asyncio.run(scenario())
    assert said(rows) == ["refused", "taken", "taken"]
    assert rows["0"]["code"] == "ESME_RINVMSGLEN"


def test_nothing_handed_over_is_answered_at_once(smsc):
    peer = smsc()

    async def scenario():
        async with bound(make_config(peer.port)) as line:
            return await submit(line, [])

    assert asyncio.run(scenario()) == {}


# --- texts -------------------------------------------------------------------------

LONG = {
    "GSM-7": "Dear {customer}, €100 ~ " * 20,
    "UCS-2": "您好，您的还款日是明天😀" * 20,
}


@pytest.mark.parametrize("concatenation", ["udh8", "udh16", "sar", "payload"])
@pytest.mark.parametrize("kind", LONG)
def test_long_text_is_put_together_again_by_the_peer(smsc, kind, concatenation):
    peer = smsc()
    text = LONG[kind]

    async def scenario():
        config = make_config(peer.port, concatenation=concatenation)
        async with bound(config) as line:
            return await submit(line, sms(3, text))

    rows = asyncio.run(scenario())
    assert set(said(rows)) == {"taken"}
    assert [one["text"] for one in peer.wait("text", 3)] == [text] * 3
    parts = 1 if concatenation == "payload" else len(rows["0"]["parts"])
    assert parts == peer.events("text")[0]["parts"]


def test_receipt_is_asked_for_the_last_part_alone_whose_id_counts(smsc):
    peer = smsc()
    heard = Heard()

    async def scenario():
        async with bound(make_config(peer.port), heard) as line:
            rows = await submit(line, sms(1, "a" * 400))
            await until(lambda: heard.receipts)
            return rows

    row = asyncio.run(scenario())["0"]
    parts = peer.events("submit")
    assert [part["wants"] for part in parts] == [0, 0, 1]
    assert row["parts"] == [part["id"] for part in parts]
    assert [row["reference"]] == heard.receipts == [parts[-1]["id"]]


@pytest.mark.parametrize(("part", "taken"), [(1, 0), (2, 1)])
def test_part_that_is_refused_ends_the_sms(smsc, part, taken):
    peer = smsc(refusePart=part)

    async def scenario():
        async with bound(make_config(peer.port)) as line:
            return await submit(line, sms(1, "a" * 400))

    row = asyncio.run(scenario())["0"]
    assert (row["said"], row["reference"]) == ("refused", "")
    assert len(row["parts"]) == len(peer.events("submit")) == taken


# --- what the SMSC sends -------------------------------------------------------------


@pytest.mark.parametrize("form", ["tlv", "text", "both"])
@pytest.mark.parametrize("ucs2", [False, True])
def test_receipt_names_the_id_in_every_form(smsc, form, ucs2):
    peer = smsc(receipts=form, ucs2=ucs2)
    assert references_match(peer)


@pytest.mark.parametrize(
    ("answered", "reported", "setting"),
    [("hex", "dec", "hex_dec"), ("dec", "hex", "dec_hex"), ("hex", "hex", "loose")],
)
def test_ids_in_another_form_find_their_sms(smsc, answered, reported, setting):
    peer = smsc(ids=answered, receiptIds=reported)
    assert references_match(peer, receipt_ids=setting)


def references_match(peer, **settings):
    heard = Heard()

    async def scenario():
        async with bound(make_config(peer.port, **settings), heard) as line:
            rows = await submit(line, sms(5, "您好"))
            await until(lambda: len(heard.receipts) == 5)
            return rows

    rows = asyncio.run(scenario())
    return {row["reference"] for row in rows.values()} == set(heard.receipts)


@pytest.mark.requirement("E5")
def test_reply_is_heard(smsc):
    peer = smsc()
    heard = Heard()

    async def scenario():
        async with bound(make_config(peer.port), heard) as line:
            await submit(line, sms(1, ending="77"))
            await until(lambda: heard.replies)

    asyncio.run(scenario())
    assert heard.replies == ["退订"]


@pytest.mark.parametrize(("safely", "status"), [(True, 0), (False, 0x64)])
def test_what_could_not_be_stored_is_to_come_again(smsc, safely, status):
    peer = smsc()

    async def scenario():
        async with bound(make_config(peer.port), Heard(safely)) as line:
            await submit(line, sms(1))
            await until(lambda: peer.events("deliver_sm_resp"))

    asyncio.run(scenario())
    assert peer.events("deliver_sm_resp")[0]["status"] == status


# --- the connection ------------------------------------------------------------------


def test_two_binds_submit_on_one_and_hear_on_the_other(smsc):
    peer = smsc()
    heard = Heard()

    async def scenario():
        async with bound(make_config(peer.port, bind="pair"), heard) as line:
            await submit(line, sms(3))
            await until(lambda: len(heard.receipts) == 3)

    asyncio.run(scenario())
    kinds = {one["kind"] for one in peer.events("bind")}
    assert kinds == {"bind_transmitter", "bind_receiver"}


def test_tls(smsc, tmp_path, monkeypatch):
    key, certificate = self_signed()
    trusted = tmp_path / "ca.pem"
    trusted.write_text(certificate)
    monkeypatch.setenv("SSL_CERT_FILE", str(trusted))
    peer = smsc(key=key, cert=certificate)

    async def scenario():
        async with bound(make_config(peer.port, tls=True)) as line:
            return await submit(line, sms(3))

    assert set(said(asyncio.run(scenario()))) == {"taken"}


def test_certificate_of_a_stranger_is_not_bound_to(smsc):
    key, certificate = self_signed()
    peer = smsc(key=key, cert=certificate)

    async def scenario():
        line = Line(make_config(peer.port, tls=True), Heard())
        line.start()
        await until(lambda: line.state.startswith("not connected"))
        await line.stop(grace=0)
        return line.state

    assert asyncio.run(scenario()) == "not connected: SSLCertVerificationError"
    assert not peer.events("bind")


def self_signed():
    """A key and a certificate for 127.0.0.1, as PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "smsc")])
    now = datetime.now(UTC)
    address = x509.IPAddress(ip_address("127.0.0.1"))
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), 1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([address]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    public = certificate.public_bytes(serialization.Encoding.PEM)
    return private.decode(), public.decode()


def test_refused_bind_is_tried_again_and_told_to_workers(smsc):
    peer = smsc()

    async def scenario():
        line = Line(make_config(peer.port, password="wrong"), Heard())
        line.start()
        await until(lambda: len(peer.events("bind")) >= 2)
        rows = await submit(line, sms(2), patience=0.3)
        await line.stop(grace=0)
        return rows

    rows = asyncio.run(scenario())
    assert said(rows) == ["waiting", "waiting"]
    assert rows["0"]["code"] == "bind refused: ESME_RINVPASWD"


def test_peer_that_unbinds_is_bound_again_and_nothing_is_sent_twice(smsc):
    peer = smsc()

    async def scenario():
        async with bound(make_config(peer.port, window=5)) as line:
            handover = line.take(sms(300), patience=30)
            await until(lambda: len(peer.events("submit")) > 20)
            peer.do("unbind")
            rows = await handover.done
            await until(lambda: line.sender.link)
            return rows

    rows = asyncio.run(scenario())
    peer.wait("unbind_resp")
    assert len(peer.events("bind")) >= 2
    numbers = [one["to"] for one in peer.events("submit")]
    assert len(numbers) == len(set(numbers))
    assert {row["said"] for row in rows} <= {"taken", "lost"}
    taken = {row["reference"] for row in rows if row["said"] == "taken"}
    assert taken <= {one["id"] for one in peer.events("submit")}


def test_connection_that_breaks_leaves_the_window_in_doubt_and_the_rest_goes_on(smsc):
    peer = smsc(hold=True)

    async def scenario():
        async with bound(make_config(peer.port, window=4)) as line:
            handover = line.take(sms(10), patience=30)
            await until(lambda: len(peer.events("submit")) == 4)
            peer.do("set", hold=False)
            peer.do("drop")
            return await handover.done

    rows = asyncio.run(scenario())
    outcomes = [row["said"] for row in rows]
    assert (outcomes.count("lost"), outcomes.count("taken")) == (4, 6)
    assert len({one["to"] for one in peer.events("submit")}) == 10


def test_silence_is_broken_by_enquire_link(smsc):
    peer = smsc()

    async def scenario():
        async with bound(make_config(peer.port, enquire_seconds=0.2)):
            await until(lambda: len(peer.events("enquire_link")) >= 2)

    asyncio.run(scenario())
    assert len(peer.events("bind")) == 1


def test_peer_that_does_not_answer_enquire_link_is_dropped(smsc):
    peer = smsc(deaf=True)

    async def scenario():
        config = make_config(peer.port, enquire_seconds=0.2, response_seconds=1)
        async with bound(config):
            await until(lambda: len(peer.events("bind")) >= 2)

    asyncio.run(scenario())


def test_stop_unbinds_after_the_answers_to_what_is_on_the_way(smsc):
    peer = smsc(hold=True)

    async def scenario():
        async with bound(make_config(peer.port, window=2)) as line:
            handover = line.take(sms(4), patience=30)
            await until(lambda: len(peer.events("submit")) == 2)
            asyncio.get_running_loop().call_later(0.2, peer.do, "release")
            await line.stop(grace=20)
            return await handover.done

    rows = asyncio.run(scenario())
    assert sorted(row["said"] for row in rows) == [
        "taken",
        "taken",
        "waiting",
        "waiting",
    ]
    assert len(peer.wait("unbind")) == 1


def test_no_smsc_is_told_at_once_after_a_while(smsc, monkeypatch):
    monkeypatch.setattr("messaging.smpp.line.BLIP", 0.1)

    async def scenario():
        line = Line(make_config(1), Heard())
        line.start()
        await asyncio.sleep(0.3)
        rows = await submit(line, sms(2), patience=60)
        await line.stop(grace=0)
        return rows

    assert said(asyncio.run(scenario())) == ["waiting", "waiting"]
