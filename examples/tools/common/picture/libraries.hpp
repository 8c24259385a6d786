// SPDX-License-Identifier: Apache-2.0
#pragma once

// The libraries that a tool was built with; examples/CMakeLists.txt looks for them.
#ifndef EQSR_HAS_SPNG
#define EQSR_HAS_SPNG 0
#endif
#ifndef EQSR_HAS_JPEG
#define EQSR_HAS_JPEG 0
#endif
#ifndef EQSR_HAS_WEBP
#define EQSR_HAS_WEBP 0
#endif
