"""What a run leaves behind, whole or not at all."""
