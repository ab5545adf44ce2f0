"""How the `careful` parser reads times: plain characters, tokens of one class each, and a grammar over the classes."""
