/** Flow Director: filters that assign flows to queues (82599 datasheet rev 3.4, sections 7.1.2.7 and 8.2.3.21). */
import { register } from '../registers.ts';

// FDIRCMD.CMD.
export const FDIR_IDLE = 0;
export const FDIR_ADD = 1;
export const FDIR_REMOVE = 2;
export const FDIR_QUERY = 3;

export const flowDirector = {
  FDIRCTRL: register({
    offset: 0x0ee00,
    access: 'RW',
    section: '8.2.3.21.1',
    meaning: 'Flow Director control',
    fields: {
      PBALLOC: [0, 2],
      INIT_DONE: [3],
      PERFECT_MATCH: [4],
      REPORT_STATUS: [5],
      REPORT_STATUS_ALWAYS: [7],
      DROP_QUEUE: [8, 7],
      FLEX_OFFSET: [16, 5],
      MAX_LENGTH: [24, 4],
      FULL_THRESH: [28, 4],
    },
  }),
  FDIRSIPV6: register({
    offset: 0x0ee0c,
    stride: 4,
    count: 3,
    access: 'RW',
    section: '8.2.3.21',
    meaning: 'Flow Director: IPv6 source address',
  }),
  FDIRIPSA: register({ offset: 0x0ee18, access: 'RW', section: '8.2.3.21', meaning: 'Flow Director: source address' }),
  FDIRIPDA: register({ offset: 0x0ee1c, access: 'RW', section: '8.2.3.21', meaning: 'Flow Director: destination' }),
  FDIRPORT: register({
    offset: 0x0ee20,
    access: 'RW',
    section: '8.2.3.21',
    meaning: 'Flow Director: ports',
    fields: { SOURCE: [0, 16], DESTINATION: [16, 16] },
  }),
  FDIRVLAN: register({
    offset: 0x0ee24,
    access: 'RW',
    section: '8.2.3.21',
    meaning: 'Flow Director: VLAN and flexible bytes',
    fields: { VLAN: [0, 16], FLEX: [16, 16] },
  }),
  FDIRHASH: register({
    offset: 0x0ee28,
    access: 'RW',
    section: '8.2.3.21',
    meaning: "Flow Director: the filter's bucket, and its signature or, of a perfect match, software's index",
    fields: { HASH: [0, 15], BUCKET_VALID: [15], SIGNATURE_OR_INDEX: [16, 15] },
  }),
  FDIRCMD: register({
    offset: 0x0ee2c,
    access: 'RW/SC',
    section: '8.2.3.21',
    // CMD is back at 0 when the command has been carried out.
    meaning: 'Flow Director: what to do with a filter, and what the filter does',
    fields: {
      CMD: [0, 2],
      FILTER_VALID: [2],
      FILTER_UPDATE: [3],
      IPV6_DESTINATION: [4],
      L4TYPE: [5, 2],
      IPV6: [7],
      CLEARHT: [8],
      DROP: [9],
      INT: [10],
      LAST: [11],
      COLLISION: [12],
      QUEUE_EN: [15],
      RX_QUEUE: [16, 7],
      POOL: [24, 6],
    },
  }),
  FDIRFREE: register({
    offset: 0x0ee38,
    access: 'RW',
    section: '8.2.3.21',
    meaning: 'Flow Director: free filters, and collisions',
    fields: { FREE: [0, 16], COLL: [16, 15] },
  }),
  FDIRDIP4M: register({ offset: 0x0ee3c, access: 'RW', section: '8.2.3.21', meaning: 'Flow Director: IPv4 dst mask' }),
  FDIRSIP4M: register({ offset: 0x0ee40, access: 'RW', section: '8.2.3.21', meaning: 'Flow Director: IPv4 src mask' }),
  FDIRTCPM: register({
    offset: 0x0ee44,
    access: 'RW',
    section: '8.2.3.21',
    meaning: 'Flow Director: TCP port bits that do not count, each port in reverse order of bits',
    fields: { SOURCE: [0, 16], DESTINATION: [16, 16] },
  }),
  FDIRUDPM: register({
    offset: 0x0ee48,
    access: 'RW',
    section: '8.2.3.21',
    meaning: 'Flow Director: UDP port bits that do not count, each port in reverse order of bits',
    fields: { SOURCE: [0, 16], DESTINATION: [16, 16] },
  }),
  FDIRLEN: register({
    offset: 0x0ee4c,
    access: 'RC',
    section: '8.2.3.21',
    meaning: 'Flow Director: the longest bucket, and its hash',
    fields: { MAXLEN: [0, 6], MAXHASH: [16, 15] },
  }),
  FDIRHKEY: register({ offset: 0x0ee68, access: 'RW', section: '8.2.3.21', meaning: 'Flow Director: bucket hash key' }),
  FDIRSKEY: register({ offset: 0x0ee6c, access: 'RW', section: '8.2.3.21', meaning: 'Flow Director: signature key' }),
  FDIRM: register({
    offset: 0x0ee70,
    access: 'RW',
    section: '8.2.3.21',
    meaning: 'Flow Director: what else does not count',
    fields: { VLAN_ID: [0], VLAN_PRIORITY: [1], POOL: [2], L4P: [3], FLEX: [4], IPV6_DESTINATION: [5] },
  }),
  FDIRIP6M: register({ offset: 0x0ee74, access: 'RW', section: '8.2.3.21', meaning: 'Flow Director: IPv6 mask' }),
} as const;
