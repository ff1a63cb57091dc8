"""Types shared by positional encodings, attention rules and the decoder: inputs of a block, its cache, distance biases."""
