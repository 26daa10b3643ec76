/** Colours, for terminals only: never into pipes and files, whatever the environment says, and not against NO_COLOR. */
import pc from 'picocolors';

export type Colors = ReturnType<typeof pc.createColors>;

export function colorsFor(stream: NodeJS.WriteStream): Colors {
  const { NO_COLOR = '', TERM } = process.env;
  return pc.createColors(stream.isTTY === true && NO_COLOR === '' && TERM !== 'dumb');
}
