// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <eqsr/cpu/core/context.hpp>  // Context<Cpu>
#include <eqsr/upscale.hpp>           // load, upscale

/// Networks that are compiled once, in a library, instead of in every program.
///
/// `EQSR_CPU_INSTANCE(extern, config)` in namespace eqsr declares that the functions of the front
/// door for `Net<config, Cpu>` are in a library; a file that declares it needs no kernels and so
/// not the time to compile them. `EQSR_CPU_INSTANCE(, config)` after <eqsr/eqsr.hpp> is that
/// library. Macros, because C++ has no other word for a list of instantiations.
#define EQSR_CPU_INSTANCE(word, config)                                                           \
  word template Net<config, Cpu> load<config>(Context<Cpu>&, const std::string&, const Limits&);  \
  word template UpscalePlan plan_upscale(const Context<Cpu>&, const Net<config, Cpu>&, int, int,  \
                                         const Target&);                                          \
  word template UpscalePlan plan_upscale_rows(const Context<Cpu>&, const Net<config, Cpu>&, int,  \
                                              int, const Target&, const RowPart&, std::size_t);   \
  word template Image upscale(Context<Cpu>&, const Net<config, Cpu>&, const Image&,               \
                              const Target&);                                                     \
  word template void upscale_rows(Context<Cpu>&, const Net<config, Cpu>&, const Image&,           \
                                  const Target&, const RowSink&, const RowPart&, std::size_t);    \
  word template Features<Net<config, Cpu>> features_of(Context<Cpu>&, const Net<config, Cpu>&,    \
                                                       const Image&, const Target&, std::size_t); \
  word template Image upscale(Context<Cpu>&, const Net<config, Cpu>&,                             \
                              const Features<Net<config, Cpu>>&, const Target&);                  \
  word template std::vector<Image> upscale(Context<Cpu>&, const Net<config, Cpu>&, const Image&,  \
                                           std::span<const Target>);
