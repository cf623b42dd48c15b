"""The kernel provisioner of isolate: Jupyter starts kernels with it that see only what they need."""
