/** Transmit DMA registers (82599 datasheet rev 3.4, sections 8.2.3.9, 8.2.3.11 and 8.2.3.12). */
import { register } from '../registers.ts';

/** Queues 0 … 127 lie at 0x06000, 0x40 apart; `at` is the register's place in its queue. */
function perQueue<const O extends number>(at: O) {
  return { offset: 0x06000 + at, stride: 0x40, count: 128 };
}

export const transmit = {
  TDBAL: register({
    ...perQueue(0x00),
    access: 'RW',
    section: '8.2.3.9.5',
    meaning: 'Transmit ring address, low; 128-byte aligned, bits 0…6 read 0',
  }),
  TDBAH: register({ ...perQueue(0x04), access: 'RW', section: '8.2.3.9.6', meaning: 'Transmit ring address, high' }),
  TDLEN: register({
    ...perQueue(0x08),
    access: 'RW',
    section: '8.2.3.9.7',
    meaning: 'Transmit ring length in bytes, a multiple of 128, at most 128 KiB',
    fields: { LEN: [0, 20] },
  }),
  DCA_TXCTRL: register({
    ...perQueue(0x0c),
    access: 'RW',
    reset: 0x0000_2a00,
    section: '8.2.3.11.2',
    meaning: 'Direct cache access and relaxed ordering of a transmit queue',
    fields: {
      TX_DESC_DCA_EN: [5],
      TXDESC_RD_RO_EN: [9],
      TXDESC_WB_RO_EN: [11],
      TXDATA_READ_RO_EN: [13],
      CPUID: [24, 8],
    },
  }),
  TDH: register({
    ...perQueue(0x10),
    access: 'RO',
    section: '8.2.3.9.8',
    meaning: 'Transmit ring head: the next descriptor that the device uses',
    fields: { TDH: [0, 16] },
  }),
  TDT: register({
    ...perQueue(0x18),
    access: 'RW',
    section: '8.2.3.9.9',
    meaning: 'Transmit ring tail: one beyond the last descriptor that the device may use',
    fields: { TDT: [0, 16] },
  }),
  TXDCTL: register({
    ...perQueue(0x28),
    access: 'RW',
    section: '8.2.3.9.10',
    // PTHRESH needs HTHRESH > 0. With WTHRESH 0, RS goes with EOP and on one descriptor in 40 at least; with WTHRESH > 0
    // software does not set RS. Setting DMATXCTL.TE sets ENABLE of queue 0 too.
    meaning: 'Transmit queue control: prefetch, host and write-back thresholds, enable, flush',
    fields: { PTHRESH: [0, 7], HTHRESH: [8, 7], WTHRESH: [16, 7], ENABLE: [25], SWFLSH: [26] },
  }),
  TDWBAL: register({
    ...perQueue(0x38),
    access: 'RW',
    section: '8.2.3.9.11',
    meaning: 'Address for head write-back, low',
    fields: { HEAD_WB_EN: [0], HEADWB_LOW: [2, 30] },
  }),
  TDWBAH: register({
    ...perQueue(0x3c),
    access: 'RW',
    section: '8.2.3.9.12',
    meaning: 'Address for head write-back, high',
  }),

  DTXMXSZRQ: register({
    offset: 0x08100,
    access: 'RW',
    reset: 0x0000_0010,
    section: '8.2.3.9.1',
    meaning: 'Limit of outstanding transmit read requests, in 256 bytes; 0xFFF without DCB',
    fields: { MAX_BYTES_NUM_REQ: [0, 12] },
  }),
  DMATXCTL: register({
    offset: 0x04a80,
    access: 'RW',
    reset: 0x8100_0000,
    section: '8.2.3.9.2',
    meaning: 'Transmit DMA control: the switch for all queues, and the VLAN EtherType',
    fields: { TE: [0], GDV: [3], VT: [16, 16] },
  }),
  DTXTCPFLGL: register({
    offset: 0x04a88,
    access: 'RW',
    reset: 0x0ff6_0ff6,
    section: '8.2.3.9.3',
    meaning: 'TCP flags kept in the first and middle segments of a segmented packet',
    fields: { FIRST_SEG: [0, 12], MIDDLE_SEG: [16, 12] },
  }),
  DTXTCPFLGH: register({
    offset: 0x04a8c,
    access: 'RW',
    reset: 0x0000_0f7f,
    section: '8.2.3.9.4',
    meaning: 'TCP flags kept in the last segment of a segmented packet',
    fields: { LAST_SEG: [0, 12] },
  }),
  TXPBSIZE: register({
    offset: 0x0cc00,
    stride: 4,
    count: 8,
    access: 'RW',
    reset: 0x0002_8000,
    section: '8.2.3.9.13',
    meaning: 'Size of transmit packet buffer n, in KiB; only buffer 0 counts without DCB',
    fields: { SIZE: [10, 10] },
  }),
  MNGTXMAP: register({
    offset: 0x0cd10,
    access: 'RW',
    section: '8.2.3.9.14',
    meaning: 'Traffic class of management packets',
    fields: { MAP: [0, 3] },
  }),
  MTQC: register({
    offset: 0x08120,
    access: 'RW',
    section: '8.2.3.9.15',
    meaning: 'Transmit queues: DCB and virtualization; change it only while RTTDCS.ARBDIS is set',
    fields: { RT_ENA: [0], VT_ENA: [1], NUM_TC_OR_Q: [2, 2] },
  }),
  TXPBTHRESH: register({
    offset: 0x04950,
    stride: 4,
    count: 8,
    access: 'RW',
    reset: 0x0000_0096,
    section: '8.2.3.9.16',
    meaning: 'Fill of transmit packet buffer n, in KiB, up to which packets are fetched; 1…7 reset to 0',
    fields: { THRESH: [0, 10] },
  }),

  SECTXCTRL: register({
    offset: 0x08800,
    access: 'RW',
    reset: 0x0000_0001,
    section: '8.2.3.12.1',
    meaning: 'Security offload, transmit',
    fields: { SECTX_DIS: [0], TX_DIS: [1], STORE_FORWARD: [2] },
  }),
  SECTXSTAT: register({
    offset: 0x08804,
    access: 'RO',
    section: '8.2.3.12.2',
    meaning: 'Security offload, transmit: status',
    fields: { SECTX_RDY: [0], SECTX_OFF_DIS: [1], ECC_TXERR: [2] },
  }),
  SECTXBUFFAF: register({
    offset: 0x08808,
    access: 'RW',
    section: '8.2.3.12.3',
    meaning: 'Security offload, transmit: almost-full mark of the buffer',
    fields: { FULLTHRESH: [0, 10] },
  }),
  SECTXMINIFG: register({
    offset: 0x08810,
    access: 'RW',
    reset: 0x0000_0001,
    section: '8.2.3.12.4',
    meaning: 'Security offload, transmit: least gap between frames',
    fields: { MINSECIFG: [0, 4], MRKTRIG: [8, 10] },
  }),
} as const;
