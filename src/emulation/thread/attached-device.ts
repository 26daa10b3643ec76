/** A device on a device thread, in a thread that it was lent to. */
import { IxyError } from '../../errors.ts';
import type { AttachedDevice, DeviceShare } from '../../pci/device-share.ts';
import { machineClock } from '../../pci/machine-clock.ts';
import type { RegisterFile } from '../../pci/pci-device.ts';
import { barRegisters, type RegisterAccess } from '../bar-registers.ts';
import type { ModelBar } from '../device-model.ts';
import { Mailbox } from './mailbox.ts';
import type { MailboxShare } from './protocol.ts';

/** What `ThreadedPciDevice.share` sends. */
export interface ThreadedShare extends DeviceShare {
  readonly kind: 'threaded';
  /** The device's number on its thread. */
  readonly device: number;
  readonly bars: ReadonlyMap<number, ModelBar>;
  readonly mailbox: MailboxShare;
}

export function attachThreadedDevice({ address, device, bars, mailbox: share }: ThreadedShare): AttachedDevice {
  const mailbox = new Mailbox(share);
  let closed = false;
  const assertOpen = (): void => {
    if (closed) throw new IxyError('ERR_CLOSED', `${address}: the device is closed`);
  };
  const access: RegisterAccess = {
    read: (bar, offset, bytes) => {
      assertOpen();
      return mailbox.read(device, bar, offset, bytes);
    },
    write: (bar, offset, bytes, value) => {
      assertOpen();
      mailbox.write(device, bar, offset, bytes, value);
    },
  };
  const files = new Map(Array.from(bars, ([index, bar]) => [index, barRegisters(address, index, bar, access)]));
  return {
    address,
    clock: machineClock,
    bar: (index): RegisterFile => {
      const file = files.get(index);
      if (!file) throw new IxyError('ERR_ARGUMENT', `${address}: the device has no BAR ${index}`);
      return file;
    },
    close: () => {
      closed = true;
    },
  };
}
