// Which boot of the machine this is: what was only in the page cache of another boot may be gone.
#pragma once

#include <string>

namespace callgate::record {

// The kernel's random id of this boot (/proc/sys/kernel/random/boot_id), read once; empty where there is
// none.
[[nodiscard]] const std::string& boot_id();

}  // namespace callgate::record
