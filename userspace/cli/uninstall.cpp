// callgate uninstall: gives everything back that agents left in the kernel, where none runs (any more).
#include <cerrno>
#include <filesystem>
#include <memory>
#include <ostream>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/fd.hpp"
#include "cli/command.hpp"
#include "cli/text.hpp"
#include "cli/unit.hpp"
#include "config/config.hpp"
#include "kernel/cgroup.hpp"
#include "kernel/pins.hpp"

namespace callgate::cli {
namespace {

struct Options {
  bool dry_run = false;
  bool purge = false;
};

// The lock of the state directory is what an agent holds as long as it lives.
Result<void> check_no_agent(const std::string& state_dir) {
  const std::string path = state_dir + "/lock";
  const Fd lock(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!lock) {
    if (errno == ENOENT) return {};
    return system_error(fmt::format("open {}", path), errno);
  }
  if (::flock(lock.get(), LOCK_SH | LOCK_NB) == 0) return {};
  return make_error("refused",
                    "callgated runs: stop it first (`systemctl stop callgated`), so that it does not make "
                    "again what this removes");
}

// A directory that is a mount point stays, empty.
Result<void> remove_tree(const std::string& path) {
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(path, error)) {
    std::filesystem::remove_all(entry.path(), error);
    if (error) return system_error(fmt::format("remove {}", entry.path().string()), error.value());
  }
  if (::rmdir(path.c_str()) != 0 && errno != ENOENT && errno != EBUSY)
    return system_error(fmt::format("remove {}", path), errno);
  return {};
}

// Cgroups of agents and of ended runs; one that still has a process stays.
void remove_cgroups(const std::string& root) {
  std::error_code error;
  std::vector<std::string> found;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(root, error)) {
    if (entry.is_directory()) found.push_back(entry.path());
  }
  for (auto path = found.rbegin(); path != found.rend(); ++path)
    ::rmdir(path->c_str());
  ::rmdir(root.c_str());
}

std::string to_json(const kernel::Pins& pins, const std::vector<std::string>& units, const Options& options) {
  boost::json::object all;
  boost::json::array workloads;
  for (const auto& workload : pins.workloads) {
    boost::json::object one{{"workload", workload.workload}, {"cgroup_id", workload.cgroup_id}};
    if (workload.cgroup_path) one["cgroup"] = *workload.cgroup_path;
    workloads.push_back(std::move(one));
  }
  all["workloads"] = std::move(workloads);
  all["devices"] = boost::json::array(pins.guarded_devices.begin(), pins.guarded_devices.end());
  all["units"] = boost::json::array(units.begin(), units.end());
  all["dry_run"] = options.dry_run;
  all["purged"] = options.purge && !options.dry_run;
  return boost::json::serialize(all);
}

// What was done, or would be.
void print(const kernel::Pins& pins, const std::vector<std::string>& units, const config::Config& config,
           const Options& options, const Output& output) {
  const auto tell = [&](const std::string& what, const char* done, const char* possible) {
    output.out << safe(fmt::format("{} {}", what, options.dry_run ? possible : done)) << '\n';
  };
  for (const auto& workload : pins.workloads) {
    tell(fmt::format("workload {} ({}): connections", workload.workload,
                     workload.cgroup_path.value_or("a cgroup that was removed")),
         "go directly again", "would go directly again");
  }
  for (const std::uint32_t device : pins.guarded_devices)
    tell(fmt::format("device {}: its guard", device), "is removed", "would be removed");
  for (const std::string& unit : units) {
    tell(fmt::format("unit {}:", unit), "starts without callgate again",
         "would start without callgate again");
  }
  if (options.purge)
    tell(fmt::format("{}: identities and records", config.state_dir), "are deleted", "would be deleted");
  if (pins.versions.empty() && units.empty() && !options.purge)
    output.out << "there is nothing of callgate in the kernel\n";
  if (options.dry_run) output.out << "Nothing was changed.\n";
}

Result<void> remove(const std::vector<std::string>& units, const config::Config& config,
                    const std::string& mount, bool purge) {
  for (const std::string& unit : units) {
    const auto removed = remove_drop_in(unit);
    if (!removed) return removed.error();
  }
  CALLGATE_TRY(kernel::remove_pins(config.pin_dir));
  remove_cgroups(config.cgroup_root.empty() ? mount + "/callgate" : config.cgroup_root);
  // Nothing that is left there could mean anything to an agent that starts: what was enrolled is free now.
  const std::string registry = config.state_dir + "/workloads.json";
  if (::unlink(registry.c_str()) != 0 && errno != ENOENT)
    return system_error(fmt::format("remove {}", registry), errno);
  if (!purge) return {};
  CALLGATE_TRY(remove_tree(config.run_dir));
  return remove_tree(config.state_dir);
}

int uninstall(const Context& context, const Options& options) {
  if (::geteuid() != 0)
    return context.fail(
        make_error("denied", "detaching kernel programs takes root: sudo callgate uninstall"));
  const std::string path = context.config.empty() ? std::string(config::default_path) : context.config;
  const auto loaded = config::load_config(path);
  if (!loaded.findings.empty() && (!context.config.empty() || ::access(path.c_str(), F_OK) == 0)) {
    return context.fail(
        make_error("bad_config", fmt::format("{}\nwhere things are is in the configuration: correct it first",
                                             config::format_finding(loaded.findings.front()))));
  }
  const auto& config = loaded.config;
  const auto free = check_no_agent(config.state_dir);
  if (!free) return context.fail(free.error());
  const auto mount = kernel::find_cgroup2_mount();
  if (!mount) return context.fail(mount.error());
  const auto pins = kernel::find_pins(config.pin_dir, *mount);
  if (!pins) return context.fail(pins.error());
  const auto units = persistent_units();
  if (!options.dry_run) {
    const auto removed = remove(units, config, *mount, options.purge);
    if (!removed) return context.fail(removed.error());
  }
  if (context.output.json) {
    context.output.out << to_json(*pins, units, options) << '\n';
  } else {
    print(*pins, units, config, options, context.output);
  }
  return exit_ok;
}

}  // namespace

void add_uninstall(CLI::App& app, Context& context) {
  auto options = std::make_shared<Options>();  // shared: with the action, which outlives this function
  auto* const command = app.add_subcommand(
      "uninstall", "Free all workloads and remove everything from the kernel, where no agent runs");
  command->add_flag("--dry-run", options->dry_run, "Only say what would be removed");
  command->add_flag("--purge", options->purge, "Delete the state directory too: identities, and all records");
  command->footer(
      "A callgated that stops leaves its workloads attached, so that nothing goes out uncontrolled; their "
      "connections are refused.\n"
      "This frees them: programs of every version are detached, device guards and drop-ins of units removed. "
      "Connections\n"
      "that exist stay. It is also the cure for pins that nobody owns (`callgate doctor`). Needs root and no "
      "running agent.\n"
      "\n"
      "Examples:\n"
      "  sudo callgate uninstall --dry-run\n"
      "  sudo systemctl stop callgated && sudo callgate uninstall\n"
      "  sudo callgate uninstall --purge");
  command->callback(
      [&context, options] { context.action = [&context, options] { return uninstall(context, *options); }; });
}

}  // namespace callgate::cli
