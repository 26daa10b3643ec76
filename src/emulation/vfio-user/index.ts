/** Serving emulated devices to other processes. */
export { AccessTrace } from './access-trace.ts';
export { ServedDevice } from './served-device.ts';
export type { ServedPort } from './served-port.ts';
export { type ServedAt, VfioUserServer } from './server.ts';
