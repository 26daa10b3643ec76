/** Our own driver's bring-up, on the same card, set up like Linux's: as many queues, as long, with interrupts. */
import { openIxgbe } from '../../src/drivers/ixgbe/index.ts';
import { EmulatedPciDevice } from '../../src/emulation/index.ts';
import type { AccessObserver } from '../../src/emulation/vfio-user/region-space.ts';
import { NullWire } from '../../src/emulation/wires/null-wire.ts';
import { allocatePlainMemory } from '../../src/memory/plain-memory.ts';
import type { PciDevice, RegisterFile } from '../../src/pci/pci-device.ts';
import { type Access, observeInto } from './access.ts';
import { lastWrites, type Written } from './compare.ts';
import { PLACEHOLDERS } from './recording.ts';

/** The semaphores are no settings. */
const PASSING = ['SWSM', 'SW_FW_SYNC'];

/** What it has written once the link is up. */
export async function ownDriverWrites(): Promise<Written> {
  const accesses: Access[] = [];
  const card = new EmulatedPciDevice({ wire: new NullWire() });
  const options = { rxQueues: 2, txQueues: 2, linkPollInterval: 0, allocateMemory: allocatePlainMemory };
  const nic = await openIxgbe(observed(card, observeInto(accesses)), options);
  try {
    await nic.waitForLink();
    return lastWrites(
      accesses.filter(({ register }) => !PASSING.includes(register)),
      PLACEHOLDERS,
    );
  } finally {
    nic.close();
  }
}

/** `device`, with each access of its registers told of. Doorbells are none that could be: they are plain stores. */
function observed(device: PciDevice, observer: AccessObserver): PciDevice {
  const { address, vendorId, deviceId, numaNode, config, dma, clock, interrupts } = device;
  return {
    ...{ address, vendorId, deviceId, numaNode, config, dma, clock, interrupts },
    bar: (index) => observedRegisters(device.bar(index), index, observer),
    setBusMaster: (enabled) => device.setBusMaster(enabled),
    close: () => device.close(),
  };
}

function observedRegisters(file: RegisterFile, bar: number, observer: AccessObserver): RegisterFile {
  return {
    size: file.size,
    doorbells: file.doorbells,
    read8: (offset) => file.read8(offset),
    read16: (offset) => file.read16(offset),
    write8: (offset, value) => file.write8(offset, value),
    write16: (offset, value) => file.write16(offset, value),
    read32(offset) {
      const value = file.read32(offset);
      observer(false, bar, offset, 4, value);
      return value;
    },
    write32(offset, value) {
      file.write32(offset, value);
      observer(true, bar, offset, 4, value >>> 0);
    },
  };
}
