#include "index/matcher.hpp"

#include <algorithm>
#include <map>
#include <numeric>
#include <string>
#include <utility>

#include "policy/text_pattern.hpp"

namespace callgate::index {
namespace {

constexpr std::uint64_t no_limit = ~std::uint64_t{0};

std::string lower_case(std::string_view text) {
  std::string lower(text);
  for (char& c : lower)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return lower;
}

template <typename Accepts>
void keep(Selection& rows, Accepts accepts) {
  rows.erase(std::remove_if(rows.begin(), rows.end(), [&](std::uint16_t row) { return !accepts(row); }),
             rows.end());
}

}  // namespace

Matcher::Matcher(const Query& query) : query_(query) {
  if (query.since_ns != 0 || query.until_ns != 0) {
    test(Number::opened, query.since_ns, query.until_ns == 0 ? no_limit : query.until_ns - 1);
  }
  if (query.session) {
    test(Number::session_counter, query.session->counter, query.session->counter);
    test(Number::session_thread, query.session->thread, query.session->thread);
    test(Number::session_generation, query.session->generation, query.session->generation);
  }
  if (query.min_duration_us != 0) test(Number::duration, query.min_duration_us, no_limit);
  if (query.port) test(Number::port, *query.port, *query.port);
  if (query.status) test(Number::status, query.status->first, query.status->last);
  if (query.outcome) {
    test(Number::outcome, static_cast<std::uint64_t>(*query.outcome),
         static_cast<std::uint64_t>(*query.outcome));
  }
  if (query.decision == DecisionFilter::allow) {
    test(Number::decision, v1::VERDICT_ALLOW, v1::VERDICT_ALLOW, verdict_mask);
  }
  if (query.decision == DecisionFilter::deny) {
    test(Number::decision, v1::VERDICT_DENY, v1::VERDICT_DENY, verdict_mask);
  }
  if (query.decision == DecisionFilter::would_deny) {
    test(Number::decision, would_deny_bit, would_deny_bit, would_deny_bit);
  }
  test_equal(Text::workload, query.workload);
  test_equal(Text::name_space, query.name_space);
  test_equal(Text::policy, query.policy);
  test_equal(Text::rule, query.rule);
  test_equal(Text::error_code, query.error_code);
  test_host(query.host);
  test_glob(Text::process, query.process);
  test_glob(Text::function, query.function);
}

void Matcher::test(Number column, std::uint64_t min, std::uint64_t max, std::uint64_t mask) {
  numbers_.push_back({column, mask, min, max});
}

void Matcher::test_equal(Text column, const std::string& text) {
  if (text.empty()) return;
  texts_.push_back({column, [&text](std::string_view value) { return value == text; }});
}

void Matcher::test_glob(Text column, const std::string& pattern) {
  if (pattern.empty()) return;
  texts_.push_back(
      {column, [&pattern](std::string_view value) { return policy::glob_matches(pattern, value); }});
}

void Matcher::test_host(const std::string& pattern) {
  if (pattern.empty()) return;
  texts_.push_back({Text::host, [pattern = lower_case(pattern)](std::string_view value) {
                      return policy::glob_matches(pattern, lower_case(value));
                    }});
}

bool Matcher::may_match(const Summary& summary) const {
  if (summary.rows == 0) return false;
  const std::uint64_t until = query_.until_ns == 0 ? no_limit : query_.until_ns - 1;
  if (!summary.opened.meets(query_.since_ns, until)) return false;
  if (summary.duration.max < query_.min_duration_us) return false;
  return !query_.session ||
         (summary.generation.meets(query_.session->generation, query_.session->generation) &&
          summary.session_counter.meets(query_.session->counter, query_.session->counter));
}

Result<Selection> Matcher::select(BlockReader& block) const {
  Selection rows(block.rows());
  std::iota(rows.begin(), rows.end(), std::uint16_t{0});
  for (const NumberTest& test : numbers_) {
    if (rows.empty()) return rows;
    const auto column = block.numbers(test.column);
    if (!column) return column.error();
    const Numbers& values = **column;
    keep(rows, [&](std::uint16_t row) {
      const std::uint64_t value = values[row] & test.mask;
      return value >= test.min && value <= test.max;
    });
  }
  for (const TextTest& test : texts_) {
    if (rows.empty()) return rows;
    const auto column = block.texts(test.column);
    if (!column) return column.error();
    const Texts& values = **column;
    // Each text is looked at once, and only where a row that is left has it.
    enum class Known : std::uint8_t { no, accepted, refused };
    std::vector<Known> known(values.texts.size());
    keep(rows, [&](std::uint16_t row) {
      Known& text = known[values.ids[row]];
      if (text == Known::no) {
        text = test.accepts(values.texts[values.ids[row]]) ? Known::accepted : Known::refused;
      }
      return text == Known::accepted;
    });
  }
  if (query_.visible && !rows.empty()) CALLGATE_TRY(keep_visible(block, rows));
  return rows;
}

Result<void> Matcher::keep_visible(BlockReader& block, Selection& rows) const {
  const auto registry = block.numbers(Number::registry);
  if (!registry) return registry.error();
  const auto workloads = block.texts(Text::workload);
  if (!workloads) return workloads.error();
  const Texts& names = **workloads;
  std::map<std::pair<std::uint64_t, std::uint64_t>, bool> known;
  keep(rows, [&](std::uint16_t row) {
    const std::pair key{(**registry)[row], names.ids[row]};
    const auto place = known.find(key);
    if (place != known.end()) return place->second;
    const bool visible = query_.visible(key.first, names.texts[key.second]);
    known.emplace(key, visible);
    return visible;
  });
  return {};
}

}  // namespace callgate::index
