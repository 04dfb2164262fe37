#include "proxy/call_limits.hpp"

#include <algorithm>
#include <chrono>

#include <fmt/format.h>

namespace callgate::proxy {
namespace {

std::chrono::nanoseconds at(Nanoseconds time) {
  return std::chrono::nanoseconds(static_cast<std::int64_t>(time));
}

// The values that the limit counts by, each in its place.
limit::LimitKey key_of(const policy::LimitInForce& limit, std::string_view what, const policy::Caller& caller,
                       std::string_view function, std::string_view target) {
  const auto value = [&](policy::LimitKey key, std::string_view text) {
    const auto& by = limit.limit->by;
    return std::find(by.begin(), by.end(), key) != by.end() ? text : std::string_view{};
  };
  using Key = policy::LimitKey;
  const std::string number = std::to_string(limit.number);
  const std::string period = std::to_string(limit.limit->per.count());
  const std::string_view subject = caller.subject != nullptr ? caller.subject->name : std::string_view{};
  const std::string_view issuer = caller.subject != nullptr ? caller.subject->issuer : std::string_view{};
  return limit::LimitKey::of({what, limit.policy, limit.rule, number, period,
                              value(Key::caller, caller.identity), value(Key::process, caller.process),
                              value(Key::subject, issuer), value(Key::subject, subject),
                              value(Key::function, function), value(Key::target, target)});
}

Failure exceeded(const policy::LimitInForce& limit, std::uint64_t most, std::string_view what,
                 const limit::Charge& charge) {
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(
                           charge.retry_after + std::chrono::seconds(1) - std::chrono::nanoseconds(1))
                           .count();
  Failure failure{429, std::string(charge.code), {}};
  if (charge.code == "limit_exceeded") {
    failure.detail = fmt::format("rule {} of policy {} allows {} {} in {} s; try again in {} s", limit.rule,
                                 limit.policy, most, what, limit.limit->per.count(), seconds);
  } else {
    failure.detail = fmt::format(
        "the call cannot be counted under the limit of rule {} of policy {} at present, so it is not made; "
        "try "
        "again in {} s",
        limit.rule, limit.policy, seconds);
  }
  failure.policy = limit.policy;
  failure.rule = limit.rule;
  failure.retry_after = static_cast<std::uint64_t>(seconds);
  return failure;
}

}  // namespace

std::optional<Failure> CallLimits::begin(const policy::Decision& decision, const policy::Caller& caller,
                                         std::string_view function, std::string_view target,
                                         Nanoseconds now) {
  charged_.clear();
  for (const auto& limit : decision.limits) {
    Charged& charged = charged_.emplace_back();
    charged.limit = &limit;
    const auto refuse = [&](std::uint64_t most, std::string_view what, const limit::Charge& charge) {
      Failure failure = exceeded(limit, most, what, charge);
      give_back(now);
      return failure;
    };
    if (limit.limit->bytes) {
      charged.bytes = key_of(limit, "bytes", caller, function, target);
      // A call needs room for one byte at least.
      const auto charge = table_.charge(charged.bytes, 0, *limit.limit->bytes - 1, limit.limit->per, at(now));
      if (!charge.granted) return refuse(*limit.limit->bytes, "bytes", charge);
    }
    if (limit.limit->calls) {
      charged.calls = key_of(limit, "calls", caller, function, target);
      const auto charge = table_.charge(charged.calls, 1, *limit.limit->calls, limit.limit->per, at(now));
      if (!charge.granted) return refuse(*limit.limit->calls, "calls", charge);
      charged.call_counted = true;
    }
  }
  return std::nullopt;
}

std::optional<Failure> CallLimits::take(std::uint64_t bytes, Nanoseconds now) {
  if (bytes == 0) return std::nullopt;
  for (const Charged& charged : charged_) {
    const auto& most = charged.limit->limit->bytes;
    if (!most) continue;
    const auto charge = table_.charge(charged.bytes, bytes, *most, charged.limit->limit->per, at(now));
    if (!charge.granted) return exceeded(*charged.limit, *most, "bytes", charge);
  }
  return std::nullopt;
}

void CallLimits::give_back(Nanoseconds now) {
  for (const Charged& charged : charged_) {
    if (charged.call_counted) table_.give_back(charged.calls, 1, at(now));
  }
  charged_.clear();
}

}  // namespace callgate::proxy
