// Interrupts of QEMU's 82576, which has registers of their own for causes that are vectors of MSI-X.
// Intel 82576 datasheet, sections 7.3 and 8.8.

// Where its predecessors have them, too: QEMU does not know all of them by their own addresses.
const ICR = 0x00c0;
const ICS = 0x00c8;
const IMS = 0x00d0;
const GPIE = 0x1514;
const EICS = 0x1520;
const EIMS = 0x1524;
const EICR = 0x1580;

const CAUSE_RX_THRESHOLD = 1 << 4;
const GPIE_MULTIPLE_MSIX = 1 << 4;

/** Lets the device interrupt, by `vector` of MSI-X or by its line: how to raise the interrupt, and how to withdraw it. */
export function igbInterrupt(device, vector) {
  const bar = device.bar(0);
  const byMessage = device.interrupts.kind === 'msix';
  bar.write32(GPIE, byMessage ? GPIE_MULTIPLE_MSIX : 0); // where nothing has reset it, a kernel driver has left its own
  return byMessage ? source(bar, EIMS, EICS, EICR, 1 << vector) : source(bar, IMS, ICS, ICR, CAUSE_RX_THRESHOLD);
}

function source(bar, enable, set, causes, cause) {
  bar.write32(enable, cause);
  return { raise: () => bar.write32(set, cause), withdraw: () => bar.write32(causes, cause) };
}
