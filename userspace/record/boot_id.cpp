#include "record/boot_id.hpp"

#include "base/file.hpp"

namespace callgate::record {

const std::string& boot_id() {
  static const std::string id = [] {
    auto text = read_file("/proc/sys/kernel/random/boot_id", 4096);
    if (!text) return std::string();
    while (!text->empty() && text->back() == '\n')
      text->pop_back();
    return *text;
  }();
  return id;
}

}  // namespace callgate::record
