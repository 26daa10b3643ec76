/** The models that there are, and how one is made: the one place that knows them all. */
import type { DeviceModel, DeviceModelOptions } from './device-model.ts';
import type { DmaRegions } from './dma-regions.ts';
import type { Faults } from './faults.ts';
import { IxgbeModel } from './ixgbe/model.ts';
import { VirtioNetModel } from './virtio/model.ts';

/** One line for each: a class whose constructor takes the model's options, and what it can reach. */
const MODELS = {
  ixgbe: IxgbeModel,
  virtio: VirtioNetModel,
};

/** Name of a model: 'ixgbe'. */
export type ModelKind = keyof typeof MODELS;
export type ModelOf<Kind extends ModelKind> = InstanceType<(typeof MODELS)[Kind]>;
export type ModelOptions<Kind extends ModelKind> = ConstructorParameters<(typeof MODELS)[Kind]>[0];
/** What a model of this kind can be made to do wrong, and the rules that it judges by. */
export type FaultOf<Kind extends ModelKind> = ModelOf<Kind>['faults'] extends Faults<infer Fault> ? Fault : never;
export type RuleOf<Kind extends ModelKind> = ModelOf<Kind>['violations'][number]['rule'];

type ModelClass<Options extends DeviceModelOptions, Model extends DeviceModel> = new (
  options: Options,
  regions: DmaRegions,
) => Model;

const CLASSES: { readonly [Kind in ModelKind]: ModelClass<ModelOptions<Kind>, ModelOf<Kind>> } = MODELS;

/** Throws `ERR_ARGUMENT` for options out of range. */
export function createModel<Kind extends ModelKind>(
  kind: Kind,
  options: ModelOptions<Kind>,
  regions: DmaRegions,
): ModelOf<Kind> {
  const Model = CLASSES[kind];
  return new Model(options, regions);
}
