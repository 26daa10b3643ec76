/** The program of a device thread. It never returns to the event loop while it has devices. */
import { workerData } from 'node:worker_threads';
import { settle } from '../../settle.ts';
import { DeviceHost } from './device-host.ts';
import { type HostChannel, runHost } from './host-loop.ts';

runHost(workerData as HostChannel, new DeviceHost());
settle();
