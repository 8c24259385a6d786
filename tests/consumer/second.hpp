// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <eqsr/net/config.hpp>

#include <cstddef>
#include <string>

inline constexpr eqsr::Config small{.channels = 8,
                                    .depths = {2},
                                    .heads = 2,
                                    .window = 4,
                                    .latent = 16,
                                    .frequencies = 4,
                                    .image_skip = eqsr::ImageSkip::bicubic};

bool own_stb_reads(const std::string& bytes);
std::size_t planned_bytes();
