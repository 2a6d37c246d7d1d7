"""Imports code locations, and sees what an import leaves behind."""
