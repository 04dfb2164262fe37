#include "kernel/pin_directory.hpp"

#include <algorithm>
#include <filesystem>

namespace callgate::kernel {

std::vector<std::string> entries_of(const std::string& directory) {
  std::vector<std::string> found;
  std::error_code error;  // one that is not there has none
  for (const auto& entry : std::filesystem::directory_iterator(directory, error))
    found.push_back(entry.path());
  std::sort(found.begin(), found.end());
  return found;
}

std::string name_of(const std::string& path) {
  return std::filesystem::path(path).filename();
}

std::vector<std::string> pinned_versions(const std::string& pin_dir) {
  auto found = entries_of(pin_dir);
  std::erase_if(found, [](const std::string& path) {
    const std::string name = name_of(path);
    return name.size() < 2 || name[0] != 'v' ||
           !std::all_of(name.begin() + 1, name.end(), [](char c) { return c >= '0' && c <= '9'; });
  });
  return found;
}

bool is_connect_pin(const std::string& path) {
  return name_of(path).starts_with("connect_");
}

}  // namespace callgate::kernel
