#include <algorithm>

#include <fmt/format.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/file.hpp"
#include "config/config.hpp"
#include "config/reader.hpp"
#include "config/schema.hpp"
#include "config/values.hpp"
#include "config/yaml_tree.hpp"

namespace callgate::config {
namespace {

constexpr std::size_t largest_file = 1U << 20U;

bool is_same_or_inside(const std::string& path, const std::string& directory) {
  return path == directory ||
         (path.size() > directory.size() && path.compare(0, directory.size(), directory) == 0 &&
          path[directory.size()] == '/');
}

void check_directories(Reader& reader, const Config& config, const Places& places) {
  const auto apart = [&](const std::string& path, const Place& place, const std::string& other,
                         std::string_view names) {
    if (!is_same_or_inside(path, other) && !is_same_or_inside(other, path)) return;
    reader.fail(place, fmt::format("{} must be apart: neither may lie in the other", names));
  };
  apart(config.run_dir, places.run_dir.line != 0 ? places.run_dir : places.state_dir, config.state_dir,
        "`run_dir` and `state_dir`");
  apart(config.pin_dir, places.pin_dir.line != 0 ? places.pin_dir : places.state_dir, config.state_dir,
        "`pin_dir` and `state_dir`");
  apart(config.pin_dir, places.pin_dir.line != 0 ? places.pin_dir : places.run_dir, config.run_dir,
        "`pin_dir` and `run_dir`");
}

// What one value alone does not tell.
void check_together(Reader& reader, const Config& config, const Places& places) {
  check_directories(reader, config, places);
  if (config.control.socket.size() >= sizeof(sockaddr_un::sun_path)) {
    reader.fail(places.socket_given ? places.socket : places.run_dir,
                fmt::format("the path of the control socket has {} bytes, and the system allows {}",
                            config.control.socket.size(), sizeof(sockaddr_un::sun_path) - 1),
                "choose a shorter `control.socket`");
  }
  if (places.connections_per_workload.line != 0 &&
      config.limits.connections_per_workload > config.limits.connections) {
    reader.fail(places.connections_per_workload,
                "`limits.connections_per_workload` is more than `limits.connections`");
  }
  // A call waits until its ring has room for its head: in a ring that can never have it, for ever.
  constexpr std::uint64_t heads_in_a_ring = 8;
  if (config.rings.size < heads_in_a_ring * config.limits.head) {
    reader.fail(
        places.rings.line != 0 ? places.rings : places.head,
        fmt::format("`rings.size` must be at least {} times `limits.head`: {} or more for heads of {}",
                    heads_in_a_ring, format_size(heads_in_a_ring * config.limits.head),
                    format_size(config.limits.head)));
  }
  if (!config.record.key_file.empty() && !config.record.key_command.empty()) {
    reader.fail(places.key_command, "`record.key_file` and `record.key_command` are both given",
                "keys come from one place: remove the other");
  }
  for (std::size_t index = 0; index < config.identities.size(); ++index) {
    const auto& id = config.identities[index].id;
    const auto checked = check_spiffe_id(id, config.identity.trust_domain);
    if (id.empty()) continue;  // reported as missing
    if (!checked) {
      reader.fail(places.identities[index], fmt::format("`identities.id` {}", checked.error().message));
      continue;
    }
    const auto first = std::find_if(config.identities.begin(), config.identities.end(),
                                    [&](const IdentityGrant& grant) { return grant.id == id; });
    if (first != config.identities.begin() + static_cast<std::ptrdiff_t>(index)) {
      reader.fail(places.identities[index], fmt::format("the identity `{}` is granted twice", id),
                  "name all its users in one entry");
    }
  }
}

}  // namespace

Loaded parse_config(std::string_view text, std::string_view file) {
  Loaded loaded;
  if (text.size() > largest_file) {
    loaded.findings.push_back({std::string(file), 0, 0, "is larger than 1 MiB", {}, {}});
    return loaded;
  }
  Reader reader(text, file);
  const auto tree = parse_yaml(text);
  for (const auto& error : tree.errors)
    reader.fail(error.place, error.message);
  if (tree.errors.empty()) {
    Places places;
    const auto sections = schema(loaded.config, places);
    reader.read_document(tree.root, sections);
    if (!places.socket_given) loaded.config.control.socket = loaded.config.run_dir + "/control.sock";
    check_together(reader, loaded.config, places);
  }
  loaded.findings = reader.findings();
  return loaded;
}

Loaded load_config(const std::string& path) {
  const auto text = read_file(path, largest_file);
  if (text) return parse_config(*text, path);
  Loaded loaded;
  loaded.findings.push_back({path, 0, 0, text.error().message, {}, {}});
  if (text.error().code == "not_found")
    loaded.findings.back().hint = "an empty file is a valid configuration";
  return loaded;
}

std::vector<std::string> known_keys() {
  Config config;
  Places places;
  std::vector<std::string> keys;
  for (const auto& section : schema(config, places)) {
    for (const auto& field : section.fields) {
      keys.push_back(section.name.empty() ? field.key : section.name + "." + field.key);
    }
  }
  return keys;
}

}  // namespace callgate::config
