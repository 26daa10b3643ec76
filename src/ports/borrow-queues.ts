/** The borrower's side of `NetDevice.lend`: whichever driver has the port, and however its device is reached. */
import { borrowIxgbeQueues } from '../drivers/ixgbe/borrow.ts';
import type { Borrow, BorrowedQueues, BorrowTerms, LentQueues } from '../drivers/lending/loan.ts';
import { borrowVirtioQueues } from '../drivers/virtio/borrow.ts';
import { attachThreadedDevice, type ThreadedShare } from '../emulation/thread/attached-device.ts';
import { IxyError } from '../errors.ts';
import type { PacketPool } from '../memory/packet-pool.ts';
import type { AttachedDevice, DeviceShare } from '../pci/device-share.ts';
import { attachSysfsDevice, type SysfsShare } from '../pci/sysfs-bars.ts';
import { attachVfioDevice, type VfioShare } from '../pci/vfio/bars.ts';

const DRIVERS: Readonly<Record<string, Borrow>> = { ixgbe: borrowIxgbeQueues, virtio: borrowVirtioQueues };

/**
 * Takes over queues that another thread lent (`NetDevice.lend`): they receive into packets of `pool`, which must lie in the
 * memory that they were lent for, and send its packets. The pool stays the caller's. `onFailed`: see `BorrowTerms`; default:
 * nobody is told.
 *
 * Throws `ERR_ARGUMENT` if the pool lies elsewhere, and what mapping memory or registers throws.
 */
export function borrowQueues(
  data: LentQueues,
  pool: PacketPool,
  onFailed: BorrowTerms['onFailed'] = () => {},
): BorrowedQueues {
  const borrow = DRIVERS[data.driver];
  if (!borrow) throw new IxyError('ERR_DEVICE_UNSUPPORTED', `${data.name}: driver '${data.driver}' lends no queues`);
  return borrow({ data, pool, device: attachDevice(data.device), onFailed });
}

type KnownShare = SysfsShare | VfioShare | ThreadedShare;

function attachDevice(share: DeviceShare): AttachedDevice {
  const known = share as KnownShare;
  switch (known.kind) {
    case 'sysfs':
      return attachSysfsDevice(known);
    case 'vfio':
      return attachVfioDevice(known);
    case 'threaded':
      return attachThreadedDevice(known);
    default:
      throw new IxyError(
        'ERR_DEVICE_UNSUPPORTED',
        `${share.address}: no device of kind '${share.kind}' can be attached`,
      );
  }
}
