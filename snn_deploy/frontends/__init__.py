"""Everything that turns somebody's file or module into a Graph."""
