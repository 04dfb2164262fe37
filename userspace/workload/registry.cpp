#include "workload/registry.hpp"

#include <cerrno>

#include <boost/json.hpp>
#include <fmt/format.h>
#include <unistd.h>

#include "base/file.hpp"

namespace callgate::workload {
namespace {

namespace json = boost::json;

constexpr std::size_t file_limit = 64U << 20U;
constexpr std::uint64_t format_version = 1;

json::object to_json(const Workload& workload) {
  return {{"id", workload.id},
          {"name", workload.name},
          {"spiffe_id", workload.spiffe_id},
          {"owner", workload.owner},
          {"cgroup", workload.cgroup},
          {"cgroup_id", workload.cgroup_id},
          {"netns_cookie", workload.netns_cookie},
          {"kind", to_string(workload.kind)},
          {"mode", to_string(workload.mode)},
          {"open_on_agent_loss", workload.open_on_agent_loss},
          {"enrolled_ns", workload.enrolled_ns}};
}

std::string text_of(const json::object& object, std::string_view key) {
  return std::string(object.at(key).as_string());
}

template <typename Number = std::uint64_t>
Number number_of(const json::object& object, std::string_view key) {
  return object.at(key).to_number<Number>();
}

// Throws for anything that to_json would not have written.
Workload from_json(const json::object& object) {
  Workload workload;
  workload.id = number_of(object, "id");
  workload.name = text_of(object, "name");
  workload.spiffe_id = text_of(object, "spiffe_id");
  workload.owner = number_of<uid_t>(object, "owner");
  workload.cgroup = text_of(object, "cgroup");
  workload.cgroup_id = number_of(object, "cgroup_id");
  workload.netns_cookie = number_of(object, "netns_cookie");
  const std::string kind = text_of(object, "kind");
  if (kind != "run" && kind != "enrolled") throw std::invalid_argument("unknown kind");
  workload.kind = kind == "run" ? Kind::run : Kind::enrolled;
  const std::string mode = text_of(object, "mode");
  if (mode != "observe" && mode != "enforce") throw std::invalid_argument("unknown mode");
  workload.mode = mode == "observe" ? Mode::observe : Mode::enforce;
  workload.open_on_agent_loss = object.at("open_on_agent_loss").as_bool();
  workload.enrolled_ns = number_of(object, "enrolled_ns");
  if (workload.id == 0 || !is_workload_name(workload.name)) throw std::invalid_argument("bad id or name");
  return workload;
}

}  // namespace

Result<Registry> Registry::open(std::string path, std::string boot_id) {
  Registry registry(std::move(path), std::move(boot_id));
  if (::access(registry.path_.c_str(), F_OK) != 0 && errno == ENOENT) return registry;
  const auto text = read_file(registry.path_, file_limit);
  if (!text) return text.error();
  CALLGATE_TRY(registry.load(*text));
  return registry;
}

Result<void> Registry::load(std::string_view text) {
  try {
    const json::value parsed = json::parse(text);
    const json::object& root = parsed.as_object();
    if (number_of(root, "version") != format_version) throw std::invalid_argument("unknown version");
    next_id_ = number_of(root, "next_id");
    const bool same_boot = text_of(root, "boot_id") == boot_id_;
    for (const json::value& entry : root.at("workloads").as_array()) {
      Workload workload = from_json(entry.as_object());
      if (workload.id >= next_id_ || workloads_.count(workload.id) != 0)
        throw std::invalid_argument("bad id");
      if (same_boot) {
        workloads_.emplace(workload.id, std::move(workload));
      } else {
        ++dropped_;
      }
    }
  } catch (const std::exception& problem) {
    return make_error(
        "registry_corrupt",
        fmt::format(
            "{} cannot be understood ({}): restore it from a copy; or, to begin anew, remove it together "
            "with the directory `pin_dir`, which ends all enrolments, and enrol again",
            path_, problem.what()));
  }
  return {};
}

Result<void> Registry::save(const std::map<std::uint64_t, Workload>& workloads, std::uint64_t next_id) const {
  json::array entries;
  for (const auto& [id, workload] : workloads)
    entries.push_back(to_json(workload));
  const json::object root{{"version", format_version},
                          {"boot_id", boot_id_},
                          {"next_id", next_id},
                          {"workloads", std::move(entries)}};
  return replace_file(path_, json::serialize(root) + "\n", 0600);
}

Result<std::uint64_t> Registry::draw_id() {
  CALLGATE_TRY(save(workloads_, next_id_ + 1));
  return next_id_++;
}

Result<void> Registry::put(const Workload& workload) {
  if (workload.id == 0 || workload.id >= next_id_)
    return make_error("bad_id", "the id was not drawn from the registry");
  auto changed = workloads_;
  changed[workload.id] = workload;
  CALLGATE_TRY(save(changed, next_id_));
  workloads_ = std::move(changed);
  return {};
}

Result<void> Registry::remove(std::uint64_t id) {
  if (workloads_.count(id) == 0) return {};
  auto changed = workloads_;
  changed.erase(id);
  CALLGATE_TRY(save(changed, next_id_));
  workloads_ = std::move(changed);
  return {};
}

const Workload* Registry::find(std::uint64_t id) const {
  const auto found = workloads_.find(id);
  return found == workloads_.end() ? nullptr : &found->second;
}

const Workload* Registry::find_cgroup(std::uint64_t cgroup_id) const {
  for (const auto& [id, workload] : workloads_) {
    if (workload.cgroup_id == cgroup_id) return &workload;
  }
  return nullptr;
}

Result<std::string> read_boot_id() {
  auto text = read_file("/proc/sys/kernel/random/boot_id", 128);
  if (!text) return text.error();
  while (!text->empty() && text->back() == '\n')
    text->pop_back();
  return text;
}

}  // namespace callgate::workload
