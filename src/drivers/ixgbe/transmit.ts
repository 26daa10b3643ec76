/** Initialisation of the transmit path (82599 datasheet rev 3.4, sections 4.6.8 and 4.6.11.3.4: no DCB, no pools). */
import { ixgbe } from '../../datasheet/ixgbe/index.ts';
import { addressHigh, addressLow } from '../../memory/dma-memory.ts';
import type { RingPlace } from '../queue-memory.ts';
import type { Registers } from './registers.ts';

const ENABLE_MILLISECONDS = 100;
const DISABLE_MILLISECONDS = 10;
/** How long close() lets packets leave that are already queued, over all queues. */
const DRAIN_MILLISECONDS = 20;
const LOOK_MILLISECONDS = 0.02;
const PACKET_BUFFER_KIBIBYTES = 160;
const KIBIBYTE = 1024;
/** No DCB: as many bytes may be requested as the field can say. */
const UNLIMITED_REQUESTS = 0xfff;

// Descriptors are fetched ahead when fewer than PREFETCH are on chip and at least HOST wait (7.2.3.4.1). Reports are
// written at once, so that the driver's sparse RS bits mean what it thinks: the last one vouches for all before.
const PREFETCH_THRESHOLD = 32;
const HOST_THRESHOLD = 8;
const WRITE_BACK_THRESHOLD = 0;

/** Everything but the queues. `maxFrame`: bytes in the largest frame, CRC included. */
export function initialiseTransmit(registers: Registers, maxFrame: number): void {
  registers.update('HLREG0', { TXCRCEN: 1, TXPADEN: 1 });
  registers.update('DMATXCTL', { TE: 0 });
  registers.update('RTTDCS', { ARBDIS: 1 });
  registers.assign('DTXMXSZRQ', { MAX_BYTES_NUM_REQ: UNLIMITED_REQUESTS });
  registers.writeAll('TXPBSIZE', 0);
  registers.assign('TXPBSIZE', { SIZE: PACKET_BUFFER_KIBIBYTES }, 0);
  registers.writeAll('TXPBTHRESH', 0);
  registers.assign('TXPBTHRESH', { THRESH: PACKET_BUFFER_KIBIBYTES - Math.ceil(maxFrame / KIBIBYTE) }, 0);
  registers.write('MTQC', 0);
  clearArbiters(registers);
  registers.update('RTTDCS', { ARBDIS: 0 });
}

function clearArbiters(registers: Registers): void {
  for (let queue = 0; queue < ixgbe.TXDCTL.length; queue++) {
    registers.assign('RTTDQSEL', { TXDQ_IDX: queue });
    registers.write('RTTDT1C', 0);
    registers.write('RTTBCNRC', 0); // whatever rate an earlier owner has limited the queue to
  }
  registers.writeAll('RTTDT2C', 0);
  registers.writeAll('RTTPT2C', 0);
}

/** Gives queue `index` its ring, while the transmit path is still off. */
export function prepareTransmitQueue(registers: Registers, index: number, ring: RingPlace): void {
  registers.write('TDBAL', addressLow(ring.address) >>> 0, index);
  registers.write('TDBAH', addressHigh(ring.address) >>> 0, index);
  registers.assign('TDLEN', { LEN: ring.bytes }, index);
  registers.write('TDWBAL', 0, index);
  // Reports must not overtake the ones before them.
  registers.update('DCA_TXCTRL', { TXDESC_WB_RO_EN: 0 }, index);
  registers.update(
    'TXDCTL',
    { PTHRESH: PREFETCH_THRESHOLD, HTHRESH: HOST_THRESHOLD, WTHRESH: WRITE_BACK_THRESHOLD },
    index,
  );
}

/** Opens the transmit path, then enables each queue; tails may move from now on. */
export async function startTransmit(registers: Registers, queues: number): Promise<void> {
  registers.update('DMATXCTL', { TE: 1 });
  for (let index = 0; index < queues; index++) {
    registers.update('TXDCTL', { ENABLE: 1 }, index);
    await registers.until('TXDCTL', 'ENABLE', 1, ENABLE_MILLISECONDS, index);
  }
}

/**
 * Enables a halted queue again, with an empty ring in the place that it had (4.6.8.1.1). Blocks. See
 * `restartReceiveQueue`.
 */
export function restartTransmitQueue(registers: Registers, index: number): void {
  if (registers.field('TDH', 'TDH', index) !== 0) registers.write('TDH', 0, index);
  registers.write('TDT', 0, index);
  registers.update('TXDCTL', { ENABLE: 1 }, index);
  registers.untilBlocking('TXDCTL', 'ENABLE', 1, ENABLE_MILLISECONDS, index);
}

/** The order of 4.6.8.1.2; afterwards the device reads no buffer of theirs. Blocks at most 20 ms and 10 ms per queue. */
export function haltTransmitQueues(
  registers: Registers,
  queues: readonly number[],
  attempt: (step: () => void) => void,
): void {
  attempt(() => drain(registers, queues));
  for (const index of queues) attempt(() => registers.update('TXDCTL', { ENABLE: 0 }, index));
  for (const index of queues) {
    attempt(() => registers.untilBlocking('TXDCTL', 'ENABLE', 0, DISABLE_MILLISECONDS, index));
  }
}

/** Halts all queues, then the transmit path. */
export function stopTransmit(
  registers: Registers,
  queues: readonly number[],
  attempt: (step: () => void) => void,
): void {
  haltTransmitQueues(registers, queues, attempt);
  attempt(() => registers.update('DMATXCTL', { TE: 0 }));
}

/** Waits until the device has fetched what was queued; without a link it never will. */
function drain(registers: Registers, queues: readonly number[]): void {
  const clock = registers.device.clock;
  const end = clock.now() + DRAIN_MILLISECONDS;
  for (const index of queues) {
    while (registers.field('TDH', 'TDH', index) !== registers.field('TDT', 'TDT', index)) {
      if (clock.now() >= end) return;
      clock.pause(LOOK_MILLISECONDS);
    }
  }
}
