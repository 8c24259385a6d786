// SPDX-License-Identifier: Apache-2.0
#include "cuda/emulation/block.hpp"

#include <algorithm>
#include <exception>

namespace eqsr_test {

using eqsr::say;

Block::Block(int threads, std::size_t shared_bytes)
    : shared_(shared_bytes),
      cells_((shared_bytes + 1) / 2),
      threads_(static_cast<std::size_t>(threads)),
      warp_operations_(static_cast<std::size_t>(threads / warp_size)) {
  if (threads <= 0 || threads % warp_size != 0 || threads > 1024)
    throw EmulationError{say("a block of ", threads, " threads")};
}

void Block::run(int index, bool backwards, const std::function<void(int)>& body) {
  index_ = index;
  error_.clear();
  std::fill(cells_.begin(), cells_.end(), Cell{});
  std::fill(shared_.begin(), shared_.end(), std::byte{0xff});
  std::fill(warp_operations_.begin(), warp_operations_.end(), 0U);
  phase_ = 1;
  const int count = threads();
  for (int t = 0; t < count; ++t) {
    Thread& thread = threads_[static_cast<std::size_t>(t)];
    thread.state = State::ready;
    thread.groups.assign(1, {});
    thread.fiber.start([this, &thread, &body, t] {
      try {
        body(t);
        for (const auto& group : thread.groups)
          if (!group.empty()) fail(t, "ended with asynchronous copies that it never waited for");
      } catch (const std::exception& error) {
        if (error_.empty()) error_ = error.what();
      }
      thread.state = State::ended;
    });
  }
  for (bool all_ended = false; !all_ended;) {
    bool moved = false;
    all_ended = true;
    for (int i = 0; i < count; ++i) {
      Thread& thread = threads_[static_cast<std::size_t>(backwards ? count - 1 - i : i)];
      if (thread.state == State::ready) {
        thread.fiber.resume();
        moved = true;
      }
      if (!error_.empty()) throw EmulationError{error_};
      all_ended &= thread.state == State::ended;
    }
    if (!release() && !moved && !all_ended)
      throw EmulationError{say("block ", index_,
                               ": some threads wait for a barrier or a warp operation that others "
                               "never reach")};
  }
}

bool Block::release() {
  bool released = false;
  for (std::size_t w = 0; w < warp_operations_.size(); ++w) {
    Thread* const lanes = &threads_[w * warp_size];
    void* given[warp_size];
    bool together = true;
    for (int lane = 0; lane < warp_size; ++lane) {
      together &= lanes[lane].state == State::in_warp_operation;
      given[lane] = lanes[lane].given;
    }
    if (!together) continue;
    for (int lane = 1; lane < warp_size; ++lane)
      if (lanes[lane].perform != lanes[0].perform)
        throw EmulationError{say("warp ", w, ": its lanes are in different operations, ",
                                 lanes[0].operation, " and ", lanes[lane].operation)};
    ++warp_operations_[w];
    if (lanes[0].perform) lanes[0].perform(*this, static_cast<int>(w), given);
    for (int lane = 0; lane < warp_size; ++lane) lanes[lane].state = State::ready;
    released = true;
  }
  if (released) return true;
  for (const Thread& thread : threads_)
    if (thread.state != State::at_barrier) return false;
  for (Thread& thread : threads_) thread.state = State::ready;
  ++phase_;
  return true;
}

void Block::pause(int thread, State state) {
  Thread& self = threads_[static_cast<std::size_t>(thread)];
  self.state = state;
  self.fiber.pause();
}
void Block::barrier(int thread) { pause(thread, State::at_barrier); }
void Block::collective(int thread, const char* name, Perform perform, void* given) {
  Thread& self = threads_[static_cast<std::size_t>(thread)];
  self.operation = name;
  self.perform = perform;
  self.given = given;
  pause(thread, State::in_warp_operation);
}

void Block::fail(int thread, const std::string& what) const {
  throw EmulationError{say("block ", index_, ", thread ", thread, ", phase ", phase_, ": ", what)};
}

void Block::check(std::size_t byte, std::size_t bytes, const char* what) const {
  if (byte + bytes > shared_.size())
    throw EmulationError{say("shared memory: ", what, " of bytes ", byte, " to ", byte + bytes,
                             " of ", shared_.size())};
  if (byte % bytes != 0)
    throw EmulationError{say("shared memory: ", what, " of ", bytes, " bytes at byte ", byte,
                             ", which is not aligned")};
}

bool Block::ordered(int toucher, std::uint32_t at, int thread) const {
  if (toucher == several) return false;
  const int warp = toucher < 0 ? -1 - toucher : toucher / warp_size;
  return toucher == thread ||
         (warp == thread / warp_size && at < warp_operations_[static_cast<std::size_t>(warp)]);
}

void Block::read_shared(int thread, std::size_t byte, void* to, std::size_t bytes) {
  check(byte, bytes, "a read");
  for (std::size_t i = byte / 2; i < (byte + bytes + 1) / 2; ++i) {
    Cell& cell = cells_[i];
    if (cell.in_flight)
      fail(thread, say("reads byte ", 2 * i, " of shared memory before the copy to it landed"));
    if (cell.written_in == 0)
      fail(thread, say("reads byte ", 2 * i, " of shared memory, which nothing has written"));
    if (cell.written_in == phase_ && !ordered(cell.writer, cell.written_at, thread))
      fail(thread, say("reads byte ", 2 * i, " of shared memory, which thread ", cell.writer,
                       " wrote in the same phase"));
    const int warp = thread / warp_size;
    const auto now = warp_operations_[static_cast<std::size_t>(warp)];
    if (cell.read_in != phase_) {
      cell.reader = static_cast<std::int16_t>(thread);
    } else if (cell.reader != thread && cell.reader != several) {
      const int readers = cell.reader < 0 ? -1 - cell.reader : cell.reader / warp_size;
      cell.reader = readers == warp ? static_cast<std::int16_t>(-1 - warp) : several;
    }
    cell.read_in = phase_;
    cell.read_at = now;
  }
  std::memcpy(to, shared_.data() + byte, bytes);
}

void Block::mark_written(int thread, std::size_t byte, std::size_t bytes, bool in_flight) {
  for (std::size_t i = byte / 2; i < (byte + bytes + 1) / 2; ++i) {
    Cell& cell = cells_[i];
    if (cell.written_in == phase_ && !ordered(cell.writer, cell.written_at, thread))
      fail(thread, say("writes byte ", 2 * i, " of shared memory, as thread ", cell.writer,
                       " did in the same phase"));
    if (cell.read_in == phase_ && !ordered(cell.reader, cell.read_at, thread))
      fail(thread, say("writes byte ", 2 * i, " of shared memory, which thread ", cell.reader,
                       " read in the same phase"));
    cell.written_in = phase_;
    cell.written_at = warp_operations_[static_cast<std::size_t>(thread / warp_size)];
    cell.writer = static_cast<std::int16_t>(thread);
    cell.in_flight = in_flight;
  }
}

void Block::write_shared(int thread, std::size_t byte, const void* from, std::size_t bytes) {
  check(byte, bytes, "a write");
  for (std::size_t i = byte / 2; i < (byte + bytes + 1) / 2; ++i)
    if (cells_[i].in_flight)
      fail(thread, say("writes byte ", 2 * i, " of shared memory while a copy to it is in flight"));
  mark_written(thread, byte, bytes, false);
  std::memcpy(shared_.data() + byte, from, bytes);
}

void Block::copy_async(int thread, std::size_t byte, const void* from, std::size_t bytes,
                       bool valid) {
  check(byte, bytes, "an asynchronous copy");
  mark_written(thread, byte, bytes, true);
  std::memset(shared_.data() + byte, 0xff, bytes);
  Copy copy{byte, bytes, {}};
  if (valid) {
    DeviceMemory::instance().read(from, bytes, grid_thread(thread));
    if (reinterpret_cast<std::uintptr_t>(from) % bytes != 0)
      fail(thread, say("copies ", bytes, " bytes from an address that is not aligned"));
    std::memcpy(copy.data, from, bytes);
  }
  threads_[static_cast<std::size_t>(thread)].groups.back().push_back(copy);
}
void Block::commit(int thread) { threads_[static_cast<std::size_t>(thread)].groups.emplace_back(); }
void Block::wait(int thread, std::size_t groups_left) {
  auto& groups = threads_[static_cast<std::size_t>(thread)].groups;
  while (groups.size() - 1 > groups_left) {
    for (const Copy& copy : groups.front()) {
      mark_written(thread, copy.byte, copy.bytes, false);
      std::memcpy(shared_.data() + copy.byte, copy.data, copy.bytes);
    }
    groups.erase(groups.begin());
  }
}

}  // namespace eqsr_test
