#include "cli/text.hpp"

#include <catch2/catch.hpp>

using namespace callgate::cli;

TEST_CASE("text cannot control a terminal") {
  CHECK(safe("plain, ümläut, 日本") == "plain, ümläut, 日本");
  CHECK(safe("\x1b[2J\x07") == "\\x1b[2J\\x07");
  CHECK(safe("a\nb\r\tc") == "a\\nb\\r\\tc");
  CHECK(safe("\x7f") == "\\x7f");
  CHECK(safe("\xc2\x9b"
             "31m") == "\\u{9b}31m");  // C1: another way to say ESC [
  CHECK(safe("\xe2\x80\xae"
             "evil") == "\\u{202e}evil");      // right-to-left override
  CHECK(safe("\xe2\x80\x8b") == "\\u{200b}");  // invisible
  CHECK(safe("\xff\xc0\xaf\xed\xa0\x80") == "\\xff\\xc0\\xaf\\xed\\xa0\\x80");
  CHECK(safe(std::string_view("a\0b", 3)) == "a\\x00b");
  CHECK(safe("\xe6\x97") == "\\xe6\\x97");
}

TEST_CASE("no byte sequence of up to three bytes gets a control character through") {
  for (unsigned first = 0; first < 256; ++first) {
    for (unsigned second = 0; second < 256; ++second) {
      const std::string text{static_cast<char>(first), static_cast<char>(second), '\x9b'};
      const auto shown = safe(text);
      for (const char byte : shown) {
        if (static_cast<unsigned char>(byte) < 0x20 || byte == 0x7f)
          FAIL("a control character came through: " << first << " " << second);
      }
      // A lone C1 byte is no UTF-8; as a character of its own it begins with C2.
      if (shown.find("\xc2\x9b") != std::string::npos) FAIL("CSI came through: " << first << " " << second);
    }
  }
}

TEST_CASE("several lines keep their ends and tabs") {
  CHECK(safe_lines("a\r\nb\n\tc\x1b") == "a\nb\n\tc\\x1b");
  CHECK(safe_lines("a\rb") == "a\\rb");
}

TEST_CASE("text is told from other bytes") {
  CHECK(is_text(""));
  CHECK(is_text("{\"a\": 1}\r\n\t"));
  CHECK(is_text("ä"));
  CHECK(is_text("cut \xe6\x97"));
  CHECK_FALSE(is_text("\x1f\x8b\x08"));
  CHECK_FALSE(is_text(std::string_view("a\0b", 3)));
  CHECK_FALSE(is_text("\xff\xfe"));
}

TEST_CASE("a text is cut between characters") {
  CHECK(whole_characters("") == 0);
  CHECK(whole_characters("abc") == 3);
  CHECK(whole_characters("a\xe6") == 1);
  CHECK(whole_characters("a\xe6\x97") == 1);
  CHECK(whole_characters("a\xe6\x97\xa5") == 4);
  CHECK(whole_characters("\xf0\x9f\x98") == 0);
  CHECK(whole_characters("a\xff") == 2);
  CHECK(whole_characters("\x80\x80\x80\x80\x80") == 5);
}

TEST_CASE("width counts columns, not bytes") {
  CHECK(width("abc") == 3);
  CHECK(width("äöü") == 3);
  CHECK(width("日本") == 4);
  CHECK(width("e\xcc\x81") == 1);
}

TEST_CASE("shortening keeps to columns and says that it cut") {
  CHECK(shorten("abc", 3) == "abc");
  CHECK(shorten("abcd", 3) == "ab…");
  CHECK(shorten("日本語", 4) == "日…");
  CHECK(shorten("abc", 1) == "…");
  CHECK(shorten("abc", 0).empty());
}

TEST_CASE("bytes are dumped in lines of sixteen") {
  CHECK(hex_dump("").empty());
  CHECK(hex_dump("GET\x1b") == "000000  47 45 54 1b                                       |GET.|\n");
  CHECK(hex_dump("A", 0x20).find("000020  41 ") == 0);
  const auto two = hex_dump(std::string(17, 'A'));
  CHECK(two.find("000010  41 ") != std::string::npos);
  CHECK(two.find("|AAAAAAAAAAAAAAAA|\n") != std::string::npos);
}

TEST_CASE("sizes, times and numbers are for people") {
  CHECK(show_size(0) == "0 B");
  CHECK(show_size(1023) == "1023 B");
  CHECK(show_size(1'000'000) == "976.6 KiB (1,000,000 B)");
  CHECK(show_size(~0ULL) == "16.0 EiB (18,446,744,073,709,551,615 B)");
  CHECK(show_microseconds(850) == "850 us");
  CHECK(show_microseconds(12'345) == "12.3 ms");
  CHECK(show_microseconds(4'200'000) == "4.20 s");
  CHECK(show_number(999) == "999");
  CHECK(show_number(1'234'567) == "1,234,567");
  CHECK(show_time(0) == "-");
}
