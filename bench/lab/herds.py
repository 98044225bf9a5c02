"""Storms: how each limiter is configured, how herds are run and what they tell."""

import collections
from dataclasses import dataclass

from . import loads, proxies

# A herd of a process stays below RLIMIT_NOFILE.
PROCESS_CLIENTS = 9000


@dataclass
class Limiter:
    """A proxy that admits `rate` connections a second, and refuses in some manner."""
    proxy: str
    extra: callable


def room(rate, patience):
    """Clients are let in or refused before they give up: a little earlier than their timeout, for the way.

    The herd shares a core, so its hellos come late; the peers wait for them without a deadline.
    """
    return (f"limits: {{connection_rate: {rate}/s, connections: 25000}}\n"
            "deadlines: {first_byte: 1m, handshaking: 1m}\n"
            f"waiting_room: {{patience: {int(patience * 950)}ms}}")


def limiters(refusal_cpu="10%"):
    return {
        "tidegate": Limiter("tidegate", lambda rate, patience: {
            "tidegate": room(rate, patience) + f"\nrefusal: {{cpu: {refusal_cpu}}}"}),
        "tidegate-hold": Limiter("tidegate", lambda rate, patience: {
            "tidegate": room(rate, patience)
            + f"\nrefusal: {{readable: hold-1013, cpu: {refusal_cpu}}}"}),
        # Ahead of TLS, whoever it is.
        "tidegate-reset": Limiter("tidegate", lambda rate, patience: {
            "tidegate": room(rate, patience) + "\nrefusal: {readable: none}"}),
        # Stops accepting: the herd waits in the kernel's backlog.
        "haproxy-maxconnrate": Limiter("haproxy-tcp", lambda rate, _: {"haproxy global": f"maxconnrate {rate}"}),
        # Accepts and closes, before TLS. Counts those it admits, in the rate of a table's only entry: fe_sess_rate
        # doesn't count a connection before its TLS handshake is over, conn_rate counts the refused too.
        "haproxy-reject": Limiter("haproxy-tcp", lambda rate, _: {
            "haproxy frontend": f"""stick-table type integer size 16 expire 10s store gpc0,gpc0_rate(1s)
    tcp-request connection track-sc0 int(1)
    tcp-request connection reject if {{ sc0_gpc0_rate ge {rate} }}
    tcp-request connection accept if {{ sc0_inc_gpc0 gt 0 }}"""}),
        # Answers 503 after TLS.
        "nginx-503": Limiter("nginx-http", lambda rate, _: {
            "nginx http": f"limit_req_zone $server_addr zone=all:64k rate={rate}r/s; limit_req_status 503;",
            "nginx location": f"limit_req zone=all burst={max(1, rate // 10)} nodelay;"}),
    }


def refusers():
    """What lets nobody in, ahead of TLS; the last is what the kernel asks of any of them."""
    def ours(how):
        return Limiter("tidegate", lambda *_: {
            "tidegate": "limits: {connection_rate: 1/h, connections: 25000}\n"
                        f"refusal: {{readable: none, before_tls: {how}}}"})
    return {
        "tidegate-reset": ours("reset"),
        "tidegate-close": ours("close"),
        "haproxy-reject": Limiter("haproxy-tcp", lambda *_: {"haproxy frontend": "tcp-request connection reject"}),
        "accept-reset": Limiter("accept-reset", lambda *_: {}),
    }


class Herd:
    """One storm, over as many processes as it needs."""

    def __init__(self, running, manner, clients, *options):
        self.parts = []
        for first in range(0, clients, PROCESS_CLIENTS):
            count = min(PROCESS_CLIENTS, clients - first)
            self.parts.append(loads.start(
                running, "storm", manner, "--clients", count, "--seed", 1 + len(self.parts), *options))

    def reports(self, good=True):
        return merged([loads.finish(part, good=good) for part in self.parts])


def merged(reports):
    """The reports of several processes that began together, as one; percentiles from the added histograms."""
    total = collections.Counter()
    seconds = [collections.Counter() for _ in range(max(len(r["per_second"]) for r in reports))]
    histogram = collections.Counter()
    for report in reports:
        total.update(report["total"])
        for second, counts in zip(seconds, report["per_second"]):
            second.update(counts)
        for bound, count in report["attempt_latency"]["buckets_us"]:
            histogram[bound] += count
    return {
        "clients": sum(r["clients"] for r in reports),
        "outside": sum(r["outside"] for r in reports),
        "lost": sum(r["lost"] for r in reports),
        "all_in_seconds": max(r["all_in_seconds"] for r in reports),
        "total": dict(total),
        "per_second": [dict(second) for second in seconds],
        "attempts_per_success": total["attempts"] / max(1, total["admitted"]),
        "attempt_p99_ms": percentile(histogram, 0.99),
    }


def percentile(histogram, share):
    """Milliseconds; the histogram is {microseconds: count}."""
    left = sum(histogram.values()) * share
    for bound in sorted(histogram):
        left -= histogram[bound]
        if left <= 0:
            return bound / 1000
    return 0


def refused(total):
    return sum(count for kind, count in total.items() if kind.startswith("refused")) + total["unreachable"]


def goodput_min(per_second, rate):
    """The worst whole second's share of the rate, from the second one (a burst may come before) until all are in."""
    return worst_of_whole([second["admitted"] for second in per_second]) / rate


def worst_of_whole(admitted):
    """The least of these, without the first, which a burst may be in, and what comes to the end of the herd."""
    whole = list(admitted[1:-1])
    while whole and whole[-1] == 0:
        whole.pop()
    # The second in which the last ones come isn't a whole one.
    whole = whole[:-1] if len(whole) > 1 else whole
    return min(whole, default=0)


def worst_at_backend(upgraded_per_second, begin):
    """The fewest upgrades in a whole second of the storm, which began `begin` seconds after the first upgrade.

    Clients see their admission later, when their own core gets to it: a second that they miss may not be the proxy's.
    """
    return min(upgraded_per_second[int(begin + 1.1):-1], default=0)


def in_by_the_ideal_time(seen, rate):
    """Percent of the herd that is in when a limiter that wastes no second has let all in."""
    ideal = -(-seen["clients"] // rate)
    return 100 * sum(second["admitted"] for second in seen["per_second"][:ideal]) / seen["clients"]


def half_in(counts):
    """The second at whose end half of these were in; "-" for none at all."""
    left = sum(counts) / 2
    for second, count in enumerate(counts):
        left -= count
        if left <= 0 and sum(counts):
            return second + 1
    return "-"


def pace(seen):
    """Admissions a second until three quarters are in, whole seconds."""
    count = 0
    for second, counts in enumerate(seen["per_second"]):
        count += counts["admitted"]
        if count >= 0.75 * seen["clients"]:
            break
    return count / (second + 1)


def is_installed(limiter):
    return proxies.kinds()[limiter.proxy].is_installed()
