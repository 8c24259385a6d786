// SPDX-License-Identifier: Apache-2.0
#pragma once

/// PNG and JPEG files in and out. Needs stb; in CMake link eqsr::io.
#include <eqsr/io/picture/read.hpp>   // read_image, read_picture, decode_image, decode_picture
#include <eqsr/io/picture/write.hpp>  // write_image
