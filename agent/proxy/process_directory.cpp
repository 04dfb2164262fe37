#include "proxy/process_directory.hpp"

namespace callgate::proxy {
namespace {

constexpr std::size_t capacity = 4096;

}  // namespace

const ProcessDirectory::Answer& ProcessDirectory::look_up(const kernel::Flow& flow) {
  const Process process{flow.tgid, flow.process_start, flow.exe_device, flow.exe_inode};
  const auto found = entries_.find(process);
  if (found != entries_.end()) return found->second.answer;
  if (entries_.size() >= capacity) {
    entries_.erase(requests_.begin()->second);
    requests_.erase(requests_.begin());
  }
  Entry& entry = entries_[process];
  entry.request = ++last_request_;
  requests_[entry.request] = process;
  ask_(entry.request, process);
  return entry.answer;
}

void ProcessDirectory::add(std::uint64_t request, std::string path) {
  const auto found = requests_.find(request);
  if (found == requests_.end()) return;
  Entry& entry = entries_[found->second];
  entry.answer.known = true;
  entry.answer.path = std::move(path);
}

}  // namespace callgate::proxy
