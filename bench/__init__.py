"""Measures the product beside rclone and a bare loop, on the same stores, in the same run."""
