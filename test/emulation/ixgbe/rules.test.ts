import { describe, expect, test } from 'vitest';
import {
  RX_DESCTYPE_ADVANCED_ONE_BUFFER,
  TX_CMD_DATA,
  TX_CMD_DEXT,
  TX_CMD_EOP,
  TX_CMD_IFCS,
  TX_CMD_RS,
  TX_CMD_TSE,
  TX_DTYP_CONTEXT,
  TX_DTYP_MASK,
  TX_INSERT_IP_CHECKSUM,
  TX_INSERT_L4_CHECKSUM,
  TX_IPSEC,
  TX_PAYLEN_SHIFT,
} from '../../../src/datasheet/ixgbe/descriptors.ts';
import { ixgbe } from '../../../src/datasheet/ixgbe/index.ts';
import { insert } from '../../../src/datasheet/registers.ts';
import { IXGBE_RULES, type IxgbeRule } from '../../../src/emulation/index.ts';
import { addressHigh, addressLow } from '../../../src/memory/dma-memory.ts';
import { allocatePlainMemory } from '../../../src/memory/plain-memory.ts';
import { frameTo, type Lab, MAC, makeLab, RING } from './test-driver.ts';
import {
  OTHER,
  receiving,
  receivingInto,
  running,
  sending,
  sendingAfter,
  sendingWithContext,
  starting,
} from './wrong-drivers.ts';

const { CTRL, RDRXCTL, RXDCTL, TXDCTL, SRRCTL, HLREG0, RAH, SWSM } = ixgbe;
const pastTheEnd = 2 ** 45;

