#include "cli/screen.hpp"

#include <cerrno>
#include <csignal>
#include <cstring>

#include <poll.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

namespace callgate::cli {
namespace {

constexpr const char* enter = "\x1b[?1049h\x1b[?25l";
constexpr const char* leave = "\x1b[?25h\x1b[?1049l";

termios saved{};  // for the signal handler

void put(const char* text, std::size_t size) {
  while (size > 0) {
    const ssize_t written = ::write(STDOUT_FILENO, text, size);
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return;
    text += written;
    size -= static_cast<std::size_t>(written);
  }
}

void restore() {
  put(leave, std::strlen(leave));
  ::tcsetattr(STDIN_FILENO, TCSANOW, &saved);
}

// Only what a signal handler may call.
void on_end(int signal) {
  restore();
  ::_exit(signal == SIGINT ? 0 : 128 + signal);
}

}  // namespace

Screen::Screen() {
  ::tcgetattr(STDIN_FILENO, &saved);
  for (const int signal : {SIGINT, SIGTERM, SIGHUP})
    std::signal(signal, on_end);
  termios raw = saved;
  raw.c_lflag &= ~static_cast<tcflag_t>(ICANON | ECHO);
  ::tcsetattr(STDIN_FILENO, TCSANOW, &raw);
  put(enter, std::strlen(enter));
}

Screen::~Screen() {
  restore();
  for (const int signal : {SIGINT, SIGTERM, SIGHUP})
    std::signal(signal, SIG_DFL);
}

Screen::Size Screen::size() {
  Size size;
  winsize window{};
  if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &window) == 0 && window.ws_col > 0 && window.ws_row > 0) {
    size.columns = window.ws_col;
    size.rows = window.ws_row;
  }
  return size;
}

void Screen::show(const std::string& text) const {
  std::string picture = "\x1b[H";
  for (const char c : text) {
    if (c == '\n') picture += "\x1b[K";  // what the picture before had to the right
    picture += c;
  }
  picture += "\x1b[J";
  put(picture.data(), picture.size());
}

bool Screen::wait(std::chrono::milliseconds time) const {
  const auto end = std::chrono::steady_clock::now() + time;
  for (;;) {
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(end - std::chrono::steady_clock::now());
    if (left.count() <= 0) return false;
    pollfd input{STDIN_FILENO, POLLIN, 0};
    if (::poll(&input, 1, static_cast<int>(left.count())) <= 0) continue;
    char key = 0;
    const ssize_t got = ::read(STDIN_FILENO, &key, 1);
    if (got == 0 || key == 'q' || key == 'Q') return true;
  }
}

}  // namespace callgate::cli
