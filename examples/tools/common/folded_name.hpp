// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <algorithm>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>

#ifndef EQSR_HAS_UTF8PROC
#define EQSR_HAS_UTF8PROC 0
#endif
#if EQSR_HAS_UTF8PROC
#include <utf8proc.h>
#endif

namespace tool {

/// A name without upper and lower case and in one Unicode form (NFC): two names that fold to the
/// same are one file on the disks of macOS and Windows. Built without utf8proc, and for a name that
/// is not UTF-8, only the letters A to Z are folded.
inline std::string folded(std::string_view name) {
#if EQSR_HAS_UTF8PROC
  utf8proc_uint8_t* result = nullptr;
  const utf8proc_ssize_t size = utf8proc_map(
      reinterpret_cast<const utf8proc_uint8_t*>(name.data()),
      static_cast<utf8proc_ssize_t>(name.size()), &result,
      static_cast<utf8proc_option_t>(UTF8PROC_STABLE | UTF8PROC_COMPOSE | UTF8PROC_CASEFOLD));
  const std::unique_ptr<utf8proc_uint8_t, void (*)(void*)> kept(result, std::free);
  if (size >= 0) return {reinterpret_cast<const char*>(result), static_cast<std::size_t>(size)};
#endif
  std::string out(name);
  std::transform(out.begin(), out.end(), out.begin(),
                 [](char c) { return static_cast<char>(c >= 'A' && c <= 'Z' ? c + 32 : c); });
  return out;
}

}  // namespace tool