const SCENARIOS: Record<IxgbeRule, () => Lab> = {
  'register.unknown': running(({ device }) => device.bar(0).read32(0x1_fffc)),
  'register.read-only': running(({ driver }) => driver.write(ixgbe.RDH, 0)),
  'register.write-only': running(({ driver }) => driver.read(ixgbe.EIMC)),
  'register.after-reset': starting(({ driver }) => {
    driver.write(CTRL, CTRL.bits.RST.mask);
    driver.read(ixgbe.STATUS);
  }),

  'reset.dma-active': running(({ driver }) => driver.write(CTRL, CTRL.bits.RST.mask)),
  'reset.interrupts': starting(({ driver }) => {
    driver.write(ixgbe.EIMS, 1);
    driver.write(CTRL, CTRL.bits.RST.mask);
  }),
  'init.eeprom': () => {
    const lab = makeLab();
    lab.device.setBusMaster(true);
    lab.driver.write(CTRL, CTRL.bits.RST.mask);
    lab.device.clock.pause(1.1);
    lab.driver.setUpReceive();
    lab.driver.enableReceiver();
    return lab;
  },
  'init.dma': () => {
    const lab = makeLab();
    lab.device.setBusMaster(true);
    lab.driver.write(CTRL, CTRL.bits.RST.mask);
    lab.device.clock.pause(1.1);
    lab.driver.setUpReceive();
    lab.driver.enableReceiver();
    return lab;
  },
  'dma.bus-master': running(({ device }) => device.setBusMaster(false)),

  'rx.ring-base': starting(({ driver }) => driver.write(ixgbe.RDBAL, addressLow(driver.rx.address + 64))),
  'rx.ring-length': starting(({ driver }) => driver.write(ixgbe.RDLEN, 100)),
  'rx.ring-unmapped': receiving(({ driver }) => driver.write(ixgbe.RDBAH, 0x77)),
  'rx.ring-crosses-page': receiving(({ driver, device }) => {
    const memory = allocatePlainMemory(2 ** 22);
    device.dma.map(memory);
    driver.write(ixgbe.RDBAL, addressLow(device.dma.addressOf(memory, 2 ** 21 - 512)));
    driver.write(ixgbe.RDBAH, addressHigh(device.dma.addressOf(memory, 2 ** 21 - 512)));
  }),
  'rx.configured-while-enabled': running(({ driver }) => driver.write(ixgbe.RDLEN, RING * 16)),
  'rx.tail-before-enable': starting(({ driver }) => {
    driver.setUpReceive();
    driver.ring(ixgbe.RDT, RING - 1);
    driver.set(RXDCTL, RXDCTL.bits.ENABLE.mask);
  }),
  'rx.tail-beyond-ring': running(({ driver }) => driver.ring(ixgbe.RDT, RING)),
  'rx.tail-passes-head': running(({ driver }) => driver.ring(ixgbe.RDT, 0)),
  'rx.tail-idle': starting(({ driver }) => {
    driver.setUpReceive();
    driver.set(RXDCTL, RXDCTL.bits.ENABLE.mask);
    driver.waitFor(RXDCTL, RXDCTL.bits.ENABLE.mask);
    driver.ring(ixgbe.RDT, 0); // = RDH
  }),
  'rx.head-read': running(({ driver, device, wire }) => {
    for (let i = 0; i < 20; i++) {
      wire.send(frameTo(MAC, 60));
      device.step();
      driver.read(ixgbe.RDH);
    }
  }),
  'rx.descriptor-changed': running(({ driver, device, wire }) => {
    device.step();
    driver.rx.words[4 * 4] ^= 0x1000;
    for (let i = 0; i < 5; i++) wire.send(frameTo(MAC, 60));
  }),
  'rx.descriptor-done-set': receivingInto(({ driver }) => {
    for (let i = 0; i < RING - 1; i++) driver.rx.words[i * 4 + 2] |= 1;
  }),
  'rx.buffer-unmapped': receivingInto(({ driver }) => {
    for (let i = 0; i < RING - 1; i++) driver.rx.words[i * 4 + 1] = 0;
  }),
  'rx.buffer-crosses-page': receivingInto(({ driver, device }) => {
    const memory = allocatePlainMemory(2 ** 22);
    device.dma.map(memory);
    const address = device.dma.addressOf(memory, 2 ** 21 - 64);
    for (let i = 0; i < RING - 1; i++) {
      driver.rx.words.set([addressLow(address), addressHigh(address), 0, 0], i * 4);
    }
  }),
  'rx.buffer-size': receiving(({ driver }) => driver.write(SRRCTL, RX_DESCTYPE_ADVANCED_ONE_BUFFER << 25)),
  'rx.descriptor-type': receiving(({ driver }) => driver.write(SRRCTL, insert(SRRCTL.bits.DESCTYPE, 2, 3))),
  'rx.filter-while-enabled': running(({ driver }) => driver.set(ixgbe.FCTRL, ixgbe.FCTRL.bits.UPE.mask)),
  'rx.setup-while-enabled': running(({ driver }) => driver.set(HLREG0, HLREG0.bits.JUMBOEN.mask)),
  'rx.crc-strip': receiving(({ driver }) => driver.clear(RDRXCTL, RDRXCTL.bits.CRC_STRIP.mask)),
  'rx.rsc-first-size': receiving(({ driver }) => driver.set(RDRXCTL, RDRXCTL.bits.RSCFRSTSIZE.mask)),
  'rx.dma-bits': receiving(({ driver }) => driver.clear(RDRXCTL, RDRXCTL.bits.RSCACKC.mask)),
  'rx.no-snoop': receiving(({ driver }) => driver.write(ixgbe.CTRL_EXT, 0)),
  'rx.dca-control': receiving(({ driver }) => driver.write(ixgbe.DCA_RXCTRL, 0xb200)),
  'rx.rss-while-enabled': running(({ driver }) => driver.write(ixgbe.MRQC, 1)),
  'rx.vlan-table': running(({ driver, wire }) => {
    driver.set(ixgbe.VLNCTRL, ixgbe.VLNCTRL.bits.VFE.mask);
    const frame = frameTo(MAC, 60);
    frame.set([0x81, 0x00], 12);
    wire.send(frame);
  }),
  'rx.flow-director-off': running(({ driver }) => driver.write(ixgbe.FDIRCMD, 1)),
  'rx.header-split': receiving(({ driver }) => driver.write(SRRCTL, insert(SRRCTL.bits.DESCTYPE, 0x402, 2))),
  'rx.address-invalid': running(({ driver, wire }) => {
    driver.clear(RAH, RAH.bits.AV.mask);
    wire.send(frameTo(MAC, 60));
  }),

  'tx.ring-base': starting(({ driver }) => driver.write(ixgbe.TDBAL, addressLow(driver.tx.address + 64))),
  'tx.ring-length': starting(({ driver }) => driver.write(ixgbe.TDLEN, 100)),
  'tx.ring-unmapped': sendingAfter(({ driver }) => driver.write(ixgbe.TDBAH, 0x77)),
  'tx.ring-crosses-page': sendingAfter(({ driver, device }) => {
    const memory = allocatePlainMemory(2 ** 22);
    device.dma.map(memory);
    driver.write(ixgbe.TDBAL, addressLow(device.dma.addressOf(memory, 2 ** 21 - 512)));
    driver.write(ixgbe.TDBAH, addressHigh(device.dma.addressOf(memory, 2 ** 21 - 512)));
  }),
  'tx.configured-while-enabled': running(({ driver }) => driver.write(ixgbe.TDLEN, RING * 16)),
  'tx.enable-before-dma': starting(({ driver }) => {
    driver.setUpTransmit();
    driver.set(TXDCTL, TXDCTL.bits.ENABLE.mask);
  }),
  'tx.tail-before-enable': starting(({ driver }) => {
    driver.setUpTransmit();
    driver.transmit(frameTo(OTHER, 60));
    driver.enableTransmitter();
  }),
  'tx.tail-beyond-ring': running(({ driver }) => driver.ring(ixgbe.TDT, RING)),
  'tx.tail-passes-head': running(({ driver, device, wire }) => {
    wire.connected = false; // nothing leaves
    device.step();
    for (let i = 0; i < RING - 1; i++) driver.transmit(frameTo(OTHER, 60));
    device.step();
    driver.transmit(frameTo(OTHER, 60));
  }),
  'tx.tail-idle': running(({ driver }) => driver.ring(ixgbe.TDT, 0)),
  'tx.head-read': running(({ driver, device }) => {
    for (let i = 0; i < 20; i++) {
      driver.transmit(frameTo(OTHER, 60));
      device.step();
      driver.read(ixgbe.TDH);
    }
  }),
  'tx.descriptor-changed': running(({ driver, device, wire }) => {
    wire.connected = false;
    device.step();
    driver.transmit(frameTo(OTHER, 60));
    device.step();
    driver.tx.words[0] ^= 0x100;
    wire.connected = true;
    device.step();
  }),
  'tx.descriptor-reserved': sending({ status: (60 << TX_PAYLEN_SHIFT) | 1 }),
  'tx.descriptor-type': sending({ command: (TX_CMD_DATA & ~TX_DTYP_MASK) | TX_CMD_EOP | TX_CMD_RS | 60 }),
  'tx.zero-length': sending({ length: 0 }),
  'tx.payload-length': sending({ status: 0 }),
  'tx.too-many-descriptors': running(({ driver }) => driver.transmit(frameTo(OTHER, 82), new Array(41).fill(2))),
  'tx.rs-without-eop': running(({ driver }) => {
    const address = driver.tx.bufferAddress(0);
    driver.writeTx(0, address, TX_CMD_DATA | TX_CMD_RS | 60, 120 << TX_PAYLEN_SHIFT);
    driver.writeTx(1, address, TX_CMD_DATA | TX_CMD_EOP | TX_CMD_RS | 60, 0);
    driver.ring(ixgbe.TDT, 2);
  }),
  'tx.rs-with-wthresh': sendingAfter(({ driver }) => driver.set(TXDCTL, insert(TXDCTL.bits.WTHRESH, 0, 4))),
  'tx.rs-missing': running(({ driver }) => {
    for (let i = 0; i < 40; i++) {
      driver.writeTx(i, driver.tx.bufferAddress(i), TX_CMD_DATA | TX_CMD_EOP | 60, 60 << TX_PAYLEN_SHIFT);
    }
    driver.ring(ixgbe.TDT, 40);
  }),
  'tx.host-threshold': starting(({ driver }) => driver.write(TXDCTL, 32)),
  'tx.packet-too-short': sending({ length: 16 }),
  'tx.packet-too-long': sending({ length: 1515 }),
  'tx.no-padding': sending({ command: (TX_CMD_DATA & ~TX_CMD_IFCS) | TX_CMD_EOP | TX_CMD_RS | 40, length: 40 }),
  'tx.check-sequence': sending({ command: (TX_CMD_DATA & ~TX_CMD_IFCS) | TX_CMD_EOP | TX_CMD_RS | 64, length: 64 }),
  'tx.context-missing': sending({ status: (60 << TX_PAYLEN_SHIFT) | TX_INSERT_IP_CHECKSUM }),
  'tx.context-lengths': sendingWithContext(14, 0, TX_INSERT_L4_CHECKSUM),
  'tx.context-inside': running(({ driver }) => {
    const address = driver.tx.bufferAddress(0);
    driver.writeTx(0, address, TX_CMD_DATA | 60, 120 << TX_PAYLEN_SHIFT);
    driver.writeTx(1, 0, TX_CMD_DEXT | TX_DTYP_CONTEXT, 0);
    driver.writeTx(2, address, TX_CMD_DATA | TX_CMD_EOP | TX_CMD_RS | 60, 0);
    driver.ring(ixgbe.TDT, 3);
  }),
  'tx.segment-size': sendingWithContext(14, 20, TX_INSERT_L4_CHECKSUM, TX_CMD_TSE),
  'tx.offload': sending({ status: (60 << TX_PAYLEN_SHIFT) | TX_IPSEC }),
  'tx.buffer-unmapped': sending({ address: () => pastTheEnd }),
  'tx.buffer-crosses-page': sending({
    address: ({ device }) => {
      const memory = allocatePlainMemory(2 ** 22);
      device.dma.map(memory);
      return device.dma.addressOf(memory, 2 ** 21 - 30);
    },
  }),
  'tx.read-requests': sendingAfter(({ driver }) => driver.write(ixgbe.DTXMXSZRQ, 0x10)),
  'tx.arbiter': starting(({ driver }) => driver.write(ixgbe.MTQC, 1)),

  'semaphore.not-held': starting(({ driver }) => driver.write(ixgbe.SW_FW_SYNC, 1)),
  'semaphore.conflict': starting(({ driver, device }) => {
    device.model.semaphores.setFirmwareUses(ixgbe.SW_FW_SYNC.bits.FW_EEP_SM.mask);
    driver.read(SWSM);
    driver.write(SWSM, SWSM.bits.SMBI.mask | SWSM.bits.SWESMBI.mask);
    driver.set(ixgbe.SW_FW_SYNC, ixgbe.SW_FW_SYNC.bits.SW_EEP_SM.mask);
  }),
  'mdio.busy': starting(({ driver }) => {
    driver.write(ixgbe.MSCA, ixgbe.MSCA.bits.MDICMD.mask);
    driver.write(ixgbe.MSCA, ixgbe.MSCA.bits.MDICMD.mask);
  }),
  'eeprom.busy': starting(({ driver }) => {
    driver.write(ixgbe.EERD, 1);
    driver.write(ixgbe.EERD, 5);
  }),
  'statistics.high-first': running(({ driver }) => {
    driver.read(ixgbe.GORCL);
    driver.read(ixgbe.GORCH);
    driver.read(ixgbe.GORCH);
  }),
};

describe('strict mode catches', () => {
  for (const [rule, scenario] of Object.entries(SCENARIOS) as [IxgbeRule, () => Lab][]) {
    test(`${rule}: ${IXGBE_RULES[rule].message}`, () => {
      const { device } = scenario();
      const caught = device.model.violations.find((violation) => violation.rule === rule);
      expect(device.model.violations.map((violation) => violation.rule)).toContain(rule);
      expect(caught).toMatchObject({ section: expect.stringMatching(/^\d+(\.\d+)+$/), count: expect.any(Number) });
    });
  }
});
