# SPDX-License-Identifier: Apache-2.0
# nvcc for our own programs. A project that uses eqsr from its .cu files needs nothing from here but
# the include path: see docs/cuda.md.
set(EQSR_CUDA_ARCHITECTURES "80-real;90a-real;80-virtual"
    CACHE STRING "What nvcc compiles for: machine code of sm_80 and sm_90a, PTX for later ones")
set(CMAKE_CUDA_ARCHITECTURES ${EQSR_CUDA_ARCHITECTURES})
enable_language(CUDA)
find_package(CUDAToolkit REQUIRED)

# A target with .cu files: the static runtime, so that it starts where there is no driver.
function(eqsr_cuda_target target)
  # By option: CMake 3.25 does not know the features of nvcc 13. -Wrestrict: as for g++ 12 alone.
  target_compile_options(${target} PRIVATE
    "$<$<COMPILE_LANGUAGE:CUDA>:-std=c++20;-Xcompiler=-Wall,-Wextra,-Wno-restrict>")
  if(EQSR_WERROR)
    target_compile_options(${target} PRIVATE $<$<COMPILE_LANGUAGE:CUDA>:-Werror=all-warnings>)
  endif()
  set_target_properties(${target} PROPERTIES CUDA_RUNTIME_LIBRARY Static)
endfunction()

# A program for a machine with a GPU and without compilers: tests/gpu.sh and bench/gpu.sh take it
# from build/cuda/gpu, where `cmake --build --preset cuda --target gpu_programs` puts it. It brings
# g++'s libraries, which may be older there.
add_custom_target(gpu_programs)
function(eqsr_gpu_program target name)
  eqsr_cuda_target(${target})
  set_target_properties(${target} PROPERTIES OUTPUT_NAME ${name} RUNTIME_OUTPUT_DIRECTORY
                                                                 ${PROJECT_BINARY_DIR}/gpu)
  target_link_options(${target} PRIVATE -static-libstdc++ -static-libgcc)
  add_dependencies(gpu_programs ${target})
endfunction()
