// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <eqsr/core/view.hpp>  // View

// Our threads split the work; Eigen must not split it again, nor pick results by thread count.
#ifndef EIGEN_DONT_PARALLELIZE
#define EIGEN_DONT_PARALLELIZE
#endif
#include <Eigen/Core>  // Map

/// Views to Eigen and back, without copies: the same memory under two names.
namespace eqsr { inline namespace EQSR_ABI { namespace cpu {

template <class T>
using RowMajorMatrix =
    Eigen::Matrix<std::remove_const_t<T>, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

/// A view of two axes as a row-major Eigen matrix.
template <class T, class Row, class Column>
auto map(const View<T, Row, Column>& view) {
  using Matrix = std::conditional_t<std::is_const_v<T>, const RowMajorMatrix<T>, RowMajorMatrix<T>>;
  return Eigen::Map<Matrix>(view.data(), view.extent_at(0), view.extent_at(1));
}

/// A view of one axis as an Eigen column array.
template <class T, class Only>
auto map(const View<T, Only>& view) {
  using Array = Eigen::Array<std::remove_const_t<T>, Eigen::Dynamic, 1>;
  using Qualified = std::conditional_t<std::is_const_v<T>, const Array, Array>;
  return Eigen::Map<Qualified>(view.data(), view.size());
}

/// A row-major Eigen matrix (or map of one) of C columns as rows of C channels.
template <int C, class Matrix>
auto rows_of(Matrix& matrix) {
  static_assert(Matrix::IsRowMajor,
                "eqsr: only row-major Eigen matrices share their memory with views. Use "
                "Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>.");
  EQSR_EXPECTS(matrix.cols() == C && matrix.outerStride() == C, "shape_mismatch",
               "The Eigen matrix has ", matrix.cols(), " columns with a stride of ",
               matrix.outerStride(), ", but a contiguous one of ", C, " columns is needed.");
  using T = std::remove_pointer_t<decltype(matrix.data())>;
  return Rows<T, C>(matrix.data(), matrix.rows());
}

}}}  // namespace eqsr::EQSR_ABI::cpu
