/** Which frames come in: the station address and the promiscuous modes (82599 datasheet rev 3.4, section 7.1.1). */
import { formatMac, readMac as macAt } from '../../packets/addresses.ts';
import type { Registers } from './registers.ts';

const EMPTY_MILLISECONDS = 100;

/**
 * Halts the receive path, runs `change`, and opens the path again if it was open: filters and RXEN may change only while
 * the path is empty (4.6.7, 8.2.3.7.1). Frames that arrive meanwhile wait in the packet buffer.
 */
export function whileReceiveHalted(registers: Registers, change: () => void): void {
  const enabled = registers.field('RXCTRL', 'RXEN');
  registers.update('SECRXCTRL', { RX_DIS: 1 });
  try {
    registers.untilBlocking('SECRXSTAT', 'SECRX_RDY', 1, EMPTY_MILLISECONDS);
    if (enabled) registers.update('RXCTRL', { RXEN: 0 });
    change();
    if (enabled) registers.update('RXCTRL', { RXEN: 1 });
  } finally {
    registers.update('SECRXCTRL', { RX_DIS: 0 });
  }
}

/** Broadcast always; beyond the station address, what the two modes ask for. */
export function writeModes(registers: Registers, promiscuous: boolean, allMulticast: boolean): void {
  registers.update('FCTRL', { BAM: 1, UPE: promiscuous ? 1 : 0, MPE: promiscuous || allMulticast ? 1 : 0 });
}

/** The address that receive address 0 holds, 'aa:bb:cc:dd:ee:ff'. */
export function readMac(registers: Registers): string {
  const low = registers.read('RAL', 0);
  const high = registers.field('RAH', 'RAH', 0);
  return formatMac(macAt(Uint8Array.of(low, low >>> 8, low >>> 16, low >>> 24, high, high >>> 8), 0));
}

/** Makes `bytes` the station address, and keeps it valid. */
export function writeMac(registers: Registers, bytes: Uint8Array): void {
  const [a, b, c, d, e, f] = bytes;
  registers.write('RAL', (a | (b << 8) | (c << 16) | (d << 24)) >>> 0, 0);
  registers.update('RAH', { RAH: e | (f << 8), AV: 1 }, 0);
}
