/** Receive DMA registers (82599 datasheet rev 3.4, sections 8.2.3.8, 8.2.3.11 and 8.2.3.12). */
import { register } from '../registers.ts';

/** Queues 0 … 63 lie at 0x01000, queues 64 … 127 at 0x0D000, 0x40 apart; `at` is the register's place in its queue. */
function perQueue<const O extends number>(at: O) {
  return { offset: 0x01000 + at, stride: 0x40, count: 64, more: { offset: 0x0d000 + at, stride: 0x40, count: 64 } };
}

export const receive = {
  RDBAL: register({
    ...perQueue(0x00),
    access: 'RW',
    section: '8.2.3.8.1',
    meaning: 'Receive ring address, low; 128-byte aligned, bits 0…6 read 0',
  }),
  RDBAH: register({ ...perQueue(0x04), access: 'RW', section: '8.2.3.8.2', meaning: 'Receive ring address, high' }),
  RDLEN: register({
    ...perQueue(0x08),
    access: 'RW',
    section: '8.2.3.8.3',
    meaning: 'Receive ring length in bytes, a multiple of 128, at most 128 KiB',
    fields: { LEN: [0, 20] },
  }),
  DCA_RXCTRL: register({
    ...perQueue(0x0c),
    also: { offset: 0x02200, stride: 4, count: 16 },
    access: 'RW',
    reset: 0x0000_b200,
    section: '8.2.3.11.1',
    meaning: 'Direct cache access and relaxed ordering of a receive queue',
    fields: {
      RX_DESC_DCA_EN: [5],
      RX_HEADER_DCA_EN: [6],
      RX_PAYLOAD_DCA_EN: [7],
      RXDESC_READ_RO_EN: [9],
      RXDESC_WB_RO_EN: [11],
      // Reserved, resets to 1, and software must clear it (4.6.7).
      MUST_BE_ZERO: [12],
      RXDATA_WRITE_RO_EN: [13],
      RXREP_HEADER_RO_EN: [15],
      CPUID: [24, 8],
    },
  }),
  RDH: register({
    ...perQueue(0x10),
    access: 'RO',
    section: '8.2.3.8.4',
    meaning: 'Receive ring head: the next descriptor that the device uses',
    fields: { RDH: [0, 16] },
  }),
  SRRCTL: register({
    ...perQueue(0x14),
    also: { offset: 0x02100, stride: 4, count: 16 },
    access: 'RW',
    reset: 0x0000_0402,
    section: '8.2.3.8.7',
    meaning: 'Buffer sizes (packet in KiB, header in 64 bytes), descriptor type, drop',
    fields: { BSIZEPACKET: [0, 5], BSIZEHEADER: [8, 6], RDMTS: [22, 3], DESCTYPE: [25, 3], DROP_EN: [28] },
  }),
  RDT: register({
    ...perQueue(0x18),
    access: 'RW',
    section: '8.2.3.8.5',
    meaning: 'Receive ring tail: one beyond the last descriptor that the device may use',
    fields: { RDT: [0, 16] },
  }),
  RXDCTL: register({
    ...perQueue(0x28),
    access: 'RW',
    section: '8.2.3.8.6',
    meaning: 'Receive queue control; ENABLE reads as the true state of the queue',
    fields: { ENABLE: [25], VME: [30] },
  }),
  RSCCTL: register({
    ...perQueue(0x2c),
    access: 'RW',
    section: '8.2.3.8.13',
    meaning: 'Receive side coalescing of a queue',
    fields: { RSCEN: [0], MAXDESC: [2, 2] },
  }),

  RDRXCTL: register({
    offset: 0x02f00,
    access: 'RW',
    reset: 0x0010_0000,
    section: '8.2.3.8.8',
    // Software clears RSCFRSTSIZE, sets RSCACKC and FCOE_WRFIX, and keeps CRC_STRIP equal to HLREG0.RXCRCSTRP.
    meaning: 'Receive DMA control; DMAIDONE: initialisation is done (read only)',
    fields: { CRC_STRIP: [1], DMAIDONE: [3], RSCFRSTSIZE: [17, 5], RSCACKC: [25], FCOE_WRFIX: [26] },
  }),
  RXPBSIZE: register({
    offset: 0x03c00,
    stride: 4,
    count: 8,
    access: 'RW',
    reset: 0x0008_0000,
    section: '8.2.3.8.9',
    meaning: 'Size of receive packet buffer n, in KiB; only buffer 0 counts without DCB',
    fields: { SIZE: [10, 10] },
  }),
  RXCTRL: register({
    offset: 0x03000,
    access: 'RW',
    section: '8.2.3.8.10',
    meaning: 'Receive control: the switch for all queues',
    fields: { RXEN: [0] },
  }),
  RXMEMWRAP: register({
    offset: 0x03190,
    access: 'RO',
    reset: 0x8888_8888,
    section: '8.2.3.8.11',
    meaning: 'Receive packet buffers: wraps and empty flags, 4 bits per traffic class',
    fields: { TC0_WRAP: [0, 3], TC0_EMPTY: [3] },
  }),
  RSCDBU: register({
    offset: 0x03028,
    access: 'RW',
    section: '8.2.3.8.12',
    meaning: 'Receive side coalescing: data buffer control',
    fields: { RSCACKDIS: [7] },
  }),

  SECRXCTRL: register({
    offset: 0x08d00,
    access: 'RW',
    reset: 0x0000_0001,
    section: '8.2.3.12.5',
    meaning: 'Security offload, receive; RX_DIS halts the receive path',
    fields: { SECRX_DIS: [0], RX_DIS: [1] },
  }),
  SECRXSTAT: register({
    offset: 0x08d04,
    access: 'RO',
    section: '8.2.3.12.6',
    meaning: 'Security offload, receive: status; SECRX_RDY: the halted path is empty',
    fields: { SECRX_RDY: [0], SECRX_OFF_DIS: [1], ECC_RXERR: [2] },
  }),
} as const;
