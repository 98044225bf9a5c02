"""Who keeps places at one listener and says nothing keeps nobody out of another, however it ends.

At the same listener it does: what there is to tell one from the other is heard later."""

import asyncio
import random

import pytest

from harness.matrix import tls_settings
from harness.servers import EchoServer
from harness.frames import upgrade_head
from harness.tidegate import address, listener, pool

# 22 places: a second's worth of the rate and the burst.
LIMITS = {"connection_rate": "20/s", "connection_burst": 2}
HEADER = b"PROXY TCP4 203.0.113.7 203.0.113.1 4000 80\r\n"


@pytest.fixture(scope="module")
def echo():
    with EchoServer() as running:
        yield running


async def keep_places(where, drips, hold, until):
    """Connects, says nothing for so long, goes or says a bit of a hello."""
    loop = asyncio.get_running_loop()
    while loop.time() < until:
        try:
            _, writer = await asyncio.open_connection(*where)
        except OSError:
            await asyncio.sleep(0.02)
            continue
        await asyncio.sleep(hold)
        if drips:
            writer.write(b"\x16")
            await asyncio.sleep(0.02)
        writer.transport.abort()


async def try_once(where, header=HEADER):
    writer = None
    try:
        reader, writer = await asyncio.open_connection(*where)
        writer.write(header + upgrade_head())
        return (await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 2)).startswith(b"HTTP/1.1 101")
    except (OSError, asyncio.IncompleteReadError, asyncio.TimeoutError):
        return False
    finally:
        if writer:
            writer.transport.abort()


async def storm(attacked, honest, header, drips, hold):
    loop = asyncio.get_running_loop()
    end = loop.time() + 7
    attackers = [asyncio.create_task(keep_places(attacked, drips, hold, end)) for _ in range(66)]
    await asyncio.sleep(2)
    tries = []
    while loop.time() < end - 1:
        tries.append(asyncio.create_task(try_once(honest, header)))
        await asyncio.sleep(0.1)
    came = sum(await asyncio.gather(*tries))
    await asyncio.gather(*attackers)
    return came, len(tries)


@pytest.mark.parametrize("header", [HEADER, b""], ids=["judged by its header", "judged at the accept"])
@pytest.mark.parametrize(
    "drips, hold, first_byte",
    [
        pytest.param(False, 0.5, "60s", id="stays silent"),
        pytest.param(False, 0.2, "60s", id="goes before its place lapses"),
        pytest.param(True, 0.2, "60s", id="drips before its place lapses"),
        pytest.param(False, 0.5, "250ms", id="stays silent until deadlines.first_byte"),
    ],
)
def test_nobody_is_kept_out_of_another_listener(tidegate, echo, certificates, header, drips, hold, first_byte):
    attacked = listener("echo", name="attacked", tls=tls_settings(certificates.site))
    honest = listener("echo", name="honest")
    if header:
        honest["proxy_protocol"] = {"from": ["127.0.0.1/32"]}
    tidegate(
        {
            "workers": 1,
            "limits": LIMITS,
            "waiting_room": {"patience": "1s"},
            "deadlines": {"first_byte": first_byte, "handshaking": "60s"},
            "refusal": {"readable": "none"},
            "listeners": [attacked, honest],
            "pools": [pool("echo", echo)],
        }
    )
    came, tries = asyncio.run(storm(address(attacked), address(honest), header, drips, hold))
    print(f"{came} of {tries} came in")
    assert came >= tries * 9 // 10, f"{came} of {tries}, at half of the rate"


async def knock(where, header, until, results, pause):
    """Clients one after the other, whatever they hear."""
    loop = asyncio.get_running_loop()
    tasks = []
    while loop.time() < until:
        tasks.append(asyncio.create_task(try_once(where, header)))
        # Not in step with the others', or the same would always be the first.
        await asyncio.sleep(random.uniform(0, 2 * pause))
    results.append(sum(await asyncio.gather(*tasks)))


async def crowds(direct, named, silent):
    loop = asyncio.get_running_loop()
    end = loop.time() + 18
    sitting = [asyncio.create_task(keep_places(direct, False, 0.5, end)) for _ in range(silent)]
    await asyncio.sleep(3)
    of_direct, of_named = [], []
    await asyncio.gather(knock(direct, b"", end, of_direct, 0.05), knock(named, HEADER, end, of_named, 0.05))
    await asyncio.gather(*sitting)
    return of_direct[0], of_named[0]


@pytest.mark.parametrize("silent", [0, 16])
def test_a_few_that_are_silent_dont_give_the_rate_to_another_listener(tidegate, echo, silent):
    """Both listeners' clients knock as often as the rate lets in: each listener gets about half of it."""
    direct = listener("echo", name="direct")
    named = listener("echo", name="named")
    named["proxy_protocol"] = {"from": ["127.0.0.1/32"]}
    tidegate(
        {
            "workers": 1,
            "limits": LIMITS,
            "waiting_room": {"patience": "1s"},
            "deadlines": {"first_byte": "60s"},
            "refusal": {"readable": "none"},
            "listeners": [direct, named],
            "pools": [pool("echo", echo)],
        }
    )
    came = asyncio.run(crowds(address(direct), address(named), silent))
    print(f"{silent} silent at a time: {came[0]} came in where they are, {came[1]} at the other listener")
    assert min(came) >= 80, came
