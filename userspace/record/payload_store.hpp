// Payload as the recorder owns it: the keys, the files, and the one who writes them.
#pragma once

#include <memory>
#include <string>

#include "base/result.hpp"
#include "payload/files.hpp"
#include "payload/key_ring.hpp"
#include "payload/writer.hpp"

namespace callgate::record {

struct PayloadOptions {
  std::string directory;  // created, 0700
  payload::KeyOptions keys;
  payload::WriterOptions writer;
};

struct PayloadStore {
  payload::KeyRing keys;
  std::unique_ptr<payload::Files> files;    // any thread
  std::unique_ptr<payload::Writer> writer;  // the recorder's thread

  // Errors: those of KeyRing::load(), Files::open() and Writer::open().
  [[nodiscard]] static Result<std::unique_ptr<PayloadStore>> open(const PayloadOptions& options) {
    auto keys = payload::KeyRing::load(options.keys);
    if (!keys) return keys.error();
    auto files = payload::Files::open(options.directory);
    if (!files) return files.error();
    auto store = std::make_unique<PayloadStore>(PayloadStore{std::move(*keys), std::move(*files), nullptr});
    auto writer = payload::Writer::open(*store->files, store->keys, options.writer);
    if (!writer) return writer.error();
    store->writer = std::move(*writer);
    return store;
  }
};

}  // namespace callgate::record
