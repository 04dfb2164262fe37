#include "policy/validate_obligations.hpp"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "policy/utf8.hpp"

namespace callgate::policy {
namespace {

constexpr std::array<std::string_view, 7> detectors{"card", "email", "iban", "phone", "key", "token", "ssn"};
constexpr std::size_t longest_text = 1024;
constexpr std::uint64_t most_counted = (std::uint64_t{1} << 36U) - 1;

bool is_letter_or_digit(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

// RFC 9110 section 5.6.2.
bool is_header_name(std::string_view text) {
  return !text.empty() && text.size() <= 256 && std::all_of(text.begin(), text.end(), [](char c) {
    return is_letter_or_digit(c) || std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
  });
}

// "$.customer.ssn", "$.items[*].card", "$.items[0]".
bool is_json_path(std::string_view text) {
  if (!text.starts_with('$') || text.size() < 2 || text.size() > longest_text) return false;
  for (std::size_t i = 1; i < text.size();) {
    const char open = text[i++];
    const auto end = std::min(text.find_first_of(open == '[' ? "]" : ".[", i), text.size());
    const auto step = text.substr(i, end - i);
    if (step.empty() || (open != '.' && open != '[')) return false;
    if (open == '[') {
      const bool index =
          step == "*" || std::all_of(step.begin(), step.end(), [](char c) { return c >= '0' && c <= '9'; });
      if (!index || end == text.size()) return false;
    }
    i = open == '[' ? end + 1 : end;
  }
  return true;
}

class ObligationValidator {
 public:
  ObligationValidator(const Rule& rule, const FieldPath& at) : rule_(rule), at_(at) {}

  std::vector<Fault> run() {
    const auto& obligations = rule_.obligations;
    if (rule_.action == Action::deny) {
      none_with_deny(!obligations.masks.empty(), "mask");
      none_with_deny(obligations.credential.has_value(), "credential");
      none_with_deny(!obligations.limits.empty(), "limit");
    }
    approval();
    for (const auto& mask : obligations.masks)
      check_mask(mask);
    credential();
    for (const auto& limit : obligations.limits)
      check_limit(limit);
    return std::move(faults_);
  }

 private:
  void fault(const char* field, std::string message, std::string hint) {
    FieldPath path = at_;
    path.emplace_back(field);
    faults_.push_back({std::move(path), std::move(message), std::move(hint), {}});
  }

  void none_with_deny(bool given, const char* field) {
    if (given)
      fault(field, fmt::format("`{}` has no meaning with `action: deny`", field), "remove one of them");
  }

  void approval() {
    const auto& approval = rule_.obligations.approval;
    if (rule_.action != Action::approve) {
      if (approval)
        fault("approval", "`approval` needs `action: approve`", "change the action, or remove it");
      return;
    }
    if (!approval) {
      fault("action", "`action: approve` needs `approval`", "write `approval: {approvers: [group:NAME]}`");
      return;
    }
    for (const auto& approver : approval->approvers) {
      const bool good = (approver.starts_with("group:") && approver.size() > 6) ||
                        (approver.starts_with("user:") && approver.size() > 5);
      if (good && approver.size() <= longest_text && is_plain_text(approver)) continue;
      fault("approval", fmt::format("`{}` is no approver", approver), "write `group:NAME` or `user:NAME`");
    }
    if (approval->approvers.empty()) {
      fault("approval", "`approvers` is empty, so nobody could say yes", "name at least one");
    }
    const bool only_users =
        std::all_of(approval->approvers.begin(), approval->approvers.end(),
                    [](const std::string& approver) { return approver.starts_with("user:"); });
    if (only_users && approval->count > approval->approvers.size()) {
      fault("approval",
            fmt::format("{} approvers are asked for, and {} are named", approval->count,
                        approval->approvers.size()),
            "lower `count`, or name more");
    }
  }

  void check_mask(const Mask& mask) {
    const int given =
        (mask.detect.empty() ? 0 : 1) + (mask.json.empty() ? 0 : 1) + (mask.header.empty() ? 0 : 1);
    if (given != 1) {
      fault("mask", "a mask says one of `detect`, `json` and `header`",
            "write several masks for several things");
    }
    for (const auto& name : mask.detect) {
      if (std::find(detectors.begin(), detectors.end(), name) != detectors.end()) continue;
      fault("mask", fmt::format("unknown detector `{}`", name),
            fmt::format("known here: {}", fmt::join(detectors, ", ")));
    }
    if (!mask.json.empty() && !is_json_path(mask.json)) {
      fault("mask", fmt::format("`{}` is no path into JSON", mask.json),
            "write `$.customer.ssn` or `$.items[*].card`");
    }
    if (!mask.header.empty() && !is_header_name(mask.header))
      fault("mask", fmt::format("`{}` is no name of a header", mask.header), "");
  }

  void credential() {
    const auto& use = rule_.obligations.credential;
    if (!use) return;
    if (use->from.empty() || use->from.size() > longest_text || !is_plain_text(use->from))
      fault("credential", "`from` names no source", "write the name of a configured credential source");
    if (!is_header_name(use->header))
      fault("credential", fmt::format("`{}` is no name of a header", use->header), "write `Authorization`");
    const auto first = use->format.find("{secret}");
    const bool once =
        first != std::string::npos && use->format.find("{secret}", first + 1) == std::string::npos;
    if (!once || use->format.size() > longest_text || !is_plain_text(use->format))
      fault("credential", "`format` must hold `{secret}` once", "write \"Bearer {secret}\"");
  }

  void check_limit(const Limit& limit) {
    if (!limit.calls && !limit.bytes)
      fault("limit", "the limit limits nothing", "write `calls`, `bytes` or both");
    if (limit.calls.value_or(0) > most_counted || limit.bytes.value_or(0) > most_counted)
      fault("limit", "the limit is above 64Gi, which is more than is counted", "shorten `per`");
    if (std::adjacent_find(limit.by.begin(), limit.by.end(), std::greater_equal<>()) != limit.by.end())
      fault("limit", "`by` says something twice", "write each key once");
    if (limit.per < std::chrono::seconds(1))
      fault("limit", "the period is shorter than a second", "write 1s or more");
  }

  const Rule& rule_;
  const FieldPath& at_;
  std::vector<Fault> faults_;
};

}  // namespace

std::vector<Fault> validate_obligations(const Rule& rule, const FieldPath& at) {
  return ObligationValidator(rule, at).run();
}

}  // namespace callgate::policy
