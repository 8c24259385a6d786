# SPDX-License-Identifier: Apache-2.0
# The two targets that others link: eqsr::eqsr (Eigen, threads) and eqsr::io (stb).

# Eigen is looked up without a version: 3.4's own version file refuses a range, and a request for
# 3.4 refuses Eigen 5. The installed package does the same.
if(NOT TARGET Eigen3::Eigen)
  find_package(Eigen3 NO_MODULE)
  if(NOT Eigen3_FOUND)
    message(FATAL_ERROR "eqsr needs Eigen 3.4 or newer. Install it (Debian: apt install "
                        "libeigen3-dev) or point Eigen3_DIR to its CMake package.")
  elseif(Eigen3_VERSION VERSION_LESS 3.4)
    message(FATAL_ERROR "eqsr needs Eigen 3.4 or newer; found ${Eigen3_VERSION} in ${Eigen3_DIR}. "
                        "Point Eigen3_DIR to a newer one.")
  endif()
endif()
set(THREADS_PREFER_PTHREAD_FLAG ON)
find_package(Threads REQUIRED)

add_library(eqsr INTERFACE)
add_library(eqsr::eqsr ALIAS eqsr)
target_compile_features(eqsr INTERFACE cxx_std_20)
target_include_directories(eqsr INTERFACE $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include>
                                          $<INSTALL_INTERFACE:include>)
target_link_libraries(eqsr INTERFACE Eigen3::Eigen Threads::Threads)

set(EQSR_STB_DIR "" CACHE PATH "A folder with stb_image.h and stb_image_write.h to use instead")
if(EQSR_STB_DIR)
  if(NOT EXISTS ${EQSR_STB_DIR}/stb_image.h OR NOT EXISTS ${EQSR_STB_DIR}/stb_image_write.h)
    message(FATAL_ERROR "There is no stb_image.h and stb_image_write.h in EQSR_STB_DIR, "
                        "${EQSR_STB_DIR}. Point it to the folder of both, or leave it empty.")
  endif()
  set(EQSR_STB_INCLUDE_DIR ${EQSR_STB_DIR} CACHE PATH "" FORCE)
endif()
find_path(EQSR_STB_INCLUDE_DIR NAMES stb_image.h PATH_SUFFIXES stb
          DOC "The folder of stb_image.h and stb_image_write.h")
mark_as_advanced(EQSR_STB_INCLUDE_DIR)
add_library(eqsr_io INTERFACE)
add_library(eqsr::io ALIAS eqsr_io)
set_target_properties(eqsr_io PROPERTIES EXPORT_NAME io)
target_link_libraries(eqsr_io INTERFACE eqsr)
if(EQSR_STB_INCLUDE_DIR)
  target_include_directories(eqsr_io SYSTEM INTERFACE $<BUILD_INTERFACE:${EQSR_STB_INCLUDE_DIR}>)
endif()
