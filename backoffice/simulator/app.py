"""The simulator's HTTP endpoints. JSON in and out; a Bearer secret for all of them.

POST /sms          {"messages": [{"id", "to", "text", "sender"}]}, at most 100
POST /sms/query    {"ids": [...]}
POST /calls        {"id", "to", "script", "answer_kind", "language"}
POST /credit       {"ids": [...]}
POST /people       {phone: {...}}: merged into the seed's people
POST /reset        forget messages, calls, counts and added people
GET  /stats · /accepted?id= · /accepted/all · /outbox?limit=50 · /requests/calls
"""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import AsyncIterator
from contextlib import suppress
from itertools import islice
from typing import Any

import aiohttp
from aiohttp import web
from aiohttp.typedefs import Handler

from . import calls, sms
from .calls import Exchange
from .faults import Faults
from .ledger import Ledger
from .network import Network
from .postman import Postman
from .seed import Seed

SEED = web.AppKey("SEED", Seed)
LEDGER = web.AppKey("LEDGER", Ledger)
NETWORK = web.AppKey("NETWORK", Network)
EXCHANGE = web.AppKey("EXCHANGE", Exchange)
FAULTS = web.AppKey("FAULTS", Faults)

LARGEST_BODY = 16 * 2**20
SECONDS_TO_ANSWER = 10

routes = web.RouteTableDef()


def build(seed: Seed) -> web.Application:
    app = web.Application(
        client_max_size=LARGEST_BODY, middlewares=[only_with_secret, on_a_bad_day]
    )
    app[SEED], app[FAULTS] = seed, Faults(seed)
    app[LEDGER] = Ledger()
    app.add_routes(routes)
    app.cleanup_ctx.append(_outside_world)
    return app


async def _outside_world(app: web.Application) -> AsyncIterator[None]:
    """The connections outwards live as long as the server."""
    timeout = aiohttp.ClientTimeout(total=SECONDS_TO_ANSWER)
    async with aiohttp.ClientSession(timeout=timeout) as session:
        postman = Postman(app[SEED], app[LEDGER], session)
        app[NETWORK] = Network(app[SEED], app[LEDGER], postman, session)
        app[EXCHANGE] = Exchange(app[SEED], postman)
        delivering = asyncio.create_task(postman.deliver_receipts())
        yield
        delivering.cancel()
        with suppress(asyncio.CancelledError):
            await delivering


@web.middleware
async def only_with_secret(
    request: web.Request, handler: Handler
) -> web.StreamResponse:
    seed = request.app[SEED]
    seed.refresh()
    shown = request.headers.get("Authorization", "").encode()
    if not hmac.compare_digest(shown, f"Bearer {seed.secret}".encode()):
        return _refusal("The secret is missing or wrong.", status=401)
    return await handler(request)


@web.middleware
async def on_a_bad_day(request: web.Request, handler: Handler) -> web.StreamResponse:
    faults = request.app[FAULTS]
    fault = faults.draw() if request.path.startswith("/sms") else ""
    if not fault:
        return await handler(request)
    request.app[LEDGER].counts[f"fault_{fault}"] += 1
    return await faults.suffer(fault, request, lambda: handler(request))


@routes.post("/sms")
async def take_sms(request: web.Request) -> web.StreamResponse:
    body = await _json(request)
    problem = sms.problem_of(body)
    if problem:
        return _refusal(problem)
    results, taken = sms.submit(body["messages"], request.app[LEDGER])
    request.app[NETWORK].carry(taken)
    await asyncio.sleep(request.app[SEED].latency)
    if any(one.fate.answer_cut for one in taken) and request.transport:
        request.transport.close()
    return web.json_response({"results": results})


@routes.post("/sms/query")
async def answer_query(request: web.Request) -> web.Response:
    ids = await _ids(request)
    results = [sms.found(one, request.app[LEDGER]) for one in ids]
    return web.json_response({"results": results})


@routes.post("/calls")
async def take_call(request: web.Request) -> web.Response:
    body = await _json(request)
    ledger = request.app[LEDGER]
    ledger.call_requests.append(body)
    problem = calls.problem_of(body)
    if problem:
        return _refusal(problem)
    ledger.counts["calls"] += 1
    reference = ledger.new_reference()
    request.app[NETWORK].do(request.app[EXCHANGE].place(body, reference))
    return web.json_response({"reference": reference})


@routes.post("/credit")
async def tell_credit(request: web.Request) -> web.Response:
    facts = request.app[SEED].credit(await _ids(request))
    return web.json_response({"results": facts})


@routes.post("/people")
async def add_people(request: web.Request) -> web.Response:
    people = await _json(request)
    fits = isinstance(people, dict) and all(
        isinstance(person, dict) and isinstance(person.get("answers", {}), dict)
        for person in people.values()
    )
    if not fits:
        return _refusal("People are given as {phone: {...}}.")
    request.app[SEED].add_people(people)
    return web.json_response({"people": len(people)})


@routes.post("/reset")
async def reset(request: web.Request) -> web.Response:
    request.app[LEDGER].forget()
    request.app[SEED].forget()
    return web.json_response({})


@routes.get("/stats")
async def tell_stats(request: web.Request) -> web.Response:
    return web.json_response(request.app[LEDGER].stats())


@routes.get("/accepted")
async def tell_accepted(request: web.Request) -> web.Response:
    one = request.query.get("id", "")
    standing = request.app[LEDGER].standings.get(one)
    return web.json_response({"id": one, "accepted": standing.times if standing else 0})


@routes.get("/accepted/all")
async def tell_all_accepted(request: web.Request) -> web.Response:
    """How many times each id was accepted."""
    standings = request.app[LEDGER].standings.items()
    return web.json_response({one: standing.times for one, standing in standings})


@routes.get("/outbox")
async def tell_outbox(request: web.Request) -> web.Response:
    """The messages accepted last, newest first."""
    limit = request.query.get("limit", "50")
    if not limit.isdecimal():
        return _refusal("limit is a number.")
    newest = islice(reversed(request.app[LEDGER].outbox), int(limit))
    fields = ("id", "reference", "to", "text", "sender")
    rows = [{name: getattr(taken, name) for name in fields} for taken in newest]
    return web.json_response({"messages": rows})


@routes.get("/requests/calls")
async def tell_call_requests(request: web.Request) -> web.Response:
    """The call requests as they came, refused ones too."""
    return web.json_response({"requests": list(request.app[LEDGER].call_requests)})


async def _json(request: web.Request) -> Any:
    try:
        return await request.json()
    except ValueError:
        raise web.HTTPBadRequest(text="The body is no JSON.") from None


async def _ids(request: web.Request) -> list[str]:
    body = await _json(request)
    ids = body.get("ids") if isinstance(body, dict) else None
    if not isinstance(ids, list) or not all(isinstance(one, str) for one in ids):
        raise web.HTTPBadRequest(text='The body is {"ids": [...]}.')
    return ids


def _refusal(problem: str, *, status: int = 400) -> web.Response:
    return web.json_response({"error": problem}, status=status)
