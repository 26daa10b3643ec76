/**
 * Statistics registers (82599 datasheet rev 3.4, section 8.2.3.23). Reading clears them; at their maximum they stay.
 * A low/high pair is read in two accesses, the low half first.
 */
import { type CounterSpec, type Register, type RegisterSpec, register } from '../registers.ts';

/** Where a counter lies apart from its offset. */
type Place = Partial<Pick<RegisterSpec, 'stride' | 'count' | 'also' | 'section'>>;
type Shape = Place & { readonly counter?: CounterSpec };

/** A counter of 32 bits (or as `shape` says) at `offset`, in section 8.2.3.23.`item`. */
function counter(offset: number, item: number, meaning: string, shape: Shape = {}): Register {
  return register({ offset, access: 'RC', section: `8.2.3.23.${item}`, meaning, counter: { bits: 32 }, ...shape });
}

/** The upper four bits of a 36-bit pair; its low half's `counter.high` names it. */
function upper(offset: number, item: number, meaning: string, place: Place = {}): Register {
  return register({ offset, access: 'RC', section: `8.2.3.23.${item}`, meaning: `${meaning}, bits 32…35`, ...place });
}

const perClass = { stride: 4, count: 8 } as const;
const perClass16 = { ...perClass, counter: { bits: 16 } } as const;
const short = { counter: { bits: 16 } } as const;
/** The 16 sets of queue counters, to which RQSMR and TQSM map the queues. */
const perRxSet = { stride: 0x40, count: 16 } as const;
const perTxSet = { stride: 8, count: 16 } as const;

function pair(high: string): { readonly counter: CounterSpec } {
  return { counter: { bits: 36, high } };
}

