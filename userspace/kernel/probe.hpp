// A real connection through the loaded programs: shows that this kernel does what the self-tests of links can
// only infer.
#pragma once

#include <string>

#include "base/result.hpp"
#include "kernel/gate.hpp"
#include "kernel/programs.hpp"

namespace callgate::kernel {

// Enrols the cgroup at `empty_cgroup` (made by the caller for this, not yet enrolled), connects from a
// process in it to an address that nobody has, and requires that the connection arrives at `gate` with the
// right flow; unenrols it again. `gate` is one of the agent's own network namespace, where the caller is too,
// made in the gates' cgroup; it is marked for the probe and unmarked. Takes a millisecond; any one thread,
// also of a program with more. Errors: probe_failed (what was not as it should be), and those of enrol() and
// unenrol().
[[nodiscard]] Result<void> probe_redirect(const Programs& programs, const Gate& gate, Family family,
                                          const std::string& empty_cgroup);

}  // namespace callgate::kernel
