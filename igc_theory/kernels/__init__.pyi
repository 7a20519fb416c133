from .convolution import convolution_matrix as convolution_matrix
from .convolution import convolve as convolve
from .convolution import kernel_matrix as kernel_matrix
from .convolution import kernel_tensor as kernel_tensor
from .convolution import patches as patches
from .products import Product as Product
from .products import random_product as random_product
