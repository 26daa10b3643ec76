/** Emulated devices: the models, the ways they run, and what can be plugged into them. */
export type { AccessBytes, DeviceModel, DeviceModelOptions, ModelBar } from './device-model.ts';
export type { DmaRegions } from './dma-regions.ts';
export { type EmulatedDeviceOptions, EmulatedPciDevice } from './emulated-device.ts';
export type { Fault, Faults } from './faults.ts';
export { EmulatedDomain } from './iommu.ts';
export type { IxgbeFault } from './ixgbe/faults.ts';
export { DEFAULT_MAC, IxgbeModel, type IxgbeModelOptions } from './ixgbe/model.ts';
export { IXGBE_RULES, type IxgbeRule } from './ixgbe/rules.ts';
export type { RuleText, Violation } from './judge.ts';
export type { FaultOf, ModelKind, ModelOf, ModelOptions, RuleOf } from './models.ts';
export { Simulation, type Steppable } from './simulation.ts';
export { EmulationThread } from './thread/emulation-thread.ts';
export type { DeviceInspection } from './thread/protocol.ts';
export { type ThreadedDeviceOptions, ThreadedPciDevice } from './thread/threaded-device.ts';
export type { FrameSink, WireEnd } from './wire.ts';
export * from './wires/index.ts';
