/** MAC, PCS and link registers (82599 datasheet rev 3.4, section 8.2.3.22). */
import { register } from '../registers.ts';

// AUTOC.LMS: link mode select (8.2.3.22.19).
export const LMS_1G_NO_NEGOTIATION = 0;
export const LMS_10G_PARALLEL = 1;
export const LMS_1G_NEGOTIATION = 2;
export const LMS_10G_SERIAL = 3;
export const LMS_KX4_KX_KR = 4;
export const LMS_SGMII = 5;
export const LMS_KX4_KX_KR_1G = 6;
export const LMS_KX4_KX_KR_SGMII = 7;

// AUTOC.PMA_PMD_10G_PARALLEL and AUTOC2.PMA_PMD_10G_SERIAL (8.2.3.22.19, 8.2.3.22.22).
export const PMA_PARALLEL_XAUI = 0;
export const PMA_PARALLEL_KX4 = 1;
export const PMA_PARALLEL_CX4 = 2;
export const PMA_SERIAL_KR = 0;
export const PMA_SERIAL_XFI = 1;
export const PMA_SERIAL_SFI = 2;

// LINKS.LINK_SPEED (8.2.3.22.20).
export const LINK_SPEED_100M = 1;
export const LINK_SPEED_1G = 2;
export const LINK_SPEED_10G = 3;

