/** Flow control registers (82599 datasheet rev 3.4, section 8.2.3.3). */
import { register } from '../registers.ts';

export const flowControl = {
  PFCTOP: register({
    offset: 0x03008,
    access: 'RW',
    reset: 0x0100_8808,
    section: '8.2.3.3.1',
    meaning: 'Priority flow control frames: EtherType and opcode',
    fields: { FCT: [0, 16], FCOP: [16, 16] },
  }),
  FCTTV: register({
    offset: 0x03200,
    stride: 4,
    count: 4,
    access: 'RW',
    section: '8.2.3.3.2',
    meaning: 'Pause time of traffic classes 2n and 2n+1, in 512 bit times',
    fields: { TTV0: [0, 16], TTV1: [16, 16] },
  }),
  FCRTL: register({
    offset: 0x03220,
    stride: 4,
    count: 8,
    access: 'RW',
    section: '8.2.3.3.3',
    meaning: 'Fill of packet buffer n below which XON is sent, in 32 bytes',
    fields: { RTL: [5, 14], XONE: [31] },
  }),
  FCRTH: register({
    offset: 0x03260,
    stride: 4,
    count: 8,
    access: 'RW',
    section: '8.2.3.3.4',
    meaning: 'Fill of packet buffer n above which XOFF is sent, in 32 bytes; RTH is needed without flow control too',
    fields: { RTH: [5, 14], FCEN: [31] },
  }),
  FCRTV: register({
    offset: 0x032a0,
    access: 'RW',
    section: '8.2.3.3.5',
    meaning: 'Interval after which XOFF is repeated',
    fields: { FC_REFRESH_TH: [0, 16] },
  }),
  TFCS: register({
    offset: 0x0ce00,
    access: 'RO',
    section: '8.2.3.3.6',
    meaning: 'Transmission paused: link, and traffic classes',
    fields: { TX_OFF: [0], TX_OFF_PER_CLASS: [8, 8] },
  }),
  FCCFG: register({
    offset: 0x03d00,
    access: 'RW',
    section: '8.2.3.3.7',
    meaning: 'Transmit flow control: 0 off, 1 link, 2 priority',
    fields: { TFCE: [3, 2] },
  }),
} as const;
