/**
 * The SFP+ cage of a port (datasheet rev 3.4, sections 3.7.6, 8.2.3.1.4 and 8.2.3.1.5): a two-wire bus to the module's
 * EEPROM, which software drives bit by bit through I2CCTL, and a pin that tells whether a module is there.
 */
import { ixgbe } from '../../../datasheet/ixgbe/index.ts';
import type { ModelContext } from '../context.ts';
import { I2cEeprom } from './i2c-eeprom.ts';
import { type SfpKind, sfpModule } from './sfp-module.ts';

const MODULE_ADDRESS = 0xa0;
/** The pin that cards wire to the module's presence. */
const PRESENCE_PIN = 2;
const { I2CCTL, ESDP } = ixgbe;
const { CLK_IN, CLK_OUT, DATA_IN, DATA_OUT } = I2CCTL.bits;

export function connectSfpCage({ registers }: ModelContext, module: SfpKind): void {
  const eeprom = module === 'none' ? undefined : new I2cEeprom(sfpModule(module), MODULE_ADDRESS);
  registers.onWrite(I2CCTL, (value) => {
    eeprom?.drive((value & CLK_OUT.mask) !== 0, (value & DATA_OUT.mask) !== 0);
    return value & (CLK_OUT.mask | DATA_OUT.mask);
  });
  // The lines are pulled up, and anybody may pull them down: what is read is what they are, not what was written.
  registers.onRead(I2CCTL, (stored) => {
    const clock = (stored & CLK_OUT.mask) !== 0 ? CLK_IN.mask : 0;
    const data = (stored & DATA_OUT.mask) !== 0 && eeprom?.pulls !== true ? DATA_IN.mask : 0;
    return stored | clock | data;
  });
  const { SDP_DATA, SDP_IODIR } = ESDP.bits;
  const levels = eeprom ? 1 << PRESENCE_PIN : 0;
  registers.onRead(ESDP, (stored) => {
    const outputs = (stored & SDP_IODIR.mask) >>> SDP_IODIR.shift;
    return (stored & ~SDP_DATA.mask) | (stored & outputs) | (levels & ~outputs);
  });
}
