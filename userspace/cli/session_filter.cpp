#include "cli/session_filter.hpp"

#include <array>
#include <charconv>
#include <ctime>
#include <utility>

#include <fmt/format.h>

#include "base/clock.hpp"
#include "inquiry/record_filter.hpp"

namespace callgate::cli {
namespace {

constexpr std::uint64_t second = 1'000'000'000;
constexpr std::array<std::pair<char, std::uint64_t>, 4> units{
    {{'s', 1}, {'m', 60}, {'h', 3600}, {'d', 86400}}};

Error no_time(std::string_view text) {
  return make_error("invalid",
                    fmt::format("`{}` is no time: write 30s, 10m, 2h or 7d (before now), 2026-01-31 or "
                                "2026-01-31T23:59:59Z",
                                text));
}

// Points `target` to a text field of a message.
void add_text(CLI::App& command, const char* name, const char* type, const char* help, std::string* target) {
  command.add_option(name, *target, help)->type_name(type);
}

}  // namespace

Result<std::uint64_t> parse_time(std::string_view text, std::uint64_t now) {
  std::uint64_t number = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), number);
  if (parsed.ec == std::errc() && parsed.ptr + 1 == text.data() + text.size()) {
    for (const auto& [unit, seconds] : units) {
      if (*parsed.ptr != unit) continue;
      if (number > now / second / seconds) return no_time(text);
      return now - number * seconds * second;
    }
    return no_time(text);
  }
  for (const char* const form : {"%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%d"}) {
    std::tm time{};
    const std::string copy(text);
    const char* const end = ::strptime(copy.c_str(), form, &time);
    if (end == nullptr || *end != '\0') continue;
    const auto seconds = ::timegm(&time);
    if (seconds < 0) break;
    return static_cast<std::uint64_t>(seconds) * second;
  }
  return no_time(text);
}

Result<std::uint64_t> parse_duration(std::string_view text) {
  constexpr std::array<std::pair<std::string_view, std::uint64_t>, 4> names{
      {{"us", 1}, {"ms", 1000}, {"s", 1'000'000}, {"m", 60'000'000}}};
  constexpr std::uint64_t longest = 1'000'000'000;
  std::uint64_t number = 0;
  const auto* const end = text.data() + text.size();
  const auto parsed = std::from_chars(text.data(), end, number);
  const std::string_view unit(parsed.ptr, static_cast<std::size_t>(end - parsed.ptr));
  for (const auto& [name, microseconds] : names) {
    if (parsed.ec == std::errc() && number <= longest && unit == name) return number * microseconds;
  }
  return make_error("invalid", fmt::format("`{}` is no duration: write 250us, 80ms, 2s or 5m", text));
}

Result<v1::SessionFilter> FilterOptions::value() const {
  auto result = filter;
  result.set_port(port);
  const auto now = wall_ns();
  if (!since.empty()) {
    const auto time = parse_time(since, now);
    if (!time) return time.error();
    result.set_since(*time);
  }
  if (!until.empty()) {
    const auto time = parse_time(until, now);
    if (!time) return time.error();
    result.set_until(*time);
  }
  if (!min_duration.empty()) {
    const auto least = parse_duration(min_duration);
    if (!least) return least.error();
    result.set_min_duration_us(*least);
  }
  const auto checked = inquiry::check_filter(result);
  if (!checked) return checked.error();
  return result;
}

void add_filter_options(CLI::App& command, FilterOptions& options, bool with_times) {
  auto& filter = options.filter;
  add_text(command, "--workload", "NAME", "Only of this workload", filter.mutable_workload());
  add_text(command, "--namespace", "NAME", "Only of workloads whose SPIFFE ID has /ns/NAME/",
           filter.mutable_namespace_());
  add_text(command, "--process", "GLOB", "Only of programs like this, such as \"/usr/bin/python3*\"",
           filter.mutable_process_glob());
  add_text(command, "--function", "GLOB", "Only functions like this, such as \"http:POST *\"",
           filter.mutable_function_glob());
  add_text(command, "--host", "GLOB", "Only calls to targets like this, such as \"*.pay.internal\"",
           filter.mutable_host());
  command.add_option("--port", options.port, "Only calls to this port")
      ->type_name("PORT")
      ->check(CLI::Range(1, 65535));
  command
      .add_option("--decision", *filter.mutable_decision(),
                  "Only what was allowed, or denied, or would be by observed policies")
      ->check(CLI::IsMember({"allow", "deny", "would-deny"}));
  add_text(command, "--policy", "NAME", "Only what this policy decided", filter.mutable_policy());
  add_text(command, "--rule", "NAME", "Only what this rule decided", filter.mutable_rule());
  command.add_option("--outcome", *filter.mutable_outcome(), "Only calls that ended like this")
      ->check(CLI::IsMember({"completed", "denied", "refused", "failed", "caller_aborted", "interrupted"}));
  add_text(command, "--error-code", "CODE", "Only calls with this error, such as tls_expired",
           filter.mutable_error_code());
  add_text(command, "--status", "STATUS", "Only answers with this status: 403, or a class such as 4xx",
           filter.mutable_status());
  add_text(command, "--id", "DIGITS", "Only the session or call whose id begins or ends like this",
           filter.mutable_id());
  add_text(command, "--min-duration", "TIME", "Only calls that took at least so long: 250us, 80ms, 2s, 5m",
           &options.min_duration);
  if (!with_times) return;
  add_text(command, "--since", "TIME",
           "Opened at or after: 10m (before now), 2026-01-31, 2026-01-31T23:59:59Z", &options.since);
  add_text(command, "--until", "TIME", "Opened before", &options.until);
}

}  // namespace callgate::cli
