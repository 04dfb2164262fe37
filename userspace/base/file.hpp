// Small whole-file operations, each atomic or failing with a message that names the file.
#pragma once

#include <string>
#include <string_view>

#include <sys/types.h>

#include "base/fd.hpp"
#include "base/result.hpp"

namespace callgate {

// The content of a file of at most `size_limit` bytes.
[[nodiscard]] Result<std::string> read_file(const std::string& path, std::size_t size_limit = 64U << 20U);
// Replaces a file through a temporary one beside it, both synced: after a crash there is the old or the new
// content.
[[nodiscard]] Result<void> replace_file(const std::string& path, std::string_view content, mode_t mode);
// Creates a file that must not exist yet (error code "exists" if it does), synced.
[[nodiscard]] Result<void> create_file(const std::string& path, std::string_view content, mode_t mode);
// Creates a directory and its parents; an existing one keeps its mode.
[[nodiscard]] Result<void> make_directories(const std::string& path, mode_t mode);

// A sealed memfd holding `content`: what receives it can map it and knows that it cannot change or shrink.
[[nodiscard]] Result<Fd> make_sealed_memory(const char* name, std::string_view content);
// The content of a memfd of at most `size_limit` bytes; error not_sealed if it could still change.
[[nodiscard]] Result<std::string> read_sealed_memory(int fd, std::size_t size_limit);

}  // namespace callgate
