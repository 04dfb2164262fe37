#include "cli/unit.hpp"

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <map>
#include <sstream>

#include <fcntl.h>
#include <fmt/format.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.hpp"
#include "base/file.hpp"
#include "kernel/cgroup.hpp"

extern char** environ;

namespace callgate::cli {
namespace {

constexpr const char* file_name = "50-callgate.conf";
constexpr std::size_t largest_answer = 64U << 10U;

Result<std::string> systemctl(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), "systemctl");
  std::vector<char*> words;
  words.reserve(arguments.size() + 1);
  for (std::string& argument : arguments)
    words.push_back(argument.data());
  words.push_back(nullptr);
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return system_error("make a pipe", errno);
  const Fd in(ends[0]);
  Fd out(ends[1]);
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_adddup2(&actions, out.get(), STDOUT_FILENO);
  pid_t pid = 0;
  const int failure = ::posix_spawnp(&pid, "systemctl", &actions, nullptr, words.data(), environ);
  ::posix_spawn_file_actions_destroy(&actions);
  out.reset();
  if (failure != 0)
    return make_error("no_systemd",
                      "systemctl cannot be run: units are systemd's; on this host use --cgroup or --pid");
  std::string answer;
  char buffer[4096];
  for (ssize_t size = 0;
       (size = ::read(in.get(), buffer, sizeof(buffer))) > 0 && answer.size() < largest_answer;)
    answer.append(buffer, static_cast<std::size_t>(size));
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
    return make_error("no_systemd",
                      fmt::format("`systemctl {}` failed: its message above says why", arguments[1]));
  }
  return answer;
}

bool is_unit_name(const std::string& name) {
  return !name.empty() && name.size() < 256 && name[0] != '-' && name[0] != '.' &&
         std::all_of(name.begin(), name.end(), [](unsigned char c) {
           return std::isalnum(c) != 0 || c == '-' || c == '_' || c == '.' || c == '@' || c == ':' ||
                  c == '\\';
         });
}

// As a word of a command line in a unit file.
std::string quote(const std::string& word) {
  std::string quoted = "\"";
  for (const char c : word) {
    if (c == '"' || c == '\\') quoted += '\\';
    if (c == '%' || c == '$') quoted += c;
    quoted += c;
  }
  return quoted + "\"";
}

}  // namespace

Result<Unit> find_unit(const std::string& name) {
  Unit unit;
  unit.name = name.find('.') == std::string::npos ? name + ".service" : name;
  if (!is_unit_name(unit.name))
    return make_error("bad_name", fmt::format("\"{}\" is no name of a unit", name));
  const auto answer =
      systemctl({"show", "--no-pager", "-p",
                 "LoadState,ControlGroup,PrivateNetwork,NetworkNamespacePath,FragmentPath", "--", unit.name});
  if (!answer) return answer.error();
  std::map<std::string, std::string> properties;
  std::istringstream lines(*answer);
  for (std::string line; std::getline(lines, line);) {
    const auto equals = line.find('=');
    if (equals != std::string::npos) properties[line.substr(0, equals)] = line.substr(equals + 1);
  }
  if (properties["LoadState"] != "loaded" && properties["LoadState"] != "masked")
    return make_error("not_found",
                      fmt::format("systemd knows no unit {}: `systemctl list-units` shows them", unit.name));
  if (!properties["ControlGroup"].empty()) {
    const auto mount = kernel::find_cgroup2_mount();
    if (!mount) return mount.error();
    unit.cgroup = *mount + properties["ControlGroup"];
  }
  unit.own_network = properties["PrivateNetwork"] == "yes" || !properties["NetworkNamespacePath"].empty();
  unit.fragment = properties["FragmentPath"];
  return unit;
}

std::string make_drop_in(const PersistentEnrolment& enrolment) {
  std::string command = quote(enrolment.command);
  if (!enrolment.socket.empty()) command += " --socket " + quote(enrolment.socket);
  command += " enroll --unit " + quote(enrolment.unit);
  if (!enrolment.workload.empty()) command += " --name " + quote(enrolment.workload);
  if (!enrolment.identity.empty()) command += " --identity " + quote(enrolment.identity);
  // "+" is outside of the unit's sandbox and namespaces, "!" only has root's privileges: the agent takes the
  // network namespace of whoever asks.
  return fmt::format(
      "# Made by `callgate enroll --unit {0} --persist`: the unit starts only under callgate.\n"
      "# `callgate unenroll --unit {0} --persist` removes it.\n"
      "[Unit]\n"
      "Wants=callgated.service\n"
      "After=callgated.service\n"
      "\n"
      "[Service]\n"
      "ExecStartPre={1}{2}\n",
      enrolment.unit, enrolment.own_network ? '!' : '+', command);
}

std::string drop_in_path(const std::string& unit, const std::string& directory) {
  return fmt::format("{}/{}.d/{}", directory, unit, file_name);
}

Result<void> write_drop_in(const PersistentEnrolment& enrolment, const std::string& directory) {
  const std::string path = drop_in_path(enrolment.unit, directory);
  CALLGATE_TRY(make_directories(std::filesystem::path(path).parent_path(), 0755));
  CALLGATE_TRY(replace_file(path, make_drop_in(enrolment), 0644));
  const auto read = systemctl({"daemon-reload"});
  return read ? Result<void>() : Result<void>(read.error());
}

Result<bool> remove_drop_in(const std::string& unit, const std::string& directory) {
  const std::string path = drop_in_path(unit, directory);
  if (::unlink(path.c_str()) != 0) {
    if (errno == ENOENT || errno == ENOTDIR) return false;
    return system_error(fmt::format("remove {}", path), errno);
  }
  ::rmdir(std::filesystem::path(path).parent_path().c_str());  // stays where others have something in it
  const auto read = systemctl({"daemon-reload"});
  if (!read) return read.error();
  return true;
}

std::vector<std::string> persistent_units(const std::string& directory) {
  std::vector<std::string> units;
  std::error_code error;  // no directory, no units
  for (const auto& entry : std::filesystem::directory_iterator(directory, error)) {
    const std::string name = entry.path().filename();
    if (name.size() > 2 && name.compare(name.size() - 2, 2, ".d") == 0 &&
        ::access((entry.path() / file_name).c_str(), F_OK) == 0)
      units.push_back(name.substr(0, name.size() - 2));
  }
  std::sort(units.begin(), units.end());
  return units;
}

}  // namespace callgate::cli
