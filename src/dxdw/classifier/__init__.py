"""The main job: a small network that learns real handwritten digits, with gradients of ours."""
