/** How a port is wired, and what its EEPROM therefore sets the link up to be (datasheet rev 3.4, sections 3.7 and 6.3.7). */
import { type IxgbeMedia, ixgbeModels } from '../../../datasheet/ixgbe/devices.ts';
import { ixgbe } from '../../../datasheet/ixgbe/index.ts';
import {
  LMS_10G_PARALLEL,
  LMS_10G_SERIAL,
  LMS_KX4_KX_KR,
  PMA_PARALLEL_CX4,
  PMA_PARALLEL_KX4,
  PMA_SERIAL_KR,
  PMA_SERIAL_SFI,
} from '../../../datasheet/ixgbe/link.ts';
import { extract, insert } from '../../../datasheet/registers.ts';
import type { SfpKind } from './sfp-module.ts';

const { AUTOC, AUTOC2 } = ixgbe;
const { LMS, PMA_PMD_10G_PARALLEL, KX_SUPPORT, KR_SUPPORT } = AUTOC.bits;
const { PMA_PMD_10G_SERIAL } = AUTOC2.bits;
const KX4_AND_KX = 3;

export interface Medium {
  /** Whether there is anything that frames could pass through: a cage may be empty. */
  readonly present: boolean;
  /** AUTOC and AUTOC2 as the EEPROM sets them. */
  readonly autoc: number;
  readonly autoc2: number;
}

/** What a variant of the 82599 is wired to; `module` is in its cage, if it has one. */
export function mediumOf(deviceId: number, module: SfpKind): Medium {
  const media = ixgbeModels.get(deviceId)?.media ?? 'sfp';
  return { present: media !== 'sfp' || module !== 'none', autoc: linkMode(media), autoc2: serialInterface(media) };
}

/** Whether the link mode of this AUTOC negotiates over a backplane. */
export function negotiates(autoc: number): boolean {
  return (extract(LMS, autoc) & LMS_KX4_KX_KR) !== 0;
}

function linkMode(media: IxgbeMedia): number {
  if (media === 'sfp') return insert(LMS, 0, LMS_10G_SERIAL);
  if (media === 'cx4') return insert(PMA_PMD_10G_PARALLEL, insert(LMS, 0, LMS_10G_PARALLEL), PMA_PARALLEL_CX4);
  const abilities = insert(KR_SUPPORT, insert(KX_SUPPORT, insert(LMS, 0, LMS_KX4_KX_KR), KX4_AND_KX), 1);
  return insert(PMA_PMD_10G_PARALLEL, abilities, PMA_PARALLEL_KX4);
}

function serialInterface(media: IxgbeMedia): number {
  return insert(PMA_PMD_10G_SERIAL, 0, media === 'sfp' ? PMA_SERIAL_SFI : PMA_SERIAL_KR);
}
