"""Arithmetic without weights, in ONNX's words."""

from __future__ import annotations

from igc_theory.networks.description.graph import words

__all__ = ["ARITHMETIC", "TWO_OPERANDS"]


def _pairs(text: str) -> dict[str, str]:
    return {name: word for name, _, word in (entry.rpartition(":") for entry in text.split())}


ARITHMETIC = _pairs(
    "_log_softmax:LogSoftmax _softmax:Softmax _to_copy:Cast _unique2:Unique abs:Abs acos:Acos add:Add addcdiv:Add "
    "addcmul:Add all:ReduceMin "
    "alpha_dropout:Dropout amax:ReduceMax amin:ReduceMin aminmax:ReduceMin any:ReduceMax arange:Range argmax:ArgMax "
    "argmin:ArgMin argsort:TopK asin:Asin atan2:Atan atan:Atan bernoulli:Bernoulli bincount:ReduceSum bitwise_and:And "
    "bitwise_not:Not bitwise_or:Or bitwise_xor:Xor bucketize:ArgMax cartesian_prod:Expand ceil:Ceil celu:Celu "
    "clamp:Clip clamp_max:Clip clamp_min:Clip clone:Identity contiguous:Identity copy:Identity cos:Cos cosh:Cosh "
    "cosine_similarity:ReduceSum cumprod:CumSum cumsum:CumSum detach:Identity div:Div divide:Div dropout:Dropout "
    "elu:Elu eq:Equal erf:Erf exp2:Exp exp:Exp expm1:Exp feature_dropout:Dropout fill:Expand floor:Floor "
    "floor_divide:Div fmod:Mod frac:Mod gather:GatherElements ge:GreaterOrEqual gelu:Gelu grid_sampler:GridSample "
    "grid_sampler_2d:GridSample gt:Greater hardshrink:Shrink hardsigmoid:HardSigmoid hardswish:HardSwish "
    "hardtanh:Clip heaviside:Greater histc:ReduceSum imag:Identity index_add:ScatterElements "
    "index_copy:ScatterElements index_fill:ScatterElements index_put:ScatterND isfinite:IsInf isinf:IsInf isnan:IsNaN "
    "kthvalue:TopK le:LessOrEqual leaky_relu:LeakyRelu lerp:Add lift_fresh:Identity linalg_vector_norm:ReduceL2 "
    "log1p:Log log2:Log log:Log log_sigmoid:Log log_softmax:LogSoftmax logaddexp:ReduceLogSumExp logical_and:And "
    "logical_not:Not logical_or:Or logical_xor:Xor logit:Log logsumexp:ReduceLogSumExp lt:Less masked_fill:Where "
    "masked_scatter:Where masked_select:Compress max:ReduceMax max_unpool2d:MaxUnpool max_unpool3d:MaxUnpool "
    "maximum:Max mean:ReduceMean median:TopK "
    "meshgrid:Expand min:ReduceMin minimum:Min mish:Mish mode:TopK mul:Mul multiply:Mul nan_to_num:Where ne:Not "
    "neg:Neg negative:Neg nonzero:NonZero norm:ReduceL2 normalize:LpNormalization one_hot:OneHot polar:Mul pow:Pow "
    "prod:ReduceProd real:Identity reciprocal:Reciprocal relu6:Clip relu:Relu "
    "remainder:Mod resolve_conj:Identity resolve_neg:Identity round:Round rrelu:LeakyRelu rsqrt:Reciprocal rsub:Sub "
    "scatter:ScatterElements scatter_add:ScatterElements searchsorted:ArgMax selu:Selu sgn:Sign sigmoid:Sigmoid "
    "sign:Sign silu:Swish sin:Sin sinh:Sinh softmax:Softmax softmin:Softmax softplus:Softplus softshrink:Shrink "
    "softsign:Softsign sort:TopK sqrt:Sqrt square:Mul std:ReduceMean std_mean:ReduceMean sub:Sub subtract:Sub "
    "sum:ReduceSum tan:Tan tanh:Tanh tanhshrink:Tanh threshold:ThresholdedRelu to:Cast topk:TopK tril:Trilu "
    "triu:Trilu true_divide:Div trunc:Floor type_as:Cast unique:Unique var:ReduceMean var_mean:ReduceMean "
    "view_as_complex:Reshape view_as_real:Reshape where:Where xlogy:Mul zero:Expand "
    " torchvision::nms:NonMaxSuppression torchvision::ps_roi_align:RoiAlign torchvision::ps_roi_pool:RoiAlign "
    "torchvision::roi_align:RoiAlign torchvision::roi_pool:MaxRoiPool"
)
"""Operators without weights of their own, which take their operands in the order of ONNX."""

TWO_OPERANDS = words(
    "add sub mul div rsub true_divide multiply divide subtract pow maximum minimum remainder floor_divide"
)
