#include "policy/schema.hpp"

#include <initializer_list>
#include <string_view>
#include <utility>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

namespace callgate::policy {
namespace {

using boost::json::array;
using boost::json::object;
using boost::json::value;

object text(std::string_view description) {
  return {{"type", "string"}, {"minLength", 1}, {"description", description}};
}

object words(std::string_view description, std::initializer_list<std::string_view> names) {
  array list;
  for (const auto name : names)
    list.emplace_back(name);
  return {{"enum", std::move(list)}, {"description", description}};
}

object patterned(std::string_view description, std::string_view pattern) {
  return {{"type", array{"string", "integer"}}, {"pattern", pattern}, {"description", description}};
}

object size(std::string_view description) {
  return patterned(description, "^[1-9][0-9]*(KiB|MiB|GiB)?$");
}
object duration(std::string_view description) {
  return {{"type", "string"}, {"pattern", "^[1-9][0-9]*[smhd]$"}, {"description", description}};
}
object port(std::string_view description) {
  return {{"type", "integer"}, {"minimum", 1}, {"maximum", 65535}, {"description", description}};
}
object count(std::string_view description) {
  return {{"type", "integer"}, {"minimum", 1}, {"description", description}};
}

object list_of(object element, std::string_view description) {
  return {{"type", "array"}, {"minItems", 1}, {"items", std::move(element)}, {"description", description}};
}

object map_of(std::string_view description, object properties,
              std::initializer_list<std::string_view> required) {
  object made{{"type", "object"}, {"description", description}, {"additionalProperties", false}};
  if (required.size() != 0) {
    array names;
    for (const auto name : required)
      names.emplace_back(name);
    made["required"] = std::move(names);
  } else {
    made["minProperties"] = 1;
  }
  made["properties"] = std::move(properties);
  return made;
}

object label(std::string_view description) {
  return {
      {"type", "string"}, {"pattern", "^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$"}, {"description", description}};
}

object record() {
  return map_of(
      "What is kept of the calls.",
      {{"payloads", words("Whether bodies are kept, or their digests and sizes only.", {"full", "none"})},
       {"limit", size("Bytes of each direction that are kept.")},
       {"durability", words("What a call waits for: the agent has its record, the disk has it, nothing.",
                            {"written", "synced", "async"})},
       {"retain", duration("How long records are kept; without it, as the agent is configured.")}},
      {});
}

object subject() {
  return map_of("On whose behalf: all fields must match.",
                {{"issuer", text("As tokens say it; compared whole.")},
                 {"name", text("Of the subject; `*` is any run of characters.")},
                 {"groups", list_of(text("A group; `*` is any run of characters."),
                                    "One of them must be the subject's.")},
                 {"claims", object{{"type", "object"},
                                   {"minProperties", 1},
                                   {"additionalProperties", object{{"type", "string"}}},
                                   {"description", "All of them must match."}}}},
                {});
}

object caller() {
  return map_of("All fields of an entry must match; entries are alternatives.",
                {{"workload", text("Name of the workload; `*` is any run of characters.")},
                 {"namespace", text("As the SPIFFE ID says it.")},
                 {"serviceAccount", text("As the SPIFFE ID says it.")},
                 {"identity", text("Pattern over SPIFFE IDs: spiffe://domain/ns/*/sa/*.")},
                 {"process", text("Path of the executable; `*` is any run of characters.")},
                 {"subject", subject()}},
                {});
}

object upstream() {
  return map_of(
      "How the target is reached.",
      {{"port", port("Instead of the port that was called.")},
       {"tls", words("What the target must prove.", {"verified", "mutual", "unverified", "plaintext"})},
       {"trust", words("Who may vouch for it.", {"system", "bundle"})},
       {"identity", text("The SPIFFE ID that its certificate must prove, instead of its name.")},
       {"min_version", object{{"enum", array{"1.2", "1.3", 1.2, 1.3}},
                              {"description", "Of TLS; 1.3 where nothing is said."}}}},
      {});
}

object target() {
  return map_of("Where to: all fields must match; the most specific entry counts.",
                {{"host", text("A name, `*.suffix`, `*`, or an IP address.")},
                 {"cidr", text("A range of addresses: 10.0.0.0/8.")},
                 {"identity", text("The SPIFFE ID that the target must prove.")},
                 {"port", port("Any, where none is given.")},
                 {"protocol", words("opaque: bytes that nobody reads.", {"detect", "opaque"})},
                 {"upstream", upstream()}},
                {});
}

object limit() {
  const object key = words("What is counted for itself.",
                           {"caller.id", "caller.process", "caller.subject", "function", "target"});
  return map_of(
      "How much may be called in a period.",
      {{"calls", count("In a period.")},
       {"bytes", size("Of bodies, both directions together.")},
       {"per", duration("The period, which begins with a call.")},
       {"by", object{{"oneOf", array{key, list_of(key, "Each combination is counted for itself.")}}}}},
      {"per"});
}

object approval() {
  return map_of("Who has to say yes.",
                {{"approvers", list_of(text("group:NAME or user:NAME"), "Who may say it.")},
                 {"count", count("How many of them.")},
                 {"hold", duration("How long the call waits.")},
                 {"grant", duration("How long the answer is good for.")}},
                {"approvers"});
}

object mask() {
  return map_of("What must not reach the other side. One of the fields.",
                {{"detect", list_of(text("Name of a detector."), "What is found anywhere.")},
                 {"json", text("A path into a JSON body: $.customer.ssn.")},
                 {"header", text("Name of a header.")}},
                {});
}

object rule() {
  return map_of(
      "Deny goes before approve, approve before allow; what no rule matches is denied.",
      {{"name", label("Decisions are reported by it.")},
       {"functions", list_of(text("\"http:GET /v1/items/*\", \"tls:connect name\", \"tcp:connect\", \"*\""),
                             "Which calls.")},
       {"when", text("A condition in CEL over call, caller, target and now.")},
       {"action", words("What becomes of them.", {"allow", "deny", "approve"})},
       {"reason", object{{"type", "string"}, {"maxLength", 256}, {"description", "For the caller."}}},
       {"approval", approval()},
       {"mask", list_of(mask(), "What is masked.")},
       {"credential", map_of("A secret that the caller never sees.",
                             {{"from", text("Name of its source.")},
                              {"header", text("Where it goes.")},
                              {"format", text("\"Bearer {secret}\"")}},
                             {"from", "header"})},
       {"limit", object{{"oneOf", array{limit(), list_of(limit(), "All of them hold.")}}}},
       {"record", record()}},
      {"name", "functions", "action"});
}

void write(const value& item, int indent, std::string& out) {
  const std::string deeper(static_cast<std::size_t>(indent) + 2, ' ');
  const std::string here(static_cast<std::size_t>(indent), ' ');
  if (const auto* map = item.if_object(); map != nullptr && !map->empty()) {
    out += "{";
    bool first = true;
    for (const auto& [key, member] : *map) {
      out += std::string(std::exchange(first, false) ? "\n" : ",\n") + deeper +
             boost::json::serialize(value(key)) + ": ";
      write(member, indent + 2, out);
    }
    out += "\n" + here + "}";
  } else {
    out += boost::json::serialize(item);
  }
}

}  // namespace

std::string document_schema() {
  object metadata = map_of("Its name.",
                           {{"name", label("Names it in decisions.")},
                            {"namespace", label("Selects callers of this namespace only.")},
                            {"labels", object{{"type", "object"}}},
                            {"annotations", object{{"type", "object"}}}},
                           {"name"});
  object spec =
      map_of("What it says.",
             {{"mode", words("enforce, or only record what would be decided.", {"enforce", "observe"})},
              {"callers", list_of(caller(), "Whose calls.")},
              {"targets", list_of(target(), "To whom.")},
              {"rules", list_of(rule(), "Which calls, and what becomes of them.")},
              {"record", record()}},
             {"callers", "targets", "rules"});
  object schema = map_of("A policy of callgate: who may call which function, how, and when.",
                         {{"apiVersion", object{{"const", "callgate.dev/v1"}}},
                          {"kind", words("ClusterCallPolicy selects callers of every namespace.",
                                         {"CallPolicy", "ClusterCallPolicy"})},
                          {"metadata", std::move(metadata)},
                          {"spec", std::move(spec)}},
                         {"apiVersion", "kind", "metadata", "spec"});
  schema["$schema"] = "https://json-schema.org/draft/2020-12/schema";
  schema["$id"] = "https://callgate.dev/schema/v1/policy.json";
  schema["title"] = "CallPolicy";
  std::string out;
  write(schema, 0, out);
  return out + "\n";
}

}  // namespace callgate::policy
