// What the index keeps of a record: some numbers and some texts, one column each.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "callgate/v1/record.pb.h"

namespace callgate::index {

// Columns of numbers. The values are part of the file format.
enum class Number : std::uint8_t {
  entry,     // distance from the first entry of the block
  opened,    // ns since 1970
  duration,  // us from opened to closed
  registry,  // the workload's registry id
  port,      // of the target; where there is none, of the destination
  decision,  // v1::Verdict, and would_deny_bit
  outcome,   // v1::Outcome
  status,
  session_generation,
  session_thread,
  session_counter,
  call_generation,  // for a flow, which has no call, these repeat the session's
  call_thread,
  call_counter,
};
inline constexpr std::size_t number_count = 14;

inline constexpr std::uint64_t verdict_mask = 3;
inline constexpr std::uint64_t would_deny_bit = 4;  // policies that are only observed deny it

// Columns of texts. The values are part of the file format.
enum class Text : std::uint8_t { workload, name_space, process, function, host, policy, rule, error_code };
inline constexpr std::size_t text_count = 8;

struct Row {
  std::array<std::uint64_t, number_count> numbers{};
  std::array<std::string_view, text_count> texts;  // into the record

  [[nodiscard]] std::uint64_t& operator[](Number column) { return numbers[static_cast<std::size_t>(column)]; }
  [[nodiscard]] std::uint64_t operator[](Number column) const {
    return numbers[static_cast<std::size_t>(column)];
  }
  [[nodiscard]] std::string_view& operator[](Text column) { return texts[static_cast<std::size_t>(column)]; }
  [[nodiscard]] std::string_view operator[](Text column) const {
    return texts[static_cast<std::size_t>(column)];
  }
};

// True for the kinds of records that are listed: calls, and flows that came to no call.
[[nodiscard]] bool is_listed(const v1::Record& record);

// All columns but `entry`. The record must outlive the row.
[[nodiscard]] Row make_row(const v1::Record& record);

// "shop" of "spiffe://prod/ns/shop/sa/checkout"; empty for an ID of another form.
[[nodiscard]] std::string_view namespace_of(std::string_view spiffe_id);

}  // namespace callgate::index
