"""What the end-to-end tests share: the proxy under test, backends, clients, certificates."""
