"""What processes say to each other: frames, and what they carry."""
