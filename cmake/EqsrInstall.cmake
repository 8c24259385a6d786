# SPDX-License-Identifier: Apache-2.0
# Installs headers, the CMake package and a pkg-config file. Nothing depends on the architecture
# but the libraries of EQSR_INSTANCES.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

set(package_dir ${CMAKE_INSTALL_DATADIR}/cmake/eqsr)
install(DIRECTORY ${PROJECT_SOURCE_DIR}/include/eqsr DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}
        FILES_MATCHING PATTERN "*.hpp" PATTERN "*.cuh" PATTERN "*.inc")
install(TARGETS eqsr eqsr_io EXPORT eqsr-targets)
install(EXPORT eqsr-targets NAMESPACE eqsr:: DESTINATION ${package_dir})
if(EQSR_INSTANCES)
  list(TRANSFORM EQSR_INSTANCES REPLACE ".+" "eqsr_\\0_cpu" OUTPUT_VARIABLE instances)
  install(TARGETS ${instances} EXPORT eqsr-instances ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
  install(EXPORT eqsr-instances NAMESPACE eqsr:: DESTINATION ${package_dir})
endif()
configure_package_config_file(${CMAKE_CURRENT_LIST_DIR}/eqsr-config.cmake.in
                              ${PROJECT_BINARY_DIR}/eqsr-config.cmake
                              INSTALL_DESTINATION ${package_dir})
write_basic_package_version_file(${PROJECT_BINARY_DIR}/eqsr-config-version.cmake
                                 COMPATIBILITY SameMinorVersion ARCH_INDEPENDENT)
install(FILES ${PROJECT_BINARY_DIR}/eqsr-config.cmake
              ${PROJECT_BINARY_DIR}/eqsr-config-version.cmake
        DESTINATION ${package_dir})

configure_file(${CMAKE_CURRENT_LIST_DIR}/eqsr.pc.in ${PROJECT_BINARY_DIR}/eqsr.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/eqsr.pc DESTINATION ${CMAKE_INSTALL_DATADIR}/pkgconfig)

if(EQSR_SINGLE)
  install(DIRECTORY ${PROJECT_BINARY_DIR}/single/ DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
endif()

# Weights are found by the tool beside its binary folder: PREFIX/share/eqsr/weights.
file(GLOB weights CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/weights/*.safetensors)
if(weights)
  install(FILES ${weights} DESTINATION ${CMAKE_INSTALL_DATADIR}/eqsr/weights)
endif()
