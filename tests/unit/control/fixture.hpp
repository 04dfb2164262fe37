// What the tests of this room share: a directory of their own, and a backend that answers who asked.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <string>

#include <catch2/catch.hpp>

#include "control/server.hpp"

// A failed check shows the error.
template <typename T>
struct Catch::StringMaker<boost::system::result<T, callgate::Error>> {
  static std::string convert(const boost::system::result<T, callgate::Error>& result) {
    return result ? "a value" : result.error().code + ": " + result.error().message;
  }
};

namespace callgate::control::test {

class Directory {
 public:
  Directory() {
    std::string name = "/tmp/callgate-control-XXXXXX";
    path_ = ::mkdtemp(name.data());
    // Users other than root must reach the socket in it.
    std::filesystem::permissions(path_, std::filesystem::perms(0755));
  }
  Directory(const Directory&) = delete;
  Directory& operator=(const Directory&) = delete;
  ~Directory() { std::filesystem::remove_all(path_); }

  [[nodiscard]] std::string path() const { return path_; }
  [[nodiscard]] std::string socket() const { return path_ + "/control.sock"; }

 private:
  std::string path_;
};

}  // namespace callgate::control::test
