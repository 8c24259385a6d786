// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <array>
#include <optional>
#include <string>
#include <string_view>

/// Which option matters where. An option that would have no effect is a mistake of whoever gave it,
/// and is refused.
namespace tool {

/// What is so about a command line, and makes options useless.
enum Fact : unsigned {
  frames = 1,          ///< --raw
  one_picture = 2,     ///< the input is no folder
  named_file = 4,      ///< the output is a file, whose name says the format
  no_alpha = 8,        ///< the format has no transparency, which --alpha drop asks for
  no_depth = 16,       ///< the format has one depth
  no_quality = 32,     ///< the format loses nothing
  on_cpu = 64,         ///< --device is the CPU
  on_gpu = 128,        ///< --device is a GPU, and --threads one number
  one_scale = 256,     ///< each picture has one result
  many_machines = 512  ///< this is upscale_mpi
};

struct Circumstance {
  Fact fact;
  std::string_view text;  ///< behind "has no effect"
};
inline constexpr std::array circumstances = {
    Circumstance{frames, "on frames (--raw)"},
    Circumstance{one_picture, "on a single picture"},
    Circumstance{named_file, "on an output that is a file: its name says the format"},
    Circumstance{no_alpha, "on this format, which has no transparency; only drop has"},
    Circumstance{no_depth, "on this format, which has no choice of bits"},
    Circumstance{no_quality, "on this format, which loses nothing"},
    Circumstance{on_cpu, "on the CPU"},
    Circumstance{on_gpu, "on a GPU; give three numbers, such as 1:1:1"},
    Circumstance{one_scale, "with one scale"},
    Circumstance{many_machines, "in upscale_mpi, which enlarges files on CPUs"},
};

struct Useless {
  std::string_view option;
  unsigned when;  ///< facts, any of which makes it useless
};
/// Options that are not here matter everywhere.
inline constexpr std::array useless = {
    Useless{"--alpha", frames | no_alpha},
    Useless{"--bits", frames | no_depth},
    Useless{"--device", many_machines},
    Useless{"--format", frames | named_file},
    Useless{"--max-megapixels", frames},
    Useless{"--overwrite", frames},
    Useless{"--precision", on_cpu},
    Useless{"--quality", frames | no_quality},
    Useless{"--raw", many_machines},
    Useless{"--recursive", frames | one_picture},
    Useless{"--rgb", frames},
    Useless{"--shard", frames | one_picture},
    Useless{"--share-trunk", frames | one_scale},
    Useless{"--skip-existing", frames},
    Useless{"--symmetries", frames},
    Useless{"--threads", on_gpu},
};

/// A sentence for the first option that was given and is useless; `given` tells of a name whether
/// it was.
template <class Given>
std::optional<std::string> useless_option(unsigned facts, const Given& given) {
  for (const Useless& row : useless)
    for (const Circumstance& circumstance : circumstances)
      if ((row.when & facts & circumstance.fact) != 0 && given(std::string(row.option)))
        return std::string(row.option) + " has no effect " + std::string(circumstance.text) +
               ". Leave it out.";
  return {};
}

}  // namespace tool
