"""What a training would need, told before it starts."""
