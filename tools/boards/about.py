"""What a board can tell of itself: interpreter, firmware, identity, journal, room, clock. Never a secret."""

import json
import time
from dataclasses import asdict, dataclass

from tools.boards.connection import Connection

# What fails is left out: a board without firmware still tells of its interpreter.
_TELL = """
import gc, json, os, sys, time
about = {}
def note(look):
 try:
  about.update(look())
 except Exception:
  pass
def interpreter():
 i = sys.implementation
 return {'micropython': '.'.join([str(n) for n in i.version[:3]]), 'machine': getattr(i, '_machine', sys.platform)}
def configuration():
 with open('config/device.json') as file:
  c = json.load(file)
 return {'thing': c['thing'], 'broker': '%s:%d' % (c['host'], c['port'])}
def slot():
 with open('slot') as file:
  name = file.read().strip()
 sys.path.insert(0, name)
 return {'slot': name}
def trial():
 with open('trial') as file:
  return {'trial': file.read().split()[1]}
def firmware():
 from firmware.version import VERSION
 return {'firmware': VERSION}
def identity():
 from firmware.identity import read_guarded
 install, boot = json.loads(read_guarded('state/identity'))
 return {'install': install, 'boot': boot}
def journal():
 from firmware.journal import Journal
 j = Journal('state/journal')
 return {'waiting': j.count, 'lost': j.lost, 'door': j.door}
def room():
 s = os.statvfs('/')
 gc.collect()
 return {'flash_bytes': s[1] * s[2], 'flash_free_bytes': s[1] * s[3], 'heap_free_bytes': gc.mem_free()}
def clock():
 return {'clock_s': time.time() + (946684800 if time.gmtime(0)[0] == 2000 else 0)}
for look in (interpreter, configuration, slot, trial, firmware, identity, journal, room, clock):
 note(look)
print(json.dumps(about))
"""


@dataclass(frozen=True, slots=True)
class About:
    """A board as it describes itself; None where it knows nothing."""

    micropython: str
    machine: str
    flash_bytes: int
    flash_free_bytes: int
    heap_free_bytes: int
    clock_off_s: int
    """How far the board's clock is ahead of this computer's."""
    thing: str | None = None
    broker: str | None = None
    firmware: str | None = None
    slot: str | None = None
    trial: str | None = None
    """The version of an update that is or was on trial."""
    install: str | None = None
    boot: int | None = None
    waiting: int | None = None
    """Events that the cloud has not acknowledged."""
    lost: int | None = None
    """Events that a full flash had to drop."""
    door: str | None = None
    """The last movement that was journaled."""

    def as_json(self) -> dict[str, object]:
        """Return all of it."""
        return asdict(self)


def about(connection: Connection) -> About:
    """Ask the board; raises BoardError."""
    told = json.loads(connection.run(_TELL))
    return About(clock_off_s=round(told.pop("clock_s") - time.time()), **told)
