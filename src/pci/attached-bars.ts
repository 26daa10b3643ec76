/** BARs of a device that another thread opened, mapped again for this one. */
import { IxyError } from '../errors.ts';
import type { AttachedDevice } from './device-share.ts';
import { machineClock } from './machine-clock.ts';
import type { RegisterFile } from './pci-device.ts';

/** What maps BARs at the first call, and gives them all back. */
interface Bars {
  get(index: number): RegisterFile;
  close(): void;
}

/** `map` is given what throws `ERR_CLOSED` once this thread has closed what it attached. */
export function attachBars(address: string, map: (assertOpen: () => void) => Bars): AttachedDevice {
  let closed = false;
  const bars = map(() => {
    if (closed) throw new IxyError('ERR_CLOSED', `${address}: the device is closed`);
  });
  return {
    address,
    clock: machineClock,
    bar: (index) => bars.get(index),
    close: () => {
      closed = true;
      bars.close();
    },
  };
}
