"""A tiny Qwen-VL checkpoint that grounds: trained here from nothing on videos that are drawn as it learns."""
