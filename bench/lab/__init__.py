"""The laboratory: proxies side by side on one machine, each in a network namespace of its own."""
