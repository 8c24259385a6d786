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

function(eqsr_instance_source source config)
  file(CONFIGURE OUTPUT ${source} CONTENT "#include <eqsr/eqsr.hpp>
#include <eqsr/instance.hpp>
namespace eqsr {
EQSR_CPU_INSTANCE(, ${config})
}
")
endfunction()

foreach(config base lite)
  set(target eqsr_${config}_cpu)
  set(sources "")
  foreach(abi IN LISTS abis)
    set(source ${PROJECT_BINARY_DIR}/instances/${config}_${abi}.cpp)
    eqsr_instance_source(${source} ${config})
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

# Both, with the flags of our own programs and for their instruction set alone: tools, examples and
# tests share them instead of compiling them again.
function(eqsr_own_networks)
  set(sources "")
  foreach(config base lite)
    list(APPEND sources ${PROJECT_BINARY_DIR}/instances/own_${config}.cpp)
    eqsr_instance_source(${PROJECT_BINARY_DIR}/instances/own_${config}.cpp ${config})
  endforeach()
  add_library(eqsr_own_networks STATIC EXCLUDE_FROM_ALL ${sources})
  target_link_libraries(eqsr_own_networks PUBLIC eqsr)
  target_compile_definitions(eqsr_own_networks INTERFACE EQSR_LINKED_BASE_CPU EQSR_LINKED_LITE_CPU)
  eqsr_native_target(eqsr_own_networks)
endfunction()

foreach(config IN LISTS EQSR_INSTANCES)
  if(NOT TARGET eqsr::${config}_cpu)
    message(FATAL_ERROR "EQSR_INSTANCES names \"${config}\". There are base and lite; use "
                        "EQSR_CPU_INSTANCE of <eqsr/instance.hpp> for a network of your own.")
  endif()
  set_target_properties(eqsr_${config}_cpu PROPERTIES EXCLUDE_FROM_ALL OFF)
endforeach()
