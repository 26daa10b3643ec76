/**
 * Sharing the EEPROM, the PHY and the link registers with firmware and with the other port's driver (82599 datasheet
 * rev 3.4, section 10.5.4).
 */
import { IxyError } from '../../errors.ts';
import type { Logger } from '../logger.ts';
import type { Registers } from './registers.ts';

/** What is shared. Software's bit in SW_FW_SYNC is one of the lower five; firmware's lies five higher. */
type SharedResource = 'EEP' | 'MAC_CSR';

/** A driver holds SWSM.SMBI for a few accesses; held longer, its owner died with it (10.5.4). */
const SMBI_MILLISECONDS = 10;
const SWESMBI_MILLISECONDS = 3000;
/** How long an owner may keep a resource. */
const RESOURCE_MILLISECONDS = 1000;
const RETRY_MILLISECONDS = 5;

/** Runs `action` while software owns `resource`. Throws `ERR_TIMEOUT` if firmware does not let go of it. */
export async function withResource<T>(
  registers: Registers,
  logger: Logger,
  resource: SharedResource,
  action: () => T | Promise<T>,
): Promise<T> {
  await acquire(registers, logger, resource);
  try {
    return await action();
  } finally {
    await underSemaphore(registers, () => registers.update('SW_FW_SYNC', { [`SW_${resource}_SM`]: 0 }));
  }
}

async function acquire(registers: Registers, logger: Logger, resource: SharedResource): Promise<void> {
  const { clock, address } = registers.device;
  const software = `SW_${resource}_SM` as const;
  const firmware = `FW_${resource}_SM` as const;
  const end = clock.now() + RESOURCE_MILLISECONDS;
  for (;;) {
    const late = clock.now() >= end;
    const owned = await underSemaphore(registers, () => {
      const byFirmware = registers.field('SW_FW_SYNC', firmware) === 1;
      const bySoftware = registers.field('SW_FW_SYNC', software) === 1;
      if (byFirmware || (bySoftware && !late)) return false;
      if (bySoftware)
        logger.warn(`${address}: SW_FW_SYNC.${software} was held by a driver that is gone; taking it over`);
      registers.update('SW_FW_SYNC', { [software]: 1 });
      return true;
    });
    if (owned) return;
    if (late) {
      throw new IxyError(
        'ERR_TIMEOUT',
        `${address}: firmware holds SW_FW_SYNC.${firmware} for more than ${RESOURCE_MILLISECONDS} ms`,
      );
    }
    await clock.sleep(RETRY_MILLISECONDS);
  }
}

/** SW_FW_SYNC may be changed only between taking SWSM's two bits and giving them back. */
async function underSemaphore<T>(registers: Registers, action: () => T): Promise<T> {
  await takeSmbi(registers);
  try {
    await takeSwesmbi(registers);
    return action();
  } finally {
    registers.assign('SWSM', { SMBI: 0, SWESMBI: 0 });
  }
}

/** Reading SMBI as 0 takes it. One that stays taken belonged to a driver that died, so it is taken over. */
async function takeSmbi(registers: Registers): Promise<void> {
  try {
    await registers.until('SWSM', 'SMBI', 0, SMBI_MILLISECONDS);
  } catch (error) {
    if (!(error instanceof IxyError && error.code === 'ERR_TIMEOUT')) throw error;
  }
}

/** A request for SWESMBI is granted if it reads back as set; while firmware is inside, it is lost and made again. */
async function takeSwesmbi(registers: Registers): Promise<void> {
  const { clock, address } = registers.device;
  const end = clock.now() + SWESMBI_MILLISECONDS;
  for (;;) {
    registers.assign('SWSM', { SMBI: 1, SWESMBI: 1 });
    if (registers.field('SWSM', 'SWESMBI') === 1) return;
    if (clock.now() >= end) {
      throw new IxyError('ERR_TIMEOUT', `${address}: SWSM.SWESMBI is still 0 after ${SWESMBI_MILLISECONDS} ms`);
    }
    await clock.sleep(RETRY_MILLISECONDS);
  }
}