export const link = {
  PCS1GCFIG: register({ offset: 0x04200, access: 'RW', section: '8.2.3.22.1', meaning: '1G PCS configuration' }),
  PCS1GLCTL: register({ offset: 0x04208, access: 'RW', section: '8.2.3.22.2', meaning: '1G PCS link control' }),
  PCS1GLSTA: register({ offset: 0x0420c, access: 'RO', section: '8.2.3.22.3', meaning: '1G PCS link status' }),
  PCS1GANA: register({ offset: 0x04218, access: 'RW', section: '8.2.3.22.4', meaning: '1G advertisement' }),
  PCS1GANLP: register({ offset: 0x0421c, access: 'RO', section: '8.2.3.22.5', meaning: '1G partner ability' }),
  PCS1GANNP: register({ offset: 0x04220, access: 'RW', section: '8.2.3.22.6', meaning: '1G next page' }),
  PCS1GANLPNP: register({ offset: 0x04224, access: 'RO', section: '8.2.3.22.7', meaning: '1G partner next page' }),
  HLREG0: register({
    offset: 0x04240,
    access: 'RW',
    reset: 0x0801_040b,
    section: '8.2.3.22.8',
    meaning: 'MAC core control: CRC, padding, jumbo frames, loopback',
    fields: {
      TXCRCEN: [0],
      RXCRCSTRP: [1],
      JUMBOEN: [2],
      TXPADEN: [10],
      LPBK: [15],
      MDCSPD: [16],
      CONTMDC: [17],
      PREPEND: [20, 4],
      RXLNGTHERREN: [27],
      RXPADSTRIPEN: [28],
    },
  }),
  HLREG1: register({ offset: 0x04244, access: 'RO', section: '8.2.3.22.9', meaning: 'MAC core status' }),
  PAP: register({
    offset: 0x04248,
    access: 'RW',
    reset: 0x0000_ffff,
    section: '8.2.3.22.10',
    meaning: 'Pause and pace',
    fields: { TXPAUSECNT: [0, 16], PACE: [16, 4] },
  }),
  MSCA: register({
    offset: 0x0425c,
    access: 'RW/SC',
    section: '8.2.3.22.11',
    meaning: 'MDI single command and address',
    fields: { MDIADD: [0, 16], DEVADD: [16, 5], PHYADD: [21, 5], OPCODE: [26, 2], STCODE: [28, 2], MDICMD: [30] },
  }),
  MSRWD: register({
    offset: 0x04260,
    access: 'RW',
    section: '8.2.3.22.12',
    meaning: 'MDI single read and write data',
    fields: { MDIWRDATA: [0, 16], MDIRDDATA: [16, 16] },
  }),
  MAXFRS: register({
    offset: 0x04268,
    access: 'RW',
    reset: 0x05ee_0000,
    section: '8.2.3.22.13',
    meaning: 'Largest frame with CRC, without VLAN tags, if HLREG0.JUMBOEN is set (the 82598 calls it MHADD)',
    fields: { MFS: [16, 16] },
  }),
  PCSS1: register({ offset: 0x04288, access: 'RO', section: '8.2.3.22.14', meaning: 'XGXS status 1' }),
  PCSS2: register({ offset: 0x0428c, access: 'RO', section: '8.2.3.22.15', meaning: 'XGXS status 2' }),
  XPCSS: register({ offset: 0x04290, access: 'RO', section: '8.2.3.22.16', meaning: '10GBASE-X PCS status' }),
  SERDESC: register({ offset: 0x04298, access: 'RW', section: '8.2.3.22.17', meaning: 'SerDes interface control' }),
  MACS: register({ offset: 0x0429c, access: 'RW', section: '8.2.3.22.18', meaning: 'FIFO status and control' }),
  AUTOC: register({
    offset: 0x042a0,
    access: 'RW/SC',
    section: '8.2.3.22.19',
    // RESTART_AN clears itself. After a reset, all fields but FLU come from the EEPROM.
    meaning: 'Auto-negotiation control: link mode and what is advertised',
    fields: {
      FLU: [0],
      PMA_PMD_10G_PARALLEL: [7, 2],
      PMA_PMD_1G: [9],
      D10GMP: [10],
      RATD: [11],
      RESTART_AN: [12],
      LMS: [13, 3],
      KR_SUPPORT: [16],
      FECR: [17],
      FECA: [18],
      ANRXAT: [19, 4],
      ANRXDM: [23],
      ANRXLM: [24],
      ANPDT: [25, 2],
      RF: [27],
      PB: [28, 2],
      KX_SUPPORT: [30, 2],
    },
  }),
  LINKS: register({
    offset: 0x042a4,
    access: 'RO',
    section: '8.2.3.22.20',
    meaning: 'Link status; SPEED_NON_STANDARD: X550 only, turns 10 Gbit/s into 2.5 and 100 Mbit/s into 5 Gbit/s',
    fields: { LINK_STATUS: [7], SPEED_NON_STANDARD: [27], LINK_SPEED: [28, 2], LINK_UP: [30], KX_AN_COMPLETED: [31] },
  }),
  LINKS2: register({ offset: 0x04324, access: 'RO', section: '8.2.3.22.21', meaning: 'Link status 2' }),
  AUTOC2: register({
    offset: 0x042a8,
    access: 'RW',
    section: '8.2.3.22.22',
    meaning: 'Auto-negotiation control 2: serial interface, link disable',
    fields: { PMA_PMD_10G_SERIAL: [16, 2], LINK_DISABLE: [28, 3] },
  }),
  ANLP1: register({ offset: 0x042b0, access: 'RO', section: '8.2.3.22.23', meaning: 'Partner control word 1' }),
  ANLP2: register({ offset: 0x042b4, access: 'RO', section: '8.2.3.22.24', meaning: 'Partner control word 2' }),
  MMNGC: register({
    offset: 0x042d0,
    access: 'RO',
    section: '8.2.3.22.25',
    meaning: 'MAC manageability control: firmware forbids changing the link',
    fields: { MNG_VETO: [0] },
  }),
  ANLPNP1: register({ offset: 0x042d4, access: 'RO', section: '8.2.3.22.26', meaning: 'Partner next page 1' }),
  ANLPNP2: register({ offset: 0x042d8, access: 'RO', section: '8.2.3.22.27', meaning: 'Partner next page 2' }),
  KRPCSFC: register({ offset: 0x042e0, access: 'RW', section: '8.2.3.22.28', meaning: 'KR PCS and FEC control' }),
  KRPCSS: register({ offset: 0x042e4, access: 'RO', section: '8.2.3.22.29', meaning: 'KR PCS status' }),
  FECS1: register({ offset: 0x042e8, access: 'RC', section: '8.2.3.22.30', meaning: 'FEC: corrected blocks' }),
  FECS2: register({ offset: 0x042ec, access: 'RC', section: '8.2.3.22.31', meaning: 'FEC: uncorrected blocks' }),
  CORECTL: register({ offset: 0x14f00, access: 'RW', section: '8.2.3.22.32', meaning: 'Core analog configuration' }),
  SMADARCTL: register({ offset: 0x14f10, access: 'RW', section: '8.2.3.22.33', meaning: 'Core common configuration' }),
  MFLCN: register({
    offset: 0x04294,
    access: 'RW',
    section: '8.2.3.22.34',
    meaning: 'MAC flow control: pass control frames, discard pause frames, obey priority or link pause',
    fields: { PMCF: [0], DPF: [1], RPFCE: [2], RFCE: [3] },
  }),
  SGMIIC: register({ offset: 0x04314, access: 'RW', section: '8.2.3.22.35', meaning: 'SGMII control' }),
} as const;
