#include "proxy/thread_context.hpp"

#include "proxy/exchange.hpp"

namespace callgate::proxy {
namespace {

// More machines than this are not kept between calls.
constexpr std::size_t shelf_size = 64;

}  // namespace

ThreadContext::ThreadContext(Settings given, Poller& thread_poller, record::RingWriter ring,
                             limit::LimitTable limit_table, IdSource id_source, SocketStock::Ask ask_sockets,
                             ProcessDirectory::Ask ask_process)
    : settings(given),
      poller(thread_poller),
      recorder(std::move(ring), clock),
      limits(std::move(limit_table)),
      ids(id_source),
      stock(std::move(ask_sockets)),
      processes(std::move(ask_process)),
      pool(settings) {
  buffer_size_ = recorder.piece_size();
  buffer_ = std::make_unique<std::uint8_t[]>(buffer_size_);
  pool.read_into(buffer());
}

ThreadContext::~ThreadContext() = default;

void ThreadContext::lose(std::uint64_t workload, const Losses& losses) {
  recorder.lose(workload, losses);
  ring_wanted = true;
}

std::unique_ptr<Exchange> ThreadContext::take_exchange() {
  if (shelf_.empty()) return std::make_unique<Exchange>(*this);
  auto exchange = std::move(shelf_.back());
  shelf_.pop_back();
  return exchange;
}

void ThreadContext::give_back(std::unique_ptr<Exchange> exchange) {
  if (shelf_.size() >= shelf_size) return;
  exchange->clear();
  shelf_.push_back(std::move(exchange));
}

}  // namespace callgate::proxy
