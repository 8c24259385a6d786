// SPDX-License-Identifier: Apache-2.0
#include "cuda/emulation/memory.hpp"

#include <eqsr/core/check.hpp>

namespace eqsr_test {

DeviceMemory& DeviceMemory::instance() {
  static DeviceMemory memory;
  return memory;
}

void* DeviceMemory::allocate(std::size_t bytes, int device) {
  if (bytes == 0 || in_use_ + bytes > limit) return nullptr;
  if (allocations_ == refused) {
    refused = ~std::size_t{0};
    return nullptr;
  }
  constexpr std::size_t alignment = 256;  // as cudaMalloc
  Block block;
  block.storage.reset(new std::byte[bytes + alignment]);
  const auto address = reinterpret_cast<std::uintptr_t>(block.storage.get());
  block.memory = block.storage.get() + (alignment - address % alignment) % alignment;
  block.size = bytes;
  block.device = device;
  block.cell = 4;
  block.cells.resize((bytes + 3) / 4);
  for (std::size_t i = 0; i < bytes; ++i) block.memory[i] = std::byte{0xff};  // float NaN
  in_use_ += bytes;
  ++allocations_;
  void* memory = block.memory;
  blocks_.emplace(reinterpret_cast<std::uintptr_t>(memory), std::move(block));
  return memory;
}

void DeviceMemory::free(void* pointer) {
  if (!pointer) return;
  const auto found = blocks_.find(reinterpret_cast<std::uintptr_t>(pointer));
  if (found == blocks_.end()) throw EmulationError{"freed twice, or never allocated"};
  in_use_ -= found->second.size;
  blocks_.erase(found);
  last_ = nullptr;
}

int DeviceMemory::device_of(const void* pointer) const {
  const auto address = reinterpret_cast<std::uintptr_t>(pointer);
  const auto after = blocks_.upper_bound(address);
  if (after == blocks_.begin()) return -1;
  const auto& [begin, block] = *std::prev(after);
  return address < begin + block.size ? block.device : -1;
}

DeviceMemory::Block& DeviceMemory::find(const void* pointer, std::size_t bytes, const char* what) {
  const auto address = reinterpret_cast<std::uintptr_t>(pointer);
  const auto inside = [&](const Block& block) {
    const auto begin = reinterpret_cast<std::uintptr_t>(block.memory);
    return address >= begin && address + bytes <= begin + block.size;
  };
  if (last_ && inside(*last_)) return *last_;
  auto after = blocks_.upper_bound(address);
  if (after == blocks_.begin() || !inside((--after)->second))
    throw EmulationError{
        eqsr::say("global memory: ", what, " of ", bytes, " bytes outside every allocation")};
  return *(last_ = &after->second);
}

void DeviceMemory::expect_here(const Block& block) const {
  if (block.device != device_)
    throw EmulationError{eqsr::say("global memory: a kernel on device ", device_,
                                   " touches memory of device ", block.device)};
}

std::span<Touch> DeviceMemory::cells(Block& block, const void* pointer, std::size_t bytes) {
  const auto begin =
      static_cast<std::size_t>(static_cast<const std::byte*>(pointer) - block.memory);
  const std::size_t end = begin + bytes;
  if (block.cell == 4 && (begin % 4 != 0 || (end % 4 != 0 && end != block.size))) {
    std::vector<Touch> of_bytes(block.size);
    for (std::size_t i = 0; i < block.size; ++i) of_bytes[i] = block.cells[i / 4];
    block.cells = std::move(of_bytes);
    block.cell = 1;
  }
  const std::size_t first = begin / block.cell, last = (end + block.cell - 1) / block.cell;
  return std::span(block.cells).subspan(first, last - first);
}

void DeviceMemory::touch_range(const void* pointer, std::size_t bytes, bool writes) {
  for (Touch& touch : cells(find(pointer, bytes, "a copy"), pointer, bytes)) {
    if (writes)
      touch = {1, 0, 0, 0};
    else if (touch.written_in == 0)
      throw EmulationError{"global memory: a copy of a word that nothing has written"};
  }
}

void DeviceMemory::read(const void* pointer, std::size_t bytes, std::int32_t thread) {
  Block& block = find(pointer, bytes, "a read");
  expect_here(block);
  for (Touch& touch : cells(block, pointer, bytes)) {
    if (touch.written_in == 0)
      throw EmulationError{"global memory: a read of a word that nothing has written"};
    if (touch.written_in == launch_ && touch.writer != thread)
      throw EmulationError{
          "global memory: a read of a word that another thread of the launch wrote"};
    if (touch.read_in != launch_) {
      touch.read_in = launch_;
      touch.reader = thread;
    } else if (touch.reader != thread) {
      touch.reader = -1;
    }
  }
}

void DeviceMemory::write(void* pointer, std::size_t bytes, std::int32_t thread) {
  Block& block = find(pointer, bytes, "a write");
  expect_here(block);
  for (Touch& touch : cells(block, pointer, bytes)) {
    if (touch.written_in == launch_ && touch.writer != thread)
      throw EmulationError{"global memory: two threads of a launch write one word"};
    if (touch.read_in == launch_ && touch.reader != thread)
      throw EmulationError{
          "global memory: a write to a word that another thread of the launch read"};
    touch.written_in = launch_;
    touch.writer = thread;
  }
}

}  // namespace eqsr_test
