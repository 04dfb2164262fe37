// The function format(): texts with places for values.
#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <map>
#include <string>
#include <vector>

#include "cel/evaluation.hpp"
#include "cel/text.hpp"
#include "cel/time_text.hpp"

namespace callgate::cel {
namespace {

constexpr int most_digits = 100;
constexpr int deepest = 32;

class Formatter {
 public:
  explicit Formatter(Evaluation& evaluation) : evaluation_(evaluation) {}

  Value run(std::string_view text, const List& arguments) {
    std::string out;
    std::size_t used = 0;
    if (!evaluation_.charge(text.size() / 16)) return evaluation_.too_expensive();
    for (std::size_t i = 0; i < text.size(); ++i) {
      if (text[i] != '%') {
        out += text[i];
        continue;
      }
      if (++i == text.size()) return wrong("the text ends with a single %");
      if (text[i] == '%') {
        out += '%';
        continue;
      }
      int precision = -1;
      if (text[i] == '.') {
        precision = 0;
        for (++i; i < text.size() && text[i] >= '0' && text[i] <= '9'; ++i)
          precision = std::min(precision * 10 + (text[i] - '0'), most_digits + 1);
        if (precision > most_digits || i == text.size()) return wrong("the precision cannot be used");
      }
      if (used == arguments.size()) return wrong("there are fewer values than places");
      const Value value = arguments.at(used++, evaluation_.arena());
      if (value.is_error()) return value;
      if (!place(text[i], precision, value, out)) {
        if (!evaluation_.charge(0)) return evaluation_.too_expensive();
        return failure_.is_error() ? failure_ : wrong("the place is not for this value");
      }
    }
    return evaluation_.string(out);
  }

 private:
  Value wrong(std::string_view why) { return evaluation_.fail("invalid_argument", why); }

  bool place(char verb, int precision, const Value& value, std::string& out) {
    switch (verb) {
      case 's':
        return plain(value, out, 0);
      case 'd':
        return decimal(value, out);
      case 'f':
      case 'e':
        return real(verb, precision < 0 ? 6 : precision, value, out);
      case 'b':
        if (value.is(Kind::boolean)) {
          out += value.as_boolean() ? '1' : '0';
          return true;
        }
        return based(value, 2, false, out);
      case 'o':
        return based(value, 8, false, out);
      case 'x':
      case 'X':
        if (value.is(Kind::string) || value.is(Kind::bytes)) {
          if (!evaluation_.charge(value.as_text().size() / 16)) return false;
          for (const char c : value.as_text())
            append_byte(static_cast<unsigned char>(c), verb == 'X', out);
          return true;
        }
        return based(value, 16, verb == 'X', out);
      default:
        return false;
    }
  }

  static void append_byte(unsigned char byte, bool capitals, std::string& out) {
    const char* const digits = capitals ? "0123456789ABCDEF" : "0123456789abcdef";
    out += digits[byte >> 4U];
    out += digits[byte & 15U];
  }

  static bool based(const Value& value, unsigned base, bool capitals, std::string& out) {
    std::uint64_t number = 0;
    if (value.is(Kind::integer)) {
      const bool negative = value.as_integer() < 0;
      if (negative) out += '-';
      number = static_cast<std::uint64_t>(value.as_integer());
      if (negative) number = 0 - number;
    } else if (value.is(Kind::unsigned_integer)) {
      number = value.as_unsigned();
    } else {
      return false;
    }
    const char* const digits = capitals ? "0123456789ABCDEF" : "0123456789abcdef";
    std::string reversed;
    do {
      reversed += digits[number % base];
      number /= base;
    } while (number != 0);
    out.append(reversed.rbegin(), reversed.rend());
    return true;
  }

  static bool decimal(const Value& value, std::string& out) {
    if (value.is(Kind::integer)) {
      out += std::to_string(value.as_integer());
    } else if (value.is(Kind::unsigned_integer)) {
      out += std::to_string(value.as_unsigned());
    } else if (value.is(Kind::real) && !std::isfinite(value.as_real())) {
      out += real_text(value.as_real());
    } else {
      return false;
    }
    return true;
  }

  bool real(char verb, int precision, const Value& value, std::string& out) {
    double number = 0;
    if (value.is(Kind::real)) {
      number = value.as_real();
    } else if (value.is(Kind::integer)) {
      number = static_cast<double>(value.as_integer());
    } else if (value.is(Kind::unsigned_integer)) {
      number = static_cast<double>(value.as_unsigned());
    } else {
      return false;
    }
    if (!std::isfinite(number)) {
      out += real_text(number);
      return true;
    }
    if (!evaluation_.charge(8)) return false;
    std::array<char, 512> buffer{};
    const int written = verb == 'f' ? std::snprintf(buffer.data(), buffer.size(), "%.*f", precision, number)
                                    : std::snprintf(buffer.data(), buffer.size(), "%.*e", precision, number);
    if (written <= 0 || static_cast<std::size_t>(written) >= buffer.size()) return false;
    out.append(buffer.data(), static_cast<std::size_t>(written));
    return true;
  }

  bool plain(const Value& value, std::string& out, int depth) {
    if (depth > deepest || !evaluation_.charge(1)) return false;
    switch (value.kind()) {
      case Kind::null:
        out += "null";
        return true;
      case Kind::boolean:
        out += value.as_boolean() ? "true" : "false";
        return true;
      case Kind::integer:
      case Kind::unsigned_integer:
        return decimal(value, out);
      case Kind::real:
        out += real_text(value.as_real());
        return true;
      case Kind::string:
      case Kind::bytes:
      case Kind::type:
        if (!evaluation_.charge(value.as_text().size() / 16)) return false;
        out += value.as_text();
        return true;
      case Kind::timestamp:
        out += timestamp_text(value.as_time());
        return true;
      case Kind::duration:
        out += duration_text(value.as_time());
        return true;
      case Kind::list:
        return plain_list(value.as_list(), out, depth);
      case Kind::map:
        return plain_map(value.as_map(), out, depth);
      case Kind::error:
        failure_ = value;
        return false;
      default:
        return false;
    }
  }

  bool plain_list(const List& list, std::string& out, int depth) {
    out += '[';
    for (std::size_t i = 0; i < list.size(); ++i) {
      if (i > 0) out += ", ";
      if (!plain(list.at(i, evaluation_.arena()), out, depth + 1)) return false;
    }
    out += ']';
    return true;
  }

  bool plain_map(const Map& map, std::string& out, int depth) {
    std::map<std::string, std::string> sorted;
    for (std::size_t i = 0; i < map.size(); ++i) {
      std::string key;
      std::string value;
      if (!plain(map.key_at(i, evaluation_.arena()), key, depth + 1) ||
          !plain(map.value_at(i, evaluation_.arena()), value, depth + 1)) {
        return false;
      }
      sorted.emplace(std::move(key), std::move(value));
    }
    out += '{';
    bool first = true;
    for (const auto& [key, value] : sorted) {
      if (!std::exchange(first, false)) out += ", ";
      out.append(key).append(": ").append(value);
    }
    out += '}';
    return true;
  }

  Evaluation& evaluation_;
  Value failure_;  // that is among the values
};

}  // namespace

Value apply_format(Evaluation& evaluation, std::string_view text, const List& arguments) {
  return Formatter(evaluation).run(text, arguments);
}

}  // namespace callgate::cel
