// Whatever a workload or a target wrote into records, the suggestion stays one document that says what it
// should.
#include <algorithm>
#include <random>

#include <catch2/catch.hpp>

#include "policy/engine.hpp"
#include "policy/path.hpp"
#include "policy/text_pattern.hpp"
#include "records.hpp"
#include "suggest/document.hpp"
#include "suggest/recorded_call.hpp"
#include "suggest/segment.hpp"

using namespace callgate;
using namespace callgate::suggest;
using namespace callgate::suggest::testing;

namespace {

const std::vector<std::string> nasty{"\n- name: x\n  functions: [\"*\"]\n  action: allow\n",
                                     "\r\nmode: observe",
                                     "\"",
                                     "'",
                                     "\\",
                                     "\\\"",
                                     "#",
                                     " # ",
                                     ": ",
                                     "---\n",
                                     "...\n",
                                     "*",
                                     "**",
                                     "***",
                                     "&a",
                                     "!!str",
                                     "%YAML 1.2",
                                     "{",
                                     "}",
                                     "[",
                                     "]",
                                     "|",
                                     ">",
                                     "@",
                                     "`",
                                     "\t",
                                     "\x1b[2J",
                                     "\x7f",
                                     "\xc2\x85",
                                     "\xe2\x80\xa8",
                                     "\xe2\x80\xae",
                                     "\xef\xbb\xbf",
                                     "\xef\xbf\xbd",
                                     "\xf0\x9f\x98\x80",
                                     "\xc3\xbc",
                                     "\xff",
                                     "\xc0\xaf",
                                     "$",
                                     "${x}",
                                     "{{",
                                     "%",
                                     "%2e",
                                     "%zz",
                                     "..",
                                     ".",
                                     ";a=1",
                                     "//",
                                     "/",
                                     "?",
                                     "42",
                                     "7",
                                     "5f2b9c1d",
                                     "2026-11-26",
                                     "a",
                                     "users",
                                     "v1",
                                     ".json",
                                     "<<",
                                     "~",
                                     "null",
                                     "yes",
                                     "\"]}",
                                     "'}\n",
                                     "*/",
                                     "\xe2\x82\xac"};

class Generator {
 public:
  explicit Generator(unsigned seed) : random_(seed) {}

  std::size_t below(std::size_t end) {
    return std::uniform_int_distribution<std::size_t>(0, end - 1)(random_);
  }

  std::string text(std::size_t pieces) {
    std::string out;
    for (std::size_t i = below(pieces + 1); i > 0; --i)
      out += nasty[below(nasty.size())];
    return out;
  }

  std::string path() {
    std::string out;
    for (std::size_t i = 1 + below(5); i > 0; --i)
      out += "/" + text(3);
    if (below(50) == 0) out += "/" + std::string(8000, "ax*/\n\""[below(6)]);
    return out;
  }

  v1::Record record() {
    const std::vector<std::string> hosts{"api.test", "web.test", "10.0.0.5", "2001:db8::1",
                                         "b_c.test", text(2),    "API.test."};
    const std::vector<std::string> methods{"GET", "PUT", "POST", "get", "M-SEARCH", text(1)};
    auto host = hosts[below(hosts.size())];
    const auto port = static_cast<std::uint32_t>(80 + below(3));
    std::string function;
    switch (below(8)) {
      case 0:
        function = "tcp:connect";
        host = policy::CanonicalHost(host).view();  // as the proxy names it
        break;
      case 1:
        function = "tls:connect " + host;
        break;
      case 2:
        function = text(5);
        break;
      default: {
        std::string storage;
        const auto raw = path();
        // As the proxy has it: normalized where it can be.
        const auto encoded = encode_path(raw);
        const auto normal = policy::normalize_path(encoded, storage);
        function =
            "http:" + methods[below(methods.size())] + " " + host + (normal ? std::string(*normal) : raw);
      }
    }
    v1::Record record = call(function, host, port);
    record.mutable_workload()->set_name(below(4) == 0 ? text(3) : "shop");
    if (below(3) == 0) record.mutable_process()->set_exe_path("/" + text(4));
    if (below(9) == 0) record.mutable_workload()->set_spiffe_id("spiffe://d/ns/" + text(1) + "/sa/x");
    if (below(4) == 0) record = denied(record, below(2) == 0 ? text(3) : "no");
    if (below(6) == 0) record = observed(record, below(2) == 0);
    record.mutable_decision()->set_reason(text(3));
    record.mutable_decision()->set_policy(text(2));
    record.set_error_code(below(9) == 0 ? "protocol_lost" : text(1));
    record.mutable_upstream()->mutable_certificate()->set_spiffe_id(text(2));
    record.mutable_upstream()->set_required(static_cast<v1::TlsRequirement>(below(6)));
    return record;
  }

