#include "policy/call_text.hpp"

#include <algorithm>
#include <charconv>
#include <chrono>

#include <fmt/format.h>

#include "policy/path.hpp"
#include "policy/text_pattern.hpp"

namespace callgate::policy {
namespace {

Error bad_function(std::string_view text) {
  return make_error(
      "bad_function",
      fmt::format("`{}` is no function; write \"http:POST /v1/refunds\", \"tls:connect name\" or "
                  "\"tcp:connect\"",
                  text));
}

// "api.internal:8080", "[2001:db8::1]:443", "api.internal".
Result<void> split_host(std::string_view text, std::string& host, std::uint16_t& port) {
  std::string_view name = text;
  std::string_view digits;
  if (text.starts_with('[')) {
    const auto end = text.find(']');
    if (end == std::string_view::npos)
      return make_error("bad_target", fmt::format("`{}` lacks its `]`", text));
    name = text.substr(1, end - 1);
    const auto rest = text.substr(end + 1);
    if (!rest.empty() && !rest.starts_with(':'))
      return make_error("bad_target", fmt::format("`{}` has something behind its `]`", text));
    digits = rest.empty() ? rest : rest.substr(1);
    if (!rest.empty() && digits.empty()) digits = ":";
  } else if (std::count(text.begin(), text.end(), ':') == 1) {
    const auto colon = text.find(':');
    name = text.substr(0, colon);
    digits = text.substr(colon + 1);
    if (digits.empty()) digits = ":";
  }
  if (!digits.empty()) {
    const auto* const end = digits.data() + digits.size();
    const auto parsed = std::from_chars(digits.data(), end, port);
    if (parsed.ec != std::errc{} || parsed.ptr != end || port == 0)
      return make_error("bad_target", fmt::format("`{}` has no port of 1 to 65535", text));
  }
  PatternFault fault;
  const auto pattern = parse_host_pattern(name, fault);
  if (!pattern || pattern->kind != HostPattern::Kind::exact) {
    return make_error("bad_target",
                      fmt::format("`{}` names no host; write a name or an address, and `:port`", text));
  }
  host = pattern->text;
  return {};
}

}  // namespace

Result<void> CallText::set_call(std::string_view function, std::string_view target) {
  const auto colon = function.find(':');
  if (colon == std::string_view::npos) return bad_function(function);
  protocol = function.substr(0, colon);
  const auto rest = function.substr(colon + 1);
  const auto space = std::min(rest.find(' '), rest.size());
  method = rest.substr(0, space);
  std::string_view where = rest.substr(std::min(space + 1, rest.size()));
  const bool http = protocol == "http";
  if (method.empty() || (!http && (method != "connect" || (protocol != "tls" && protocol != "tcp"))))
    return bad_function(function);
  std::string_view named = where;
  if (http) {
    const auto slash = where.find_first_of("/*");
    if (slash == std::string_view::npos) return bad_function(function);
    named = where.substr(0, slash);
    where.remove_prefix(slash);
    const auto question = where.find('?');
    if (question != std::string_view::npos) query = where.substr(question + 1);
    std::string storage;
    const auto normal = normalize_path(where.substr(0, question), storage);
    if (!normal) return normal.error();
    path = *normal;
  }
  port = 0;
  if (!named.empty()) CALLGATE_TRY(split_host(named, host, port));
  if (!target.empty()) {
    // The host that the call asserts is the function's, the port the connection's.
    std::string dialled;
    CALLGATE_TRY(split_host(target, dialled, port));
    if (named.empty()) host = dialled;
    if (is_ip_literal(dialled)) address = parse_address(dialled).value();
  }
  if (host.empty())
    return make_error("bad_target", fmt::format("`{}` does not say at whom; name the target", function));
  if (port == 0) port = http ? 80 : 443;
  if (!address && is_ip_literal(host)) address = parse_address(host).value();
  return {};
}

Call CallText::base_call() const {
  Call call;
  call.host = host;
  call.port = port;
  call.protocol = protocol;
  call.method = method;
  call.path = path;
  call.query = query;
  call.address = address ? &*address : nullptr;
  if (body) call.size = body->size();
  call.time_ns = time_ns;
  return call;
}

Result<std::uint64_t> parse_time(std::string_view text) {
  const Error bad = make_error(
      "bad_time",
      fmt::format("`{}` is no time; write 2026-11-26T07:30:00Z or 2026-11-26T07:30:00+01:00", text));
  const auto number = [&](std::size_t from, std::size_t size) {
    int value = -1;
    if (from + size > text.size()) return value;
    const auto* const end = text.data() + from + size;
    const auto parsed = std::from_chars(text.data() + from, end, value);
    return parsed.ec == std::errc{} && parsed.ptr == end ? value : -1;
  };
  if (text.size() < 20 || text[4] != '-' || text[7] != '-' || text[10] != 'T' || text[13] != ':' ||
      text[16] != ':')
    return bad;
  const int year = number(0, 4);
  const int month = number(5, 2);
  const int day = number(8, 2);
  const int hour = number(11, 2);
  const int minute = number(14, 2);
  const int second = number(17, 2);
  const std::chrono::year_month_day date{std::chrono::year(year),
                                         std::chrono::month(static_cast<unsigned>(month)),
                                         std::chrono::day(static_cast<unsigned>(day))};
  if (year < 1970 || month < 0 || day < 0 || !date.ok() || hour < 0 || hour > 23 || minute < 0 ||
      minute > 59 || second < 0 || second > 59) {
    return bad;
  }
  std::chrono::seconds offset{0};
  const auto zone = text.substr(19);
  if (zone != "Z") {
    const int hours = number(20, 2);
    const int minutes = number(23, 2);
    if (zone.size() != 6 || (zone[0] != '+' && zone[0] != '-') || zone[3] != ':' || hours < 0 || minutes < 0)
      return bad;
    offset = std::chrono::hours(hours) + std::chrono::minutes(minutes);
    if (zone[0] == '-') offset = -offset;
  }
  const auto time = std::chrono::sys_days(date).time_since_epoch() + std::chrono::hours(hour) +
                    std::chrono::minutes(minute) + std::chrono::seconds(second) - offset;
  if (time.count() <= 0) return bad;
  return static_cast<std::uint64_t>(std::chrono::nanoseconds(time).count());
}

}  // namespace callgate::policy
