/** What the driver uses of the registers that X550 has beyond those of the 82599. */
import { register } from '../registers.ts';

export const ixgbeX550 = {
  ERETA: register({
    offset: 0x0ee80,
    stride: 4,
    count: 96,
    access: 'RW',
    section: 'X550, RSS redirection table',
    meaning: "RSS redirection table, entries 128 … 511: there the hash's last nine bits count",
  }),
} as const;
