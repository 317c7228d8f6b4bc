"""Contextual: dependent on neighbors, an image or a batch."""

from __future__ import annotations

from actzoo.activations.rows import row
from actzoo.activations.spec import Parameter

OWN_LAYERS = "actzoo.activations.contextual.layers:"
REFERENCES = "actzoo.activations.contextual.references:"
DEVICE = "actzoo.activations.contextual.device:"
MOMENTUM = Parameter(
    "momentum", 0.9, low=0.0, high=1.0, summary="share that moving statistics keep at each step"
)


ROWS = (
    row(
        "dice",
        OWN_LAYERS + "Dice",
        reference=REFERENCES + "dice",
        device=DEVICE + "DICE",
        aliases=("data_adaptive_prelu",),
        summary="PReLU with a soft knee that sits where the data are; for click prediction.",
        formula="p x + (1 - p) alpha_c x, p = sigmoid((x - mean) / sqrt(variance + epsilon))",
        parameters=(
            Parameter("alpha", 0.0, summary="slope that training starts from"),
            MOMENTUM,
            Parameter("epsilon", 1e-8, low=0.0, low_open=True, summary="added to the variance"),
        ),
        paper="Zhou et al. 2017, arXiv:1706.06978",
        learnable=True,
        elementwise=False,
        statistics=True,
        bounded="below",
        smooth=True,
        zero_at_zero=True,
        recommended_norm="none",
        notes=(
            "Statistics of the batch in training, moving ones at inference. They start at mean 0 "
            "and variance 1, where it is nearly SiLU."
        ),
    ),
    row(
        "evo_norm_b0",
        OWN_LAYERS + "EvoNormB0",
        reference=REFERENCES + "evo_norm_b0",
        device=DEVICE + "EVO_NORM_B0",
        aliases=("evonorm_b0",),
        summary="Normalization and activation in one, found by evolution; for images.",
        formula=(
            "gamma_c x / max(sqrt(var_batch + epsilon), v_c x + sqrt(var_image + epsilon)) + beta_c"
        ),
        parameters=(
            MOMENTUM,
            Parameter("epsilon", 1e-3, low=0.0, low_open=True, summary="added to the variances"),
        ),
        paper="Liu et al. 2020, arXiv:2004.02967",
        learnable=True,
        elementwise=False,
        spatial=True,
        statistics=True,
        ranks=(4,),
        bounded="above",
        smooth=False,
        zero_at_zero=True,
        recommended_norm="own",
        notes=(
            "The variance of the batch is a moving one at inference. timm's defaults; "
            "keras_cv_attention_models has momentum 0.99 and epsilon 1e-3."
        ),
    ),
    row(
        "funnel_relu",
        OWN_LAYERS + "FunnelReLU",
        reference=REFERENCES + "funnel_relu",
        device=DEVICE + "FUNNEL_RELU",
        aliases=("funnel",),
        summary="ReLU whose threshold is learned from neighboring pixels; for images.",
        formula="max(x, batch_norm(depthwise_convolution(x)))",
        parameters=(
            Parameter("kernel_size", 3, low=1, high=31, kind="int", summary="side of the window"),
        ),
        paper="Ma, Zhang & Sun 2020, arXiv:2007.11824",
        learnable=True,
        elementwise=False,
        spatial=True,
        statistics=True,
        ranks=(4,),
        bounded="none",
        smooth=False,
        zero_at_zero=True,
        notes=(
            "The window starts as a plain mean; the paper and its copies draw it at random. "
            "'FReLU' also names the flexible ReLU."
        ),
    ),
    row(
        "dy_relu",
        OWN_LAYERS + "DyReLU",
        reference=REFERENCES + "dy_relu",
        device=DEVICE + "DY_RELU",
        aliases=("dynamic_relu",),
        summary="Larger of two lines that a small net chooses for each sample.",
        formula=(
            "max((1 + t_1) x + t_3 / 2, t_2 x + t_4 / 2), t = 2 sigmoid(W_2 relu(W_1 mean(x))) - 1"
        ),
        parameters=(
            Parameter("reduction", 8, low=1, kind="int", summary="channels per hidden unit"),
            Parameter(
                "per",
                "channel",
                kind="choice",
                choices=("channel", "layer"),
                summary="what has lines of its own: each channel (DY-ReLU-B) or the layer (A)",
            ),
        ),
        paper="Chen et al. 2020, arXiv:2003.10027",
        learnable=True,
        elementwise=False,
        channel_mixing=True,
        spatial=True,
        statistics=True,
        smooth=False,
        notes=(
            "Starts as ReLU. The mean is taken over all places of a sample, padding included. "
            "Form C of the paper, with lines for each place, is not here."
        ),
    ),
    row(
        "meta_acon",
        OWN_LAYERS + "MetaACON",
        reference=REFERENCES + "meta_acon",
        device=DEVICE + "META_ACON",
        aliases=("meta_acon_c",),
        summary="ACON whose sharpness a small net chooses for each sample and channel.",
        formula="(p1 - p2) x sigmoid(beta (p1 - p2) x) + p2 x, beta = sigmoid(W_2 W_1 mean(x))",
        parameters=(
            Parameter("p1", 1.0, summary="slope for large inputs that training starts from"),
            Parameter("p2", 0.0, summary="slope for small inputs that training starts from"),
            Parameter("reduction", 16, low=1, kind="int", summary="channels per hidden unit"),
        ),
        paper="Ma et al. 2020, arXiv:2009.04759",
        learnable=True,
        elementwise=False,
        channel_mixing=True,
        spatial=True,
        statistics=True,
        bounded="below",
        smooth=True,
        zero_at_zero=True,
        notes=(
            "YOLOv5 draws p1 and p2 at random; here they start as SiLU's. Without the paper's "
            "batch normalizations, as there. Padding counts in the mean."
        ),
    ),
)
