"""How results are compared and shown: tables made from recorded runs."""
