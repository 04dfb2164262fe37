// The place in the stream of records where a command stopped, kept in a file for the next one.
#pragma once

#include <string>

#include "base/fd.hpp"
#include "base/result.hpp"

namespace callgate::cli {

class CursorFile {
 public:
  // Opens or creates the file, and locks it, so that two commands do not share it. Errors: busy, invalid (it
  // is another kind of file), system errors.
  [[nodiscard]] static Result<CursorFile> open(const std::string& path);

  // Empty: nothing was kept yet.
  [[nodiscard]] const std::string& cursor() const { return cursor_; }
  // Survives the end of the program, however it ends. Errors: system errors.
  [[nodiscard]] Result<void> keep(const std::string& cursor);

 private:
  CursorFile(Fd fd, std::string path) : fd_(std::move(fd)), path_(std::move(path)) {}

  Fd fd_;
  std::string path_;
  std::string cursor_;
};

}  // namespace callgate::cli
