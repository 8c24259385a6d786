// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Every kernel of the CUDA backend.
#include <eqsr/cuda/activation.cuh>
#include <eqsr/cuda/bicubic.cuh>
#include <eqsr/cuda/channel.cuh>
#include <eqsr/cuda/conv2d.cuh>
#include <eqsr/cuda/eca.cuh>
#include <eqsr/cuda/frequency_encoding.cuh>
#include <eqsr/cuda/involution.cuh>
#include <eqsr/cuda/kriging_upsampler.cuh>
#include <eqsr/cuda/layer_norm.cuh>
#include <eqsr/cuda/linear.cuh>
#include <eqsr/cuda/mlp.cuh>
#include <eqsr/cuda/modulated_conv2d.cuh>
#include <eqsr/cuda/overlapping_attention.cuh>
#include <eqsr/cuda/pad.cuh>
#include <eqsr/cuda/pixels.cuh>
#include <eqsr/cuda/probe.cuh>
#include <eqsr/cuda/query_grid.cuh>
#include <eqsr/cuda/squeeze_excitation.cuh>
#include <eqsr/cuda/transfer.cuh>
#include <eqsr/cuda/window_attention.cuh>
