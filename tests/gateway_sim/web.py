"""web - a small HTTP/1.1 server and client on asyncio, enough for a test
gateway: keep-alive, Content-Length bodies, no chunked requests.

A handler takes a Request and returns a Response; it may raise Hangup to close
the connection without an answer.
"""
import asyncio
import json
import urllib.parse
from dataclasses import dataclass, field
from http import HTTPStatus

HEAD_MAX = 16 * 1024
BODY_MAX = 1024 * 1024


class Hangup(Exception):
    """Close the connection; the caller never learns what happened."""


class BadRequest(Exception):
    """The bytes are not a request this server reads."""


@dataclass
class Request:
    method: str
    path: str
    query: str
    headers: dict
    body: bytes = b""

    def wants_json(self):
        return "application/json" in self.headers.get("accept", "")


@dataclass
class Response:
    status: int = 200
    body: bytes = b""
    headers: dict = field(default_factory=dict)


def json_response(status, value, headers=None):
    body = json.dumps(value, indent=2).encode() + b"\n"
    return Response(status, body,
                    {"Content-Type": "application/json", **(headers or {})})


async def read_head(reader):
    """Start line and headers (names in lower case), or None at the end."""
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except (asyncio.IncompleteReadError, ConnectionError):
        return None
    except asyncio.LimitOverrunError as error:
        raise BadRequest("head too large") from error
    lines = head.decode("latin-1").split("\r\n")
    headers = {}
    for line in lines[1:-2]:
        name, colon, value = line.partition(":")
        if not colon:
            raise BadRequest("header without a colon")
        headers[name.lower()] = value.strip()
    return lines[0], headers


def body_length(headers):
    length = headers.get("content-length", "0")
    if "transfer-encoding" in headers or not length.isdigit() \
            or int(length) > BODY_MAX:
        raise BadRequest("body length")
    return int(length)


async def read_request(reader):
    head = await read_head(reader)
    if head is None:
        return None
    parts = head[0].split(" ")
    if len(parts) != 3 or not parts[2].startswith("HTTP/1."):
        raise BadRequest("request line")
    path, _, query = parts[1].partition("?")
    request = Request(parts[0], urllib.parse.unquote(path), query, head[1])
    request.body = await reader.readexactly(body_length(head[1]))
    return request


def encode(response, keep):
    headers = {"Content-Type": "text/plain; charset=utf-8",
               "Cache-Control": "no-store", **response.headers,
               "Content-Length": str(len(response.body)),
               "Connection": "keep-alive" if keep else "close"}
    phrase = HTTPStatus(response.status).phrase
    head = [f"HTTP/1.1 {response.status} {phrase}"]
    head += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join(head).encode("latin-1") + b"\r\n\r\n" + response.body


async def answer_all(handler, reader, writer):
    keep = True
    while keep:
        try:
            request = await read_request(reader)
            if request is None:
                return
            keep = request.headers.get("connection", "").lower() != "close"
            response = await handler(request)
        except BadRequest as error:
            keep, response = False, Response(400, str(error).encode())
        writer.write(encode(response, keep))
        await writer.drain()


async def serve(handler, host, port):
    """Listen; the returned asyncio server answers with `handler`."""
    async def connection(reader, writer):
        try:
            await answer_all(handler, reader, writer)
        except (Hangup, ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()
    return await asyncio.start_server(connection, host, port, limit=HEAD_MAX,
                                      backlog=1024)


async def post(url, body, headers, timeout_s):
    """POST `body` on a new connection; the status, or OSError and
    asyncio.TimeoutError."""
    parts = urllib.parse.urlsplit(url)

    async def talk():
        reader, writer = await asyncio.open_connection(
            parts.hostname, parts.port or 80)
        try:
            lines = [f"POST {parts.path or '/'} HTTP/1.1",
                     f"Host: {parts.netloc}", f"Content-Length: {len(body)}",
                     "Connection: close"]
            lines += [f"{name}: {value}" for name, value in headers.items()]
            writer.write("\r\n".join(lines).encode() + b"\r\n\r\n" + body)
            await writer.drain()
            head = await read_head(reader)
            if head is None:
                raise ConnectionResetError("no answer")
            return int(head[0].split(" ")[1])
        finally:
            writer.close()
    return await asyncio.wait_for(talk(), timeout_s)
