/** The registers of the receive path, and the order in which software must set them (datasheet rev 3.4, section 4.6.7). */
import {
  RX_DESCTYPE_ADVANCED_ALWAYS_HEADER,
  RX_DESCTYPE_ADVANCED_HEADER_SPLIT,
} from '../../../datasheet/ixgbe/descriptors.ts';
import { ixgbe } from '../../../datasheet/ixgbe/index.ts';
import { extract, type Register } from '../../../datasheet/registers.ts';
import type { ModelContext } from '../context.ts';
import { connectRings } from '../ring.ts';
import type { ReceiveQueue } from './receive-queue.ts';

const { RXCTRL, RDRXCTL, HLREG0, MAXFRS, SRRCTL, RXDCTL, DCA_RXCTRL, CTRL_EXT, RXPBSIZE, EEC } = ixgbe;
const { RXEN } = RXCTRL.bits;
/** Descriptor types that SRRCTL reserves. */
const RESERVED_TYPES = [3, 4, 6, 7];
const SPLITTING_TYPES = [RX_DESCTYPE_ADVANCED_HEADER_SPLIT, RX_DESCTYPE_ADVANCED_ALWAYS_HEADER];
/** The last BSIZEPACKET that is allowed, in KiB. */
const LARGEST_BUFFER = 16;

/** `apply` takes over what the port's registers say. */
export function connectReceiveRegisters(
  context: ModelContext,
  queues: readonly ReceiveQueue[],
  apply: () => void,
): void {
  const { registers, judge } = context;
  const rings = queues.map((queue) => queue.ring);
  connectRings(context, rings, () => true);

  // Hooks run before the value is stored; what it means is taken over afterwards.
  const store = (register: Register, value: number): number => {
    registers.set(register, value);
    apply();
    return value;
  };
  const whileReceiving = (register: Register, name: string): void => {
    registers.onWrite(register, (value, before) => {
      const receiving = (registers.get(RXCTRL) & RXEN.mask) !== 0;
      if (receiving && value !== before) judge.record('rx.setup-while-enabled', { register: name });
      return value;
    });
  };
  whileReceiving(RXPBSIZE, 'RXPBSIZE');
  registers.onWrite(RDRXCTL, (value, before) => {
    const receiving = (registers.get(RXCTRL) & RXEN.mask) !== 0;
    const kept = (value & ~RDRXCTL.bits.DMAIDONE.mask) | (before & RDRXCTL.bits.DMAIDONE.mask);
    if (receiving && kept !== before) judge.record('rx.setup-while-enabled', { register: 'RDRXCTL' });
    return kept;
  });
  registers.onWrite(HLREG0, (value, before) => {
    const { RXCRCSTRP, JUMBOEN } = HLREG0.bits;
    const receiving = (registers.get(RXCTRL) & RXEN.mask) !== 0;
    if (receiving && ((value ^ before) & (RXCRCSTRP.mask | JUMBOEN.mask)) !== 0) {
      judge.record('rx.setup-while-enabled', { register: 'HLREG0' });
    }
    return store(HLREG0, value);
  });
  registers.onWrite(MAXFRS, (value) => store(MAXFRS, value));
  registers.onWrite(RXCTRL, (value, before) => {
    if ((value & ~before & RXEN.mask) !== 0) inspect(context, queues);
    return store(RXCTRL, value);
  });

  const { ENABLE, VME } = RXDCTL.bits;
  registers.onWrite(RXDCTL, (value, _before, queue) => {
    queues[queue].strips = (value & VME.mask) !== 0;
    rings[queue].want((value & ENABLE.mask) !== 0, () => true);
    return value;
  });
  registers.onWrite(SRRCTL, (value, before, queue) => {
    if (rings[queue].enabled && value !== before)
      judge.record('rx.configured-while-enabled', { queue, register: 'SRRCTL' });
    queues[queue].configure(value);
    return value;
  });
  for (const ring of rings) {
    const inherited = ring.onSwitch;
    ring.onSwitch = () => {
      inherited();
      if (ring.enabled) inspectQueue(context, ring.queue);
    };
  }
}

/** What must be set before the receiver is switched on. */
function inspect(context: ModelContext, queues: readonly ReceiveQueue[]): void {
  const { registers, judge } = context;
  const dma = registers.get(RDRXCTL);
  const { CRC_STRIP, RSCFRSTSIZE, RSCACKC, FCOE_WRFIX, DMAIDONE } = RDRXCTL.bits;
  const strips = extract(HLREG0.bits.RXCRCSTRP, registers.get(HLREG0));
  if (extract(CRC_STRIP, dma) !== strips) judge.record('rx.crc-strip', { register: 'RDRXCTL' });
  if (extract(RSCFRSTSIZE, dma) !== 0) judge.record('rx.rsc-first-size', { register: 'RDRXCTL' });
  if ((dma & RSCACKC.mask) === 0 || (dma & FCOE_WRFIX.mask) === 0) judge.record('rx.dma-bits', { register: 'RDRXCTL' });
  if (extract(EEC.bits.AUTO_RD, registers.get(EEC)) === 0) judge.record('init.eeprom', { register: 'EEC' });
  if ((dma & DMAIDONE.mask) === 0) judge.record('init.dma', { register: 'RDRXCTL' });
  if (extract(CTRL_EXT.bits.NS_DIS, registers.get(CTRL_EXT)) === 0)
    judge.record('rx.no-snoop', { register: 'CTRL_EXT' });
  for (const { ring } of queues) if (ring.enabled) inspectQueue(context, ring.queue);
}

/** What must be set before a queue receives. */
function inspectQueue(context: ModelContext, queue: number): void {
  const { registers, judge } = context;
  if (extract(DCA_RXCTRL.bits.MUST_BE_ZERO, registers.get(DCA_RXCTRL, queue)) !== 0) {
    judge.record('rx.dca-control', { queue, register: 'DCA_RXCTRL' });
  }
  const control = registers.get(SRRCTL, queue);
  const size = extract(SRRCTL.bits.BSIZEPACKET, control);
  if (size < 1 || size > LARGEST_BUFFER) judge.record('rx.buffer-size', { queue, found: `${size} KiB` });
  const type = extract(SRRCTL.bits.DESCTYPE, control);
  if (type > RX_DESCTYPE_ADVANCED_ALWAYS_HEADER || RESERVED_TYPES.includes(type)) {
    judge.record('rx.descriptor-type', { queue, found: `${type}` });
  }
  if (SPLITTING_TYPES.includes(type)) judge.record('rx.header-split', { queue, register: 'SRRCTL' });
}
