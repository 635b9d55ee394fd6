"""Pure judges: what was observed goes in, a finding or nothing comes out."""
