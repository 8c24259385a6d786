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
  target_compile_features(${target} PRIVATE cuda_std_20)
  target_compile_options(${target} PRIVATE $<$<COMPILE_LANGUAGE:CUDA>:-Xcompiler=-Wall,-Wextra>)
  if(EQSR_WERROR)
    target_compile_options(${target} PRIVATE $<$<COMPILE_LANGUAGE:CUDA>:-Werror=all-warnings>)
  endif()
  set_target_properties(${target} PROPERTIES CUDA_EXTENSIONS OFF CUDA_RUNTIME_LIBRARY Static)
endfunction()
