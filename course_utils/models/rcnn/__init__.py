"""R-CNN: a network, SVMs and box regressors, which learn one after the other."""
