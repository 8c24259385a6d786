# SPDX-License-Identifier: Apache-2.0
# eqsr::base_cpu and eqsr::lite_cpu: the network compiled once, for programs that link them.
# <eqsr/eqsr.hpp> then declares what is there, and <eqsr/lite_cpu.hpp> does so without the kernels.
# Nothing is compiled until something links one.
#
# Symbols carry the instruction set that a file is compiled for (core/version.hpp). The library has
# those of every set, so it does not matter what the program is compiled for; the linker takes one.
set(EQSR_INSTANCES "" CACHE STRING "Networks to build and install as libraries, such as base;lite")
set(abis generic)
if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64")
  list(APPEND abis avx2 avx512)
endif()
set(avx2_flags -mavx2 -mfma)
set(avx512_flags ${avx2_flags} -mavx512f -mavx512bw -mavx512vl -mavx512dq)

foreach(config base lite)
  set(target eqsr_${config}_cpu)
  set(sources "")
  foreach(abi IN LISTS abis)
    set(source ${PROJECT_BINARY_DIR}/instances/${config}_${abi}.cpp)
    file(CONFIGURE OUTPUT ${source} CONTENT "#include <eqsr/eqsr.hpp>
#include <eqsr/instance.hpp>
namespace eqsr {
EQSR_CPU_INSTANCE(, ${config})
}
")
    set_source_files_properties(${source} PROPERTIES COMPILE_OPTIONS "${${abi}_flags}")
    list(APPEND sources ${source})
  endforeach()
  add_library(${target} STATIC EXCLUDE_FROM_ALL ${sources})
  add_library(eqsr::${config}_cpu ALIAS ${target})
  set_target_properties(${target} PROPERTIES EXPORT_NAME ${config}_cpu
                                             POSITION_INDEPENDENT_CODE ON)
  target_link_libraries(${target} PUBLIC eqsr)
  string(TOUPPER ${config} upper)
  target_compile_definitions(${target} INTERFACE EQSR_LINKED_${upper}_CPU)
endforeach()

foreach(config IN LISTS EQSR_INSTANCES)
  if(NOT TARGET eqsr::${config}_cpu)
    message(FATAL_ERROR "EQSR_INSTANCES names \"${config}\". There are base and lite; use "
                        "EQSR_CPU_INSTANCE of <eqsr/instance.hpp> for a network of your own.")
  endif()
  set_target_properties(eqsr_${config}_cpu PROPERTIES EXCLUDE_FROM_ALL OFF)
endforeach()
