#include "index/block_builder.hpp"

#include "index/piece.hpp"

namespace callgate::index {

std::uint64_t TextNumbers::number(std::string_view text) {
  // Most columns repeat their last text.
  if (!texts_.empty() && texts_[last_] == text) return last_;
  if (const auto known = numbers_.find(text); known != numbers_.end()) return last_ = known->second;
  last_ = texts_.size();
  texts_.push_back(storage_.emplace_back(text));
  numbers_.emplace(texts_.back(), last_);
  bytes_ += text.size();
  return last_;
}

void TextNumbers::clear() {
  numbers_.clear();
  texts_.clear();
  storage_.clear();
  last_ = 0;
  bytes_ = 0;
}

void BlockBuilder::start(std::uint64_t number, std::uint64_t first) {
  summary_ = {};
  summary_.number = number;
  summary_.first = first;
  summary_.end = first;
  for (auto& column : numbers_)
    column.clear();
  for (auto& column : texts_)
    column.clear();
  for (auto& column : text_ids_)
    column.clear();
}

void BlockBuilder::add(Row row) {
  row[Number::entry] = summary_.end - summary_.first;
  for (std::size_t column = 0; column < number_count; ++column)
    numbers_[column].push_back(row.numbers[column]);
  for (std::size_t column = 0; column < text_count; ++column)
    text_ids_[column].push_back(texts_[column].number(row.texts[column]));
  summary_.opened.add(row[Number::opened]);
  summary_.duration.add(row[Number::duration]);
  summary_.generation.add(row[Number::session_generation]);
  summary_.generation.add(row[Number::call_generation]);
  summary_.session_counter.add(row[Number::session_counter]);
  summary_.call_counter.add(row[Number::call_counter]);
  ++summary_.rows;
  ++summary_.end;
}

bool BlockBuilder::full() const {
  if (summary_.rows >= most_rows || summary_.end - summary_.first >= most_block_entries) return true;
  std::size_t bytes = 0;
  for (const TextNumbers& column : texts_)
    bytes += column.bytes();
  return bytes >= most_block_text;
}

Block BlockBuilder::encode() const {
  Block block;
  block.summary = summary_;
  for (std::size_t column = 0; column < number_count; ++column)
    block.pieces[column] = encode_numbers(numbers_[column]);
  for (std::size_t column = 0; column < text_count; ++column)
    block.pieces[number_count + column] = encode_texts(texts_[column].texts(), text_ids_[column]);
  return block;
}

}  // namespace callgate::index
