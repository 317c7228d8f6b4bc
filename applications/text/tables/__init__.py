"""Tables of texts as programs write them: found, decoded, and read into rows."""
