/** Bringing up the link, by kind of port, and reading its state (82599 datasheet rev 3.4, section 4.6.4). */
import type { IxgbeModel } from '../../datasheet/ixgbe/devices.ts';
import { ixgbe } from '../../datasheet/ixgbe/index.ts';
import {
  LINK_SPEED_1G,
  LINK_SPEED_10G,
  LINK_SPEED_100M,
  LMS_10G_PARALLEL,
  LMS_10G_SERIAL,
  PMA_PARALLEL_CX4,
  PMA_SERIAL_SFI,
} from '../../datasheet/ixgbe/link.ts';
import { extract } from '../../datasheet/registers.ts';
import { LINK_DOWN } from '../link.ts';
import type { Logger } from '../logger.ts';
import type { LinkState } from '../net-device.ts';
import type { Registers } from './registers.ts';
import { withResource } from './semaphore.ts';

/** The pin that is wired to the SFP+ module's transmitter-disable line: Linux's driver leaves it set when it goes. */
const TRANSMITTER_OFF = 1 << 3;

/** Speeds in Mbit/s that a port of this model may come up with. */
export function linkSpeeds(model: IxgbeModel): readonly number[] {
  if (model.mac === '82599') return model.media === 'backplane' ? [1000, 10_000] : [10_000];
  return model.mac === 'X540' ? [100, 1000, 10_000] : [100, 1000, 2500, 5000, 10_000];
}

/**
 * Configures and restarts the link. The 82599's ports are told their mode. Newer MACs sit before a PHY that firmware
 * configures and that negotiates by itself: forcing AUTOC there would cut it off.
 */
export async function setupLink(registers: Registers, model: IxgbeModel, logger: Logger): Promise<void> {
  if (model.mac !== '82599' || model.media === 'copper') return;
  if (registers.field('MMNGC', 'MNG_VETO') === 1) {
    logger.warn(
      `${registers.device.address}: management firmware forbids changing the link (MMNGC.MNG_VETO); left as is`,
    );
    return;
  }
  await withResource(registers, logger, 'MAC_CSR', () => {
    // An EEPROM may keep the link down until a driver wants it.
    if (registers.field('AUTOC2', 'LINK_DISABLE') !== 0) registers.update('AUTOC2', { LINK_DISABLE: 0 });
    if (model.media === 'sfp') {
      registers.update('ESDP', { SDP_DATA: registers.field('ESDP', 'SDP_DATA') & ~TRANSMITTER_OFF });
      registers.update('AUTOC2', { PMA_PMD_10G_SERIAL: PMA_SERIAL_SFI });
      registers.update('AUTOC', { LMS: LMS_10G_SERIAL });
    } else if (model.media === 'cx4') {
      registers.update('AUTOC', { LMS: LMS_10G_PARALLEL, PMA_PMD_10G_PARALLEL: PMA_PARALLEL_CX4 });
    }
    // Which lanes a backplane has, only the EEPROM knows, and it has loaded them into AUTOC.
    registers.update('AUTOC', { RESTART_AN: 1 });
  });
}

/** The link as LINKS has it now. Throws `ERR_DEVICE_GONE`. */
export function readLink(registers: Registers, model: IxgbeModel): LinkState {
  const links = registers.read('LINKS');
  const { LINK_UP, LINK_SPEED, SPEED_NON_STANDARD } = ixgbe.LINKS.bits;
  if (extract(LINK_UP, links) === 0) return LINK_DOWN;
  const nonStandard = model.mac.startsWith('X550') && extract(SPEED_NON_STANDARD, links) === 1;
  return { up: true, speed: megabits(extract(LINK_SPEED, links), nonStandard), fullDuplex: true };
}

function megabits(code: number, nonStandard: boolean): number {
  switch (code) {
    case LINK_SPEED_10G:
      return nonStandard ? 2500 : 10_000;
    case LINK_SPEED_1G:
      return 1000;
    case LINK_SPEED_100M:
      return nonStandard ? 5000 : 100;
    default:
      return 0;
  }
}
