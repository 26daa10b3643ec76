/**
 * Parameters of port URIs, as data: what they are called, mean and default to, and how their text becomes a value. Parsing,
 * error messages, `--help` and the documentation all come from the same entries.
 */
import { IxyError } from '../errors.ts';
import { knownOrNear } from '../near-match.ts';

export interface Parameter<Value> {
  /** What to write for it: 'MAC', 'read|write'. */
  readonly syntax: string;
  readonly meaning: string;
  /** The text that stands for it when it is not given. Without one, the value is then undefined. */
  readonly default?: string;
  /** Throws an Error whose message says what was expected. */
  readonly parse: (text: string) => Value;
}

export type Parameters = Readonly<Record<string, Parameter<unknown>>>;

/** The values of a table of parameters. */
export type Values<Table extends Parameters> = {
  readonly [Name in keyof Table]: Table[Name] extends { default: string; parse: (text: string) => infer Value }
    ? Value
    : ReturnType<Table[Name]['parse']> | undefined;
};

/** Throws `ERR_PORT_URI`, beginning with `where`, for a name that is not in `table` and a text that does not parse. */
export function parseValues<Table extends Parameters>(
  where: string,
  table: Table,
  texts: ReadonlyMap<string, string>,
): Values<Table> {
  const names = Object.keys(table);
  for (const name of texts.keys()) {
    if (names.includes(name)) continue;
    const known = names.length === 0 ? 'it has none' : knownOrNear(name, names);
    throw new IxyError('ERR_PORT_URI', `${where}: unknown parameter '${name}'; ${known}`);
  }
  const values = names.map((name) => {
    const text = texts.get(name) ?? table[name].default;
    return [name, text === undefined ? undefined : parseValue(where, name, text, table[name])];
  });
  return Object.fromEntries(values);
}

function parseValue(where: string, name: string, text: string, parameter: Parameter<unknown>): unknown {
  try {
    return parameter.parse(text);
  } catch (cause) {
    const expected = cause instanceof Error ? cause.message : cause;
    throw new IxyError('ERR_PORT_URI', `${where}: parameter '${name}' ${expected}, found '${text}'`, { cause });
  }
}
