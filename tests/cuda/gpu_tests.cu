// SPDX-License-Identifier: Apache-2.0
// The tests of the CUDA backend for a GPU: one file, so that nvcc compiles each kernel once. What
// the files include is included before, outside their namespaces.
#define DOCTEST_CONFIG_IMPLEMENT
#include <doctest/doctest.h>
#include <eqsr/net/composed.hpp>
#include <eqsr/pixels.hpp>

#include "cuda/net_in_context.hpp"
#include "support/golden.hpp"
#include "support/layers.hpp"
#include "tiny.hpp"

#include <cstring>
#include <stop_token>

namespace composed_tests {
#include "composed.cpp"
}
namespace context_tests {
#include "context.cpp"
}
namespace conv2d_tests {
#include "conv2d.cpp"
}
namespace golden_tests {
#include "golden.cpp"
}
namespace kriging_upsampler_tests {
#include "kriging_upsampler.cpp"
}
namespace linear_tests {
#include "linear.cpp"
}
namespace mlp_tests {
#include "mlp.cpp"
}
namespace plan_tests {
#include "plan.cpp"
}
namespace operators_tests {
#include "operators.cpp"
}
namespace overlapping_attention_tests {
#include "overlapping_attention.cpp"
}
namespace pixels_tests {
#include "pixels.cpp"
}
namespace window_attention_tests {
#include "window_attention.cpp"
}

int main(int argc, char** argv) {
  try {
    eqsr::Context<eqsr::Cuda> ctx;
  } catch (const eqsr::Error& error) {
    if (error.code() != "no_device") throw;
    std::printf("skipped: %s\n", error.what());
    return 77;
  }
  return doctest::Context(argc, argv).run();
}
