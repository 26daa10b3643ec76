/** The driver for Intel's 82599, X540 and X550. */
export { IxgbeDevice } from './device.ts';
export { identifyIxgbe, openIxgbe } from './open.ts';
export type { IxgbeOptions } from './options.ts';
