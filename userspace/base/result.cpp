#include "base/result.hpp"

#include <system_error>

namespace callgate {

Error system_error(std::string_view what, int error_number) {
  return Error{"system_error",
               std::string(what) + ": " + std::error_code(error_number, std::generic_category()).message()};
}

}  // namespace callgate
