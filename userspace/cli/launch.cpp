#include "cli/launch.hpp"

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <charconv>
#include <cstdlib>

#include <cap-ng.h>
#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <grp.h>
#include <pwd.h>
#include <sys/prctl.h>
#include <unistd.h>

namespace callgate::cli {
namespace {

std::set<int> open_descriptors() {
  std::set<int> descriptors;
  DIR* const directory = ::opendir("/proc/self/fd");
  if (directory == nullptr) return descriptors;
  const int own = ::dirfd(directory);
  while (const dirent* const entry = ::readdir(directory)) {
    const std::string_view name = entry->d_name;
    int descriptor = -1;
    if (std::from_chars(name.begin(), name.end(), descriptor).ec != std::errc{}) continue;  // "." and ".."
    if (descriptor != own) descriptors.insert(descriptor);
  }
  ::closedir(directory);
  return descriptors;
}

}  // namespace

Inheritance::Inheritance() : descriptors_(open_descriptors()) {
  ::sigprocmask(SIG_SETMASK, nullptr, &mask_);
  ::sigaction(SIGPIPE, nullptr, &pipe_);
}

void Inheritance::restore() const {
  for (const int descriptor : open_descriptors()) {
    if (descriptors_.count(descriptor) == 0) ::fcntl(descriptor, F_SETFD, FD_CLOEXEC);
  }
  ::sigaction(SIGPIPE, &pipe_, nullptr);
  ::sigprocmask(SIG_SETMASK, &mask_, nullptr);
}

Result<User> find_user(const std::string& name) {
  const passwd* const entry = ::getpwnam(name.c_str());
  if (entry == nullptr)
    return make_error("not_found", fmt::format("there is no user `{}` on this host", name));
  return User{name, entry->pw_uid, entry->pw_gid};
}

Result<void> become(const User& user) {
  if (::initgroups(user.name.c_str(), user.gid) != 0 || ::setgid(user.gid) != 0 || ::setuid(user.uid) != 0) {
    return system_error(fmt::format("become {}", user.name), errno);
  }
  return {};
}

Result<void> drop_bounding_set() {
  ::capng_get_caps_process();
  if (::capng_have_capability(CAPNG_EFFECTIVE, CAP_SETPCAP) == 0) {
    if (::geteuid() != 0) return {};  // no_new_privs keeps what is in the bounding set out of reach
    return make_error(
        "no_setpcap",
        "root without CAP_SETPCAP cannot give up capabilities for good: run as another user, or with --user");
  }
  // Without SECBIT_NOROOT, root would get its capabilities back with the next program.
  if (::capng_lock() != 0)
    return make_error("securebits", "the securebits cannot be set: see capabilities(7)");
  ::capng_clear(CAPNG_SELECT_BOUNDS);
  if (::capng_apply(CAPNG_SELECT_BOUNDS) != 0) {
    return make_error("bounding_set", "the capability bounding set cannot be emptied: see capabilities(7)");
  }
  return {};
}

Result<void> drop_capabilities() {
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return system_error("set no_new_privs", errno);
  if (::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) != 0)
    return system_error("clear ambient capabilities", errno);
  ::capng_clear(CAPNG_SELECT_CAPS);
  if (::capng_apply(CAPNG_SELECT_CAPS) != 0)
    return make_error("capabilities", "the capabilities cannot be given up");
  ::capng_get_caps_process();
  if (::capng_have_capabilities(CAPNG_SELECT_CAPS) != CAPNG_NONE) {
    return make_error("capabilities", "some capabilities are still there: see capabilities(7)");
  }
  return {};
}

int execute(const std::vector<std::string>& command) {
  std::vector<std::string> copies = command;
  std::vector<char*> arguments;
  arguments.reserve(copies.size() + 1);
  for (auto& argument : copies)
    arguments.push_back(argument.data());
  arguments.push_back(nullptr);
  ::execvp(arguments[0], arguments.data());
  return errno;
}

std::string name_from_program(const std::string& program) {
  constexpr std::size_t longest = 63;
  std::string name;
  for (const char byte : program.substr(program.rfind('/') + 1)) {
    const auto value = static_cast<unsigned char>(byte);
    const bool plain = value < 0x80 && std::isalnum(value) != 0;
    if (plain) {
      name += static_cast<char>(std::tolower(value));
    } else if (!name.empty() && name.back() != '-') {
      name += '-';
    }
  }
  name.resize(std::min(name.size(), longest));
  while (!name.empty() && name.back() == '-')
    name.pop_back();
  return name.empty() ? "run" : name;
}

}  // namespace callgate::cli
