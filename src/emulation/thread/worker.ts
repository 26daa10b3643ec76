/** The program of a device thread. It never returns to the event loop while it has devices. */
import { type MessagePort, workerData } from 'node:worker_threads';
import { DeviceHost } from './device-host.ts';
import { runHost } from './host-loop.ts';

const { mailbox, port } = workerData as { mailbox: SharedArrayBuffer; port: MessagePort };
runHost(new Int32Array(mailbox), new DeviceHost(), port);
