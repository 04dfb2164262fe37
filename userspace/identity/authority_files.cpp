#include "identity/authority_files.hpp"

#include <cerrno>
#include <cstdio>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.hpp"
#include "base/file.hpp"

namespace callgate::identity {
namespace {

constexpr std::size_t file_limit = 1U << 20U;
constexpr const char* key_name = "/root.key";
constexpr const char* certificate_name = "/root.pem";
constexpr const char* advice =
    "restore it from a backup; or, to begin with a new authority that every target must be given anew, move "
    "{} away";

Result<bool> exists(const std::string& path) {
  struct stat status {};
  if (::lstat(path.c_str(), &status) == 0) return true;
  if (errno == ENOENT) return false;
  return system_error(fmt::format("look at {}", path), errno);
}

// Only root and the agent's own user may have had a hand in what is trusted.
Result<void> check_private(const std::string& path, mode_t type, mode_t forbidden, mode_t wanted) {
  struct stat status {};
  if (::lstat(path.c_str(), &status) != 0) return system_error(fmt::format("look at {}", path), errno);
  if ((status.st_mode & S_IFMT) != type) {
    return make_error("authority_permissions",
                      fmt::format("{} is not a {}", path, type == S_IFDIR ? "directory" : "regular file"));
  }
  if (status.st_uid != 0 && status.st_uid != ::geteuid()) {
    return make_error("authority_permissions",
                      fmt::format("{} belongs to user {}; it must belong to the user that runs the agent",
                                  path, status.st_uid));
  }
  if ((status.st_mode & forbidden) != 0) {
    return make_error(
        "authority_permissions",
        fmt::format("{} has mode {:o}, so other users could use or replace the root; if none of them did, "
                    "set it with: chmod {:o} {}",
                    path, status.st_mode & 07777U, wanted, path));
  }
  return {};
}

Result<AuthorityFiles> load(const std::string& home, bool has_key, bool has_certificate) {
  if (!has_key) {
    return make_error("authority_key_missing",
                      fmt::format("{}{} is missing while its certificate is there; {}", home, key_name,
                                  fmt::format(fmt::runtime(advice), home)));
  }
  if (!has_certificate) {
    return make_error("authority_certificate_missing",
                      fmt::format("{}{} is missing while its key is there; {}", home, certificate_name,
                                  fmt::format(fmt::runtime(advice), home)));
  }
  CALLGATE_TRY(check_private(home, S_IFDIR, 022, 0700));
  CALLGATE_TRY(check_private(home + key_name, S_IFREG, 077, 0600));
  CALLGATE_TRY(check_private(home + certificate_name, S_IFREG, 022, 0644));
  auto key = read_file(home + key_name, file_limit);
  if (!key) return key.error();
  auto certificate = read_file(home + certificate_name, file_limit);
  if (!certificate) return certificate.error();
  return AuthorityFiles{std::move(*key), std::move(*certificate)};
}

// Removes what a creation that was interrupted left: it never came into use.
Result<void> remove_half_made(const std::string& path) {
  for (const auto& file : {path + key_name, path + certificate_name}) {
    if (::unlink(file.c_str()) != 0 && errno != ENOENT && errno != ENOTDIR) {
      return system_error(fmt::format("remove {}", file), errno);
    }
  }
  if (::rmdir(path.c_str()) != 0 && errno != ENOENT)
    return system_error(fmt::format("remove {}", path), errno);
  return {};
}

Result<void> put_in_place(const AuthorityFiles& files, const std::string& draft, const std::string& home) {
  if (::mkdir(draft.c_str(), 0700) != 0) return system_error(fmt::format("create {}", draft), errno);
  CALLGATE_TRY(create_file(draft + key_name, files.key_pem, 0600));
  CALLGATE_TRY(create_file(draft + certificate_name, files.certificate_pem, 0644));
  // rename() replaces an empty directory at most.
  if (::rename(draft.c_str(), home.c_str()) == 0) return {};
  if (errno == ENOTEMPTY || errno == EEXIST || errno == ENOTDIR) {
    return make_error(
        "authority_unreadable",
        fmt::format("{} is there, but holds no authority; move it away, or set another directory", home));
  }
  return system_error(fmt::format("rename {} to {}", draft, home), errno);
}

Result<AuthorityFiles> create(const std::string& home, const Fd& parent,
                              const std::function<Result<AuthorityFiles>()>& make) {
  const auto draft = home + ".new";
  CALLGATE_TRY(remove_half_made(draft));
  auto files = make();
  if (!files) return files.error();
  if (auto placed = put_in_place(*files, draft, home); !placed) {
    static_cast<void>(remove_half_made(draft));
    return placed.error();
  }
  if (::fsync(parent.get()) != 0) return system_error(fmt::format("sync the directory of {}", home), errno);
  return files;
}

}  // namespace

Result<AuthorityFiles> load_or_create(const std::string& directory,
                                      const std::function<Result<AuthorityFiles>()>& make) {
  const Fd parent(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!parent) return system_error(fmt::format("open the directory {}", directory), errno);
  // Two agents that start at the same time must not make two roots. The lock goes with the descriptor.
  while (::flock(parent.get(), LOCK_EX) != 0) {
    if (errno != EINTR) return system_error(fmt::format("lock {}", directory), errno);
  }
  const auto home = directory + "/authority";
  const auto has_key = exists(home + key_name);
  if (!has_key) return has_key.error();
  const auto has_certificate = exists(home + certificate_name);
  if (!has_certificate) return has_certificate.error();
  if (*has_key || *has_certificate) return load(home, *has_key, *has_certificate);
  return create(home, parent, make);
}

}  // namespace callgate::identity
