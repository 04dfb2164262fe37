// Tells when files of a directory changed, once things have been quiet for a moment.
#pragma once

#include <chrono>
#include <functional>
#include <string>

#include "base/fd.hpp"
#include "base/result.hpp"
#include "node/loop.hpp"

namespace callgate::node {

class DirectoryWatch {
 public:
  // Works also for a directory that does not exist yet, or that is replaced: its parent is watched too, where
  // there is one.
  DirectoryWatch(Loop& loop, std::string directory, std::chrono::milliseconds quiet,
                 std::function<void()> changed);

  [[nodiscard]] Result<void> start();
  void stop();

 private:
  void on_events();

  Loop& loop_;
  std::string directory_;
  std::chrono::milliseconds quiet_;
  std::function<void()> changed_;
  Fd inotify_;
  int parent_watch_ = -1;
  Loop::Watch watch_;
  Loop::Timer settle_;
};

}  // namespace callgate::node
