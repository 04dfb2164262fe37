#include "payload/reader.hpp"

#include "payload/block_reader.hpp"

namespace callgate::payload {
namespace {

bool is_wanted(const Query& query, const Piece& piece) {
  return (!query.direction || *query.direction == piece.direction) &&
         (!query.kind || *query.kind == piece.kind);
}

// Shows the pieces of one block; `left` is what is left of the limit.
Result<Visited> show(const Query& query, Bytes content, std::uint64_t& left, const Visitor& visitor) {
  PieceListReader pieces(content);
  while (!pieces.at_end()) {
    auto view = pieces.next();
    if (!view) return make_error("payload_damaged", view.error().message);
    if (!is_wanted(query, view->piece)) continue;
    const bool crosses = view->bytes.size() > left;
    if (crosses) view->bytes = view->bytes.first(static_cast<std::size_t>(left));
    left -= view->bytes.size();
    const bool goes_on = (crosses && view->bytes.empty()) || visitor(*view);
    if (crosses) return Visited::cut;
    if (!goes_on) return Visited::stopped;
  }
  return Visited::all;
}

}  // namespace

Result<Visited> visit(const Files& files, const KeyRing& keys, const Query& query, const Visitor& visitor) {
  BlockReader blocks(files, keys, query.call);
  const auto chain = blocks.chain(query.last);
  if (!chain) return chain.error();
  std::uint64_t left = query.limit;
  std::uint64_t previous = 0;
  for (const std::uint64_t pointer : *chain) {
    const auto content = blocks.load(pointer, previous);
    if (!content) return content.error();
    const auto visited = show(query, *content, left, visitor);
    if (!visited || *visited != Visited::all) return visited;
    previous = pointer;
  }
  return Visited::all;
}

}  // namespace callgate::payload
