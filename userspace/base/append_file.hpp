// A file that only grows: each append is whole, or the file is as before.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include <sys/uio.h>

#include "base/bytes.hpp"
#include "base/fd.hpp"
#include "base/result.hpp"

namespace callgate {

class AppendFile {
 public:
  AppendFile() = default;
  // Opens or creates the file (0600), not through a symbolic link. Appends go to its end.
  [[nodiscard]] static Result<AppendFile> open(const std::string& path);
  // Creates the file, which must not exist yet: error exists.
  [[nodiscard]] static Result<AppendFile> create(const std::string& path);

  // Appends all pieces, or none. Error disk_full (no space, quota, file size limit) or a system error.
  // `pieces` is used up. Large ones go past the page cache, which costs a third, where they lie in memory as
  // they will lie in the file: at the same place within a page.
  [[nodiscard]] Result<void> append(std::vector<iovec>& pieces);
  [[nodiscard]] Result<void> append(Bytes bytes);
  // Cuts the file to `size`, which it must have reached.
  [[nodiscard]] Result<void> truncate(std::uint64_t size);
  [[nodiscard]] Result<void> sync();
  // Takes what is on disk out of the page cache: for bytes that are seldom read, so that a busy log does not
  // push out what the node's workloads read.
  void forget();
  // Gives back the space that was reserved for appends to come.
  void trim();
  [[nodiscard]] std::uint64_t size() const { return size_; }
  [[nodiscard]] int fd() const { return fd_.get(); }
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  [[nodiscard]] static Result<AppendFile> open_with(const std::string& path, int flags);
  void reserve(std::uint64_t more);
  [[nodiscard]] ssize_t write_some(std::span<const iovec> pieces, std::uint64_t offset);
  bool set_direct(bool on);

  Fd fd_;
  std::string path_;
  std::uint64_t size_ = 0;
  std::uint64_t reserved_ = 0;   // as if the file had this size
  std::uint64_t forgotten_ = 0;  // bytes from the start that were taken out of the cache
  bool torn_ = false;            // what a failed append left could not be cut off
  bool dirty_ = false;
  bool direct_works_ = true;  // until the file system says otherwise
};

// Puts on disk what was written to a file so far. Any thread; errors as of append().
[[nodiscard]] Result<void> sync_file(int fd, const std::string& path);
// Takes bytes that are on disk out of the page cache, and returns up to where they are gone. Any thread.
[[nodiscard]] std::uint64_t forget_cached(int fd, std::uint64_t from, std::uint64_t to);
// Fills `to` from `offset`; error short_file where the file ends before that.
[[nodiscard]] Result<void> read_at(int fd, std::span<std::uint8_t> to, std::uint64_t offset,
                                   const std::string& path);
// Makes the entries of a directory durable.
[[nodiscard]] Result<void> sync_directory(const std::string& path);
// The sizes and names of the plain files in a directory whose names are PREFIX, a decimal number, and SUFFIX:
// the numbers, ascending.
[[nodiscard]] Result<std::vector<std::uint64_t>> list_numbered(const std::string& directory,
                                                               std::string_view prefix,
                                                               std::string_view suffix);

}  // namespace callgate
