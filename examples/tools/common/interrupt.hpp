// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <csignal>

namespace tool {

inline volatile std::sig_atomic_t interrupted_by = 0;

struct Interrupted {};

/// The first Ctrl-C ends the work at the next step and removes what is half done; a second one
/// ends the program at once.
inline void listen_for_signals() {
  struct sigaction action {};
  action.sa_handler = [](int signal) { interrupted_by = signal; };
  action.sa_flags = static_cast<int>(SA_RESETHAND);
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
  // What cannot be written is an error with a sentence, not a signal.
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGXFSZ, SIG_IGN);
}

inline void stop_if_interrupted() {
  if (interrupted_by != 0) throw Interrupted{};
}

}  // namespace tool
