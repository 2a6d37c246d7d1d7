"""What the kernel offers: processes, signals of their end, a clock."""
