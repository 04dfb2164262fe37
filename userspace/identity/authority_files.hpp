// The two files of the embedded authority on disk.
#pragma once

#include <functional>
#include <string>

#include "base/result.hpp"

namespace callgate::identity {

struct AuthorityFiles {
  std::string key_pem;
  std::string certificate_pem;
};

// Reads the files in `directory`/authority, or, if there is no such directory (or an empty one), takes them
// from `make` and puts them there in one step. Errors as of Authority::open.
[[nodiscard]] Result<AuthorityFiles> load_or_create(const std::string& directory,
                                                    const std::function<Result<AuthorityFiles>()>& make);

}  // namespace callgate::identity
