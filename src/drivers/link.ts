/** Links, as all drivers see them: comparing their states, and waiting for one to come up. */
import { checkInteger, IxyError } from '../errors.ts';
import type { DeviceClock } from '../pci/pci-device.ts';
import type { LinkState } from './net-device.ts';

export const LINK_DOWN: LinkState = { up: false, speed: 0, fullDuplex: false };

const LOOK_MILLISECONDS = 10;
const DEFAULT_MILLISECONDS = 10_000;
/** The longest that anybody may wait: a day. */
const MAXIMUM_MILLISECONDS = 86_400_000;

export function sameLink(a: LinkState, b: LinkState): boolean {
  return a.up === b.up && a.speed === b.speed && a.fullDuplex === b.fullDuplex;
}

/**
 * Looks at the link of device `name` until it is up. `timeoutMilliseconds`: 0 … a day, 10,000 by default. Throws
 * `ERR_TIMEOUT`, and what `look` throws, who is to see that the device is still open.
 */
export async function waitForLink(
  name: string,
  clock: DeviceClock,
  look: () => LinkState,
  timeoutMilliseconds = DEFAULT_MILLISECONDS,
): Promise<LinkState> {
  checkInteger(`${name}: timeoutMilliseconds`, timeoutMilliseconds, 0, MAXIMUM_MILLISECONDS);
  const end = clock.now() + timeoutMilliseconds;
  for (;;) {
    const link = look();
    if (link.up) return link;
    if (clock.now() >= end) {
      throw new IxyError(
        'ERR_TIMEOUT',
        `${name}: the link is still down after ${timeoutMilliseconds} ms; is a cable plugged in, and the far end up?`,
      );
    }
    await clock.sleep(LOOK_MILLISECONDS);
  }
}
