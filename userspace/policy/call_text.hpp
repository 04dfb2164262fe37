// A caller and a call as people write them: for tools and test cases.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/address.hpp"
#include "base/result.hpp"
#include "policy/engine.hpp"

namespace callgate::policy {

// Owns what Caller and Call view.
struct CallText {
  std::string workload;
  std::string identity;
  std::string process;
  // For `subject`: set in full or not at all.
  std::optional<std::string> issuer;
  std::string subject_name;
  std::vector<std::string> groups;
  std::vector<std::pair<std::string, std::string>> claims;

  std::string protocol;
  std::string method;
  std::string host;
  std::uint16_t port = 0;
  std::string path;
  std::string query;
  std::optional<Address> address;
  std::vector<std::pair<std::string, std::string>> headers;
  std::optional<std::string> body;  // absent: the call has none, or
  bool body_withheld = false;       // has one that is not given
  std::uint64_t time_ns = 0;        // since 1970; 0: now

  // Reads `function` ("http:POST /v1/refunds", "http:POST api.internal:8080/v1/refunds?x=1", "tls:connect
  // name", "tcp:connect") and `target` ("api.internal:8080"), which may be empty where the function names the
  // host. Without a port it is 80 for http, else 443. An IP literal as host is the address too. Errors:
  // bad_function, bad_target, those of normalize_path.
  [[nodiscard]] Result<void> set_call(std::string_view function, std::string_view target);

  // `sent`: whether the body is there (else it is pending, where there is one).
  template <typename Use>
  auto with(bool sent, Use use) const {
    Subject subject;
    Caller caller{workload, identity, process, nullptr};
    if (issuer) {
      subject = {*issuer, subject_name, groups, claims};
      caller.subject = &subject;
    }
    std::vector<HeaderField> fields;
    for (const auto& [name, value] : headers)
      fields.push_back({name, value});
    Call call = base_call();
    call.headers = fields;
    if (body_withheld) call.body.state = Body::State::pending;
    if (body) call.body = sent ? Body{Body::State::complete, *body} : Body{Body::State::pending, {}};
    return use(caller, call);
  }

 private:
  [[nodiscard]] Call base_call() const;
};

// "2026-11-26T07:30:00Z" or with an offset, as nanoseconds since 1970; error bad_time.
[[nodiscard]] Result<std::uint64_t> parse_time(std::string_view text);

}  // namespace callgate::policy
