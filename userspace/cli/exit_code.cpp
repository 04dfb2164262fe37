#include "cli/exit_code.hpp"

#include <algorithm>
#include <array>
#include <string_view>

namespace callgate::cli {
namespace {

template <std::size_t Count>
bool is_one_of(const std::string& code, const std::array<std::string_view, Count>& codes) {
  return std::find(codes.begin(), codes.end(), code) != codes.end();
}

constexpr std::array<std::string_view, 4> usage{"invalid", "bad_name", "bad_id", "ambiguous"};
constexpr std::array<std::string_view, 4> unreachable{"agent_unreachable", "timed_out", "unavailable",
                                                      "cancelled"};
constexpr std::array<std::string_view, 7> refused{
    "denied", "identity_not_granted", "agent_untrusted", "refused", "exists", "busy", "too_many"};
constexpr std::array<std::string_view, 4> not_found{"not_found", "no_such_process", "not_a_cgroup",
                                                    "nothing_recorded"};

}  // namespace

ExitCode exit_code_for(const Error& error) {
  if (is_one_of(error.code, usage)) return exit_usage;
  if (is_one_of(error.code, unreachable)) return exit_unreachable;
  if (is_one_of(error.code, refused)) return exit_refused;
  if (is_one_of(error.code, not_found)) return exit_not_found;
  return exit_finding;
}

}  // namespace callgate::cli
