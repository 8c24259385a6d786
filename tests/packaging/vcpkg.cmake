# SPDX-License-Identifier: Apache-2.0
# Runs the port of cmake/packaging/vcpkg with stand-ins for vcpkg's own functions, which do what
# their documentation says as far as the port needs it:
#
#   cmake -DSOURCE=. -DWORK=FOLDER -DCOMPILER=g++ -DGENERATOR=Ninja -P tests/packaging/vcpkg.cmake
cmake_minimum_required(VERSION 3.25)
file(REMOVE_RECURSE ${WORK})
set(PORT eqsr)
set(FEATURES core)
set(CURRENT_PORT_DIR ${SOURCE}/cmake/packaging/vcpkg)
set(CURRENT_PACKAGES_DIR ${WORK}/packages/eqsr)

function(vcpkg_cmake_configure)
  cmake_parse_arguments(PARSE_ARGV 0 arg "" "SOURCE_PATH" "OPTIONS")
  execute_process(COMMAND ${CMAKE_COMMAND} -S ${arg_SOURCE_PATH} -B ${WORK}/build -G ${GENERATOR}
                          -DCMAKE_CXX_COMPILER=${COMPILER} ${arg_OPTIONS}
                  COMMAND_ERROR_IS_FATAL ANY OUTPUT_QUIET)
endfunction()
function(vcpkg_cmake_install)
  execute_process(COMMAND ${CMAKE_COMMAND} --install ${WORK}/build --prefix ${CURRENT_PACKAGES_DIR}
                  COMMAND_ERROR_IS_FATAL ANY OUTPUT_QUIET)
endfunction()
function(vcpkg_cmake_config_fixup)
  cmake_parse_arguments(PARSE_ARGV 0 arg "" "CONFIG_PATH" "")
  file(COPY ${CURRENT_PACKAGES_DIR}/${arg_CONFIG_PATH}/ DESTINATION
       ${CURRENT_PACKAGES_DIR}/share/${PORT})
  file(REMOVE_RECURSE ${CURRENT_PACKAGES_DIR}/share/cmake)
endfunction()
function(vcpkg_fixup_pkgconfig)
endfunction()
function(vcpkg_install_copyright)
  cmake_parse_arguments(PARSE_ARGV 0 arg "" "" "FILE_LIST")
  configure_file(${arg_FILE_LIST} ${CURRENT_PACKAGES_DIR}/share/${PORT}/copyright COPYONLY)
endfunction()

include(${CURRENT_PORT_DIR}/portfile.cmake)

foreach(file IN ITEMS include/eqsr/eqsr.hpp share/eqsr/copyright share/eqsr/usage
                      share/eqsr/eqsr-config.cmake share/eqsr/eqsr-targets.cmake)
  if(NOT EXISTS ${CURRENT_PACKAGES_DIR}/${file})
    message(FATAL_ERROR "The port has not made ${file}.")
  endif()
endforeach()
file(READ ${CURRENT_PORT_DIR}/vcpkg.json manifest)
string(JSON version GET ${manifest} version)
include(${CURRENT_PACKAGES_DIR}/share/eqsr/eqsr-config-version.cmake)
if(NOT PACKAGE_VERSION STREQUAL version)
  message(FATAL_ERROR "vcpkg.json says version ${version}, the headers ${PACKAGE_VERSION}.")
endif()
