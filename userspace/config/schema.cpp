#include "config/schema.hpp"

#include <algorithm>
#include <array>
#include <limits>
#include <utility>

#include <fmt/format.h>

#include "config/values.hpp"

namespace callgate::config {
namespace {

using std::chrono::milliseconds;

template <typename T>
void fail_value(Reader& reader, const Node& node, const std::string& name, const Result<T>& result) {
  reader.fail(node.place, fmt::format("`{}` {}", name, result.error().message));
}

ReadValue duration(milliseconds& target, milliseconds least, milliseconds most) {
  return [&target, least, most](Reader& reader, const Node& node, const std::string& name) {
    const auto* text = reader.text_of(node, name);
    if (text == nullptr) return;
    const auto value = parse_duration(*text);
    if (!value) return fail_value(reader, node, name, value);
    if (*value < least || *value > most) {
      return reader.fail(node.place, fmt::format("`{}` must be between {} and {}", name,
                                                 format_duration(least), format_duration(most)));
    }
    target = *value;
  };
}

ReadValue size(std::uint64_t& target, std::uint64_t least, std::uint64_t most, bool power_of_two = false) {
  return [&target, least, most, power_of_two](Reader& reader, const Node& node, const std::string& name) {
    const auto* text = reader.text_of(node, name);
    if (text == nullptr) return;
    const auto value = parse_size(*text);
    if (!value) return fail_value(reader, node, name, value);
    if (*value < least || *value > most) {
      return reader.fail(node.place, fmt::format("`{}` must be between {} and {}", name, format_size(least),
                                                 format_size(most)));
    }
    if (power_of_two && (*value & (*value - 1)) != 0) {
      return reader.fail(node.place, fmt::format("`{}` must be a power of two", name));
    }
    target = *value;
  };
}

ReadValue number(std::uint32_t& target, std::uint32_t least, std::uint32_t most) {
  return [&target, least, most](Reader& reader, const Node& node, const std::string& name) {
    const auto* text = reader.text_of(node, name);
    if (text == nullptr) return;
    const auto value = parse_number(*text);
    if (!value) return fail_value(reader, node, name, value);
    if (*value < least || *value > most) {
      return reader.fail(node.place, fmt::format("`{}` must be between {} and {}", name, least, most));
    }
    target = static_cast<std::uint32_t>(*value);
  };
}

enum class Empty : std::uint8_t { allowed, refused };

// A text that `check` accepts.
template <typename Check>
ReadValue text(std::string& target, Empty empty, Check check) {
  return [&target, empty, check](Reader& reader, const Node& node, const std::string& name) {
    const auto* value = reader.text_of(node, name);
    if (value == nullptr) return;
    if (!value->empty() || empty == Empty::refused) {
      const auto checked = check(*value);
      if (!checked) return fail_value(reader, node, name, checked);
    }
    target = *value;
  };
}

template <typename T>
using Choices = std::vector<std::pair<std::string, T>>;

template <typename T>
std::string names_of(const Choices<T>& choices) {
  std::string names;
  for (const auto& choice : choices)
    names += (names.empty() ? "" : ", ") + choice.first;
  return names;
}

template <typename T>
ReadValue choice(T& target, Choices<T> choices) {
  return [&target, choices](Reader& reader, const Node& node, const std::string& name) {
    const auto* value = reader.text_of(node, name);
    if (value == nullptr) return;
    std::vector<std::string> names;
    for (const auto& [known, meaning] : choices) {
      if (known == *value) {
        target = meaning;
        return;
      }
      names.push_back(known);
    }
    const auto alike = nearest(*value, names);
    reader.fail(node.place, fmt::format("`{}` must be one of: {}", name, names_of(choices)),
                alike.empty() ? std::string() : fmt::format("did you mean `{}`?", alike));
  };
}

ReadValue boolean(bool& target) {
  return choice<bool>(target, {{"true", true}, {"false", false}});
}

// Which of `choices` are in a list.
ReadValue flags(Choices<bool*> choices) {
  return [choices](Reader& reader, const Node& node, const std::string& name) {
    if (node.kind == Node::Kind::sequence) {
      for (const auto& known : choices)
        *known.second = false;
    }
    reader.read_list(node, name, [&choices](Reader& inner, const Node& item, const std::string& list) {
      const auto* value = inner.text_of(item, list);
      if (value == nullptr) return;
      for (const auto& [known, flag] : choices) {
        if (known != *value) continue;
        if (*flag) inner.fail(item.place, fmt::format("`{}` holds `{}` twice", list, known));
        *flag = true;
        return;
      }
      inner.fail(item.place, fmt::format("`{}` may hold: {}", list, names_of(choices)));
    });
  };
}

enum class Wildcard : std::uint8_t { allowed, refused };

ReadValue users(std::vector<std::string>& target, Wildcard wildcard) {
  return [&target, wildcard](Reader& reader, const Node& node, const std::string& name) {
    target.clear();
    reader.read_list(node, name,
                     [&target, wildcard](Reader& inner, const Node& item, const std::string& list) {
                       const auto* value = inner.text_of(item, list);
                       if (value == nullptr) return;
                       if (*value == "*" && wildcard == Wildcard::refused) {
                         return inner.fail(item.place, fmt::format("`{}` cannot be everybody", list),
                                           "name the users, or a group: `group:NAME`");
                       }
                       if (*value != "*") {
                         const auto checked = check_user_or_group(*value);
                         if (!checked) return fail_value(inner, item, list, checked);
                       }
                       target.push_back(*value);
                     });
  };
}

// A word of a command. The first one is the program: without a path, it would be whatever PATH leads to.
Result<void> check_word(std::string_view value, bool program) {
  constexpr std::size_t longest_word = 4096;
  if (program) {
    const auto checked = check_path(value);
    if (!checked)
      return make_error("invalid", "must begin with a program, whose name " + checked.error().message);
  }
  if (value.size() > longest_word) return make_error("invalid", "holds a word of more than 4096 bytes");
  if (value.find('\0') != std::string_view::npos)
    return make_error("invalid", "holds a word with a zero byte");
  return {};
}

// A program and its arguments, as execve(2) takes them.
ReadValue command(std::vector<std::string>& target) {
  return [&target](Reader& reader, const Node& node, const std::string& name) {
    std::vector<std::string> words;
    bool good = true;
    reader.read_list(node, name, [&](Reader& inner, const Node& item, const std::string& list) {
      const auto* value = inner.text_of(item, list);
      const auto checked = value == nullptr ? Result<void>() : check_word(*value, words.empty());
      if (!checked) fail_value(inner, item, list, checked);
      good = good && value != nullptr && checked;
      words.push_back(value == nullptr ? std::string() : *value);
    });
    constexpr std::size_t most_words = 64;
    if (words.size() > most_words) {
      reader.fail(node.place, fmt::format("`{}` has more than {} words", name, most_words),
                  "put them into a script, and give its path");
      good = false;
    }
    if (good) target = std::move(words);
  };
}

ReadValue identity_grants(Config& config, Places& places) {
  return [&config, &places](Reader& reader, const Node& node, const std::string& name) {
    config.identities.clear();
    reader.read_list(
        node, name, [&config, &places](Reader& inner, const Node& item, const std::string& list) {
          IdentityGrant grant;
          Place id_place = item.place;
          // The trust domain is compared when all is read.
          const auto read_id = [&](Reader& innermost, const Node& id, const std::string& id_name) {
            const auto* value = innermost.text_of(id, id_name);
            if (value == nullptr) return;
            id_place = id.place;
            grant.id = *value;
          };
          inner.read_map(item, list,
                         {{"id", read_id, true}, {"users", users(grant.users, Wildcard::allowed), true}});
          config.identities.push_back(std::move(grant));
          places.identities.push_back(id_place);
        });
  };
}

ReadValue ports(Gates& gates) {
  return [&gates](Reader& reader, const Node& node, const std::string& name) {
    const auto* value = reader.text_of(node, name);
    if (value == nullptr) return;
    const auto dash = value->find('-');
    const auto first = parse_number(std::string_view(*value).substr(0, dash));
    const auto last =
        dash == std::string::npos ? first : parse_number(std::string_view(*value).substr(dash + 1));
    if (!first || !last || *first < 1024 || *last > 65535 || *first > *last) {
      return reader.fail(
          node.place,
          fmt::format("`{}` must be a range of ports between 1024 and 65535, such as \"61000-61999\"", name));
    }
    gates.first_port = static_cast<std::uint16_t>(*first);
    gates.last_port = static_cast<std::uint16_t>(*last);
  };
}

// A user name, or "uid:gid".
Result<void> check_proxy_user(std::string_view value) {
  const auto colon = value.find(':');
  if (colon == std::string_view::npos) {
    if (value == "root")
      return make_error("invalid", "must not be root: the proxy parses what workloads send");
    CALLGATE_TRY(check_account(value));
    if (value.find_first_not_of("0123456789") == std::string_view::npos) {
      return make_error("invalid", "must be a user name, or \"uid:gid\" in numbers");
    }
    return {};
  }
  const auto uid = parse_number(value.substr(0, colon));
  const auto gid = parse_number(value.substr(colon + 1));
  if (!uid || !gid || *uid >= 0xffffffffU || *gid >= 0xffffffffU) {
    return make_error("invalid", "must be a user name, or \"uid:gid\" in numbers");
  }
  if (*uid == 0 || *gid == 0)
    return make_error("invalid", "must not be root: the proxy parses what workloads send");
  return {};
}

// Notes the place of a value before it is read.
ReadValue noting(Place& place, ReadValue read) {
  return [&place, read = std::move(read)](Reader& reader, const Node& node, const std::string& name) {
    place = node.place;
    read(reader, node, name);
  };
}

constexpr milliseconds operator""_ms(unsigned long long value) {
  return milliseconds(value);
}
constexpr milliseconds operator""_s(unsigned long long value) {
  return milliseconds(value * 1000);
}
constexpr milliseconds operator""_h(unsigned long long value) {
  return milliseconds(value * 3'600'000);
}
constexpr std::uint64_t operator""_KiB(unsigned long long value) {
  return value << 10U;
}
constexpr std::uint64_t operator""_MiB(unsigned long long value) {
  return value << 20U;
}
constexpr std::uint64_t operator""_GiB(unsigned long long value) {
  return value << 30U;
}
constexpr std::uint64_t operator""_PiB(unsigned long long value) {
  return value << 50U;
}

// How long evidence is kept. Zero reads like "for ever" to some and like "not at all" to others.
ReadValue retention(milliseconds& target) {
  const auto read = duration(target, 1_h, 876'000_h);
  return [read](Reader& reader, const Node& node, const std::string& name) {
    const auto value =
        node.kind == Node::Kind::scalar ? parse_duration(node.text) : Result<milliseconds>(1_h);
    if (value && *value == milliseconds::zero()) {
      return reader.fail(
          node.place, fmt::format("`{}` cannot be 0: records would be removed as they are written", name),
          "to keep them for ever write 36500d; to keep no payload set `record.payload_limit: 0`");
    }
    read(reader, node, name);
  };
}

Section top_level(Config& config, Places& places) {
  return {"",
          {{"state_dir", noting(places.state_dir, text(config.state_dir, Empty::refused, check_path))},
           {"run_dir", noting(places.run_dir, text(config.run_dir, Empty::refused, check_path))},
           {"pin_dir", noting(places.pin_dir, text(config.pin_dir, Empty::refused, check_path))},
           {"cgroup_root", text(config.cgroup_root, Empty::allowed, check_path)},
           {"policies_dir", text(config.policies_dir, Empty::refused, check_path)},
           {"default_mode",
            choice<Mode>(config.default_mode, {{"observe", Mode::observe}, {"enforce", Mode::enforce}})},
           {"identities", identity_grants(config, places)}}};
}

Section control_section(Config& config, Places& places) {
  auto read_socket = text(config.control.socket, Empty::refused, check_path);
  const auto socket = [&places, read_socket](Reader& reader, const Node& node, const std::string& name) {
    places.socket_given = true;
    places.socket = node.place;
    read_socket(reader, node, name);
  };
  return {"control",
          {{"socket", socket},
           {"group", text(config.control.group, Empty::allowed, check_account)},
           {"admins", users(config.control.admins, Wildcard::refused)},
           {"auditors", users(config.control.auditors, Wildcard::refused)},
           {"viewers", users(config.control.viewers, Wildcard::refused)}}};
}

Section workload_section(Workload& workload) {
  return {"workload",
          {{"on_agent_loss", choice<OnAgentLoss>(workload.on_agent_loss, {{"closed", OnAgentLoss::closed},
                                                                          {"open", OnAgentLoss::open}})},
           {"refuse", flags({{"mptcp", &workload.refuse_mptcp},
                             {"sctp", &workload.refuse_sctp},
                             {"raw", &workload.refuse_raw}})},
           {"udp443", choice<bool>(workload.refuse_udp443, {{"refuse", true}, {"pass", false}})},
           {"device_guard", choice<DeviceGuard>(workload.device_guard, {{"auto", DeviceGuard::automatic},
                                                                        {"never", DeviceGuard::never}})},
           {"pending_flows", number(workload.pending_flows, 16, 1U << 20U)}}};
}

Section limits_section(Config& config, Places& places) {
  auto& limits = config.limits;
  return {"limits",
          {{"head", noting(places.head, size(limits.head, 1_KiB, 1_MiB))},
           {"fields", number(limits.fields, 8, 4096)},
           {"request_body", size(limits.request_body, 0, 1024_GiB)},
           {"response_body", size(limits.response_body, 0, 1024_GiB)},
           {"decision_body", size(limits.decision_body, 1_KiB, 64_MiB)},
           {"connections", number(limits.connections, 1, 1U << 20U)},
           {"connections_per_workload",
            noting(places.connections_per_workload, number(limits.connections_per_workload, 1, 1U << 20U))},
           {"pool_idle", number(limits.pool_idle, 0, 65536)}}};
}

Section timeouts_section(Timeouts& timeouts) {
  const auto usual = [](milliseconds& target) { return duration(target, 10_ms, 24_h); };
  return {"timeouts",
          {{"detect", usual(timeouts.detect)},
           {"head", usual(timeouts.head)},
           {"idle", usual(timeouts.idle)},
           {"body", usual(timeouts.body)},
           {"connect", usual(timeouts.connect)},
           {"response", usual(timeouts.response)},
           {"stream", usual(timeouts.stream)},
           {"record", usual(timeouts.record)},
           {"drain", usual(timeouts.drain)},
           {"pool_idle", usual(timeouts.pool_idle)},
           {"tunnel_idle", duration(timeouts.tunnel_idle, 0_ms, 720_h)}}};
}

Section record_section(Config& config, Places& places) {
  auto& record = config.record;
  return {"record",
          {{"payload_limit", size(record.payload_limit, 0, 1_GiB)},
           {"segment_size", size(record.segment_size, 1_MiB, 16_GiB)},
           {"sync_interval", duration(record.sync_interval, 1_ms, 60_s)},
           {"key_file", text(record.key_file, Empty::allowed, check_path)},
           {"key_command", noting(places.key_command, command(record.key_command))},
           {"retain", retention(record.retain)},
           {"payload_size", size(record.payload_size, 64_MiB, 1_PiB)},
           {"epoch", duration(record.epoch, 60_s, 720_h)},
           {"checkpoint_file", text(record.checkpoint_file, Empty::allowed, check_path)},
           {"checkpoint_syslog", boolean(record.checkpoint_syslog)},
           {"log_name", text(record.log_name, Empty::allowed, check_log_name)}}};
}

}  // namespace

std::vector<Section> schema(Config& config, Places& places) {
  return {
      top_level(config, places),
      control_section(config, places),
      {"run", {{"users", users(config.run.users, Wildcard::allowed)}}},
      {"identity",
       {{"trust_domain", text(config.identity.trust_domain, Empty::refused, check_trust_domain)},
        {"svid_ttl", duration(config.identity.svid_ttl, 60_s, 8760_h)}}},
      workload_section(config.workload),
      {"gates", {{"ports", ports(config.gates)}}},
      {"proxy",
       {{"user", text(config.proxy.user, Empty::refused, check_proxy_user)},
        {"threads", number(config.proxy.threads, 0, 256)},
        {"binary", text(config.proxy.binary, Empty::allowed, check_path)}}},
      limits_section(config, places),
      timeouts_section(config.timeouts),
      {"rings", {{"size", noting(places.rings, size(config.rings.size, 64_KiB, 1_GiB, true))}}},
      record_section(config, places),
      {"tls",
       {{"system_roots", text(config.tls.system_roots, Empty::refused, check_path)},
        {"proof", duration(config.tls.proof, 1_s, 24_h)}}},
      {"log",
       {{"level", choice<LogLevel>(config.log_level, {{"debug", LogLevel::debug},
                                                      {"info", LogLevel::info},
                                                      {"warning", LogLevel::warning},
                                                      {"error", LogLevel::error}})},
        {"calls", number(config.log_calls, 0, 100'000)}}},
  };
}

}  // namespace callgate::config
