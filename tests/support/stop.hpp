// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <version>
#ifdef __cpp_lib_jthread
#include <stop_token>
#else
#include <atomic>
#include <memory>
#endif

namespace eqsr_test {

#ifdef __cpp_lib_jthread
using StopSource = std::stop_source;
#else
/// What std::stop_source is where the standard library has none.
class StopSource {
 public:
  void request_stop() const { *asked_ = true; }
  [[nodiscard]] bool stop_requested() const { return *asked_; }
  [[nodiscard]] StopSource get_token() const { return *this; }

 private:
  std::shared_ptr<std::atomic<bool>> asked_ = std::make_shared<std::atomic<bool>>(false);
};
#endif

}  // namespace eqsr_test
