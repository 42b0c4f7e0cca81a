"""torchvision's detectors, made of the parts and weights of ours."""
