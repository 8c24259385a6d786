# SPDX-License-Identifier: Apache-2.0
# eqsr_single.hpp, the library in one header, and others for pictures and PyTorch files.
find_package(Python3 REQUIRED COMPONENTS Interpreter)
file(GLOB_RECURSE headers CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/include/eqsr/*.hpp
     ${PROJECT_SOURCE_DIR}/include/eqsr/*.inc)
set(single ${PROJECT_BINARY_DIR}/single)
set(script ${CMAKE_CURRENT_LIST_DIR}/amalgamate.py)
add_custom_command(
  OUTPUT ${single}/eqsr_single.hpp ${single}/eqsr_single_image.hpp ${single}/eqsr_single_pth.hpp
  COMMAND ${Python3_EXECUTABLE} ${script} ${single}
  DEPENDS ${script} ${headers}
  COMMENT "Writing eqsr_single.hpp"
  VERBATIM)
add_custom_target(eqsr_single ALL DEPENDS ${single}/eqsr_single.hpp)
