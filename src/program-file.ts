/** Programs of worker threads, which must be compiled files. */
import { existsSync } from 'node:fs';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { IxyError } from './errors.ts';

/**
 * The compiled file `name` beside the module at `here` (its `import.meta.url`), also where that runs from its source in src/.
 * Throws `ERR_SYSTEM` if it has not been built.
 */
export function programFile(name: string, here: string): string {
  const compiled = here.endsWith('.ts') ? here.replace(/\/src\/(?!.*\/src\/)/, '/dist/') : here;
  const path = fileURLToPath(new URL(name, compiled));
  if (!existsSync(path)) throw new IxyError('ERR_SYSTEM', `${path} is missing; run: npm run build`);
  return path;
}

/** The same as a URL. */
export function programUrl(name: string, here: string): URL {
  return pathToFileURL(programFile(name, here));
}
