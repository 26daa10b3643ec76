/** The packet loops that programs are made of. */
export { type CaptureOptions, type CaptureSummary, capture } from './capture.ts';
export {
  type Direction,
  type DirectionSummary,
  Forwarder,
  type ForwarderOptions,
  type ForwardOptions,
  forward,
  touchPackets,
} from './forward.ts';
export { type GenerateOptions, type GenerateSummary, Generator, type GeneratorOptions, generate } from './generate.ts';
export { PacketRecorder } from './packet-recorder.ts';
export { DONE, type PollMode, type PollOptions, poll, type Step } from './poll.ts';
export { bestPollMode, POLL_BUDGET, pollOptions } from './poll-mode.ts';
export { type Counted, type DirectionRates, type PortRates, RateMeter, withDrops } from './rates.ts';
export { type PacketRate, packetsPerSecond, TokenBucket, WIRE_OVERHEAD } from './token-bucket.ts';
