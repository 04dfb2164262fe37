// What small blocks are likely to contain, for the compressor to refer to.
//
// Blocks in files were written with it: it never changes. A better one gets a codec of its own.
#pragma once

#include <string_view>

namespace callgate::payload {

// Heads of HTTP/1.1 messages as common clients and servers write them, and beginnings of JSON; what is most
// common comes last, where referring to it costs least.
inline constexpr std::string_view dictionary =
    "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<title>"
    "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
    "application/x-www-form-urlencoded&grant_type=client_credentials&scope=&client_id=&client_secret="
    "text/event-stream\r\n\r\ndata: {\"id\":\"chatcmpl-\",\"object\":\"chat.completion.chunk\",\"model\":\""
    "\"choices\":[{\"index\":0,\"delta\":{\"content\":\"\"},\"finish_reason\":null}]}\n\ndata: [DONE]\n\n"
    "{\"model\":\"\",\"messages\":[{\"role\":\"system\",\"content\":\"\"},{\"role\":\"user\",\"content\":"
    "\"\"}],"
    "\"temperature\":0,\"max_tokens\":,\"stream\":true}"
    "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/call\",\"params\":{\"name\":\"\",\"arguments\":{}}}"
    "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{\"content\":[{\"type\":\"text\",\"text\":\""
    "{\"error\":{\"code\":\"\",\"message\":\"\"}}{\"type\":\"about:blank\",\"title\":\"\",\"status\":,"
    "\"detail\":\""
    "{\"data\":[{\"id\":\"\",\"created_at\":\"2026-01-01T00:00:00Z\",\"updated_at\":\"\",\"email\":\"\","
    "\"url\":\"https://"
    "\",\"description\":\"\",\"amount\":0.0,\"currency\":\"EUR\",\"quantity\":1,\"price\":,\"total\":,"
    "\"count\":,"
    "\"items\":[{\"key\":\"\",\"value\":\"\"}],\"enabled\":true,\"deleted\":false,\"parent\":null,\"user\":{"
    "\"id\":\"\","
    "\"name\":\"\",\"type\":\"\",\"state\":\"\",\"status\":\"ok\"}\n"
    "PATCH / HTTP/1.1\r\nDELETE / HTTP/1.1\r\nHEAD / HTTP/1.1\r\nOPTIONS * HTTP/1.1\r\nPUT / HTTP/1.1\r\n"
    "HTTP/1.1 500 Internal Server Error\r\nHTTP/1.1 503 Service Unavailable\r\nHTTP/1.1 502 Bad Gateway\r\n"
    "HTTP/1.1 429 Too Many Requests\r\nRetry-After: HTTP/1.1 409 Conflict\r\nHTTP/1.1 403 Forbidden\r\n"
    "HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Bearer realm=\"HTTP/1.1 400 Bad Request\r\n"
    "HTTP/1.1 404 Not Found\r\nHTTP/1.1 304 Not Modified\r\nHTTP/1.1 302 Found\r\nLocation: http://"
    "HTTP/1.1 301 Moved Permanently\r\nHTTP/1.1 206 Partial Content\r\nContent-Range: bytes 0-"
    "HTTP/1.1 204 No Content\r\nHTTP/1.1 201 Created\r\nLast-Modified: Mon, Tue, Wed, Thu, Fri, Sat, Sun, "
    " Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec 2026 2027 2025 00:00:00 GMT\r\n"
    "Expires: 0\r\nPragma: no-cache\r\nX-Content-Type-Options: nosniff\r\nX-Frame-Options: DENY\r\n"
    "Strict-Transport-Security: max-age=31536000; includeSubDomains\r\nReferrer-Policy: no-referrer\r\n"
    "Access-Control-Allow-Origin: *\r\nSet-Cookie: session=; Path=/; HttpOnly; Secure; SameSite=Lax\r\n"
    "If-None-Match: W/\"If-Modified-Since: ETag: \"Age: Via: 1.1 Alt-Svc: Upgrade: websocket\r\n"
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: Origin: https://Referer: https://Cookie: "
    "traceparent: 00-tracestate: X-Request-Id: X-Request-ID: x-request-id: X-Forwarded-For: "
    "Idempotency-Key: Proxy-Authorization: Basic Authorization: Bearer eyJhbGciOiJSUzI1NiIsInR5cCI6IkpXVCJ9."
    "user-agent: node\r\naccept-language: *\r\nsec-fetch-mode: cors\r\naccept-encoding: gzip, deflate, br\r\n"
    "content-type: application/json\r\ncontent-length: host: accept: application/json\r\nconnection: "
    "close\r\n"
    "User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/\r\n"
    "User-Agent: Go-http-client/1.1\r\nUser-Agent: okhttp/4.12.0\r\nUser-Agent: curl/7.88.1\r\n"
    "User-Agent: Java-http-client/17.0\r\nUser-Agent: python-requests/2.28.1\r\nUser-Agent: "
    "python-httpx/0.27.0\r\n"
    "Server: Apache/2.4.57 (Debian)\r\nServer: uvicorn\r\nServer: envoy\r\nServer: nginx/1.22.1\r\nVary: "
    "Accept-Encoding\r\n"
    "Vary: Origin\r\nCache-Control: no-cache, no-store, max-age=0, must-revalidate\r\nContent-Encoding: "
    "gzip\r\n"
    "Accept-Ranges: bytes\r\nContent-Type: application/octet-stream\r\nContent-Type: text/html; "
    "charset=utf-8\r\n"
    "Content-Type: text/plain; charset=utf-8\r\nContent-Type: application/json; "
    "charset=utf-8\r\nTransfer-Encoding: chunked\r\n"
    "HTTP/1.1 200 OK\r\nServer: nginx\r\nDate: Thu, 01 Jan 2026 12:00:00 GMT\r\nContent-Type: "
    "application/json\r\n"
    "Content-Length: 1\r\nConnection: keep-alive\r\n\r\n{\"id\":\""
    "GET /api/v1/ HTTP/1.1\r\nHost: localhost:8080\r\nAccept: application/json\r\nPOST /v1/ "
    "HTTP/1.1\r\nHost: "
    ".internal:8080\r\nUser-Agent: \r\nAccept-Encoding: gzip, deflate\r\nAccept: */*\r\nConnection: "
    "keep-alive\r\n"
    "Content-Type: application/json\r\nContent-Length: 1\r\n\r\n";

}  // namespace callgate::payload
