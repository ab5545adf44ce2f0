"""How a checkpoint learns: SFT and GRPO on TRL, and what each adds to it."""
