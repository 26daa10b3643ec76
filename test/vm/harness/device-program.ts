/** Programs about PCI devices, to be run in a guest. */
import type { AccessPath } from './binding.ts';
import { built } from './guest.ts';
import { PROJECT } from './setup.ts';

/**
 * JavaScript with, in scope before `body`: `open(address)`, a PciDevice by this way; `setpci(address, register)`, a value of
 * configuration space as another program sees it; `isMaster(address)`, the same for the bus master bit; `print(value)`, as
 * JSON; and what test/vm/programs/*.js export.
 */
export function deviceProgram(path: AccessPath, body: string): string {
  return `
    import { execFileSync } from 'node:child_process';
    import { openPciDevice } from ${built('pci/open-pci-device.js')};
    import { allocateHugeMemory } from ${built('memory/huge-memory.js')};
    import { E1000e, e1000eInterrupt, until } from 'file://${PROJECT}/test/vm/programs/e1000e.js';
    import { igbInterrupt } from 'file://${PROJECT}/test/vm/programs/igb.js';
    const open = (address) => openPciDevice(address, { unsafeNoIommu: ${path.machine.noIommuMode ?? false} });
    const setpci = (address, register) =>
      Number.parseInt(execFileSync('setpci', ['-s', address, register], { encoding: 'utf8' }), 16);
    const isMaster = (address) => (setpci(address, 'COMMAND') & 4) !== 0;
    const print = (value) => console.log(JSON.stringify(value));
    ${body}`;
}
