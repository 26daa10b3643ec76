/** Drivers, and the interface that all of them offer. */
export * from './ixgbe/index.ts';
export type { BorrowedQueues, LentQueues, LoanRequest, QueueLoan } from './lending/loan.ts';
export type { Logger } from './logger.ts';
export type {
  DeviceCapabilities,
  DeviceStatistics,
  LinkState,
  MacFilter,
  NetDevice,
  NetDeviceEvents,
  RxInterrupt,
  RxQueue,
  TxQueue,
} from './net-device.ts';
export type { RssOptions, RssState } from './rss.ts';
export * from './virtio/index.ts';
