"""One proxy with a listener of each kind over a backend of each kind, for what must hold on all of them."""

from dataclasses import dataclass

from .clients import join
from .raw import TLSStream, dial
from .tidegate import Tidegate, address, listener, pool

# Name of the transport: (listener, TLS version that the client insists on).
TRANSPORTS = {
    "ws": ("plain", None),
    "wss 1.2": ("tls", "1.2"),
    "wss 1.3": ("tls", "1.3"),
    "wss 1.3 by openssl": ("openssl", "1.3"),
}


def tls_settings(*certificates, **more):
    return {"certificates": [certificate.settings() for certificate in certificates], **more}


def listeners(pool_name, certificates, **more):
    """A plain one, a TLS one with each record layer."""
    return {
        "plain": listener(pool_name, name="plain", **more),
        "tls": listener(pool_name, name="tls", tls=tls_settings(certificates.site), **more),
        "openssl": listener(
            pool_name, name="openssl", tls=tls_settings(certificates.site, record_layer="openssl"), **more
        ),
    }


@dataclass
class Matrix:
    proxy: Tidegate
    listeners: dict
    certificates: object

    def where(self, transport):
        return address(self.listeners[TRANSPORTS[transport][0]])

    def context(self, transport):
        version = TRANSPORTS[transport][1]
        return self.certificates.client_context(version) if version else None

    def connect(self, transport, path="/", **options):
        """A python `websockets` client through the proxy."""
        context = self.context(transport)
        host, port = self.where(transport)
        scheme = "wss" if context else "ws"
        return join(f"{scheme}://{host}:{port}{path}", ssl=context, **options)

    def dial(self, transport, **options):
        """A raw stream through the proxy, over TLS where the transport has it."""
        context = self.context(transport)
        peer = dial(self.where(transport), **options)
        return TLSStream(peer, context) if context else peer


def start_matrix(folder, certificates, backends, listener_options=None, **settings):
    """`backends` become the pool of all listeners."""
    made = listeners("pool", certificates, **(listener_options or {}))
    proxy = Tidegate(
        folder,
        {"listeners": list(made.values()), "pools": [pool("pool", *backends)], **settings},
    )
    return Matrix(proxy.start(), made, certificates)
