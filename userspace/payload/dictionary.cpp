#include "payload/dictionary.hpp"

#include <array>
#include <string_view>

#include "base/bytes.hpp"

namespace callgate::payload {
namespace {

// Magic number, id and the entropy tables that ZDICT_finalizeDictionary made of the text below and of calls
// with JSON bodies: a small block neither has to carry tables of its own, nor wait for them to be made.
constexpr std::array<std::uint8_t, 172> tables{
    0x37, 0xa4, 0x30, 0xec, 0x01, 0x00, 0x67, 0x63, 0x4f, 0x10, 0x60, 0x4b, 0x36, 0x07, 0x14, 0xde,
    0xe6, 0x92, 0x58, 0x12, 0x4b, 0x62, 0x49, 0x2c, 0x89, 0x25, 0xb1, 0x24, 0xd6, 0x86, 0xbb, 0x34,
    0x04, 0x86, 0x80, 0x31, 0x38, 0x86, 0xee, 0xc6, 0x87, 0x44, 0x00, 0x1f, 0x37, 0xd9, 0x5a, 0x37,
    0x11, 0xf4, 0xb4, 0xdf, 0xb2, 0x65, 0xc9, 0x29, 0x8f, 0x13, 0x69, 0x10, 0x04, 0x41, 0x10, 0x04,
    0x41, 0x50, 0x1f, 0xf8, 0x4d, 0x49, 0x49, 0x49, 0x89, 0x60, 0x3b, 0xfc, 0xf3, 0x7d, 0xd9, 0x36,
    0x45, 0xc7, 0x27, 0xb9, 0xe0, 0x18, 0x1a, 0x01, 0xd3, 0x00, 0x00, 0x0c, 0x0c, 0x88, 0xc4, 0x43,
    0x45, 0x32, 0xb1, 0x1f, 0x00, 0x04, 0xa0, 0x00, 0x97, 0x25, 0x9b, 0x22, 0x98, 0xcc, 0x45, 0x92,
    0x40, 0xc6, 0xa2, 0x18, 0x40, 0x08, 0x52, 0x00, 0x18, 0x60, 0x00, 0x40, 0x00, 0x00, 0x05, 0x94,
    0x29, 0x28, 0x10, 0x00, 0x00, 0x00, 0x00, 0x84, 0x2f, 0x25, 0xe3, 0x58, 0x2c, 0x26, 0x10, 0x08,
    0x42, 0x39, 0x92, 0xe4, 0x20, 0x0c, 0x83, 0x18, 0x88, 0x41, 0x21, 0xb3, 0x08, 0x00, 0x00, 0x00,
    0x01, 0x00, 0x00, 0x00, 0x04, 0x00, 0x00, 0x00, 0x08, 0x00, 0x00, 0x00,
};

// Heads of HTTP/1.1 messages as common clients and servers write them, and beginnings of JSON; what is most
// common comes last, where referring to it costs least.
constexpr std::string_view text =
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

}  // namespace

std::string make_dictionary() {
  return std::string(as_text(tables)).append(text);
}

}  // namespace callgate::payload
