"""Functions on tensors: boxes, suppression, windows, convolution arithmetic."""
