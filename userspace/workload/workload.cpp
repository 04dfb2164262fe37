#include "workload/workload.hpp"

#include <algorithm>

namespace callgate::workload {
namespace {

constexpr std::size_t longest_name = 63;

bool is_name_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
}

}  // namespace

std::string_view to_string(Kind kind) {
  return kind == Kind::run ? "run" : "enrolled";
}

std::string_view to_string(Mode mode) {
  return mode == Mode::observe ? "observe" : "enforce";
}

bool is_workload_name(std::string_view name) {
  return !name.empty() && name.size() <= longest_name && name.front() != '-' && name.back() != '-' &&
         std::all_of(name.begin(), name.end(), is_name_character);
}

std::string make_workload_name(std::string_view text) {
  std::string name;
  for (char c : text) {
    if (name.size() == longest_name) break;
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    if (is_name_character(c) && c != '-') {
      name.push_back(c);
    } else if (!name.empty() && name.back() != '-') {
      name.push_back('-');
    }
  }
  while (!name.empty() && name.back() == '-')
    name.pop_back();
  return name.empty() ? "workload" : name;
}

}  // namespace callgate::workload
