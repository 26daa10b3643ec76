/**
 * The host interface: commands from drivers to the firmware through shared memory (82599 datasheet rev 3.4, section
 * 10.5.1).
 */
import { register } from '../registers.ts';

export const firmware = {
  FLEX_MNG: register({
    offset: 0x15800,
    stride: 4,
    count: 448,
    access: 'RW',
    section: '10.5.1',
    meaning: 'Memory that drivers and the firmware share: a command, then its answer',
  }),
  HICR: register({
    offset: 0x15f00,
    access: 'RW/SC',
    section: '10.5.1',
    meaning: 'Host interface control: EN says whether the firmware takes commands',
    fields: { EN: [0], C: [1], SV: [2], FW_RESET_ENABLE: [6], FW_RESET: [7] },
  }),
  FWSTS: register({
    offset: 0x15f0c,
    access: 'RW',
    section: '10.5.1',
    meaning: 'Firmware status: FWRI says that it was reset, until 1 is written to it',
    fields: { FWRI: [9] },
  }),
} as const;