export const statistics = {
  CRCERRS: counter(0x04000, 1, 'Frames of 64 bytes or more with a wrong CRC'),
  ILLERRC: counter(0x04004, 2, 'Frames with an illegal byte'),
  ERRBC: counter(0x04008, 3, 'Error bytes'),
  MPC: counter(0x03fa0, 4, 'Frames missed because packet buffer n was full', perClass),
  MLFC: counter(0x04034, 5, 'Local faults of the MAC'),
  MRFC: counter(0x04038, 6, 'Remote faults of the MAC'),
  RLEC: counter(0x04040, 7, 'Frames whose length field is wrong'),
  SSVPC: counter(0x08780, 8, 'Packets dropped for a switch security violation'),
  LXONTXC: counter(0x03f60, 9, 'Link XON frames sent', short),
  LXONRXCNT: counter(0x041a4, 10, 'Link XON frames received', short),
  LXOFFTXC: counter(0x03f68, 11, 'Link XOFF frames sent', short),
  LXOFFRXCNT: counter(0x041a8, 12, 'Link XOFF frames received', short),
  PXONTXC: counter(0x03f00, 13, 'Priority XON frames sent, per class', perClass16),
  PXONRXCNT: counter(0x04140, 14, 'Priority XON frames received, per class', perClass16),
  PXOFFTXC: counter(0x03f20, 15, 'Priority XOFF frames sent, per class', perClass16),
  PXOFFRXCNT: counter(0x04160, 16, 'Priority XOFF frames received, per class', perClass16),
  PXON2OFFCNT: counter(0x03240, 17, 'Priority XON to XOFF transitions, per class', perClass16),

  PRC64: counter(0x0405c, 18, 'Good frames received, 64 bytes'),
  PRC127: counter(0x04060, 19, 'Good frames received, 65…127 bytes'),
  PRC255: counter(0x04064, 20, 'Good frames received, 128…255 bytes'),
  PRC511: counter(0x04068, 21, 'Good frames received, 256…511 bytes'),
  PRC1023: counter(0x0406c, 22, 'Good frames received, 512…1023 bytes'),
  PRC1522: counter(0x04070, 23, 'Good frames received, 1024 bytes to the maximum'),
  BPRC: counter(0x04078, 24, 'Good broadcast frames received'),
  MPRC: counter(0x0407c, 25, 'Good multicast frames received'),
  GPRC: counter(0x04074, 26, 'Good frames received that pass the filters'),
  GORCL: counter(0x04088, 27, 'Bytes of good frames received, with CRC', pair('GORCH')),
  GORCH: upper(0x0408c, 28, 'Bytes of good frames received'),
  RXNFGPC: counter(0x041b0, 29, 'Good frames received, filtered or not'),
  RXNFGBCL: counter(0x041b4, 30, 'Bytes of good frames received, filtered or not', pair('RXNFGBCH')),
  RXNFGBCH: upper(0x041b8, 31, 'Bytes of good frames received, filtered or not'),
  RXDGPC: counter(0x02f50, 32, 'Good packets received by DMA'),
  RXDGBCL: counter(0x02f54, 33, 'Bytes of good packets received by DMA', pair('RXDGBCH')),
  RXDGBCH: upper(0x02f58, 34, 'Bytes of good packets received by DMA'),
  RXDDPC: counter(0x02f5c, 35, 'Duplicated good packets received by DMA'),
  RXDDBCL: counter(0x02f60, 36, 'Bytes of duplicated good packets received by DMA', pair('RXDDBCH')),
  RXDDBCH: upper(0x02f64, 37, 'Bytes of duplicated good packets received by DMA'),
  RXLPBKPC: counter(0x02f68, 38, 'Good loopback packets received by DMA'),
  RXLPBKBCL: counter(0x02f6c, 39, 'Bytes of good loopback packets received by DMA', pair('RXLPBKBCH')),
  RXLPBKBCH: upper(0x02f70, 40, 'Bytes of good loopback packets received by DMA'),
  RXDLPBKPC: counter(0x02f74, 41, 'Duplicated good loopback packets received by DMA'),
  RXDLPBKBCL: counter(0x02f78, 42, 'Bytes of duplicated good loopback packets received by DMA', pair('RXDLPBKBCH')),
  RXDLPBKBCH: upper(0x02f7c, 43, 'Bytes of duplicated good loopback packets received by DMA'),
  GPTC: counter(0x04080, 44, 'Good frames sent'),
  GOTCL: counter(0x04090, 45, 'Bytes of good frames sent, with CRC', pair('GOTCH')),
  GOTCH: upper(0x04094, 46, 'Bytes of good frames sent'),
  TXDGPC: counter(0x087a0, 47, 'Good packets sent by DMA'),
  TXDGBCL: counter(0x087a4, 48, 'Bytes of good packets sent by DMA', pair('TXDGBCH')),
  TXDGBCH: upper(0x087a8, 49, 'Bytes of good packets sent by DMA'),

  RUC: counter(0x040a4, 50, 'Frames below 64 bytes with a good CRC'),
  RFC: counter(0x040a8, 51, 'Frames below 64 bytes with a wrong CRC'),
  ROC: counter(0x040ac, 52, 'Frames above the maximum with a good CRC'),
  RJC: counter(0x040b0, 53, 'Frames above the maximum with a wrong CRC'),
  MNGPRC: counter(0x040b4, 54, 'Management packets received'),
  MNGPDC: counter(0x040b8, 55, 'Management packets dropped'),
  MNGPTC: counter(0x0cf90, 56, 'Management packets sent'),
  TORL: counter(0x040c0, 57, 'Bytes received, good and bad', pair('TORH')),
  TORH: upper(0x040c4, 58, 'Bytes received, good and bad'),
  TPR: counter(0x040d0, 59, 'Frames received, good and bad'),
  TPT: counter(0x040d4, 60, 'Frames sent'),
  PTC64: counter(0x040d8, 61, 'Frames sent, 64 bytes'),
  PTC127: counter(0x040dc, 62, 'Frames sent, 65…127 bytes'),
  PTC255: counter(0x040e0, 63, 'Frames sent, 128…255 bytes'),
  PTC511: counter(0x040e4, 64, 'Frames sent, 256…511 bytes'),
  PTC1023: counter(0x040e8, 65, 'Frames sent, 512…1023 bytes'),
  PTC1522: counter(0x040ec, 66, 'Frames sent, 1024 bytes and more'),
  MPTC: counter(0x040f0, 67, 'Multicast frames sent'),
  BPTC: counter(0x040f4, 68, 'Broadcast frames sent'),
  MSPDC: counter(0x04010, 69, 'Frames discarded by the MAC for being too short'),
  XEC: counter(0x04120, 70, 'Packets with a wrong IPv4, TCP or UDP checksum'),

  RQSMR: register({
    offset: 0x02300,
    stride: 4,
    count: 32,
    access: 'RW',
    section: '8.2.3.23.71',
    meaning: 'Counter sets of receive queues 4n … 4n+3; lost in a reset',
    fields: { Q_MAP0: [0, 4], Q_MAP1: [8, 4], Q_MAP2: [16, 4], Q_MAP3: [24, 4] },
  }),
  RXDSTATCTRL: register({
    offset: 0x02f40,
    access: 'RW',
    section: '8.2.3.23.72',
    meaning: 'What the DMA receive counters count: a counter set or everything',
    fields: { QSEL: [0, 5] },
  }),
  TQSM: register({
    offset: 0x08600,
    stride: 4,
    count: 32,
    access: 'RW',
    section: '8.2.3.23.73',
    meaning: 'Counter sets of transmit queues 4n … 4n+3; lost in a reset',
    fields: { Q_MAP0: [0, 4], Q_MAP1: [8, 4], Q_MAP2: [16, 4], Q_MAP3: [24, 4] },
  }),
  QPRC: counter(0x01030, 74, 'Packets received, per counter set', perRxSet),
  QPRDC: counter(0x01430, 75, 'Packets dropped for want of descriptors, per counter set', perRxSet),
  QBRC_L: counter(0x01034, 76, 'Bytes received, per counter set', { ...perRxSet, ...pair('QBRC_H') }),
  QBRC_H: upper(0x01038, 77, 'Bytes received, per counter set', perRxSet),
  QPTC: counter(0x08680, 78, 'Packets sent, per counter set', {
    stride: 4,
    count: 16,
    also: { offset: 0x06030, stride: 0x40, count: 16 },
  }),
  QBTC_L: counter(0x08700, 79, 'Bytes sent, per counter set', { ...perTxSet, ...pair('QBTC_H') }),
  QBTC_H: upper(0x08704, 80, 'Bytes sent, per counter set', perTxSet),

  FCCRC: counter(0x05118, 81, 'FCoE packets with a wrong FC CRC', short),
  FCOERPDC: counter(0x0241c, 82, 'FCoE packets dropped for want of descriptors'),
  FCLAST: counter(0x02424, 83, 'FCoE packets, last of their sequence, with an error', short),
  FCOEPRC: counter(0x02428, 84, 'FCoE packets received'),
  FCOEDWRC: counter(0x0242c, 85, 'FCoE words received'),
  FCOEPTC: counter(0x08784, 86, 'FCoE packets sent'),
  FCOEDWTC: counter(0x08788, 87, 'FCoE words sent'),

  FDIRMATCH: counter(0x0ee58, 0, 'Packets that matched a Flow Director filter', { section: '8.2.3.21' }),
  FDIRMISS: counter(0x0ee5c, 0, 'Packets that matched no Flow Director filter', { section: '8.2.3.21' }),
  FDIRUSTAT: register({
    offset: 0x0ee50,
    access: 'RC',
    section: '8.2.3.21',
    meaning: 'Flow Director: filters added and removed',
    fields: { ADD: [0, 16], REMOVE: [16, 16] },
  }),
  FDIRFSTAT: register({
    offset: 0x0ee54,
    access: 'RC',
    section: '8.2.3.21',
    meaning: 'Flow Director: filters that could not be added or removed',
    fields: { FADD: [0, 8], FREMOVE: [8, 8] },
  }),
} as const;
