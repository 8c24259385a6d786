// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Every kernel of the CPU backend.
#include <eqsr/cpu/activation.hpp>
#include <eqsr/cpu/bicubic.hpp>
#include <eqsr/cpu/channel.hpp>
#include <eqsr/cpu/conv2d.hpp>
#include <eqsr/cpu/eca.hpp>
#include <eqsr/cpu/frequency_encoding.hpp>
#include <eqsr/cpu/hybrid_attention_block.hpp>
#include <eqsr/cpu/involution.hpp>
#include <eqsr/cpu/kriging_upsampler.hpp>
#include <eqsr/cpu/layer_norm.hpp>
#include <eqsr/cpu/linear.hpp>
#include <eqsr/cpu/modulated_conv2d.hpp>
#include <eqsr/cpu/overlapping_attention.hpp>
#include <eqsr/cpu/overlapping_attention_block.hpp>
#include <eqsr/cpu/pad.hpp>
#include <eqsr/cpu/query_grid.hpp>
#include <eqsr/cpu/squeeze_excitation.hpp>
#include <eqsr/cpu/window_attention.hpp>
