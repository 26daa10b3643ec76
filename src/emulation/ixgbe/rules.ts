/**
 * The rules that strict mode checks, with the section of the 82599 datasheet (rev 3.4) that states each. `broken` rules
 * leave real hardware in an undefined state or lose data; `advice` costs speed or relies on luck.
 */
import { advice, broken, type Judge, type RuleText } from '../judge.ts';

/** Every rule by its name; docs/emulation.md has them as a table. */
export const IXGBE_RULES = {
  'register.unknown': broken('8.2.3', 'no register lies at this offset'),
  'register.read-only': broken('8.2.3', 'a read-only register was written'),
  'register.write-only': advice('8.2.3', 'a write-only register was read; it reads as 0'),
  'register.after-reset': broken('8.2.3.1.1', 'no register may be accessed for 1 ms after a reset began'),

  'reset.dma-active': broken('5.2.5.3.2', 'queues were running: stop the master before a reset'),
  'reset.interrupts': broken('4.6.3.1', 'interrupts must be masked before and again after a reset'),
  'init.eeprom': broken('4.6.3', 'wait for EEC.AUTO_RD before the receive and transmit paths are set up'),
  'init.dma': broken('4.6.3', 'wait for RDRXCTL.DMAIDONE before the receive and transmit paths are set up'),
  'dma.bus-master': advice('9.3.3', 'a queue runs while bus mastering is off'),

  'rx.ring-base': broken('8.2.3.8.1', 'the ring must begin at a multiple of 128 bytes'),
  'rx.ring-length': broken('8.2.3.8.3', 'the ring length must be a multiple of 128 bytes, up to 128 KiB'),
  'rx.ring-unmapped': broken('7.1.9', 'the ring lies in memory that the device cannot reach'),
  'rx.ring-crosses-page': broken('7.1.9', 'the ring straddles a page: its memory is not contiguous for a device'),
  'rx.configured-while-enabled': broken('4.6.7.1', 'the queue must be disabled while this register changes'),
  'rx.tail-before-enable': broken('4.6.7', 'the tail must not move before RXDCTL.ENABLE reads 1'),
  'rx.tail-beyond-ring': broken('8.2.3.8.5', 'the tail must be less than the number of descriptors'),
  'rx.tail-passes-head': broken('7.1.9', 'the tail reached the head: descriptors in use were given again'),
  'rx.tail-idle': broken('7.1.9', 'tail = head means an empty ring: the device has nothing to receive into'),
  'rx.head-read': advice('7.1.9', 'the head is read while packets move: look at DD in memory instead'),
  'rx.descriptor-changed': broken('7.1.9', 'a descriptor changed while the device owned it'),
  'rx.descriptor-done-set': broken('7.1.6.1', 'bit 0 of the header address is DD and must be cleared'),
  'rx.buffer-unmapped': broken('7.1.6.1', 'the buffer lies in memory that the device cannot reach'),
  'rx.buffer-crosses-page': broken('7.1.6.1', 'the buffer straddles a page: its memory is not contiguous for a device'),
  'rx.buffer-size': broken('8.2.3.8.7', 'SRRCTL.BSIZEPACKET must be 1 to 16 KiB'),
  'rx.descriptor-type': broken('8.2.3.8.7', 'SRRCTL.DESCTYPE has a reserved value'),
  'rx.filter-while-enabled': advice('8.2.3.7.1', 'RXCTRL.RXEN should be off while FCTRL changes'),
  'rx.setup-while-enabled': broken('4.6.7', 'RXCTRL.RXEN must be off while this register changes'),
  'rx.crc-strip': broken('8.2.3.8.8', 'RDRXCTL.CRC_STRIP must equal HLREG0.RXCRCSTRP'),
  'rx.rsc-first-size': broken('8.2.3.8.8', 'RDRXCTL.RSCFRSTSIZE must be cleared'),
  'rx.dma-bits': broken('8.2.3.8.8', 'RDRXCTL.RSCACKC and FCOE_WRFIX must be set'),
  'rx.no-snoop': broken('4.6.7', 'CTRL_EXT.NS_DIS must be set before RXCTRL.RXEN'),
  'rx.dca-control': broken('4.6.7', 'bit 12 of DCA_RXCTRL must be cleared before the queue receives'),
  'rx.rss-while-enabled': broken('7.1.2.8', 'RSS is switched on and off only before RXCTRL.RXEN'),
  'rx.vlan-table': broken('8.2.3.7.11', 'VFTA is undefined after a reset: write all of it before VLNCTRL.VFE'),
  'rx.flow-director-off': broken('8.2.3.21.1', 'no filter before FDIRCTRL.INIT_DONE'),
  'rx.header-split': advice('7.1.10', 'header split is not modelled: the packet goes into the packet buffer whole'),
  'rx.address-invalid': broken('8.2.3.7.9', 'receive address 0 needs RAH.AV, or the device hears no unicast'),

  'tx.ring-base': broken('8.2.3.9.5', 'the ring must begin at a multiple of 128 bytes'),
  'tx.ring-length': broken('8.2.3.9.7', 'the ring length must be a multiple of 128 bytes, up to 128 KiB'),
  'tx.ring-unmapped': broken('7.2.3.3', 'the ring lies in memory that the device cannot reach'),
  'tx.ring-crosses-page': broken('7.2.3.3', 'the ring straddles a page: its memory is not contiguous for a device'),
  'tx.configured-while-enabled': broken('4.6.8.1', 'the queue must be disabled while this register changes'),
  'tx.enable-before-dma': broken('4.6.8', 'DMATXCTL.TE must be set before TXDCTL.ENABLE'),
  'tx.tail-before-enable': broken('4.6.8', 'the tail must not move before TXDCTL.ENABLE reads 1'),
  'tx.tail-beyond-ring': broken('8.2.3.9.9', 'the tail must be less than the number of descriptors'),
  'tx.tail-passes-head': broken('7.2.3.3', 'the tail reached the head: descriptors in use were overwritten'),
  'tx.tail-idle': advice('7.2.3.3', 'the tail was written, and had not moved'),
  'tx.head-read': advice('7.2.3.3', 'the head is read while packets move: look at DD in memory instead'),
  'tx.descriptor-changed': broken('7.2.3.3', 'a descriptor changed while the device owned it'),
  'tx.descriptor-reserved': broken('7.2.3.2.4', 'reserved bits, DD among them, must be 0'),
  'tx.descriptor-type': broken('7.2.3.2.4', 'DTYP must be 2 (context) or 3 (data) where DEXT is set'),
  'tx.zero-length': broken('7.2.3.2.4', 'a data descriptor must carry 1 to 15.5 Ki bytes'),
  'tx.payload-length': broken('7.2.3.2.4', 'PAYLEN must be the number of bytes in the whole packet'),
  'tx.too-many-descriptors': broken('7.2.1.2', 'a packet may spread over 38 descriptors, less WTHRESH'),
  'tx.rs-without-eop': broken('8.2.3.9.10', 'with WTHRESH 0, RS belongs to the descriptor with EOP'),
  'tx.rs-with-wthresh': broken('8.2.3.9.10', 'with WTHRESH > 0, software must not set RS'),
  'tx.rs-missing': broken('8.2.3.9.10', 'with WTHRESH 0, at least one descriptor in 40 needs RS'),
  'tx.host-threshold': broken('8.2.3.9.10', 'PTHRESH needs HTHRESH > 0'),
  'tx.packet-too-short': broken('7.2.1.1', 'a packet must have at least 17 bytes'),
  'tx.packet-too-long': broken('8.2.3.22.13', 'the frame, with CRC, exceeds what MAXFRS and HLREG0.JUMBOEN allow'),
  'tx.no-padding': broken('8.2.3.22.8', 'a frame below 64 bytes needs HLREG0.TXPADEN and IFCS'),
  'tx.check-sequence': broken('7.2.3.2.4', 'without IFCS the last four bytes must be the frame check sequence'),
  'tx.offload': advice('7.2.3.2.4', 'this offload is not modelled: the packet leaves as it is'),
  'tx.buffer-unmapped': broken('7.2.3.2.4', 'the buffer lies in memory that the device cannot reach'),
  'tx.buffer-crosses-page': broken('7.2.3.2.4', 'the buffer straddles a page: its memory is not contiguous'),
  'tx.read-requests': advice('8.2.3.9.1', 'DTXMXSZRQ should be 0xFFF without DCB'),
  'tx.arbiter': broken('4.6.8', 'RTTDCS.ARBDIS must be set while MTQC changes'),

  'semaphore.not-held': broken('10.5.4', 'SW_FW_SYNC may change only while SWSM.SWESMBI is held'),
  'semaphore.conflict': broken('10.5.4', 'the firmware holds this resource'),
  'mdio.busy': broken('8.2.3.22.11', 'MSCA was written before the last command was done'),
  'eeprom.busy': broken('8.2.3.2.2', 'EERD was written before the last read was done'),
  'statistics.high-first': broken('8.2.3.23', 'the low half of a counter must be read before the high half'),
} as const satisfies Readonly<Record<string, RuleText>>;

/** Name of a rule. */
export type IxgbeRule = keyof typeof IXGBE_RULES;
export type IxgbeJudge = Judge<IxgbeRule>;
