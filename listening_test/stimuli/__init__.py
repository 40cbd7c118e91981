"""From recordings to the stimuli of a test: sources, excerpts, anchors, files, and the checks of all of it."""
