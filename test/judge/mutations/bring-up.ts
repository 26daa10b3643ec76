/** How the card comes up, goes down, and describes itself. */
import { ixgbe } from '../../../src/datasheet/ixgbe/index.ts';
import { LINK_SPEED_1G } from '../../../src/datasheet/ixgbe/link.ts';
import { insert } from '../../../src/datasheet/registers.ts';
import { EEPROM_CHECKSUM_WORD } from '../../../src/emulation/ixgbe/firmware/eeprom-image.ts';
import { I2cEeprom } from '../../../src/emulation/ixgbe/link/i2c-eeprom.ts';
import { IxgbeModel } from '../../../src/emulation/ixgbe/model.ts';
import { RegisterSpace } from '../../../src/emulation/register-space.ts';
import type { JudgedNic } from '../harness/judged-nic.ts';
import { hasLink } from '../suites/bring-up.ts';
import { noticesCable } from '../suites/link.ts';
import { isProbedAgain, isTakenAgain } from '../suites/reload.ts';
import { passesSelfTest } from '../suites/self-test.ts';
import { type Mend, type Mutation, misunderstand, readWrong, replace, writeWrong } from './mutation.ts';

const { CTRL, HLREG0, LINKS, RAL, RDLEN } = ixgbe;
/** Points to the board's number: its length, then two letters in each word. No checksum covers it. */
const BOARD_POINTER = 0x16;

export const LINK: readonly Mutation[] = [
  {
    name: 'says that its link is up, whatever the wire',
    section: LINKS.section,
    breaks: (nic) => readWrong(nic, LINKS, (value) => value | LINKS.bits.LINK_UP.mask | LINKS.bits.LINK_STATUS.mask),
    caughtBy: [noticesCable],
  },
  {
    name: 'says that its link is down, whatever the wire',
    section: LINKS.section,
    breaks: (nic) => readWrong(nic, LINKS, (value) => value & ~LINKS.bits.LINK_UP.mask),
    caughtBy: [noticesCable],
  },
  {
    name: 'names another speed than it has',
    section: LINKS.section,
    breaks: (nic) => readWrong(nic, LINKS, (value) => insert(LINKS.bits.LINK_SPEED, value, LINK_SPEED_1G)),
    setup: true,
    caughtBy: [hasLink],
  },
  {
    name: 'sends what is to be looped back',
    section: HLREG0.section,
    breaks: () => misunderstand(HLREG0, (value) => value & ~HLREG0.bits.LPBK.mask),
    saying: /Loopback test/,
    caughtBy: [passesSelfTest],
  },
];

export const REGISTERS: readonly Mutation[] = [
  {
    name: 'has a bit stuck at 0 in the length of a receive ring',
    section: RDLEN.section,
    breaks: (nic) => writeWrong(nic, RDLEN, (value) => value & ~0x8000),
    saying: /Register test/,
    caughtBy: [passesSelfTest],
  },
  {
    name: 'keeps what its registers hold through a reset',
    section: '4.2.1.6',
    breaks: () => replace(RegisterSpace.prototype, 'reset', () => () => {}),
    caughtBy: [isTakenAgain],
  },
  {
    name: 'never comes out of a reset',
    section: CTRL.section,
    breaks: (nic) => readWrong(nic, CTRL, (value) => value | CTRL.bits.RST.mask),
    caughtBy: [isTakenAgain],
  },
];

export const IDENTITY: readonly Mutation[] = [
  {
    name: 'has an EEPROM with a wrong checksum',
    section: '6.2.1',
    breaks: (nic) => withWrongWord(nic, () => EEPROM_CHECKSUM_WORD),
    caughtBy: [isTakenAgain],
  },
  {
    name: 'has an EEPROM with a wrong word',
    section: '6.2.2.9',
    breaks: (nic) => withWrongWord(nic, (words) => words[BOARD_POINTER] + 1),
    caughtBy: [isProbedAgain],
  },
  {
    name: 'does not have its address from the EEPROM',
    section: '4.6.3',
    breaks: (nic) => readWrong(nic, RAL, (value, index) => (index === 0 ? value ^ 0x0100_0000 : value)),
    caughtBy: [isProbedAgain],
  },
  {
    name: 'does not hear from its SFP+ module',
    section: '3.7.6',
    breaks: () => replace(I2cEeprom.prototype, 'drive', () => () => {}),
    caughtBy: [isProbedAgain],
  },
];

/** Changes a bit of the word that `where` finds. */
function withWrongWord({ device }: JudgedNic, where: (words: Uint16Array) => number): Mend {
  const { model } = device;
  if (!(model instanceof IxgbeModel)) throw new Error('the judged NIC is an 82599');
  const { words } = model.eeprom;
  const change = (): void => {
    words[where(words)] ^= 1;
  };
  change();
  return change;
}
