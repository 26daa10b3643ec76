/** A kind of port: one entry per URI scheme, or per target where a scheme has several kinds; from which opening, error messages, `--help` and documentation come. */
import type { NetDevice } from '../drivers/net-device.ts';
import type { ModelKind, ModelOptions, WireSpec } from '../emulation/index.ts';
import { IxyError } from '../errors.ts';
import type { OpenOptions } from './open-options.ts';
import { type Parameters, parseValues, type Values } from './parameters.ts';
import { formatPortUri, type PortUri } from './port-uri.ts';

/** What a scheme's author writes. */
interface SchemeDefinition<Table extends Parameters> {
  /** What stands before the colon. */
  readonly scheme: string;
  /** The one target that this kind is for. Default: whatever follows the colon. */
  readonly target?: string;
  /** How a whole URI looks: 'tap:NAME'. */
  readonly syntax: string;
  /** One sentence. */
  readonly summary: string;
  readonly parameters: Table;
  readonly examples: readonly string[];
  /** `name` is the URI in its canonical form; `target` is not empty. */
  readonly open: (request: OpenRequest<Values<Table>>) => Promise<NetDevice>;
}

interface OpenRequest<Parsed> {
  readonly name: string;
  readonly target: string;
  readonly values: Parsed;
  readonly options: OpenOptions;
}

/** A scheme as `open` uses it: its parameters are parsed and checked before its own code runs. */
export interface PortScheme extends Omit<SchemeDefinition<Parameters>, 'open'> {
  readonly open: (uri: PortUri, options: OpenOptions) => Promise<NetDevice>;
  /** For kinds with an emulated NIC: what that is, apart from its driver. Throws `ERR_PORT_URI`. */
  readonly describe?: (uri: PortUri) => EmulatedNicSpec;
}

/** An emulated NIC without a driver, for others to drive. */
export interface EmulatedNicSpec<Kind extends ModelKind = ModelKind> {
  readonly model: Kind;
  readonly options: ModelOptions<Kind>;
  readonly wire: WireSpec;
}

export function portScheme<Table extends Parameters>(definition: SchemeDefinition<Table>): PortScheme {
  const open = async (uri: PortUri, options: OpenOptions) => {
    const name = formatPortUri(uri);
    if (uri.target === '') {
      throw new IxyError(
        'ERR_PORT_URI',
        `port '${name}': nothing follows '${uri.scheme}:'; expected ${definition.syntax}`,
      );
    }
    const values = parseValues(`port '${name}'`, definition.parameters, uri.parameters);
    return definition.open({ name, target: uri.target, values, options });
  };
  return { ...definition, open };
}
