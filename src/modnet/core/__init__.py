"""What everything else rests on: errors, arrays, components and their families, the registry, and plug-ins."""
