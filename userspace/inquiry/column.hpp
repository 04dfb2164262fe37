// What can be read off a record as one word: to count by, and to show in tables.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "callgate/v1/control.pb.h"

namespace callgate::inquiry {

// The columns by the names that people give them.
inline constexpr std::array<std::pair<std::string_view, v1::SessionColumn>, 11> columns{{
    {"workload", v1::SESSION_COLUMN_WORKLOAD},
    {"namespace", v1::SESSION_COLUMN_NAMESPACE},
    {"process", v1::SESSION_COLUMN_PROCESS},
    {"function", v1::SESSION_COLUMN_FUNCTION},
    {"host", v1::SESSION_COLUMN_HOST},
    {"decision", v1::SESSION_COLUMN_DECISION},
    {"policy", v1::SESSION_COLUMN_POLICY},
    {"rule", v1::SESSION_COLUMN_RULE},
    {"outcome", v1::SESSION_COLUMN_OUTCOME},
    {"status", v1::SESSION_COLUMN_STATUS},
    {"error-code", v1::SESSION_COLUMN_ERROR_CODE},
}};

// Empty where the record has none.
[[nodiscard]] std::string column_value(v1::SessionColumn column, const v1::Record& record);

// The namespace in the SPIFFE ID of the workload: spiffe://domain/ns/NAMESPACE/sa/NAME; empty: it has none.
[[nodiscard]] std::string_view namespace_of(const v1::Record& record);
// Of the target, or of the destination where the call names no target; 0: unknown.
[[nodiscard]] std::uint32_t port_of(const v1::Record& record);
// "allow", "deny", "would-deny"; empty: nothing was decided.
[[nodiscard]] std::string_view decision_of(const v1::Record& record);
// "completed", "denied", "refused", "failed", "caller_aborted", "interrupted"; empty: unknown.
[[nodiscard]] std::string_view outcome_of(const v1::Record& record);

}  // namespace callgate::inquiry
