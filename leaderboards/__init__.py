"""Of vtg-harness: how results are compared and shown: tables made from recorded runs."""
