/** Initialisation of the receive path (82599 datasheet rev 3.4, sections 4.6.7 and 4.6.11.3.4: no DCB, no pools). */
import { RX_DESCTYPE_ADVANCED_ONE_BUFFER } from '../../datasheet/ixgbe/descriptors.ts';
import type { IxgbeMac } from '../../datasheet/ixgbe/devices.ts';
import { ixgbe } from '../../datasheet/ixgbe/index.ts';
import { addressHigh, addressLow } from '../../memory/dma-memory.ts';
import type { RingPlace } from '../queue-memory.ts';
import { whileReceiveHalted, writeModes } from './filters.ts';
import type { Registers } from './registers.ts';

const ENABLE_MILLISECONDS = 100;
const DISABLE_MILLISECONDS = 10;
/** Frames up to this, with CRC, need no jumbo mode. */
const STANDARD_FRAME = 1518;
/** FCRTH counts even when no pauses are sent; the datasheet wants it this far below the buffer's size (4.6.3.2). */
const HIGH_WATER_DISTANCE = 0x6000;
const KIBIBYTE = 1024;

interface ReceiveConfiguration {
  readonly mac: IxgbeMac;
  /** Bytes in the largest frame, CRC included. */
  readonly maxFrame: number;
  readonly promiscuous: boolean;
}

/** The receive packet buffer's size in KiB. */
function packetBufferSize(mac: IxgbeMac): number {
  return mac === '82599' ? 512 : 384;
}

/** No pauses, sent or obeyed: at full load a packet loop drops and counts rather than stops its neighbours. */
export function disableFlowControl(registers: Registers, mac: IxgbeMac): void {
  registers.writeAll('FCTTV', 0);
  registers.writeAll('FCRTL', 0);
  registers.writeAll('FCRTH', 0);
  registers.write('FCRTH', packetBufferSize(mac) * KIBIBYTE - HIGH_WATER_DISTANCE, 0);
  registers.write('FCRTV', 0);
  registers.update('FCCFG', { TFCE: 0 });
  registers.update('MFLCN', { RPFCE: 0, RFCE: 0, DPF: 1 });
}

/** Everything but the queues: tables, filters, packet buffers, frame size. */
export function initialiseReceive(registers: Registers, configuration: ReceiveConfiguration): void {
  const { mac, maxFrame, promiscuous } = configuration;
  clearFilterTables(registers);
  writeModes(registers, promiscuous, false);
  registers.update('VLNCTRL', { VFE: 0 });
  registers.update('MCSTCTRL', { MFE: 0 });
  registers.update('RFCTL', { RSC_DIS: 1, NFSW_DIS: 1, NFSR_DIS: 1 });

  // CRC stripping must be the same in both places; the other three fields are due as RDRXCTL's description says.
  registers.update('HLREG0', { RXCRCSTRP: 1, JUMBOEN: maxFrame > STANDARD_FRAME ? 1 : 0 });
  registers.update('RDRXCTL', { CRC_STRIP: 1, RSCFRSTSIZE: 0, RSCACKC: 1, FCOE_WRFIX: 1 });
  if (maxFrame > STANDARD_FRAME) registers.update('MAXFRS', { MFS: maxFrame });

  registers.writeAll('RXPBSIZE', 0);
  registers.assign('RXPBSIZE', { SIZE: packetBufferSize(mac) }, 0);
  registers.write('MRQC', 0);
  registers.write('RTRUP2TC', 0);
  registers.writeAll('RTRPT4C', 0);
  registers.update('RTRPCS', { RRM: 0, RAC: 0 });
}

/** Tables whose content is undefined after a reset, and addresses beyond the station's own. */
function clearFilterTables(registers: Registers): void {
  for (let n = 1; n < ixgbe.RAL.length; n++) {
    registers.write('RAL', 0, n);
    registers.write('RAH', 0, n);
  }
  for (const table of ['PFUTA', 'VFTA', 'PFVLVF', 'MPSAR', 'PFVLVFB', 'MTA', 'FTQF'] as const) {
    registers.writeAll(table, 0);
  }
  registers.write('MPSAR', 1, 0);
}

/** Gives queue `index` its ring and enables it; the tail may move from now on. */
export async function enableReceiveQueue(
  registers: Registers,
  index: number,
  ring: RingPlace,
  bufferSize: number,
): Promise<void> {
  registers.write('RDBAL', addressLow(ring.address) >>> 0, index);
  registers.write('RDBAH', addressHigh(ring.address) >>> 0, index);
  registers.assign('RDLEN', { LEN: ring.bytes }, index);
  registers.update(
    'SRRCTL',
    { BSIZEPACKET: bufferSize / KIBIBYTE, DESCTYPE: RX_DESCTYPE_ADVANCED_ONE_BUFFER, DROP_EN: 1 },
    index,
  );
  registers.update('RSCCTL', { RSCEN: 0 }, index);
  registers.update('DCA_RXCTRL', { MUST_BE_ZERO: 0 }, index);
  registers.update('RXDCTL', { ENABLE: 1, VME: 0 }, index);
  await registers.until('RXDCTL', 'ENABLE', 1, ENABLE_MILLISECONDS, index);
}

/** Opens the receive path, after all queues have descriptors. */
export function startReceive(registers: Registers): void {
  registers.update('CTRL_EXT', { NS_DIS: 1 });
  whileReceiveHalted(registers, () => registers.update('RXCTRL', { RXEN: 1 }));
}

/**
 * Enables a halted queue again, with an empty ring in the place that it had (4.6.7.1.1). Blocks. Its head is 0 again by
 * then, and read-only by the datasheet (8.2.3.8.4); should a device have kept it, it is written, as other drivers do.
 */
export function restartReceiveQueue(registers: Registers, index: number): void {
  if (registers.field('RDH', 'RDH', index) !== 0) registers.write('RDH', 0, index);
  registers.write('RDT', 0, index);
  registers.update('RXDCTL', { ENABLE: 1 }, index);
  registers.untilBlocking('RXDCTL', 'ENABLE', 1, ENABLE_MILLISECONDS, index);
}

/** The order of 4.6.7.1.2; afterwards the device writes to no buffer of theirs. Blocks at most 10 ms per queue. */
export function haltReceiveQueues(
  registers: Registers,
  queues: readonly number[],
  attempt: (step: () => void) => void,
): void {
  for (const index of queues) attempt(() => registers.update('RXDCTL', { ENABLE: 0 }, index));
  for (const index of queues) {
    attempt(() => registers.untilBlocking('RXDCTL', 'ENABLE', 0, DISABLE_MILLISECONDS, index));
  }
}

/** Halts all queues, then the receive path. */
export function stopReceive(
  registers: Registers,
  queues: readonly number[],
  attempt: (step: () => void) => void,
): void {
  haltReceiveQueues(registers, queues, attempt);
  attempt(() => registers.update('RXCTRL', { RXEN: 0 }));
}
