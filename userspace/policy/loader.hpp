// Policies from files: all of them, or none.
#pragma once

#include <string>
#include <vector>

#include "policy/document.hpp"

namespace callgate::policy {

struct SourceFile {
  std::string path;
  std::string text;
};

struct LoadedPolicies {
  std::vector<CallPolicy> policies;  // empty if there is any error; sorted by qualified name
  std::vector<Finding> findings;     // warnings too
  std::vector<SourceFile> files;     // what was read, in the order of reading

  // SHA-256 (lower-case hexadecimal) of what the policies say, whatever files say it and how: comments, order
  // and layout do not change it. Empty if there is any error.
  std::string digest;
  std::string version;  // the first 12 digits of the digest: the label that people see

  [[nodiscard]] bool ok() const { return !digest.empty(); }
  // Every finding, or only the errors, with its excerpt, as format_finding writes it.
  [[nodiscard]] std::string report(bool with_warnings = true) const;
};

// Every *.yaml and *.yml file of a directory (names that begin with a dot and subdirectories of other names
// are left out), in the order of their names. A directory without such files gives no policy and no error.
// Blocks on the disk.
[[nodiscard]] LoadedPolicies load_directory(const std::string& directory,
                                            Unhonoured unhonoured = Unhonoured::refused);

// The given files. A name that occurs in two of them is an error.
[[nodiscard]] LoadedPolicies load_files(const std::vector<std::string>& paths,
                                        Unhonoured unhonoured = Unhonoured::refused);

}  // namespace callgate::policy
