"""A reverse proxy that keeps replies in Redis, for each credential its own: aiohttp in front, redis.asyncio behind.

A client that goes away ends the task that serves it, wherever that stands: also while the answer of Redis is awaited.
"""

import asyncio
import json
import os
import subprocess

import aiohttp
import redis.asyncio as redis
from aiohttp import web
from yarl import URL

HOP_BY_HOP = {"connection", "content-length", "expect", "keep-alive", "proxy-connection", "te", "trailer",
              "transfer-encoding", "upgrade"}
ORIGIN = "http://127.0.0.1:" + os.environ["UPSTREAM_PORT"]
SOCKET = os.path.join(os.environ["WORKDIR"], "redis.sock")
TRANSACTIONS = os.environ.get("TRANSACTIONS") == "1"


def end_to_end(headers):
    return [(name, value) for name, value in headers.items() if name.lower() not in HOP_BY_HOP]


async def looked_up(store, key):
    if not TRANSACTIONS:
        return await store.get(key)
    async with store.pipeline(transaction=True) as pipeline:
        pipeline.get(key)
        pipeline.incr("looked up")
        return (await pipeline.execute())[0]


def reply(status, fields, body):
    response = web.Response(status=status, body=body.encode("latin-1"))
    for name, value in fields:
        response.headers.add(name, value)
    return response


async def serve(request):
    store, key = request.app["store"], None
    if request.method == "GET":
        key = json.dumps([request.host, request.raw_path, request.headers.get("Authorization", "")])
        kept = await looked_up(store, key)
        if kept:
            return reply(*json.loads(kept))
    asked = request.app["session"].request(
        request.method, URL(ORIGIN + request.raw_path, encoded=True), headers=end_to_end(request.headers),
        data=await request.read(), allow_redirects=False, skip_auto_headers=("Accept", "Accept-Encoding", "User-Agent"))
    try:
        async with asked as answer:
            whole = (answer.status, end_to_end(answer.headers), (await answer.read()).decode("latin-1"))
    except aiohttp.ClientError:
        return web.Response(status=502)
    if key and answer.status == 200 and "public" in answer.headers.get("Cache-Control", ""):
        await store.set(key, json.dumps(whole), ex=60)
    return reply(*whole)


async def main():
    subprocess.Popen(["redis-server", "--port", "0", "--unixsocket", SOCKET, "--save", "", "--dir", os.environ["WORKDIR"]])
    while not os.path.exists(SOCKET):
        await asyncio.sleep(0.01)
    app = web.Application(client_max_size=1 << 26)
    app["store"] = redis.Redis(unix_socket_path=SOCKET)
    app["session"] = aiohttp.ClientSession(auto_decompress=False, cookie_jar=aiohttp.DummyCookieJar())
    app.router.add_route("*", "/{path:.*}", serve)
    runner = web.AppRunner(app, access_log=None, handler_cancellation=True)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", int(os.environ["LISTEN_PORT"])).start()
    await asyncio.Event().wait()


asyncio.run(main())
