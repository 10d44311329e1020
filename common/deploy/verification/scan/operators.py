"""Operators that a network may use: they compute tensors, numbers, lists and texts, and access nothing else.

Others of aten's 1,500 operators write or read files (``save``, ``from_file``), contact other machines (``to_here``),
expose memory outside a tensor (``as_strided``, ``set_``, ``empty_strided``), or take raw pointers; aten grows with each
release of torch. So this is an allow-list.
"""

from __future__ import annotations

import functools

import torch

__all__ = ["is_allowed", "is_operator"]

_NAMES = """
Bool Float FloatImplicit Int IntImplicit ScalarImplicit Size __and__ __contains__ __derive_index __getitem__ __is__
__isnot__ __not__ __or__ __range_length __round_to_zero_floordiv __xor__ _set_item append bin clear copy count
dict divmod endswith equal extend find format index insert is_scripting items join keys len list lower mathremainder
ord percentFormat pop remove replace reverse sorted split startswith str strip upper update values warn

can_cast data device dim dtype element_size get_device is_autocast_cpu_enabled is_autocast_enabled is_complex
is_contiguous is_floating_point is_grad_enabled is_nonzero is_same_size is_signed item numel result_type
promote_types size stride sym_is_contiguous sym_numel sym_size sym_storage_offset sym_stride tolist
_assert_async _assert_scalar _assert_tensor_metadata _shape_as_tensor sym_constrain_range
sym_constrain_range_for_size

alias arange as_tensor cartesian_prod clone complex contiguous cpu cuda detach detach_ empty empty_like eye fill
full full_like lift lift_fresh lift_fresh_copy linspace logspace meshgrid new_empty new_full new_ones new_zeros
one_hot ones ones_like range scalar_tensor tensor to tril_indices triu_indices type_as zero zeros zeros_like
_to_copy bernoulli multinomial normal poisson rand rand_like randint randint_like randn randn_like randperm uniform

adjoint atleast_1d atleast_2d atleast_3d broadcast_shapes broadcast_tensors broadcast_to cat chunk column_stack
concat concatenate diag diag_embed diagflat diagonal diagonal_scatter dsplit dstack expand expand_as flatten flip
fliplr flipud hsplit hstack mH mT matrix_H moveaxis movedim narrow narrow_copy numpy_T permute ravel repeat
repeat_interleave reshape reshape_as roll rot90 row_stack select select_scatter slice slice_scatter
split_with_sizes squeeze stack swapaxes swapdims t tensor_split tile transpose tril triu unbind unflatten unfold
unsafe_chunk unsafe_split unsafe_split_with_sizes unsqueeze view view_as view_as_complex view_as_real vsplit vstack
_reshape_alias _unsafe_view block_diag channel_shuffle constant_pad_nd native_channel_shuffle pad pixel_shuffle
pixel_unshuffle reflection_pad1d reflection_pad2d reflection_pad3d replication_pad1d replication_pad2d
replication_pad3d pad_sequence im2col col2im

argsort argwhere bucketize gather index_add index_copy index_fill index_put index_reduce index_select isin
kthvalue masked_fill masked_scatter masked_select nonzero nonzero_static scatter scatter_add scatter_reduce
searchsorted sort take take_along_dim topk unique_consecutive unique_dim where _unique2 bincount histc

abs absolute acos acosh add addcdiv addcmul angle arccos arccosh arcsin arcsinh arctan arctan2 arctanh asin asinh
atan atan2 atanh bitwise_and bitwise_left_shift bitwise_not bitwise_or bitwise_right_shift bitwise_xor ceil clamp
clamp_max clamp_min clip conj conj_physical copysign cos cosh deg2rad degrees digamma div divide erf erfc erfinv exp
exp2 expm1 fix float_power floor floor_divide floordiv fmax fmin fmod frac frexp gcd heaviside hypot i0 imag
isclose isfinite isinf isnan isneginf isposinf isreal lcm ldexp lerp lgamma log log10 log1p log2 logaddexp logaddexp2
logical_and logical_not logical_or logical_xor logit maximum minimum mul multiply nan_to_num neg negative nextafter
polar positive pow rad2deg radians real reciprocal remainder resolve_conj resolve_neg round rsqrt rsub sgn sigmoid
sign signbit sin sinc sinh special_entr special_erf special_erfc special_erfinv special_exp2 special_expit
special_expm1 special_gammaln special_i0 special_log1p special_log_softmax special_logit special_logsumexp
special_ndtr special_softmax special_xlog1py special_xlogy sqrt square sub subtract tan tanh true_divide trunc xlogy
eq ge greater greater_equal gt le less less_equal lt ne not_equal

all allclose amax amin aminmax any argmax argmin corrcoef count_nonzero cov cross cummax cummin cumprod cumsum diff
logcumsumexp logsumexp max mean median min mode nanmean nanmedian nanquantile nansum norm prod quantile std std_mean
sum sum_to_size trace trapezoid trapz var var_mean frobenius_norm nuclear_norm renorm

addbmm addmm addmv addr baddbmm bilinear bmm chain_matmul det dot einsum ger inner inverse kron linalg_cholesky
linalg_cross linalg_det linalg_diagonal linalg_eigh linalg_eigvalsh linalg_inv linalg_matmul linalg_matrix_exp
linalg_matrix_norm linalg_matrix_power linalg_multi_dot linalg_norm linalg_pinv linalg_qr linalg_slogdet
linalg_solve linalg_svd linalg_svdvals linalg_vecdot linalg_vector_norm linear logdet matmul matrix_exp
matrix_power mm mv outer pinverse slogdet tensordot vdot

_convolution conv1d conv2d conv3d conv_transpose1d conv_transpose2d conv_transpose3d convolution
adaptive_avg_pool1d adaptive_avg_pool2d adaptive_avg_pool3d adaptive_max_pool1d adaptive_max_pool2d
adaptive_max_pool3d avg_pool1d avg_pool2d avg_pool3d max_pool1d max_pool1d_with_indices max_pool2d
max_pool2d_with_indices max_pool3d max_pool3d_with_indices max_unpool2d max_unpool3d _adaptive_avg_pool2d
_adaptive_avg_pool3d affine_grid_generator grid_sampler grid_sampler_2d grid_sampler_3d
__interpolate __upsample __upsample_bilinear __upsample_nearest upsample_bicubic2d upsample_bilinear2d
upsample_linear1d upsample_nearest1d upsample_nearest2d upsample_nearest3d upsample_trilinear3d
_upsample_bicubic2d_aa _upsample_bilinear2d_aa _upsample_lanczos2d_aa _upsample_nearest_exact1d
_upsample_nearest_exact2d _upsample_nearest_exact3d

batch_norm group_norm instance_norm layer_norm native_batch_norm native_group_norm native_layer_norm rms_norm
_native_batch_norm_legit _native_batch_norm_legit_functional _native_batch_norm_legit_no_training
alpha_dropout dropout feature_alpha_dropout feature_dropout native_dropout celu elu gelu glu hardshrink hardsigmoid
hardswish hardtanh leaky_relu log_sigmoid log_softmax mish prelu relu relu6 rrelu selu silu softmax softplus
softshrink threshold _log_softmax _prelu_kernel _softmax _safe_softmax
embedding embedding_bag gru gru_cell lstm lstm_cell rnn_relu rnn_relu_cell rnn_tanh rnn_tanh_cell
scaled_dot_product_attention cdist cosine_similarity pairwise_distance pdist
binary_cross_entropy binary_cross_entropy_with_logits cross_entropy_loss huber_loss kl_div l1_loss mse_loss
nll_loss nll_loss2d nll_loss_nd smooth_l1_loss

fft_fft fft_fft2 fft_fftfreq fft_fftn fft_fftshift fft_ifft fft_ifft2 fft_ifftn fft_ifftshift fft_irfft fft_irfft2
fft_irfftn fft_rfft fft_rfft2 fft_rfftfreq fft_rfftn
"""
_ALLOWED = frozenset(_NAMES.split())


def is_allowed(name: str) -> bool:
    """Whether an operator of aten, or the one of which it is the in-place variant (``relu_``), is on the list.

    Args:
        name: name of the operator, without ``aten::``.
    """
    return name in _ALLOWED or name.removesuffix("_") in _ALLOWED


def is_operator(name: str) -> bool:
    """Whether aten has an operator of that name, which TorchScript offers as a method of any tensor."""
    return name in _operators()


@functools.cache
def _operators() -> frozenset[str]:
    schemas = (schema.name.partition("::") for schema in torch._C._jit_get_all_schemas())
    return frozenset(name for space, _, name in schemas if space == "aten")
