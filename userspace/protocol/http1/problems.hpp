// Every reason to refuse a message, with its stable code. Internal to the codec; codes appear in records and
// answers.
#pragma once

#include "protocol/http1/reader.hpp"

namespace callgate::http1::problem {

inline constexpr Problem none{0, "", ""};

// Lines and fields.
inline constexpr Problem bare_lf{400, "bare_lf", "A line ends with LF alone; end lines with CR LF."};
inline constexpr Problem bare_cr{400, "bare_cr", "A CR is not followed by LF; end lines with CR LF."};
inline constexpr Problem control_byte{400, "control_byte",
                                      "A field contains a control byte; encode or remove it."};
inline constexpr Problem obs_fold{400, "obs_fold",
                                  "A field line begins with white space; put each field on one line."};
inline constexpr Problem bad_field_line{400, "bad_field_line",
                                        "A field line has no colon; write \"name: value\"."};
inline constexpr Problem bad_field_name{400, "bad_field_name",
                                        "A field name is empty or has bytes that are not those of a token."};
inline constexpr Problem space_before_colon{
    400, "space_before_colon", "White space stands between a field name and its colon; remove it."};
inline constexpr Problem head_too_large{431, "head_too_large",
                                        "The head is larger than allowed; send fewer or shorter fields."};
inline constexpr Problem too_many_fields{431, "too_many_fields",
                                         "The message has more fields than allowed; send fewer."};
inline constexpr Problem bad_connection{
    400, "bad_connection", "Connection is not a list of tokens, or names Host or Content-Length."};

// Request line and target.
inline constexpr Problem target_too_long{414, "target_too_long",
                                         "The request line is longer than allowed; shorten the target."};
inline constexpr Problem bad_method{400, "bad_method", "The method is not a token; is this HTTP?"};
inline constexpr Problem method_too_long{501, "method_too_long",
                                         "The method has more than 32 bytes; use a known one."};
inline constexpr Problem missing_version{400, "missing_version",
                                         "The request line has no version (HTTP/0.9); use HTTP/1.1."};
inline constexpr Problem bad_version{400, "bad_version", "The request line does not end with \"HTTP/1.1\"."};
inline constexpr Problem unsupported_version{505, "unsupported_version",
                                             "Only HTTP/1.1 and HTTP/1.0 are spoken here."};
inline constexpr Problem http2_preface{505, "http2_preface",
                                       "HTTP/2 is not spoken on this connection; use HTTP/1.1."};
inline constexpr Problem bad_target{
    400, "bad_target", "The target has a form or bytes that are not allowed; percent-encode them."};
inline constexpr Problem bad_percent_encoding{
    400, "bad_percent_encoding", "A % in the target is not followed by two hexadecimal digits; write %25."};
inline constexpr Problem fragment_in_target{400, "fragment_in_target",
                                            "The target has a fragment; send it without."};
inline constexpr Problem bad_scheme{400, "bad_scheme", "An absolute target must be an http:// address."};
inline constexpr Problem asterisk_not_options{400, "asterisk_not_options",
                                              "Only OPTIONS may have the target *."};

// Authority.
inline constexpr Problem missing_host{400, "missing_host", "The request names no host; send one Host field."};
inline constexpr Problem repeated_host{400, "repeated_host",
                                       "The request has several Host fields; send one."};
inline constexpr Problem empty_host{400, "empty_host", "The host is empty; name the target."};
inline constexpr Problem bad_host{400, "bad_host", "The host is neither a DNS name nor an IP address."};
inline constexpr Problem bad_port{400, "bad_port", "The port is not a number from 1 to 65535."};
inline constexpr Problem userinfo{400, "userinfo",
                                  "The authority carries user information; use Authorization."};
inline constexpr Problem conflicting_host{400, "conflicting_host",
                                          "Host and the target name different hosts or ports."};

// Framing.
inline constexpr Problem conflicting_lengths{
    400, "conflicting_lengths", "Content-Length and Transfer-Encoding are both there; send one of them."};
inline constexpr Problem repeated_content_length{400, "repeated_content_length",
                                                 "The message has several Content-Length fields; send one."};
inline constexpr Problem bad_content_length{400, "bad_content_length",
                                            "Content-Length is not one decimal number."};
inline constexpr Problem repeated_transfer_encoding{
    400, "repeated_transfer_encoding", "The message has several Transfer-Encoding fields; send one."};
inline constexpr Problem bad_transfer_encoding{400, "bad_transfer_encoding",
                                               "Transfer-Encoding is not exactly \"chunked\"."};
inline constexpr Problem transfer_encoding_in_1_0{400, "transfer_encoding_in_1_0",
                                                  "HTTP/1.0 has no Transfer-Encoding; use HTTP/1.1."};
inline constexpr Problem connect_with_body{400, "connect_with_body",
                                           "CONNECT has no body; send it without framing fields."};
inline constexpr Problem body_too_large{413, "body_too_large", "The body is larger than allowed."};
inline constexpr Problem unknown_expectation{417, "unknown_expectation",
                                             "Only Expect: 100-continue is understood."};

// Chunks and trailers.
inline constexpr Problem bad_chunk_size{400, "bad_chunk_size",
                                        "A chunk size is not 1 to 16 hexadecimal digits."};
inline constexpr Problem bad_chunk_extension{
    400, "bad_chunk_extension", "A chunk extension is not ;name, ;name=token or ;name=\"text\"."};
inline constexpr Problem chunk_line_too_long{400, "chunk_line_too_long",
                                             "A chunk's size line is longer than allowed."};
inline constexpr Problem bad_chunk_end{400, "bad_chunk_end", "The data of a chunk is not followed by CR LF."};
inline constexpr Problem trailers_too_large{431, "trailers_too_large",
                                            "The trailers are larger than allowed."};
inline constexpr Problem forbidden_trailer{
    400, "forbidden_trailer", "A trailer concerns framing, routing or authentication; send it as a header."};

// Responses.
inline constexpr Problem bad_status_line{400, "bad_status_line",
                                         "The status line is not \"HTTP/1.x NNN reason\"."};
inline constexpr Problem unexpected_response{400, "unexpected_response",
                                             "Bytes arrived that answer no request."};
inline constexpr Problem body_not_allowed{400, "body_not_allowed", "A 1xx or 204 response announces a body."};
inline constexpr Problem truncated{400, "truncated", "The connection ended before the message did."};

}  // namespace callgate::http1::problem
