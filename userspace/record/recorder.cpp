#include "record/recorder.hpp"

#include "record/recorder_worker.hpp"

namespace callgate::record {

void RecorderOptions::use_state_directory(const std::string& directory) {
  pipeline.journal.directory = directory + "/journal";
  pipeline.payload.directory = directory + "/payload";
  pipeline.log.log.directory = directory + "/log";
  pipeline.log.index.directory = directory + "/index";
}

Recorder::Recorder(std::unique_ptr<Worker> worker) : worker_(std::move(worker)) {}
Recorder::~Recorder() {
  worker_->stop();
}

Result<std::unique_ptr<Recorder>> Recorder::start(RecorderOptions options, WorkloadDirectory& directory) {
  auto worker = Worker::open(std::move(options), directory);
  if (!worker) return worker.error();
  (*worker)->start();
  return std::unique_ptr<Recorder>(new Recorder(std::move(*worker)));
}

Result<void> Recorder::add_ring(RingOwner owner) {
  return worker_->add_ring(owner);
}
void Recorder::ring_closed(RingOwner owner) {
  worker_->ring_closed(owner);
}
void Recorder::stop() {
  worker_->stop();
}
RecorderStatus Recorder::status() const {
  return worker_->status();
}
Result<void> Recorder::record_event(v1::Record event) {
  return worker_->record_event(std::move(event));
}
LogWorker& Recorder::log() {
  return worker_->log();
}
PayloadStore& Recorder::payload() {
  return worker_->payload();
}
const StoreQueries& Recorder::queries() const {
  return worker_->queries();
}

}  // namespace callgate::record
