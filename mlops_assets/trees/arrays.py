"""The types of the arrays that hold trees, and the scales on which trees add up."""

from typing import Literal

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Singles = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]
Indices = npt.NDArray[np.int32]
Flags = npt.NDArray[np.uint8]
Words = npt.NDArray[np.uint32]

Space = Literal["identity", "log", "log-odds", "softmax margin", "probability", "margin", "log loss", "squared error"]
"""The scale on which attributions add up to the prediction.

`identity`: the predicted quantity itself. `log`: its natural logarithm (Poisson, gamma, Tweedie models).
`log-odds`: the argument of the sigmoid, of each output by itself (one-against-all models have several).
`softmax margin`: the argument of the softmax over all outputs: only differences between classes mean something.
`probability`: of the class. `margin`: a decision score that is no probability (linear SVM, ridge classifier).
"""
