"""From a video file to frames with true times: which frames, how decoded, and in processes that can be killed."""
