// callgate-proxy: serves the flows of enrolled workloads, without any privilege.
//
// Started by callgated, as root, in a cgroup of its own:
//   callgate-proxy --channel FD [--channel FD ...] --uid U --gid G
// One thread for each channel. Before a byte of any channel is read, the process has confined itself.
#include <algorithm>
#include <charconv>
#include <condition_variable>
#include <csignal>
#include <cstdlib>
#include <memory>
#include <mutex>
#include <string_view>
#include <thread>
#include <vector>

#include <fmt/format.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>

#include "base/log.hpp"
#include "policy/condition.hpp"
#include "proxy/flow_source.hpp"
#include "proxy/sandbox.hpp"
#include "proxy/worker.hpp"
#include "transport/openssl_memory.hpp"

namespace callgate::proxy {
namespace {

Result<Confinement> read_arguments(int count, char** arguments) {
  Confinement wanted;
  const auto usage = [] {
    return make_error(
        "usage", "callgate-proxy is started by callgated: --channel FD [--channel FD ...] --uid U --gid G");
  };
  for (int i = 1; i + 1 < count; i += 2) {
    const std::string_view name = arguments[i];
    const std::string_view text = arguments[i + 1];
    unsigned int value = 0;
    const auto parsed = std::from_chars(text.data(), text.data() + text.size(), value);
    if (parsed.ec != std::errc() || parsed.ptr != text.data() + text.size()) return usage();
    if (name == "--channel" && value > 2 && value < 1U << 20U) {
      wanted.kept.push_back(static_cast<int>(value));
    } else if (name == "--uid") {
      wanted.uid = value;
    } else if (name == "--gid") {
      wanted.gid = value;
    } else {
      return usage();
    }
  }
  if (count % 2 == 0 || wanted.kept.empty() || wanted.uid == 0 || wanted.gid == 0) return usage();
  return wanted;
}

// Libraries that look at files or processors when first used do it here, while they can.
Result<void> warm_up() {
  CALLGATE_TRY(transport::keep_record_buffers());
  // No configuration file: it could load code, and change what verification means.
  constexpr std::uint64_t options = OPENSSL_INIT_NO_LOAD_CONFIG | OPENSSL_INIT_LOAD_SSL_STRINGS |
                                    OPENSSL_INIT_LOAD_CRYPTO_STRINGS | OPENSSL_INIT_ADD_ALL_CIPHERS |
                                    OPENSSL_INIT_ADD_ALL_DIGESTS;
  if (OPENSSL_init_ssl(options, nullptr) != 1)
    return make_error("tls_failed", "OpenSSL cannot be initialized");
  unsigned char sample[16];
  if (RAND_bytes(sample, sizeof(sample)) != 1)
    return make_error("tls_failed", "OpenSSL has no random numbers");
  const std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)> context(SSL_CTX_new(TLS_client_method()),
                                                                  SSL_CTX_free);
  if (context == nullptr) return make_error("tls_failed", "OpenSSL has no TLS client");
  ::tzset();
  policy::load_for_conditions();
  return {};
}

// Threads that have to exist before the filter binds them, and to wait until it does.
class StartSignal {
 public:
  void give(bool go) {
    const std::lock_guard lock(mutex_);
    given_ = true;
    go_ = go;
    changed_.notify_all();
  }
  [[nodiscard]] bool wait() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return given_; });
    return go_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool given_ = false;
  bool go_ = false;
};

Result<bool> serve(const Confinement& confinement) {
  CALLGATE_TRY(warm_up());
  CALLGATE_TRY(confine(confinement));
  KernelFlowSource flows;
  std::vector<std::unique_ptr<Worker>> workers;
  for (const int channel : confinement.kept)
    workers.push_back(std::make_unique<Worker>(Fd(channel), flows));

  StartSignal start;
  std::vector<char> sound(workers.size(), 0);
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < workers.size(); ++i) {
    threads.emplace_back([&, i] {
      if (start.wait()) sound[i] = workers[i]->run() ? 1 : 0;
    });
  }
  Result<void> confined = filter_system_calls();
  if (confined) confined = verify_confinement(confinement);
  if (confined) log_info("confined", {{"threads", std::to_string(threads.size())}});
  start.give(confined.has_value());
  for (std::thread& thread : threads)
    thread.join();
  if (!confined) return confined.error();
  return std::find(sound.begin(), sound.end(), 0) == sound.end();
}

int run(int count, char** arguments) {
  start_log("callgate-proxy", LogLevel::info);
  // Its life is the channels': callgated ends it, or it drains once callgated is gone.
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGHUP, SIG_IGN);
  std::signal(SIGINT, SIG_IGN);
  const auto confinement = read_arguments(count, arguments);
  const auto served = confinement ? serve(*confinement) : Result<bool>(confinement.error());
  if (!served) {
    log_error("start_failed", {{"code", served.error().code}, {"detail", served.error().message}});
    return served.error().code == "usage" ? 2 : 1;
  }
  return *served ? 0 : 1;
}

}  // namespace
}  // namespace callgate::proxy

int main(int count, char** arguments) {
  try {
    return callgate::proxy::run(count, arguments);
  } catch (const std::exception& error) {
    callgate::log_error("failed", {{"detail", error.what()}});
    return 1;
  }
}
