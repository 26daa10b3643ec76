/**
 * From whatever state the device is in to a quiet, freshly reset one (82599 datasheet rev 3.4, sections 4.2.1.6, 4.6.3
 * and 5.2.5.3.2).
 */
import { ixgbe } from '../../datasheet/ixgbe/index.ts';
import { IxyError } from '../../errors.ts';
import type { Registers } from './registers.ts';

const QUEUE_MILLISECONDS = 100;
/** PCIe completes or times out every request within this (PCI Express 2.0, section 2.8: 50 ms by default). */
const MASTER_MILLISECONDS = 100;
const RESET_MILLISECONDS = 1000;
const EEPROM_MILLISECONDS = 1000;
const DMA_MILLISECONDS = 1000;
/** The device needs 1 ms before the first access, and 10 ms «to enable smooth initialization flow» (4.6.3.2). */
const SETTLE_MILLISECONDS = 10;
const FLUSH_MILLISECONDS = 0.02;

/** Switches every interrupt off (4.6.3.1). */
export function maskInterrupts(registers: Registers): void {
  registers.write('EIMC', 0x7fff_ffff);
  registers.writeAll('EIMC_EXT', 0xffff_ffff);
}

/** Stops what an earlier owner left running, resets, and waits until the device has come up again. */
export async function resetDevice(registers: Registers): Promise<void> {
  maskInterrupts(registers);
  await stopReceiveQueues(registers);
  if (await masterDisabled(registers)) {
    await globalReset(registers);
  } else {
    await flushDataPath(registers);
    await globalReset(registers);
    await globalReset(registers);
  }
  maskInterrupts(registers);
  await registers.until('EEC', 'AUTO_RD', 1, EEPROM_MILLISECONDS);
  if (registers.field('EEC', 'EE_PRES') === 0) {
    throw new IxyError(
      'ERR_DEVICE_UNSUPPORTED',
      `${registers.device.address}: EEC.EE_PRES is 0: the EEPROM is missing or has no valid signature`,
    );
  }
  await registers.until('RDRXCTL', 'DMAIDONE', 1, DMA_MILLISECONDS);
}

async function stopReceiveQueues(registers: Registers): Promise<void> {
  for (let queue = 0; queue < ixgbe.RXDCTL.length; queue++) {
    if (registers.field('RXDCTL', 'ENABLE', queue) === 0) continue;
    registers.update('RXDCTL', { ENABLE: 0 }, queue);
    await registers.until('RXDCTL', 'ENABLE', 0, QUEUE_MILLISECONDS, queue);
  }
}

/** Asks the device to make no more PCIe requests; false if it still has some in flight after the time they may take. */
async function masterDisabled(registers: Registers): Promise<boolean> {
  registers.update('CTRL', { MASTER_DISABLE: 1 });
  try {
    await registers.until('STATUS', 'MASTER_ENABLE', 0, MASTER_MILLISECONDS);
    return true;
  } catch (error) {
    if (error instanceof IxyError && error.code === 'ERR_TIMEOUT') return false;
    throw error;
  }
}

/** Empties the internal buffers of a device whose requests are stuck; two resets must follow (5.2.5.3.2). */
async function flushDataPath(registers: Registers): Promise<void> {
  registers.update('HLREG0', { LPBK: 1 });
  registers.update('RXCTRL', { RXEN: 0 });
  registers.update('GCR_EXT', { BUFFERS_CLEAR_FUNC: 1 });
  registers.device.clock.pause(FLUSH_MILLISECONDS);
  registers.update('HLREG0', { LPBK: 0 });
  registers.update('GCR_EXT', { BUFFERS_CLEAR_FUNC: 0 });
}

/** Software and link reset in one (4.2.1.6). */
async function globalReset(registers: Registers): Promise<void> {
  registers.update('CTRL', { RST: 1, LRST: 1 });
  await registers.device.clock.sleep(SETTLE_MILLISECONDS);
  await registers.until('CTRL', 'RST', 0, RESET_MILLISECONDS);
  await registers.until('CTRL', 'LRST', 0, RESET_MILLISECONDS);
}
