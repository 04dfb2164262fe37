// The one reading of an HTTP request's path that policies are compared with.
#pragma once

#include <string>
#include <string_view>

#include "base/result.hpp"

namespace callgate::policy {

// Brings the path of a request target (origin-form without query, RFC 9112 section 3.2.1; empty is "/", and
// "*" stays) to its normal form: percent-encodings decoded once, dot segments resolved (RFC 3986
// section 5.2.4). Slashes are not merged and `;parameters` stay: Engine::decide reads such paths both ways.
//
// The result is a view of `raw` where nothing had to change, else of `storage`; it is UTF-8 without control
// characters. Errors: what two servers may read as two different paths, so that no policy can speak of it.
// Answer 400, or deny.
//   bad_path        no leading slash, `?` or `#`, control characters, broken percent-encoding, not UTF-8
//   ambiguous_path  encoded or plain backslash, encoded slash or control character, something encoded twice,
//                   dot segments with parameters or next to empty segments
//   path_above_root more `..` than segments before them
[[nodiscard]] Result<std::string_view> normalize_path(std::string_view raw, std::string& storage);

// True if `path` (a normalized one) has parameters or empty segments, which some servers drop.
[[nodiscard]] bool has_second_reading(std::string_view path);
// `path` without parameters and empty segments: "/a;v=1//b" becomes "/a/b".
[[nodiscard]] std::string second_reading(std::string_view path);

}  // namespace callgate::policy
