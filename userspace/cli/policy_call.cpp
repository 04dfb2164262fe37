#include "cli/policy_call.hpp"

#include <fmt/format.h>

#include "base/file.hpp"

namespace callgate::cli {
namespace {

constexpr std::size_t largest_body = 64U << 20U;

std::string_view trimmed(std::string_view text) {
  while (text.starts_with(' '))
    text.remove_prefix(1);
  return text;
}

}  // namespace

void CallOptions::add_to(CLI::App& command) {
  command.add_option("--caller", caller, "Who calls: the name of a workload, or its SPIFFE ID")->required();
  command.add_option("--identity", identity, "SPIFFE ID, where --caller is a name");
  command.add_option("--process", process,
                     "Path of the calling executable; without it, it counts as unknown");
  command.add_option("--subject", subject, "Name that a token on the call proves");
  command.add_option("--issuer", issuer, "Issuer of that token");
  command.add_option("--group", groups, "Group of the subject; can be given several times")
      ->allow_extra_args(false);
  command
      .add_option("--function", function,
                  "What is called: \"http:POST /v1/refunds\", \"tls:connect NAME\", \"tcp:connect\"")
      ->required();
  command.add_option("--target", target, "At whom: HOST:PORT or ADDRESS:PORT, as it is dialled");
  command.add_option("--header", headers, "\"Name: value\" of the call; can be given several times")
      ->allow_extra_args(false);
  command.add_option("--body", body, "File with the body of the call");
  command.add_option("--time", time, "When: 2026-11-26T07:30:00Z; without it, now");
}

Result<policy::CallText> CallOptions::read() const {
  policy::CallText text;
  const bool is_identity = caller.starts_with("spiffe://");
  text.workload = is_identity ? caller.substr(caller.rfind('/') + 1) : caller;
  text.identity = is_identity ? caller : identity;
  text.process = process;
  if (!subject.empty() || !issuer.empty() || !groups.empty()) {
    text.issuer = issuer;
    text.subject_name = subject;
    text.groups = groups;
  }
  CALLGATE_TRY(text.set_call(function, target));
  for (const auto& header : headers) {
    const auto colon = header.find(':');
    if (colon == std::string::npos || colon == 0)
      return make_error("usage", fmt::format("`{}` is no header; write \"Name: value\"", header));
    text.headers.emplace_back(header.substr(0, colon), trimmed(std::string_view(header).substr(colon + 1)));
  }
  if (!body.empty()) {
    auto content = read_file(body, largest_body);
    if (!content) return content.error();
    text.body = std::move(*content);
  }
  // Such a call has a body, usually.
  text.body_withheld =
      body.empty() && (text.method == "POST" || text.method == "PUT" || text.method == "PATCH");
  if (!time.empty()) {
    const auto parsed = policy::parse_time(time);
    if (!parsed) return parsed.error();
    text.time_ns = *parsed;
  }
  return text;
}

}  // namespace callgate::cli
