"""Processes that train together: how they find each other, and how one hears what becomes of the others."""
