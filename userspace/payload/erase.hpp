// Erases payload: what was written is overwritten with zeros, its space given back, and both put on disk.
//
// A file keeps the headers of what was erased, marked as such, so that readers can tell erased from damaged.
// Copies that a file system or a disk keeps of overwritten bytes are out of reach; where they matter, erase
// the session: without its key they mean nothing.
#pragma once

#include <cstdint>

#include "base/ids.hpp"
#include "base/result.hpp"
#include "payload/files.hpp"

namespace callgate::payload {

struct Erased {
  std::uint64_t blocks = 0;
  std::uint64_t keys = 0;
  std::uint64_t bytes = 0;    // of both, as they lay in the files
  std::uint64_t skipped = 0;  // bytes of the files that belong to no frame, being damaged or torn
};

// Erases all blocks of a call, by the pointer of its last one; where a file is gone already, those before are
// left to their files' end. Erasing again does no harm, and finishes what a crash interrupted. Any thread.
// Errors: payload_damaged (what comes before a damaged block cannot be found: erase the session), system
// errors.
[[nodiscard]] Result<Erased> erase_call(const Files& files, const Id& call, std::uint64_t last);

// Erases the keys and the blocks of a session in all files. What the session writes afterwards is kept: end
// it first. Otherwise as erase_call(); a damaged file is searched all the same.
[[nodiscard]] Result<Erased> erase_session(Files& files, const Id& session);

}  // namespace callgate::payload
