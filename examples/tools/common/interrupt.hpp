// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <csignal>

#include "system.hpp"

namespace tool {

inline volatile std::sig_atomic_t interrupted_by = 0;

struct Interrupted {};

/// The first Ctrl-C ends the work at the next step and removes what is half done; a second one
/// ends the program at once.
inline void listen_for_interrupts() {
  listen_for_signals([](int signal) { interrupted_by = signal; });
}

inline void stop_if_interrupted() {
  if (interrupted_by != 0) throw Interrupted{};
}

}  // namespace tool
