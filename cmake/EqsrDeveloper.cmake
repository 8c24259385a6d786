# SPDX-License-Identifier: Apache-2.0
# Flags of our own programs. They are private: nothing here reaches a project that uses eqsr.
include(CheckCXXCompilerFlag)

set(CMAKE_CXX_EXTENSIONS OFF)
if(EQSR_NATIVE)
  check_cxx_compiler_flag(-march=native EQSR_HAS_MARCH_NATIVE)
endif()

# Warnings, errors and sanitizers, but no choice of processor.
function(eqsr_own_target target)
  target_compile_options(${target} PRIVATE -Wall -Wextra -Wpedantic -Wconversion -Wshadow)
  if(CMAKE_CXX_COMPILER_ID STREQUAL GNU AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
    target_compile_options(${target} PRIVATE -Wno-restrict) # false alarms about std::string
  endif()
  if(EQSR_WERROR)
    target_compile_options(${target} PRIVATE -Werror)
  endif()
  if(EQSR_SANITIZE)
    set(sanitize -fsanitize=address,undefined -fno-sanitize-recover=all)
    if(CMAKE_CXX_COMPILER_ID MATCHES Clang)
      list(APPEND sanitize -D__SANITIZE_ADDRESS__=1) # as g++ has it
    endif()
    if(EQSR_SANITIZE STREQUAL quick)
      # Without these a third of the time; most of what they find faults or overruns memory anyway.
      list(APPEND sanitize -fno-sanitize=null,alignment,object-size,vptr,pointer-overflow
           -fno-sanitize-address-use-after-scope)
    endif()
    target_compile_options(${target} PRIVATE ${sanitize} -fno-omit-frame-pointer)
    target_link_options(${target} PRIVATE ${sanitize})
  endif()
endfunction()

# The same for the processor at hand: tests, benches and the upscale tool.
function(eqsr_native_target target)
  eqsr_own_target(${target})
  if(EQSR_HAS_MARCH_NATIVE)
    target_compile_options(${target} PRIVATE -march=native)
  endif()
endfunction()