 private:
  std::mt19937 random_;
};

bool nameable(const RecordedCall& call) {
  const policy::CanonicalHost host(call.host);
  policy::PatternFault fault;
  const auto pattern = policy::parse_host_pattern(host.view(), fault);
  const bool token = !call.method.empty() && call.method.size() < 64 &&
                     std::all_of(call.method.begin(), call.method.end(), [](char c) {
                       return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                              std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
                     });
  return token && pattern && pattern->kind == policy::HostPattern::Kind::exact &&
         pattern->text == host.view();
}

}  // namespace

TEST_CASE("hostile records make a document that allows what was let go, and nothing beyond it") {
  std::size_t allowed = 0;
  std::size_t kept_out = 0;
  std::size_t beyond = 0;
  for (unsigned seed = 0; seed < 150; ++seed) {
    Generator generator(seed);
    std::vector<v1::Record> records;
    Evidence evidence({1 + generator.below(8), 1000, 50'000});
    for (std::size_t i = 1 + generator.below(60); i > 0; --i)
      records.push_back(generator.record());
    for (const auto& record : records)
      evidence.add(record);
    const auto workload = generator.below(3) == 0 ? generator.text(4) : std::string("shop");
    const auto made = suggest::suggest(evidence, {workload, "name", policy::Mode::enforce});
    CAPTURE(seed);
    if (!made) {
      REQUIRE(made.error().code == "nothing_recorded");
      continue;
    }
    INFO(made->text);
    REQUIRE(std::all_of(made->text.begin(), made->text.end(),
                        [](char c) { return (c >= 0x20 && c < 0x7f) || c == '\n'; }));
    auto parsed = policy::parse_policies(made->text, "s");
    REQUIRE(parsed.policies.size() == 1);
    REQUIRE(parsed.policies[0].name == "name");
    REQUIRE(parsed.policies[0].mode == policy::Mode::enforce);
    // Whose calls they are is not the question here.
    parsed.policies[0].kind = policy::Kind::cluster;
    parsed.policies[0].namespace_name.clear();
    parsed.policies[0].callers = {policy::CallerPattern{}};
    parsed.policies[0].callers[0].workload = "*";
    // Only paths of more than 64 segments are.
    const auto& rules = parsed.policies[0].rules;
    const bool open_ended = std::any_of(rules.begin(), rules.end(), [](const policy::Rule& rule) {
      return rule.action == policy::Action::allow &&
             std::any_of(rule.functions.begin(), rule.functions.end(),
                         [](const std::string& function) { return function.ends_with("/**"); });
    });
    const auto engine = policy::Engine::compile(parsed.policies, policy::Mode::enforce);
    const auto decide = [&](const RecordedCall& call) {
      policy::Call facts = call.call();
      facts.from_record = false;
      return engine->decide({"shop", "", "/bin/x"}, facts).verdict == policy::Verdict::allow;
    };
    for (const auto& record : records) {
      const auto call = read_call(record);
      if (!call || standing_of(record) == Standing::undecided || !nameable(*call)) continue;
      INFO(record.function());
      if (standing_of(record) == Standing::used) {
        // The rest of an observed connection that HTTP was lost in has no session of its own here.
        CHECK(decide(*call));
        ++allowed;
        RecordedCall other = *call;
        other.host = "elsewhere.test";
        CHECK_FALSE(decide(other));
        other = *call;
        other.method = "PROBE";
        CHECK((call->protocol != "http" || !decide(other)));
        other = *call;
        other.port = 9999;
        CHECK_FALSE(decide(other));
        std::string longer(call->path);
        for (int i = 0; i < 100; ++i)
          longer += "/q";
        other = *call;
        other.path = longer;
        CHECK((call->protocol != "http" || open_ended || !decide(other)));
        ++beyond;
      } else {
        const bool used_too = std::any_of(records.begin(), records.end(), [&](const v1::Record& one) {
          const auto same = read_call(one);
          if (!same || standing_of(one) != Standing::used || same->protocol != call->protocol) return false;
          return policy::CanonicalHost(same->host).view() == policy::CanonicalHost(call->host).view() &&
                 same->port == call->port &&
                 (call->protocol != "http" ||
                  (policy::equal_ignoring_case(same->method, call->method) &&
                   (same->path == call->path || policy::second_reading(same->path) == call->path)));
        });
        if (used_too) continue;
        CHECK((!decide(*call) || contains(made->text, "too long a path to be kept apart")));
        ++kept_out;
      }
    }
  }
  // Something was looked at.
  CHECK(allowed > 1000);
  CHECK(kept_out > 100);
  CHECK(beyond > 1000);
}

TEST_CASE("a name that is not a label is refused, hostile or not") {
  for (const char* name : {"a\nspec: {}", "A", "-a", "a b", "\"x\""}) {
    Evidence evidence;
    evidence.add(http("GET", "/"));
    CHECK(suggest::suggest(evidence, {"shop", name, policy::Mode::enforce}).error().code == "bad_name");
  }
}
