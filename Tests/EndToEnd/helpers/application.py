"""The ASGI application behind uvicorn: answers that show what arrived."""

import hashlib
import json


async def application(scope, receive, send):
    if scope["type"] == "http":
        await _http(scope, receive, send)
    elif scope["type"] == "websocket":
        await _websocket(receive, send)
    elif scope["type"] == "lifespan":
        await _lifespan(receive, send)


async def _http(scope, receive, send):
    digest, length = hashlib.sha256(), 0
    while True:
        part = await receive()
        if part["type"] != "http.request":
            return
        digest.update(part["body"])
        length += len(part["body"])
        if not part.get("more_body"):
            break
    if scope["path"] == "/stream":
        await _stream(send, int(scope["query_string"] or b"10"))
        return
    report = {
        "method": scope["method"],
        "path": scope["path"],
        "query": scope["query_string"].decode(),
        "headers": [[name.decode("latin-1"), value.decode("latin-1")] for name, value in scope["headers"]],
        "length": length,
        "sha256": digest.hexdigest(),
    }
    body = json.dumps(report).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})


async def _stream(send, count):
    """Chunks of 64 KiB without a length."""
    await send({"type": "http.response.start", "status": 200, "headers": []})
    for index in range(count):
        await send({"type": "http.response.body", "body": bytes([index & 255]) * 65536, "more_body": True})
    await send({"type": "http.response.body", "body": b""})


async def _websocket(receive, send):
    while True:
        event = await receive()
        if event["type"] == "websocket.connect":
            await send({"type": "websocket.accept"})
        elif event["type"] == "websocket.receive":
            same = {key: event[key] for key in ("text", "bytes") if event.get(key) is not None}
            await send({"type": "websocket.send", **same})
        elif event["type"] == "websocket.disconnect":
            return


async def _lifespan(receive, send):
    while True:
        event = await receive()
        await send({"type": event["type"] + ".complete"})
        if event["type"] == "lifespan.shutdown":
            return
