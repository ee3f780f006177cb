"""What ``jupyter transfer doctor`` looks at. Each look yields findings and never raises."""
