// What a gateway sends on: heads without their hop-by-hop fields, chunks, and answers of its own.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "protocol/http1/reader.hpp"

namespace callgate::http1 {

// True for a field that concerns one connection only (RFC 9110 7.6.1): Connection and what it lists,
// Keep-Alive, Proxy-Connection, Proxy-Authenticate, Proxy-Authorization, TE, Transfer-Encoding, Upgrade.
// Trailer is kept.
[[nodiscard]] bool is_hop_by_hop(const Head& head, std::string_view field_name);

// Appends the request as it goes to the target: origin-form target, Host first, end-to-end fields in their
// order, then framing fields anew (Content-Length or Transfer-Encoding: chunked). HTTP/1.1 always, connection
// kept alive. The Expect of an HTTP/1.0 client is left out: it could not read the 100 that follows. CONNECT
// keeps its target. `upgrade` is what upgrade_offer() gave: the target is asked for it.
void append_request_head(std::string& out, const RequestHead& head, std::string_view upgrade = {});

// Appends the response as it goes to the client. `client_minor_version` 0 gets no chunked framing: the body
// then ends with the connection. `close` adds "Connection: close" (or "keep-alive" for HTTP/1.0 where kept);
// it is taken as true where body_ends_connection(). A body of unknown length is chunked for an HTTP/1.1
// client. The Content-Length that a response to HEAD or a 304 carries is kept. Interim responses get no
// connection fields; HTTP/1.0 knows none of them.
void append_response_head(std::string& out, const ResponseHead& head, int client_minor_version, bool close);

// Appends a 101 that changes to `protocol`.
void append_upgrade_head(std::string& out, const ResponseHead& head, std::string_view protocol);

// True if the client can only tell the end of this response's body by the connection's end.
[[nodiscard]] bool body_ends_connection(const ResponseHead& head, int client_minor_version);

// Appends one chunk; nothing for empty data, which would end the body.
void append_chunk(std::string& out, std::string_view data);
// The last chunk, with trailers that are neither hop-by-hop nor framing fields.
void append_last_chunk(std::string& out, const std::vector<Field>& trailers);

// A whole answer with application/problem+json (RFC 9457) content `json`. `fields` are further lines of its
// head, each with its end.
[[nodiscard]] std::string make_problem_response(int status, std::string_view json, std::string_view fields,
                                                bool head_request, bool close);

// "Not Found" for 404; "Unknown" where IANA has no phrase.
[[nodiscard]] std::string_view reason_phrase(int status);

}  // namespace callgate::http1
