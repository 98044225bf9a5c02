"""Tables and files of results."""

import json
import os
import statistics

from . import proxies


def medians(samples):
    """{figure: {proxy: [values]}} -> {figure: {proxy: median}}"""
    return {
        figure: {name: statistics.median(values) for name, values in by_proxy.items() if values}
        for figure, by_proxy in samples.items()
    }


def ratio(by_proxy, with_openssl, ours="tidegate"):
    """Ours over the best peer with OpenSSL, or over the best of the others, and that peer; None without either."""
    kinds = proxies.kinds()
    peers = {
        name: value for name, value in by_proxy.items()
        if not kinds[name].ours and kinds[name].openssl == with_openssl}
    if ours not in by_proxy or not peers:
        return None
    best = min(peers, key=peers.get)
    return by_proxy[ours] / peers[best], best


def table(figures, names, samples):
    middle = medians(samples)
    lines = [
        "| figure | unit | " + " | ".join(names) + " | / best with OpenSSL | / best of the others |",
        "|---|---|" + "---|" * (len(names) + 2),
    ]
    for figure in figures:
        by_proxy = middle.get(figure.key, {})
        cells = [_number(by_proxy[name]) if name in by_proxy else "-" for name in names]
        for with_openssl in (True, False):
            found = ratio(by_proxy, with_openssl)
            cells.append(f"{found[0]:.2f} ({found[1]})" if found else "-")
        lines.append(f"| {figure.title} | {figure.unit} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _number(value):
    return f"{value:.3f}" if value < 1 else f"{value:.2f}" if value < 100 else f"{value:.0f}"


def save(path, content):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w") as file:
        json.dump(content, file, indent=1, sort_keys=True)
        file.write("\n")


def plain_table(titles, rows):
    lines = ["| " + " | ".join(titles) + " |", "|" + "---|" * len(titles)]
    return "\n".join(lines + ["| " + " | ".join(map(str, row)) + " |" for row in rows])
