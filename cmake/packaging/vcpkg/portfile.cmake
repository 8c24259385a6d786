# SPDX-License-Identifier: Apache-2.0
# An overlay port inside the repository: vcpkg install eqsr --overlay-ports=cmake/packaging/vcpkg
get_filename_component(SOURCE_PATH ${CURRENT_PORT_DIR}/../../.. ABSOLUTE)

set(instances "")
if("instances" IN_LIST FEATURES)
  set(instances "base\\;lite")
else()
  set(VCPKG_BUILD_TYPE release) # headers only
endif()
vcpkg_cmake_configure(
  SOURCE_PATH ${SOURCE_PATH}
  OPTIONS -DEQSR_BUILD_TESTS=OFF -DEQSR_BUILD_EXAMPLES=OFF -DEQSR_BUILD_BENCHMARKS=OFF
          -DEQSR_CUDA=OFF -DEQSR_INSTALL=ON "-DEQSR_INSTANCES=${instances}")
vcpkg_cmake_install()
vcpkg_cmake_config_fixup(CONFIG_PATH share/cmake/eqsr)
vcpkg_fixup_pkgconfig()

file(REMOVE_RECURSE ${CURRENT_PACKAGES_DIR}/debug/include ${CURRENT_PACKAGES_DIR}/debug/share)
file(INSTALL ${CURRENT_PORT_DIR}/usage DESTINATION ${CURRENT_PACKAGES_DIR}/share/${PORT})
vcpkg_install_copyright(FILE_LIST ${SOURCE_PATH}/LICENSE)
