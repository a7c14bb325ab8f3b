"""One room a format. Nothing is imported here: a missing package harms its own room only."""
