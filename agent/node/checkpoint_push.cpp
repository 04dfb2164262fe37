#include "node/checkpoint_push.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include <fcntl.h>
#include <syslog.h>
#include <unistd.h>

#include "base/fd.hpp"
#include "base/log.hpp"

namespace callgate::node {
namespace {

bool append(const std::string& path, const std::string& text) {
  const Fd file(::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644));
  return file && ::write(file.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size());
}

}  // namespace

void CheckpointPush::push(const std::string& note) {
  if (!file_.empty()) {
    const bool done = append(file_, note + "\n");
    if (!done && !std::exchange(failing_, true)) {
      log_warning("checkpoint_not_pushed",
                  {{"file", file_},
                   {"detail", std::strerror(errno)},
                   {"next", "see to the file; until then checkpoints are in the log's directory only"}});
    }
    if (done) failing_ = false;
  }
  if (syslog_) {
    std::string line = note;
    std::replace(line.begin(), line.end(), '\n', ' ');
    ::syslog(LOG_AUTHPRIV | LOG_NOTICE, "callgate checkpoint: %s", line.c_str());
  }
}

}  // namespace callgate::node
