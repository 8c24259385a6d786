// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <eqsr/cuda/launch.hpp>  // entry

#include <cuda_runtime.h>

namespace eqsr { inline namespace EQSR_ABI { namespace gpu {

/// The execution context of a kernel body on a GPU; see kernel/exec.hpp.
struct Device {
  __device__ __forceinline__ int thread() const { return static_cast<int>(threadIdx.x); }
  __device__ __forceinline__ int lane() const { return static_cast<int>(threadIdx.x % 32); }
  __device__ __forceinline__ int warp() const { return static_cast<int>(threadIdx.x / 32); }
  __device__ __forceinline__ int threads() const { return static_cast<int>(blockDim.x); }
  __device__ __forceinline__ int block() const { return static_cast<int>(blockIdx.x); }
  __device__ __forceinline__ int block_y() const { return static_cast<int>(blockIdx.y); }

  template <class T>
  __device__ __forceinline__ T load(const T* from) const {
    return *from;
  }
  __device__ __forceinline__ Float2 load2(const float* from) const {
    return *reinterpret_cast<const Float2*>(from);
  }
  __device__ __forceinline__ Float4 load4(const float* from) const {
    return *reinterpret_cast<const Float4*>(from);
  }
  template <class T>
  __device__ __forceinline__ void store(T* to, T value) const {
    *to = value;
  }
  __device__ __forceinline__ void store2(float* to, float a, float b) const {
    *reinterpret_cast<Float2*>(to) = Float2{{a, b}};
  }

  template <class T>
  struct Shared {
    T* data;
    __device__ __forceinline__ T load(int i) const { return data[i]; }
    __device__ __forceinline__ Pack<T, 2> load2(int i) const {
      return *reinterpret_cast<const Pack<T, 2>*>(data + i);
    }
    __device__ __forceinline__ Pack<T, 4> load4(int i) const {
      return *reinterpret_cast<const Pack<T, 4>*>(data + i);
    }
    __device__ __forceinline__ void store(int i, T value) const { data[i] = value; }
    __device__ __forceinline__ void store4(int i, const Pack<T, 4>& value) const {
      *reinterpret_cast<Pack<T, 4>*>(data + i) = value;
    }
    __device__ __forceinline__ Shared at(int i) const { return {data + i}; }
  };
  template <class T>
  __device__ __forceinline__ Shared<T> shared(int byte, int) const {
    extern __shared__ __align__(128) unsigned char memory[];
    return {reinterpret_cast<T*>(memory + byte)};
  }

  /// The source's bytes, or zeros: cp.async reads nothing when its size is 0.
  template <int Bytes, class T>
  __device__ __forceinline__ void copy_async(const Shared<T>& to, int i, const void* from,
                                             bool valid) const {
    const auto address = static_cast<unsigned>(__cvta_generic_to_shared(to.data + i));
    const int size = valid ? Bytes : 0;
    asm volatile("cp.async.ca.shared.global [%0], [%1], %2, %3;" ::"r"(address), "l"(from),
                 "n"(Bytes), "r"(size)
                 : "memory");
  }
  __device__ __forceinline__ void commit() const {
    asm volatile("cp.async.commit_group;" ::: "memory");
  }
  template <int Left>
  __device__ __forceinline__ void wait() const {
    asm volatile("cp.async.wait_group %0;" ::"n"(Left) : "memory");
  }

  __device__ __forceinline__ void sync() const { __syncthreads(); }
  __device__ __forceinline__ void sync_warp() const { __syncwarp(); }
  __device__ __forceinline__ float shuffle_xor(float value, int mask) const {
    return __shfl_xor_sync(0xffffffffU, value, mask);
  }
  __device__ __forceinline__ double shuffle_xor(double value, int mask) const {
    return __shfl_xor_sync(0xffffffffU, value, mask);
  }

  __device__ __forceinline__ void load_matrix(const Shared<std::uint16_t>& from, int i,
                                              std::uint32_t (&r)[4]) const {
    const auto address = static_cast<unsigned>(__cvta_generic_to_shared(from.data + i));
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
                 : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
                 : "r"(address)
                 : "memory");
  }
  __device__ __forceinline__ void mma(float (&d)[4], const std::uint32_t (&a)[4], std::uint32_t b0,
                                      std::uint32_t b1) const {
    asm volatile(
        "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0, %1, %2, %3}, "
        "{%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
        : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
  }

  __device__ __forceinline__ float mul(float a, float b) const { return __fmul_rn(a, b); }
  __device__ __forceinline__ float add(float a, float b) const { return __fadd_rn(a, b); }
  __device__ __forceinline__ float div(float a, float b) const { return __fdiv_rn(a, b); }
  __device__ __forceinline__ float round_even(float a) const { return rintf(a); }
  __device__ __forceinline__ float floor(float a) const { return floorf(a); }
  __device__ __forceinline__ float exp(float a) const { return expf(a); }
  __device__ __forceinline__ float exp_approximate(float a) const { return __expf(a); }
  __device__ __forceinline__ float erf(float a) const { return erff(a); }
  __device__ __forceinline__ float inverse_sqrt(float a) const {
    return __fdiv_rn(1.0f, __fsqrt_rn(a));
  }
  __device__ __forceinline__ double exp(double a) const { return ::exp(a); }
  __device__ __forceinline__ double sqrt(double a) const { return ::sqrt(a); }
  __device__ __forceinline__ float sine(float a) const { return sinf(a); }
  __device__ __forceinline__ double sine(double a) const { return ::sin(a); }
  __device__ __forceinline__ double cosine(double a) const { return ::cos(a); }
  __device__ __forceinline__ float as_float(std::uint32_t bits) const {
    return __uint_as_float(bits);
  }
  __device__ __forceinline__ std::uint32_t bits_of(float a) const { return __float_as_uint(a); }
  __device__ __forceinline__ std::uint32_t pack_bf16(float low, float high) const {
    std::uint32_t pair;
    asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(pair) : "f"(high), "f"(low));
    return pair;
  }
};
static_assert(Execution<Device>);

/// Blocks that shall fit a multiprocessor at once, as far as registers go.
template <class Body>
constexpr int blocks_at_once() {
  if constexpr (requires { Body::min_blocks; })
    return Body::min_blocks;
  else
    return 1;
}

template <class Body>
__global__ void __launch_bounds__(Body::max_threads, blocks_at_once<Body>())
    kernel(const __grid_constant__ typename Body::Params params) {
  Device device;
  Body::run(device, params);
}

template <class Body>
const void* entry() {
  return reinterpret_cast<const void*>(&kernel<Body>);
}

}}}  // namespace eqsr::EQSR_ABI::gpu
