// A file that is there as a whole or not at all.
#pragma once

#include <fstream>
#include <ostream>
#include <string>

#include "base/result.hpp"

namespace callgate::cli {

// Written beside its place under another name, and renamed at the end. Whatever ends the program before, the
// place is as it was; on SIGINT and SIGTERM what was written is removed. One at a time.
class ExportFile {
 public:
  // Error exists where something is there already, unless it is to be replaced.
  [[nodiscard]] static Result<ExportFile> create(const std::string& path, bool replace);
  ~ExportFile();
  ExportFile(ExportFile&& other) noexcept;
  ExportFile& operator=(ExportFile&&) = delete;

  [[nodiscard]] std::ostream& stream() { return stream_; }
  // Puts it on disk and in its place. Errors: exists (somebody else was faster), write_failed, system errors.
  [[nodiscard]] Result<void> commit();

 private:
  ExportFile(std::string path, std::string temporary, bool replace);

  std::string path_;
  std::string temporary_;  // empty: it has been renamed, or moved from
  bool replace_;
  std::ofstream stream_;
};

}  // namespace callgate::cli
