"""The vendors' own SDKs sign the same as we do; they really send, to a server of the test."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime
from urllib.parse import parse_qsl

import pytest
from alibabacloud_dysmsapi20170525.client import Client as AliyunClient
from alibabacloud_dysmsapi20170525.models import (
    QuerySendDetailsRequest,
    SendBatchSmsRequest,
)
from alibabacloud_tea_openapi.utils import Utils
from alibabacloud_tea_openapi.utils_models import Config
from darabonba.request import DaraRequest
from darabonba.runtime import ExtendsParameters, RuntimeOptions
from hypothesis import given
from hypothesis import strategies as st
from tencentcloud.common.credential import Credential
from tencentcloud.common.profile.client_profile import ClientProfile
from tencentcloud.common.profile.http_profile import HttpProfile
from tencentcloud.common.sign import Sign
from tencentcloud.sms.v20210111.models import (
    PullSmsSendStatusByPhoneNumberRequest,
    SendSmsRequest,
)
from tencentcloud.sms.v20210111.sms_client import SmsClient

from backoffice.kit.http import Session
from backoffice.kit.ids import uuid7
from messaging.models import ProviderAccount
from messaging.transports import transport
from messaging.transports.base import Approved, Asked, Outgoing
from messaging.transports.signatures import ACS3, Keys, acs3, acs3_query, tc3
from tests.messaging.transports import aliyun, tencent
from tests.messaging.transports.sample import http_peer

KEYS = Keys("LTAI5tExample", "s3cret/+=")
NAME = '李 "雷" + 😀 & 100%~*'
PHONES = ["13800000001", "13800000002"]
# It would keep its connection for the next request, and the server waiting for it.
ONCE = RuntimeOptions(
    extends_parameters=ExtendsParameters(headers={"connection": "close"})
)
AT = datetime(2026, 11, 21, 4, tzinfo=UTC)
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)


def account_at(sample, url):
    account = ProviderAccount(transport=sample.slug, settings=sample.settings(url))
    account.set_secrets(dict(zip(sample.secrets, KEYS, strict=True)))
    return account


def ours(sample, url, do):
    with Session() as http:
        do(transport(sample.slug), account_at(sample, url), http)


def items():
    return [
        Outgoing(uuid7(), f"+86{phone}", "", Approved("SMS_1", "某银行", variables))
        for phone, variables in zip(
            PHONES, [(("name", NAME),), (("name", "Li"),)], strict=True
        )
    ]


# --- Aliyun ------------------------------------------------------------------------


def aliyun_sdk(peer):
    host = peer.url.removeprefix("http://")
    config = Config(*KEYS, endpoint=host, protocol="HTTP", read_timeout=30_000)
    return AliyunClient(config)


def signed_headers(seen):
    names = seen.headers["authorization"].split("SignedHeaders=")[1].split(",")[0]
    return {name: seen.headers[name] for name in names.split(";")}


def vendor_acs3(query, headers):
    request = DaraRequest()
    request.method, request.pathname = "POST", "/"
    request.query, request.headers = query, headers
    digest = headers["x-acs-content-sha256"]
    return Utils.get_authorization(request, ACS3, digest, *KEYS)


@pytest.fixture
def aliyun_requests():
    """The same request, by its SDK and by us."""
    with http_peer(aliyun.SAMPLE.taken) as peer:
        batch = items()
        ours(
            aliyun.SAMPLE,
            peer.url,
            lambda one, account, http: one.send(account, batch, http),
        )
        said = aliyun.form(peer.seen[0])
        aliyun_sdk(peer).send_batch_sms_with_options(
            SendBatchSmsRequest(
                out_id=aliyun.query(peer.seen[0])["OutId"],
                template_code="SMS_1",
                phone_number_json=json.dumps(PHONES, separators=(",", ":")),
                sign_name_json='["某银行","某银行"]',
                template_param_json=said["TemplateParamJson"],
            ),
            ONCE,
        )
        return peer.seen[1], peer.seen[0]


def test_aliyun_batch_is_its_sdks_to_the_byte(aliyun_requests):
    sdk, our = aliyun_requests
    assert our.body == sdk.body
    assert aliyun.query(our) == aliyun.query(sdk)
    same = ("x-acs-action", "x-acs-version", "x-acs-content-sha256", "content-type")
    assert [our.headers[name] for name in same] == [sdk.headers[name] for name in same]
    params = json.loads(aliyun.form(our)["TemplateParamJson"])
    assert params == [{"name": NAME}, {"name": "Li"}]


def test_aliyun_sdks_signature_is_ours(aliyun_requests):
    for seen in aliyun_requests:
        query, headers = aliyun.query(seen), signed_headers(seen)
        assert vendor_acs3(query, headers) == seen.headers["authorization"]
        assert acs3(KEYS, query, headers) == seen.headers["authorization"]


def test_aliyun_question_is_its_sdks():
    with http_peer(aliyun.SAMPLE.taken) as peer:
        asked = [Asked(uuid7(), "+8613800000001", AT)]
        ours(
            aliyun.SAMPLE,
            peer.url,
            lambda one, account, http: one.query(account, asked, http),
        )
        aliyun_sdk(peer).query_send_details_with_options(
            QuerySendDetailsRequest(
                current_page=1,
                page_size=50,
                phone_number="13800000001",
                send_date="20261121",
            ),
            ONCE,
        )
        our, sdk = peer.seen
    assert aliyun.query(our) == aliyun.query(sdk)
    assert our.headers["x-acs-action"] == sdk.headers["x-acs-action"]


@given(query=st.dictionaries(st.sampled_from("ABC"), texts), nonce=st.uuids())
def test_acs3_signs_any_text_as_the_sdk_does(query, nonce):
    headers = {
        "host": "dysmsapi.aliyuncs.com",
        "x-acs-content-sha256": hashlib.sha256(b"").hexdigest(),
        "x-acs-signature-nonce": nonce.hex,
    }
    assert acs3(KEYS, query, headers) == vendor_acs3(query, headers)


@given(query=st.dictionaries(st.sampled_from("ABC"), texts))
def test_query_of_the_address_reads_as_it_was_written(query):
    read = dict(parse_qsl(acs3_query(query), keep_blank_values=True))
    assert read == query


# --- Tencent -----------------------------------------------------------------------


def tencent_sdk(peer):
    host = peer.url.removeprefix("http://")
    profile = ClientProfile(httpProfile=HttpProfile(protocol="http", endpoint=host))
    return SmsClient(Credential(*KEYS), "ap-guangzhou", profile)


def by_tencent_sdk(peer, action, request, said):
    request.from_json_string(json.dumps(said))
    getattr(tencent_sdk(peer), action)(request)
    return peer.seen[-1]


def same_but_for_time(our, sdk):
    names = ("content-type", "x-tc-action", "x-tc-version", "x-tc-region")
    assert json.loads(our.body) == json.loads(sdk.body)
    assert [our.headers[name] for name in names] == [
        sdk.headers[name] for name in names
    ]


@pytest.fixture
def tencent_requests():
    """The same request, by its SDK and by us."""
    with http_peer(tencent.SAMPLE.taken) as peer:
        batch = items()[:1]
        ours(
            tencent.SAMPLE,
            peer.url,
            lambda one, account, http: one.send(account, batch, http),
        )
        said = {
            "PhoneNumberSet": ["+8613800000001"],
            "SmsSdkAppId": "1400006666",
            "TemplateId": "SMS_1",
            "SignName": "某银行",
            "TemplateParamSet": [NAME],
            "SessionContext": str(batch[0].id),
        }
        return by_tencent_sdk(peer, "SendSms", SendSmsRequest(), said), peer.seen[0]


def test_tencent_request_is_its_sdks(tencent_requests):
    sdk, our = tencent_requests
    same_but_for_time(our, sdk)


def test_tencent_sdks_signature_is_ours(tencent_requests):
    for seen in tencent_requests:
        at = datetime.fromtimestamp(int(seen.headers["x-tc-timestamp"]), UTC)
        signed = tc3(KEYS, seen.headers["host"], seen.body, at)
        assert signed["authorization"] == seen.headers["authorization"]


def test_tencent_question_is_its_sdks():
    with http_peer(lambda seen: tencent.response({"PullSmsSendStatusSet": []})) as peer:
        asked = [Asked(uuid7(), "+8613800000001", AT)]
        ours(
            tencent.SAMPLE,
            peer.url,
            lambda one, account, http: one.query(account, asked, http),
        )
        said = {
            "BeginTime": int(AT.timestamp()) - 600,
            "EndTime": json.loads(peer.seen[0].body)["EndTime"],
            "Offset": 0,
            "Limit": 100,
            "PhoneNumber": "+8613800000001",
            "SmsSdkAppId": "1400006666",
        }
        request = PullSmsSendStatusByPhoneNumberRequest()
        sdk = by_tencent_sdk(peer, "PullSmsSendStatusByPhoneNumber", request, said)
        same_but_for_time(peer.seen[0], sdk)


@given(body=texts.map(str.encode), at=st.datetimes(datetime(2020, 1, 1)))
def test_tc3_signs_any_body_as_the_sdk_does(body, at):
    at = at.replace(tzinfo=UTC)
    day, seconds = f"{at:%Y-%m-%d}", int(at.timestamp())
    canonical = (
        "POST\n/\n\ncontent-type:application/json\nhost:sms.example\n\n"
        f"content-type;host\n{hashlib.sha256(body).hexdigest()}"
    )
    digest = hashlib.sha256(canonical.encode()).hexdigest()
    text = f"TC3-HMAC-SHA256\n{seconds}\n{day}/sms/tc3_request\n{digest}"
    vendors = Sign.sign_tc3(KEYS.secret, day, "sms", text)
    headers = tc3(KEYS, "sms.example", body, at)
    assert headers["authorization"].endswith(f"Signature={vendors}")
