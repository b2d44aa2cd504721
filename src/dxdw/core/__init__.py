"""What everything stands on: arrays of any library, a convolution's geometry, problems, errors."""
