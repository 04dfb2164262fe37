// Result<T>: the outcome of anything that may fail for reasons outside the program.
//
// An Error carries a stable, machine-readable code ("tls_expired") and a sentence that a person can act on.
// Codes are lower snake case and appear in records, problem details and --json output; they are never reused.
#pragma once

#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

#include <boost/system/result.hpp>

namespace callgate {

struct Error {
  Error() = default;
  Error(std::string code_, std::string message_) : code(std::move(code_)), message(std::move(message_)) {}

  std::string code;     // stable identifier, lower snake case
  std::string message;  // what went wrong and, where known, what to do about it
};

// Error{code, message} of an errno value: `what` names the operation that failed.
[[nodiscard]] Error system_error(std::string_view what, int error_number);

// "code: message".
template <typename Char, typename Traits>
std::basic_ostream<Char, Traits>& operator<<(std::basic_ostream<Char, Traits>& stream, const Error& error) {
  return stream << error.code.c_str() << ": " << error.message.c_str();
}

class ErrorException : public std::runtime_error {
 public:
  explicit ErrorException(const Error& error) : std::runtime_error(error.message), error_(error) {}
  [[nodiscard]] const Error& error() const { return error_; }

 private:
  Error error_;
};

// Called by Result<T>::value() on a failed result: for start-up code, where a failure ends the program.
[[noreturn]] inline void throw_exception_from_error(const Error& error, const boost::source_location&) {
  throw ErrorException(error);
}

template <typename T>
using Result = boost::system::result<T, Error>;

[[nodiscard]] inline Error make_error(std::string code, std::string message) {
  return Error{std::move(code), std::move(message)};
}

}  // namespace callgate

// Evaluates an expression of type Result<void>; returns its error from the enclosing function if there is
// one.
#define CALLGATE_TRY(expression)                                                                     \
  do {                                                                                               \
    if (auto callgate_outcome_ = (expression); !callgate_outcome_) return callgate_outcome_.error(); \
  } while (false)
