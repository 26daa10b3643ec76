/** The packet loops that programs are made of. */
export { type CaptureOptions, type CaptureSummary, capture } from './capture.ts';
export {
  type Direction,
  type DirectionSummary,
  Forwarder,
  type ForwarderOptions,
  type ForwardOptions,
  forward,
  type OnPackets,
  touchPackets,
} from './forward.ts';
export { type GenerateOptions, type GenerateSummary, Generator, type GeneratorOptions, generate } from './generate.ts';
export { DROPPED, FORWARDED, type LaneCounters, LoopTotals, RECEIVED } from './lane-counters.ts';
export type { LoopPort } from './loop-port.ts';
export { BudgetShare, OwnBudget, type PacketBudget, SharedBudget } from './packet-budget.ts';
export { PacketRecorder } from './packet-recorder.ts';
export { DONE, type PollMode, type PollOptions, poll, type Step } from './poll.ts';
export { bestPollMode, POLL_BUDGET, pollOptions } from './poll-mode.ts';
export {
  type Counted,
  type DirectionRates,
  type PacketRates,
  type PortRates,
  type QueueRates,
  type QueueTotals,
  RateMeter,
  withDrops,
} from './rates.ts';
export type { Recorder } from './recorder.ts';
export { type PacketRate, packetsPerSecond, TokenBucket, WIRE_OVERHEAD } from './token-bucket.ts';
